package member

import (
	"summit/dialect"
	"summit/llm"
)

// MiniMax, China; elsewhere set base_url to https://api.minimax.io/v1. Failures
// come with HTTP 200 and base_resp. Thoughts are asked for apart from the
// content, and sent back as the text that the models know.
// Source: models.dev (2026-10), platform documentation by way of its readers.
func init() {
	registerOpenAI(vendor{
		name: "minimax", about: "MiniMax", maker: "minimax",
		baseURL: "https://api.minimaxi.com/v1", model: "MiniMax-M3", keyEnv: []string{"MINIMAX_API_KEY"},
		quirks: dialect.Quirks{
			MaxTokensField: "max_completion_tokens", ThinkingSwitch: "thinking", ThinkingWord: "adaptive", AlwaysThink: []string{"MiniMax-M2.7", "MiniMax-M2.7-highspeed"}, ReasoningField: "think",
			Body:    map[string]string{"reasoning_split": "true"},
			Efforts: map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip: []string{"frequency_penalty", "presence_penalty", "parallel_tool_calls", "response_format", "seed", "tool_choice",
				"logit_bias", "logprobs", "top_logprobs", "metadata", "tools.strict"},
			Codes: map[string]llm.ErrorKind{
				"1000": llm.Overloaded, "1001": llm.Timeout, "1002": llm.RateLimited, "1039": llm.RateLimited, "1041": llm.RateLimited, "2056": llm.RateLimited,
				"1004": llm.Unauthorized, "2049": llm.Unauthorized, "1008": llm.QuotaExhausted,
				"1013": llm.Overloaded, "1024": llm.Overloaded, "1033": llm.Overloaded,
				"1026": llm.Filtered, "1027": llm.Filtered, "1042": llm.Unsupported, "2013": llm.Unsupported,
			},
		},
	})
}
