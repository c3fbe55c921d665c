package member

import "summit/dialect"

// DeepSeek. Turns with tool calls are refused without their thoughts. Prices
// depend on the hour; the listed ones are those of peak hours (Beijing, Monday
// to Friday 9-12 and 14-18), at other times it is half.
// Source: api-docs.deepseek.com (2026-11).
func init() {
	registerOpenAI(vendor{
		name: "deepseek", about: "DeepSeek", maker: "deepseek",
		baseURL: "https://api.deepseek.com", model: "deepseek-flash", keyEnv: []string{"DEEPSEEK_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking", ReasoningField: "reasoning_content", NeedThoughts: true,
			Efforts: map[string]string{"none": "", "minimal": "low", "low": "low", "medium": "high", "high": "high", "xhigh": "high", "max": "max"},
			Strip:   []string{"metadata", "min_p", "top_k"},
		},
	})
}
