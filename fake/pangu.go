package fake

// Huawei's openPangu on ModelArts MaaS, whose engine refuses fields that it
// does not know.
// Source: support.huaweicloud.com usermanual-maas-modelarts-0078, model-call-035.
func init() {
	register(Vendor{
		Name: "pangu", About: "Huawei openPangu on ModelArts MaaS", Protocol: "Chat Completions", Kind: "pangu",
		Base: "/v1", Model: "openpangu-2.0-pro", Key: "fake-maas-key",
		Unknown:    []string{"quota"},
		Deviations: []string{"extra-forbidden", "content-null"},
		Cannot:     map[Scenario]string{Embeddings: "nothing is known of its embeddings", Vision: "openPangu 2.0 reads text only"},
		door: &chat{
			thinks: thinks{by: "thinking"},
			known: []string{"model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p", "top_k", "n", "stop", "presence_penalty",
				"frequency_penalty", "seed", "logit_bias", "logprobs", "top_logprobs", "tools", "tool_choice", "response_format", "thinking", "chat_template_kwargs"},
			refused: []string{"tools.strict"},
			auth: func(x *exchange) *problem {
				switch {
				case x.r.Header.Get("Authorization") == "":
					return &problem{what: "no_authorization", message: "Authorization header is missing"}
				case x.bearer() != x.s.key:
					return &problem{what: unauthorized, message: "Authorization is not valid"}
				}
				return nil
			},
			errors: map[string]failure{
				invalid: {400, "", "BadRequestError"}, unauthorized: {401, "ModelArts.81003", ""}, "no_authorization": {400, "ModelArts.81002", ""},
				notFound: {404, "ModelArts.81005", ""}, rateLimited: {429, "ModelArts.81101", ""}, quota: {403, "ModelArts.81006", ""},
				filtered: {400, "ModelArts.81013", ""}, overloaded: {503, "ModelArts.81009", ""}, tooLong: {400, "ModelArts.81001", ""},
			},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				if f.code == "" { // the engine's own
					return f.status, map[string]any{"object": "error", "message": p.message, "type": f.kind, "param": nil, "code": f.status}
				}
				return f.status, map[string]any{"error_code": f.code, "error_msg": p.message}
			},
		},
	})
}
