package arch

// ChatGLM 3 and GLM-4-9B of 2024: fused qkv with biases, half of each head turned, gate and up in one matrix.
func init() {
	register(family{
		name: "chatglm", about: "ChatGLM3 and GLM-4-9B (2024)",
		bindings: bindings{gateInUp: true},
		gguf:     func(r *reader) *Config { return r.decoder(RopeNorm) },
	})
}
