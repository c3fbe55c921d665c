package fake

// llama.cpp's server: codes are the HTTP status, as a number.
// Source: https://github.com/ggml-org/llama.cpp/tree/master/tools/server
func init() {
	register(Vendor{
		Name: "llamacpp", About: "llama.cpp's server", Protocol: "Chat Completions", Kind: "llamacpp",
		Base: "/v1", Model: "fake-qwen3-8b.gguf", Deviations: []string{"content-null"},
		Unknown: []string{"quota", "filtered", "rate-limit", "rate-limit-bare"},
		Vectors: Vectors{Model: "fake-embedding", Size: 1024},
		door: &chat{
			images: true, continues: true, thinks: thinks{by: "template", unasked: true},
			errors: map[string]failure{
				tooLong: {400, "", "exceed_context_size_error"}, unauthorized: {401, "", "authentication_error"}, overloaded: {503, "", "unavailable_error"},
			},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				return f.status, map[string]any{"error": map[string]any{"code": f.status, "message": p.message, "type": f.kind}}
			},
		},
	})
}
