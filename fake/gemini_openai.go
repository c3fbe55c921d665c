package fake

// Google's Gemini by its OpenAI-compatible door.
// Source: ai.google.dev, OpenAI compatibility (2026-10).
func init() {
	register(Vendor{
		Name: "gemini-openai", About: "Google Gemini, OpenAI-compatible", Protocol: "Chat Completions", Kind: "gemini-openai",
		Base: "/v1beta/openai", Model: "gemini-3.5-flash", Key: "fake-gemini-key",
		Unknown:    []string{"quota", "filtered", "too-long"},
		Deviations: []string{"tools-whole", "usage-last-chunk"},
		Cannot:     map[Scenario]string{Reasoning: "by this door Gemini keeps its thoughts to itself"},
		Vectors:    Vectors{Model: "gemini-embedding-001", Size: 3072, Any: true, Most: 100},
		door: &chat{
			images: true, effort: []string{"none", "minimal", "low", "medium", "high"},
			refused: []string{"seed", "logit_bias", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "metadata", "tools.strict"},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				status := map[string]string{invalid: "INVALID_ARGUMENT", unauthorized: "INVALID_ARGUMENT", rateLimited: "RESOURCE_EXHAUSTED", overloaded: "UNAVAILABLE", notFound: "NOT_FOUND"}[p.what]
				return f.status, map[string]any{"error": map[string]any{"code": f.status, "message": p.message, "status": status}}
			},
		},
	})
}
