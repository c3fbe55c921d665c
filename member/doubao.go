package member

import (
	"summit/dialect"
	"summit/llm"
)

// ByteDance's Doubao on Volcengine Ark. A model may also be an endpoint's id,
// such as ep-2025....; for the coding plan set base_url to .../api/coding/v3.
// Source: volcengine articles 2605349 and 2608172 (prices, 2026-09); whether
// thoughts have to be sent back by memory.
func init() {
	registerOpenAI(vendor{
		name: "doubao", about: "ByteDance Doubao on Volcengine Ark", maker: "bytedance",
		baseURL: "https://ark.cn-beijing.volces.com/api/v3", model: "doubao-seed-2-1-pro-260915", keyEnv: []string{"ARK_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "thinking", ReasoningField: "reasoning_content",
			Efforts: map[string]string{"none": "minimal", "xhigh": "high", "max": "high"},
			Codes: map[string]llm.ErrorKind{
				"InvalidEndpoint.ClosedEndpoint": llm.NotFound, "ModelNotOpen": llm.NotFound, "AccountOverdueError": llm.QuotaExhausted,
				"RateLimitExceeded.EndpointTPMExceeded": llm.RateLimited,
			},
		},
	})
}
