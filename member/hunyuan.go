package member

import "summit/dialect"

// Tencent Hunyuan on TokenHub, Guangzhou. 402 means that the model was not
// activated in the console. Interleaved thinking: thoughts go back with tool
// results.
// Source: cloud.tencent.com/document/product/1823 (2026-11).
func init() {
	registerOpenAI(vendor{
		name: "hunyuan", about: "Tencent Hunyuan on TokenHub", maker: "tencent",
		baseURL: "https://tokenhub.tencentmaas.com/v1", model: "hy4", keyEnv: []string{"HUNYUAN_API_KEY"},
		quirks: dialect.Quirks{
			Strip:          []string{"tool_choice"}, // only auto, which is the default
			Efforts:        map[string]string{"none": "no_think", "minimal": "low", "medium": "high", "xhigh": "high", "max": "high"},
			ReasoningField: "reasoning_content",
			Pass:           []string{"enable_enhancement"},
		},
	})
}
