package fake

// 360 Zhinao: codes by memory.
// Source: ai.360.com documentation and public adapters.
func init() {
	register(Vendor{
		Name: "zhinao", About: "360 Zhinao", Protocol: "Chat Completions", Kind: "zhinao",
		Base: "/v1", Model: "360gpt2-pro", Key: "fk-fake-zhinao",
		Unknown:    []string{"too-long"},
		Deviations: []string{"usage-last-chunk", "usage-unasked"},
		Cannot:     map[Scenario]string{Reasoning: "360gpt2-pro does not think; the models named -o1 do", Vision: "360gpt2-pro reads text only"},
		Vectors:    Vectors{Model: "embedding_s1_v1", Size: 768},
		door: &chat{
			refused: []string{"reasoning_effort", "parallel_tool_calls", "tools.strict"},
			errors: map[string]failure{
				unauthorized: {401, "1001", "invalid_request_error"}, quota: {403, "1004", "insufficient_quota"}, rateLimited: {429, "1005", "rate_limit"},
			},
		},
	})
}
