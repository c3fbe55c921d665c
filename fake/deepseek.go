package fake

// DeepSeek: it thinks unless told not to, refuses turns with calls that lack
// their thoughts, and sends comments or blank lines while a request queues.
// Source: api-docs.deepseek.com (2026-11).
func init() {
	register(Vendor{
		Name: "deepseek", About: "DeepSeek", Protocol: "Chat Completions", Kind: "deepseek",
		Base: "", Model: "deepseek-flash", Key: "sk-fake-deepseek", Returns: true,
		Deviations: []string{"comments", "blank-lines", "content-null"},
		Cannot:     map[Scenario]string{Embeddings: "DeepSeek has no embeddings"},
		door: &chat{
			images: true, effort: []string{"minimal", "low", "medium", "high", "xhigh", "max", "ultra"},
			thinks: thinks{by: "thinking", unasked: true}, thoughtsBack: true,
			errors: map[string]failure{
				invalid: {422, "invalid_request_error", "invalid_request_error"}, unauthorized: {401, "invalid_request_error", "authentication_error"},
				quota: {402, "invalid_request_error", "unknown_error"}, rateLimited: {429, "", "rate_limit_error"},
			},
		},
	})
}
