package member

import "summit/dialect"

// StepFun, China; elsewhere set base_url to https://api.stepfun.ai/v1.
// Source: platform.stepfun.com (2026-10).
func init() {
	registerOpenAI(vendor{
		name: "stepfun", about: "StepFun", maker: "stepfun",
		baseURL: "https://api.stepfun.com/v1", model: "step-3.7-flash", keyEnv: []string{"STEPFUN_API_KEY", "STEP_API_KEY"},
		quirks: dialect.Quirks{
			AlwaysThink: []string{"step-3.7-flash"},
			Efforts:     map[string]string{"none": "low", "minimal": "low", "xhigh": "high", "max": "high"},
		},
	})
}
