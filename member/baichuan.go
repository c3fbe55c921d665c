package member

import "summit/llm"

// Baichuan.
// Source: prices by way of lobehub's list (2026-10).
func init() {
	const source = "lobehub, 2026-10"
	registerOpenAI(vendor{
		name: "baichuan", about: "Baichuan", maker: "baichuan",
		baseURL: "https://api.baichuan-ai.com/v1", model: "Baichuan4-Turbo", keyEnv: []string{"BAICHUAN_API_KEY"},
		models: []llm.Card{
			{Model: "Baichuan4-Turbo", Family: "baichuan4", WindowTokens: 32_768, Prices: listed("CNY", "15", "15", "", source)},
			{Model: "Baichuan4-Air", Family: "baichuan4", WindowTokens: 32_768, Prices: listed("CNY", "0.98", "0.98", "", source)},
			{Model: "Baichuan4", Family: "baichuan4", Prices: listed("CNY", "100", "100", "", source)},
		},
	})
}
