package arch

// 360Zhinao 7B: q, k and v in one matrix with a bias, KV head by KV head; no bias on the attention output.
//
// Source: the model code that 360 published for vLLM (zhinao_066.py in Qihoo360/360zhinao).
func init() {
	register(family{
		name: "zhinao", about: "360Zhinao 7B",
		unverified: "written from the model code that 360 published for vLLM; not tried on the vendor's weights",
		hfTypes:    []string{"ZhinaoForCausalLM", "zhinao"},
		hfBindings: bindings{biases: true, groupedQKV: true},
		hf: func(r *reader) *Config {
			r.noQuantised()
			return r.hfDecoder(RopeNeoX)
		},
	})
}
