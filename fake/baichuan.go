package fake

// Baichuan.
// Source: by way of lobehub's list (2026-10).
func init() {
	register(Vendor{
		Name: "baichuan", About: "Baichuan", Protocol: "Chat Completions", Kind: "baichuan",
		Base: "/v1", Model: "Baichuan4-Turbo", Key: "sk-fake-baichuan",
		Cannot: map[Scenario]string{Reasoning: "Baichuan4 does not think", Vision: "Baichuan4 reads text only"},
		door:   &chat{},
	})
}
