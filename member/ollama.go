package member

import "summit/dialect"

// Ollama on its usual loopback port. It passes fields that Summit has no
// word for; images are known to be taken only where the configuration says so.
// Source: https://docs.ollama.com/api/openai-compatibility
func init() {
	registerOpenAI(vendor{
		name: "ollama", about: "Ollama on this machine",
		baseURL: "http://127.0.0.1:11434/v1", local: true,
		quirks: dialect.Quirks{Completions: "infill", ReasoningField: "reasoning", Pass: []string{"*"}},
	})
}
