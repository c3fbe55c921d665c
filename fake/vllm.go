package fake

import "fmt"

// vLLM: thoughts by a switch of the chat template, in reasoning.
// Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
func init() { register(vllm()) }

func vllm() Vendor {
	return Vendor{
		Name: "vllm", About: "vLLM", Protocol: "Chat Completions", Kind: "vllm",
		Base: "/v1", Model: "fake-qwen3-8b",
		Unknown:    []string{"quota", "filtered"},
		Deviations: []string{"reasoning-plain"},
		Vectors:    Vectors{Model: "fake-embedding", Size: 1024},
		door:       &chat{images: true, continues: true, thinks: thinks{by: "template", unasked: true}, errors: engineErrors, refuse: engineError},
	}
}

// engineErrors are the words of vLLM and of those who follow it.
var engineErrors = map[string]failure{
	invalid: {400, "", "BadRequestError"}, unauthorized: {401, "", "Unauthorized"}, notFound: {404, "", "NotFoundError"}, tooLong: {400, "", "BadRequestError"},
	rateLimited: {429, "", "RateLimitError"}, overloaded: {503, "", "ServiceUnavailableError"},
}

// engineError is the form that has no error around it.
func engineError(_ *exchange, f failure, p problem) (int, any) {
	if p.what == tooLong {
		p.message = "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens"
	}
	return f.status, map[string]any{"object": "error", "message": p.message, "type": f.kind, "param": orNull(p.param), "code": f.status}
}

// number returns the digits of a code as a number.
func number(code string) int {
	n := 0
	fmt.Sscan(code, &n)
	return n
}
