package fake

// Ollama: a tool call comes in one piece, thoughts in reasoning.
// Source: https://docs.ollama.com/api/openai-compatibility
func init() {
	register(Vendor{
		Name: "ollama", About: "Ollama", Protocol: "Chat Completions", Kind: "ollama",
		Base: "/v1", Model: "fake-qwen3:8b", Deviations: []string{"reasoning-plain", "tools-whole", "content-empty", "role-every"},
		Unknown: []string{"quota", "filtered", "rate-limit", "rate-limit-bare"},
		Vectors: Vectors{Model: "fake-embedding", Size: 1024},
		door:    &chat{images: true, continues: true, effort: []string{"none", "low", "medium", "high"}, thinks: thinks{by: "effort", unasked: true}},
	})
}
