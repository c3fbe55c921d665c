package fake

// StepFun: thoughts stand in reasoning.
// Source: platform.stepfun.com (2026-10).
func init() {
	register(Vendor{
		Name: "stepfun", About: "StepFun", Protocol: "Chat Completions", Kind: "stepfun",
		Base: "/v1", Model: "step-3.7-flash", Key: "fake-stepfun-key",
		Deviations: []string{"reasoning-plain"},
		Cannot:     map[Scenario]string{Embeddings: "nothing is known of its embeddings", Vision: "nothing is known here of images and this model"},
		door:       &chat{effort: []string{"low", "medium", "high"}, thinks: thinks{by: "effort", unasked: true}},
	})
}
