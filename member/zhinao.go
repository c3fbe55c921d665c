package member

import (
	"summit/dialect"
	"summit/llm"
)

// 360 Zhinao, the least documented of the vendors here: codes are by memory.
// Whether it thinks is a matter of the model.
// Source: ai.360.com documentation and public price tables (2026-10).
func init() {
	registerOpenAI(vendor{
		name: "zhinao", about: "360 Zhinao", maker: "360",
		baseURL: "https://api.360.cn/v1", model: "360gpt2-pro", keyEnv: []string{"ZHINAO_API_KEY"},
		quirks: dialect.Quirks{
			NoStreamOptions: true,
			Strip:           []string{"reasoning_effort", "metadata", "parallel_tool_calls", "tools.strict", "min_p"},
			Pass:            []string{"enable_search", "content_filter", "repetition_penalty"},
			Codes: map[string]llm.ErrorKind{
				"1001": llm.Unauthorized, "1002": llm.Forbidden, "1003": llm.Forbidden, "1004": llm.QuotaExhausted, "1005": llm.RateLimited,
			},
		},
	})
}
