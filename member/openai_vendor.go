package member

import "summit/dialect"

// OpenAI's own service, and, with a base URL, any server that speaks its
// protocol. Only at its own address are OpenAI's refusals heeded: reasoning
// models know no max_tokens, and unknown fields are errors.
// Source: https://platform.openai.com/docs/api-reference/chat and
// https://platform.openai.com/docs/pricing (prices as of 2026-11).
func init() {
	registerOpenAI(vendor{
		name: "openai", about: "any server that speaks the OpenAI protocol; without base_url OpenAI itself",
		baseURL: "https://api.openai.com/v1", keyEnv: []string{"OPENAI_API_KEY"},
		home: func(q *dialect.Quirks) string {
			if q.MaxTokensField == "" {
				q.MaxTokensField = "max_completion_tokens"
			}
			q.DeveloperRole = true
			q.Strip = append(q.Strip, "top_k", "min_p")
			q.Pass = append(q.Pass, "service_tier", "store", "prompt_cache_key", "safety_identifier", "verbosity", "prediction")
			return "gpt-5.5"
		},
	})
}
