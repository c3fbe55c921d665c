package member

import (
	"summit/dialect"
	"summit/llm"
)

// StepFun, China; elsewhere set base_url to https://api.stepfun.ai/v1.
// Source: platform.stepfun.com (2026-10).
func init() {
	const source = "platform.stepfun.com, 2026-10"
	registerOpenAI(vendor{
		name: "stepfun", about: "StepFun", maker: "stepfun",
		baseURL: "https://api.stepfun.com/v1", model: "step-3.7-flash", keyEnv: []string{"STEPFUN_API_KEY", "STEP_API_KEY"},
		quirks: dialect.Quirks{
			AlwaysThink: []string{"step-3.7-flash"},
			Efforts:     map[string]string{"none": "low", "minimal": "low", "xhigh": "high", "max": "high"},
		},
		models: []llm.Card{
			{Model: "step-3.7-flash", Family: "step-3", WindowTokens: 262_144, Reasoning: true, Prices: listed("CNY", "1.35", "8.1", "0.27", source)},
			{Model: "step-3.5-flash", Family: "step-3", Reasoning: true, Prices: listed("USD", "0.1", "0.3", "", source)},
		},
	})
}
