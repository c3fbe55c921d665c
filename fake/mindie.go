package fake

import "net/http"

// Huawei's MindIE on Ascend: it refuses fields that it does not know, usage
// comes unasked in the last chunk, and a tool call comes whole. Errors by
// memory.
// Source: hiascend.com, MindIE service, OpenAI inference interface.
func init() {
	register(Vendor{
		Name: "mindie", About: "Huawei MindIE on Ascend", Protocol: "Chat Completions", Kind: "mindie",
		Base: "/v1", Model: "fake-qwen3-32b",
		Unknown:    []string{"rate-limit", "rate-limit-bare", "quota", "filtered", "too-long"},
		Deviations: []string{"extra-forbidden", "usage-last-chunk", "usage-unasked", "tools-whole"},
		Cannot:     map[Scenario]string{Embeddings: "nothing is known of its embeddings", Vision: "the served model reads text only"},
		door: &chat{
			thinks: thinks{by: "template", unasked: true},
			known: []string{"model", "messages", "stream", "max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "stop_token_ids", "presence_penalty", "frequency_penalty",
				"repetition_penalty", "ignore_eos", "skip_special_tokens", "n", "best_of", "logprobs", "top_logprobs", "tools", "tool_choice", "response_format", "chat_template_kwargs"},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				status := f.status
				if p.what == invalid {
					status = http.StatusUnprocessableEntity
				}
				return status, map[string]any{"error": p.message, "error_type": "Input validation error"}
			},
		},
	})
}
