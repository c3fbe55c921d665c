package fake

// OpenAI's own Chat Completions, which shows no thoughts.
// Source: https://platform.openai.com/docs/api-reference/chat
func init() {
	register(Vendor{
		Name: "openai", About: "OpenAI", Protocol: "Chat Completions", Kind: "openai",
		Base: "/v1", Model: "gpt-5.5", Key: "sk-fake-openai",
		Cannot:  map[Scenario]string{Reasoning: "Chat Completions of OpenAI keeps the thoughts to itself"},
		Vectors: Vectors{Model: "text-embedding-3-small", Size: 1536, Any: true, Most: 2048},
		door:    &chat{images: true},
	})
}
