package fake

import "net/http"

// iFlytek Spark X over HTTP: failures come with HTTP 200 and a code, streams
// have no finish_reason, and everything has a code, a message and a sid.
// Source: www.xfyun.cn/doc/spark X1http (2025-11-03); codes by memory.
func init() {
	register(Vendor{
		Name: "spark", About: "iFlytek Spark over HTTP", Protocol: "Chat Completions", Kind: "spark",
		Base: "/v2", Model: "spark-x", Key: "fake-api-password",
		Unknown:    []string{"rate-limit"},
		Deviations: []string{"finish-none", "usage-last-chunk", "usage-unasked", "role-every"},
		Cannot:     map[Scenario]string{Embeddings: "its embeddings are a service apart, with a protocol of their own", Vision: "its messages take text only"},
		door: &chat{
			thinks:  thinks{by: "thinking", unasked: true},
			choices: []string{"none", "auto", "required", "function"},
			errors:  sparkErrors,
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				if f.status != http.StatusOK {
					return f.status, map[string]any{"error": map[string]any{"message": p.message, "type": "api_error", "param": nil, "code": orNull(f.code)}, "sid": "fake-sid"}
				}
				return f.status, map[string]any{"code": number(f.code), "message": p.message, "sid": "fake-sid"}
			},
			decorate: func(_ *exchange, chunk map[string]any, _ bool) {
				chunk["code"], chunk["message"], chunk["sid"] = 0, "Success", "fake-sid"
			},
		},
	})
}

// sparkErrors are Spark's codes, over HTTP and in its WebSocket.
var sparkErrors = map[string]failure{
	invalid: {200, "10163", ""}, unauthorized: {401, "", ""}, notFound: {200, "10163", ""}, tooLong: {200, "10907", ""},
	rateLimited: {200, "11202", ""}, quota: {200, "11200", ""}, filtered: {200, "10013", ""}, overloaded: {200, "10008", ""},
}
