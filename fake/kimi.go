package fake

// Moonshot's Kimi: sampling is fixed, errors have a type and no code, and
// usage stands inside the last choice.
// Source: platform.kimi.ai/docs/api; usage inside the choice by memory.
func init() {
	register(Vendor{
		Name: "kimi", About: "Moonshot Kimi", Protocol: "Chat Completions", Kind: "kimi",
		Base: "/v1", Model: "kimi-k3", Key: "sk-fake-kimi", Returns: true,
		Deviations: []string{"usage-in-choice", "usage-unasked"},
		Cannot:     map[Scenario]string{Embeddings: "nothing is known of its embeddings", Vision: "nothing is known here of images and kimi-k3"},
		door: &chat{
			refused: []string{"temperature", "top_p", "n", "presence_penalty", "frequency_penalty", "seed", "parallel_tool_calls", "tools.strict"},
			effort:  []string{"low", "high", "max"}, thinks: thinks{by: "thinking", always: true},
			errors: map[string]failure{
				unauthorized: {401, "", "invalid_authentication_error"}, notFound: {404, "", "resource_not_found_error"}, tooLong: {400, "", "invalid_request_error"},
				rateLimited: {429, "", "rate_limit_reached_error"}, quota: {403, "", "exceeded_current_quota_error"},
				filtered: {400, "", "content_filter"}, overloaded: {429, "", "engine_overloaded_error"},
			},
			check: noDisabling,
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				if p.what == tooLong {
					p.message = "Invalid request: Your request exceeded model token limit: 1048576"
				}
				return f.status, map[string]any{"error": map[string]any{"message": p.message, "type": f.kind}}
			},
		},
	})
}
