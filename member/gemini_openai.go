package member

import "summit/dialect"

// Google's Gemini by its OpenAI-compatible door, which carries no signatures of
// thoughts: use gemini where tools are called.
// Source: ai.google.dev, OpenAI compatibility; prices by way of models.dev (2026-10).
func init() {
	registerOpenAI(vendor{
		name: "gemini-openai", about: "Google Gemini, OpenAI-compatible", maker: "google", manual: true,
		baseURL: "https://generativelanguage.googleapis.com/v1beta/openai", model: "gemini-3.5-flash", keyEnv: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"},
		quirks: dialect.Quirks{
			EmbedBatch: 100,
			Efforts:    map[string]string{"xhigh": "high", "max": "high"},
			Strip:      []string{"seed", "logit_bias", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "metadata", "tools.strict"},
		},
	})
}
