package member

import "summit/dialect"

// vLLM on its usual loopback port. It passes fields that Summit has no
// word for; images are known to be taken only where the configuration says so.
// Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
func init() { registerOpenAI(vllm()) }

func vllm() vendor {
	return vendor{
		name: "vllm", about: "vLLM on this machine",
		baseURL: "http://127.0.0.1:8000/v1", local: true,
		quirks: dialect.Quirks{Completions: "text", ThinkingSwitch: "template", ContinueBy: "flags", ReasoningField: "reasoning_content", Pass: []string{"*"}},
	}
}
