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
	return vendor{
		name: "qwen", about: "Tongyi Qianwen on Alibaba DashScope", maker: "alibaba",
		baseURL: "https://dashscope.aliyuncs.com/compatible-mode/v1", model: "qwen3.8-max", keyEnv: []string{"DASHSCOPE_API_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "enable_thinking", ContinueBy: "partial", BudgetField: "thinking_budget", EmbedBatch: 10,
			// Efforts are known to qwen3.8 only; for the others the switch says it.
			Efforts: map[string]string{"none": "", "minimal": "low", "low": "low", "medium": "medium", "high": "xhigh", "xhigh": "xhigh", "max": "xhigh"},
			Pass:    []string{"enable_search", "search_options", "repetition_penalty", "incremental_output"},
			Codes:   map[string]llm.ErrorKind{"Throttling.AllocationQuota": llm.RateLimited, "InvalidApiKey": llm.Unauthorized},
		},
	}
}
