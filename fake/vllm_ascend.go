package fake

// vLLM with its plugin for Huawei's Ascend: the same server.
// Source: https://docs.vllm.ai/projects/ascend
func init() {
	v := vllm()
	v.Name, v.About, v.Kind = "vllm-ascend", "vLLM on Huawei Ascend", "vllm-ascend"
	register(v)
}
