package fake

// Zhipu's GLM for those who never send the key: it takes signed tokens only.
func init() {
	v := glm(glmToken)
	v.Name, v.About, v.Kind = "glm-jwt", "Zhipu GLM on BigModel, which takes signed tokens only", "glm-jwt"
	register(v)
}
