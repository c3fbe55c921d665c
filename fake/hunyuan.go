package fake

// Tencent Hunyuan on TokenHub. tool_choice is only auto; thoughts have to come
// back with the results of tools: that it refuses otherwise is a guess.
// Source: cloud.tencent.com/document/product/1823 (2026-11).
func init() {
	register(Vendor{
		Name: "hunyuan", About: "Tencent Hunyuan on TokenHub", Protocol: "Chat Completions", Kind: "hunyuan",
		Base: "/v1", Model: "hy4", Key: "sk-fake-hunyuan", Returns: true,
		Unknown:    []string{"too-long"},
		Deviations: []string{"usage-every-chunk"},
		Cannot:     map[Scenario]string{Embeddings: "nothing is known of embeddings on TokenHub"},
		door: &chat{
			images: true, choices: []string{"auto"}, effort: []string{"no_think", "low", "high"},
			thinks: thinks{by: "effort", noThought: "no_think"}, thoughtsBack: true,
			errors: map[string]failure{quota: {402, "", "insufficient_balance"}, rateLimited: {429, "RequestLimitExceeded", "rate_limit_error"}},
		},
	})
}
