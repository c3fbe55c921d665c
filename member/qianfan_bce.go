package member

// Baidu's ERNIE on Qianfan v2 with an access key and its secret instead of a
// permanent key: Baidu's IAM gives a token for a day.
func init() {
	v := qianfan()
	v.name, v.about, v.manual = "qianfan-bce", "Baidu ERNIE on Qianfan, with tokens for an access key (AK:SK)", true
	v.keyEnv = []string{"QIANFAN_ACCESS_KEY:QIANFAN_SECRET_KEY"}
	v.params = func() params { return &BCEParams{TokenURL: bceIAM} }
	v.wire = func(c *Config, p params) (wire, error) {
		own := p.(*BCEParams)
		ak, sk, err := halves(c.Key, ":", "AK:SK")
		if err != nil {
			return wire{}, err
		}
		iam, err := checkBase(own.TokenURL)
		if err != nil {
			return wire{}, notBase("token_url", err)
		}
		return wire{signer: bceToken(httpClient(c.Client, own.ConnectTimeout), iam, ak, sk)}, nil
	}
	registerOpenAI(v)
}

// bceIAM is where Baidu gives short tokens.
const bceIAM = "https://iam.bj.baidubce.com"

// BCEParams are the settings of kinds that get their token from Baidu's IAM.
type BCEParams struct {
	OpenAIParams `yaml:",inline"`
	TokenURL     string `yaml:"token_url" json:"token_url,omitempty" jsonschema_description:"where tokens are given, up to the host; empty = https://iam.bj.baidubce.com"`
}
