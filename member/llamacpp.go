package member

import "summit/dialect"

// llama.cpp's server on its usual loopback port. It passes fields that Summit has no
// word for; images are known to be taken only where the configuration says so.
// Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
func init() {
	registerOpenAI(vendor{
		name: "llamacpp", about: "llama.cpp's server on this machine",
		baseURL: "http://127.0.0.1:8080/v1", local: true,
		quirks: dialect.Quirks{Completions: "text", ThinkingSwitch: "template", ContinueBy: "plain", ReasoningField: "reasoning_content", Pass: []string{"*"}},
	})
}
