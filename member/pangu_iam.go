package member

import (
	"cmp"
	"errors"
)

// Huawei's Pangu in a deployment of one's own (ModelArts Studio), or another
// of its endpoints, with a token of Huawei Cloud's IAM. base_url is
// https://ENDPOINT/v1/PROJECT_ID/deployments/DEPLOYMENT_ID, the key the
// password of the IAM user.
// Source: support.huaweicloud.com api-pangulm and api-iam.
func init() {
	v := pangu()
	v.name, v.about, v.manual = "pangu-iam", "Huawei Pangu in a deployment of one's own, with tokens of Huawei Cloud's IAM", true
	v.baseURL, v.model, v.keyEnv = "", "", []string{"HUAWEICLOUD_IAM_PASSWORD"}
	v.quirks.Codes["APIG.0301"], v.quirks.Codes["APIG.0101"], v.quirks.Codes["APIG.0308"] = "unauthorized", "not_found", "rate_limited"
	v.params = func() params { return &IAMParams{Region: "cn-southwest-2"} }
	v.wire = func(c *Config, p params) (wire, error) {
		own := p.(*IAMParams)
		if c.Model == "" {
			c.Model = "pangu" // the deployment has one model, whatever it is called
		}
		switch {
		case c.Key == "":
			return wire{}, errors.New("the key is missing, want the IAM user's password in key_env or key_file")
		case own.User == "" || own.Domain == "":
			return wire{}, errors.New("params.user and params.domain are missing, want the names of the IAM user and of its account")
		case own.Region == "" && (own.Project == "" || own.TokenURL == ""):
			return wire{}, errors.New("params.region is missing, want one such as cn-southwest-2")
		}
		address, err := checkBase(cmp.Or(own.TokenURL, "https://iam."+own.Region+".myhuaweicloud.com"))
		if err != nil {
			return wire{}, notBase("token_url", err)
		}
		user := iamUser{name: own.User, password: c.Key, domain: own.Domain, project: cmp.Or(own.Project, own.Region)}
		return wire{signer: iamToken(httpClient(c.Client, own.ConnectTimeout), address, user), noModels: true}, nil
	}
	registerOpenAI(v)
}

// IAMParams are the settings of a member that asks Huawei Cloud's IAM for its
// tokens.
type IAMParams struct {
	OpenAIParams `yaml:",inline"`
	User         string `yaml:"user" json:"user,omitempty" jsonschema:"required" jsonschema_description:"name of the IAM user, whose password is the member's key"`
	Domain       string `yaml:"domain" json:"domain,omitempty" jsonschema:"required" jsonschema_description:"name of the account that the user belongs to"`
	Region       string `yaml:"region" json:"region,omitempty" jsonschema_description:"region of IAM; empty = cn-southwest-2"`
	Project      string `yaml:"project" json:"project,omitempty" jsonschema_description:"name of the project that the token is for; empty = as the region"`
	TokenURL     string `yaml:"token_url" json:"token_url,omitempty" jsonschema_description:"where IAM is, up to the host; empty = https://iam.REGION.myhuaweicloud.com"`
}
