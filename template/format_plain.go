package template

// plain is for templates that show no calls: text, and reasoning where the
// model writes it.
func init() {
	Register((&tags{open: "<think>", close: "</think>"}).format("plain"))
}
