package member

// vLLM with its plugin for Ascend: the same server as vllm, and on the same
// port, so that it is not looked for beside it.
// Source: https://docs.vllm.ai/projects/ascend
func init() {
	v := vllm()
	v.name, v.about, v.manual = "vllm-ascend", "vLLM on Huawei Ascend, on this machine", true
	registerOpenAI(v)
}
