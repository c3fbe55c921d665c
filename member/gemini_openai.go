package member

import (
	"summit/dialect"
	"summit/llm"
)

// Google's Gemini by its OpenAI-compatible door, which carries no signatures of
// thoughts: use gemini where tools are called.
// Source: ai.google.dev, OpenAI compatibility; prices by way of models.dev (2026-10).
func init() {
	const source = "models.dev, 2026-10"
	registerOpenAI(vendor{
		name: "gemini-openai", about: "Google Gemini, OpenAI-compatible", maker: "google", manual: true,
		baseURL: "https://generativelanguage.googleapis.com/v1beta/openai", model: "gemini-3.5-flash", keyEnv: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"},
		quirks: dialect.Quirks{
			Efforts: map[string]string{"xhigh": "high", "max": "high"},
			Strip:   []string{"seed", "logit_bias", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "metadata", "tools.strict"},
		},
		models: []llm.Card{
			{Model: "gemini-3.5-flash", Family: "gemini-3", WindowTokens: 1_048_576, Reasoning: true, Inputs: []llm.Modality{llm.ModalityImage}, Prices: listed("USD", "1.5", "9", "", source)},
			{Model: "gemini-3.1-pro-preview", Family: "gemini-3", WindowTokens: 1_048_576, Reasoning: true, Inputs: []llm.Modality{llm.ModalityImage}, Prices: listed("USD", "2", "12", "", source)},
		},
	})
}
