package member

import (
	"summit/dialect"
	"summit/llm"
)

// Tongyi Qianwen on Alibaba DashScope, China. Keys are bound to a region: for
// Singapore set base_url to https://dashscope-intl.aliyuncs.com/compatible-mode/v1.
// Source: help.aliyun.com/zh/model-studio and models.dev (2026-10).
func init() { registerOpenAI(qwen()) }

func qwen() vendor {
	const source = "models.dev, 2026-10"
	return vendor{
		name: "qwen", about: "Tongyi Qianwen on Alibaba DashScope", maker: "alibaba",
		baseURL: "https://dashscope.aliyuncs.com/compatible-mode/v1", model: "qwen3.8-max", keyEnv: []string{"DASHSCOPE_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "enable_thinking", ContinueBy: "partial", BudgetField: "thinking_budget",
			// Efforts are known to qwen3.8 only; for the others the switch says it.
			Efforts: map[string]string{"none": "", "minimal": "low", "low": "low", "medium": "medium", "high": "xhigh", "xhigh": "xhigh", "max": "xhigh"},
			Pass:    []string{"enable_search", "search_options", "repetition_penalty", "incremental_output"},
			Codes:   map[string]llm.ErrorKind{"Throttling.AllocationQuota": llm.RateLimited, "InvalidApiKey": llm.Unauthorized},
		},
		models: []llm.Card{
			{Model: "qwen3.8-max", Family: "qwen3", WindowTokens: 991_000, MaxOutputTokens: 65_536, Reasoning: true, Inputs: []llm.Modality{llm.ModalityImage}, Prices: listed("USD", "2", "6", "", source)},
			{Model: "qwen3.7-max", Family: "qwen3", Reasoning: true, Prices: listed("USD", "2.5", "7.5", "0.5", source)},
			{Model: "qwen3.6-plus", Family: "qwen3", WindowTokens: 1_000_000, Reasoning: true, Prices: listed("USD", "0.5", "3", "", source)},
			{Model: "qwen3.5-flash", Family: "qwen3", Reasoning: true, Prices: listed("USD", "0.172", "1.72", "", source)},
		},
	}
}
