package member

// Zhipu's GLM with a token that is made here: the key id.secret itself is not
// sent. All else is as for glm.
func init() {
	v := glm()
	v.name, v.about, v.manual = "glm-jwt", "Zhipu GLM on BigModel, with tokens made from the key (id.secret)", true
	v.wire = func(c *Config, _ params) (wire, error) {
		id, secret, err := halves(c.Key, ".", "id.secret")
		if err != nil {
			return wire{}, err
		}
		return wire{signer: &zhipuJWT{id: id, secret: secret}}, nil
	}
	registerOpenAI(v)
}
