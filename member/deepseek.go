package member

import (
	"summit/dialect"
	"summit/llm"
)

// DeepSeek. Turns with tool calls are refused without their thoughts. Prices
// depend on the hour; the listed ones are those of peak hours (Beijing, Monday
// to Friday 9-12 and 14-18), at other times it is half.
// Source: api-docs.deepseek.com (2026-11).
func init() {
	const source = "api-docs.deepseek.com pricing, peak hours, 2026-11"
	registerOpenAI(vendor{
		name: "deepseek", about: "DeepSeek", maker: "deepseek",
		baseURL: "https://api.deepseek.com", model: "deepseek-flash", keyEnv: []string{"DEEPSEEK_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking", ReasoningField: "reasoning_content", NeedThoughts: true,
			Efforts: map[string]string{"none": "", "minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "high", "max": "max"},
			Strip:   []string{"metadata", "min_p", "top_k"},
		},
		models: []llm.Card{
			{Model: "deepseek-flash", Family: "deepseek-v4", WindowTokens: 1_000_000, MaxOutputTokens: 384_000, Reasoning: true, Inputs: []llm.Modality{llm.ModalityImage}, Prices: listed("CNY", "2", "8", "0.04", source)},
			{Model: "deepseek-v4-pro", Family: "deepseek-v4", WindowTokens: 1_000_000, Reasoning: true, Prices: listed("CNY", "9", "27", "0.3", source)},
		},
	})
}
