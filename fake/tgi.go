package fake

import "net/http"

// Hugging Face's TGI: finish reasons are words of its own, arguments of tools
// are an object, and errors are a text with a type.
// Source: https://huggingface.co/docs/text-generation-inference/messages_api
func init() {
	register(Vendor{
		Name: "tgi", About: "Hugging Face TGI", Protocol: "Chat Completions", Kind: "tgi",
		Base: "/v1", Model: "fake-qwen3-8b",
		Unknown:    []string{"rate-limit", "rate-limit-bare", "quota", "filtered", "too-long"},
		Deviations: []string{"finish-eos", "tools-args-object", "role-every"},
		Cannot:     map[Scenario]string{Embeddings: "embeddings are the task of TEI, a server apart: `use: openai` speaks to it", Reasoning: "it does not tell thoughts from the answer"},
		door: &chat{
			images: true,
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				status, kind := f.status, "validation"
				switch p.what {
				case invalid:
					status = http.StatusUnprocessableEntity
				case overloaded:
					status, kind = http.StatusTooManyRequests, "overloaded"
				}
				return status, map[string]any{"error": p.message, "error_type": kind}
			},
		},
	})
}
