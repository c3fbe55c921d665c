package member

import "summit/dialect"

// Baichuan.
// Source: prices by way of lobehub's list (2026-10); how many texts one call for
// embeddings takes by memory.
func init() {
	registerOpenAI(vendor{
		name: "baichuan", about: "Baichuan", maker: "baichuan",
		baseURL: "https://api.baichuan-ai.com/v1", model: "Baichuan4-Turbo", keyEnv: []string{"BAICHUAN_API_KEY"},
		quirks: dialect.Quirks{EmbedBatch: 16},
	})
}
