package fake

// Tongyi Qianwen's OpenAI-compatible door: thoughts by enable_thinking, on
// unless turned off; usage is null until the last chunk.
// Source: help.aliyun.com/zh/model-studio (2026-10).
func init() {
	register(Vendor{
		Name: "qwen", About: "Tongyi Qianwen on Alibaba DashScope", Protocol: "Chat Completions", Kind: "qwen",
		Base: "/compatible-mode/v1", Model: "qwen3.8-max", Key: "sk-fake-qwen",
		Unknown:    []string{"too-long"},
		Deviations: []string{"usage-null", "content-null"},
		Vectors:    Vectors{Model: "text-embedding-v4", Size: 1024, Sizes: []int{64, 128, 256, 512, 768, 1536, 2048}, Most: 10},
		door: &chat{
			images: true, effort: []string{"none", "low", "medium", "xhigh"}, thinks: thinks{by: "enable_thinking", unasked: true},
			errors: map[string]failure{
				invalid:      {400, "InvalidParameter", "invalid_request_error"},
				unauthorized: {401, "invalid_api_key", "invalid_request_error"},
				notFound:     {404, "ModelNotFound", "invalid_request_error"},
				rateLimited:  {429, "Throttling.RateQuota", "limit_requests"},
				quota:        {400, "Arrearage", "Arrearage"},
				filtered:     {400, "DataInspectionFailed", "data_inspection_failed"},
				overloaded:   {503, "ServiceUnavailable", "ServiceUnavailable"},
			},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				v := openAIError(f, p)
				v["request_id"] = "fake-request"
				return f.status, v
			},
		},
	})
}
