package member

import "summit/dialect"

// Hugging Face TGI. Its launcher's port is one that web pages like as well, so
// it is not looked for. Its finish reasons are words of its own (eos_token,
// stop_sequence), which the decoder takes as they are meant.
// Source: https://huggingface.co/docs/text-generation-inference/messages_api
func init() {
	registerOpenAI(vendor{
		name: "tgi", about: "Hugging Face TGI (Text Generation Inference) on this machine", manual: true,
		baseURL: "http://127.0.0.1:3000/v1", local: true,
		quirks: dialect.Quirks{
			Efforts: map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip:   []string{"parallel_tool_calls", "metadata", "user", "min_p", "top_k", "tools.strict"},
			Pass:    []string{"tool_prompt"},
		},
	})
}
