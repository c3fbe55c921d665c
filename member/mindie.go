package member

import "summit/dialect"

// Huawei MindIE on Ascend, on its usual loopback port. It refuses some fields
// that it does not know, so the rarer ones are not sent; usage comes unasked in
// the last chunk. By its documentation, the rest by memory.
// Source: hiascend.com, MindIE service, OpenAI inference interface.
func init() {
	registerOpenAI(vendor{
		name: "mindie", about: "Huawei MindIE on this machine",
		baseURL: "http://127.0.0.1:1025/v1", local: true,
		quirks: dialect.Quirks{
			ThinkingSwitch: "template", ReasoningField: "reasoning_content", NoStreamOptions: true,
			Efforts: map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip:   []string{"logit_bias", "parallel_tool_calls", "metadata", "user", "min_p", "tools.strict"},
			Pass:    []string{"repetition_penalty", "ignore_eos", "skip_special_tokens", "stop_token_ids", "best_of"},
		},
	})
}
