package member

import "summit/dialect"

// SGLang on its usual loopback port. It passes fields that Summit has no
// word for; images are known to be taken only where the configuration says so.
// Source: https://docs.sglang.ai/basic_usage/openai_api.html
func init() {
	registerOpenAI(vendor{
		name: "sglang", about: "SGLang on this machine",
		baseURL: "http://127.0.0.1:30000/v1", local: true,
		quirks: dialect.Quirks{Completions: "text", ThinkingSwitch: "template", ContinueBy: "flags", ReasoningField: "reasoning_content", Pass: []string{"*"}},
	})
}
