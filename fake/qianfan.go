package fake

// Baidu's ERNIE on Qianfan v2 with a permanent key; answers end with the word
// normal and have a flag.
// Source: a guide to ERNIE 5.5 (2026-11-12), public adapters; flag and normal by memory.
func init() {
	register(Vendor{
		Name: "qianfan", About: "Baidu ERNIE on Qianfan", Protocol: "Chat Completions", Kind: "qianfan",
		Base: "/v2", Model: "ernie-5.5-flash-preview", Key: "bce-v3/ALTAK-fake/fake",
		Unknown:    []string{"too-long"},
		Deviations: []string{"finish-normal"},
		Cannot:     map[Scenario]string{Vision: "nothing is known here of images and this model"},
		Vectors:    Vectors{Model: "embedding-v1", Size: 384, Most: 16},
		door:       qianfan(nil),
	})
}

func qianfan(auth func(*exchange) *problem) *chat {
	return &chat{
		thinks: thinks{by: "enable_thinking"}, auth: auth,
		errors: map[string]failure{
			unauthorized: {401, "invalid_iam_token", "invalid_request_error"}, quota: {403, "account_overdue", "access_denied"},
			rateLimited: {429, "rpm_rate_limit_exceeded", "rate_limit_exceeded"}, filtered: {400, "system_unsafe", "unsafe_request"},
		},
		refuse: func(_ *exchange, f failure, p problem) (int, any) {
			return f.status, map[string]any{"error": map[string]any{"code": orNull(f.code), "message": p.message, "type": f.kind}, "id": "as-fake"}
		},
		decorate: func(_ *exchange, chunk map[string]any, _ bool) {
			if list, ok := chunk["choices"].([]any); ok && len(list) > 0 {
				list[0].(map[string]any)["flag"] = 0
			}
		},
	}
}
