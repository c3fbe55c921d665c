package fake

// Baichuan.
// Source: by way of lobehub's list (2026-10).
func init() {
	register(Vendor{
		Name: "baichuan", About: "Baichuan", Protocol: "Chat Completions", Kind: "baichuan",
		Base: "/v1", Model: "Baichuan4-Turbo", Key: "sk-fake-baichuan",
		Cannot:  map[Scenario]string{Reasoning: "Baichuan4 does not think", Vision: "Baichuan4 reads text only"},
		Vectors: Vectors{Model: "Baichuan-Text-Embedding", Size: 1024, Most: 16},
		door:    &chat{},
	})
}
