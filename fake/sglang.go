package fake

// SGLang: thoughts by a switch of the chat template, in reasoning_content.
// Source: https://docs.sglang.ai/basic_usage/openai_api.html
func init() {
	register(Vendor{
		Name: "sglang", About: "SGLang", Protocol: "Chat Completions", Kind: "sglang",
		Base: "/v1", Model: "fake-qwen3-8b", Deviations: []string{"content-null", "usage-null"},
		Unknown: []string{"quota", "filtered"},
		Vectors: Vectors{Model: "fake-embedding", Size: 1024},
		door:    &chat{images: true, continues: true, thinks: thinks{by: "template", unasked: true}, errors: engineErrors, refuse: engineError},
	})
}
