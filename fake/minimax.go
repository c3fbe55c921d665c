package fake

import (
	"encoding/json"
	"net/http"
)

// MiniMax: failures come with HTTP 200 and base_resp, thoughts stand in the
// content unless reasoning_split is asked for, and the switch of thoughts
// knows adaptive and disabled.
// Source: platform documentation by way of its readers, models.dev (2026-10).
func init() {
	register(Vendor{
		Name: "minimax", About: "MiniMax", Protocol: "Chat Completions", Kind: "minimax",
		Base: "/v1", Model: "MiniMax-M3", Key: "fake-minimax-key", Returns: true,
		Unknown:    []string{"rate-limit", "too-long"},
		Deviations: []string{"reasoning-think", "usage-last-chunk", "usage-unasked"},
		Cannot:     map[Scenario]string{Embeddings: "its embeddings have a form of their own, which is not spoken here", Structured: "it refuses response_format"},
		door: &chat{
			images: true, thinks: thinks{by: "thinking", unasked: true},
			refused: []string{"reasoning_effort", "presence_penalty", "frequency_penalty", "thinking_budget", "parallel_tool_calls", "response_format", "seed",
				"tool_choice", "max_tokens", "tools.strict"},
			errors: map[string]failure{
				invalid: {200, "2013", ""}, unauthorized: {200, "1004", ""}, notFound: {200, "2013", ""}, rateLimited: {200, "1002", ""},
				quota: {200, "1008", ""}, filtered: {200, "1026", ""}, overloaded: {200, "1000", ""},
			},
			refuse: func(_ *exchange, f failure, p problem) (int, any) {
				if f.code == "" {
					return f.status, openAIError(f, p)
				}
				return http.StatusOK, map[string]any{"base_resp": map[string]any{"status_code": number(f.code), "status_msg": p.message}}
			},
			check: func(x *exchange, fields map[string]json.RawMessage) *problem {
				var t struct {
					Type string `json:"type"`
				}
				if raw := fields["thinking"]; raw != nil && (json.Unmarshal(raw, &t) != nil || t.Type != "adaptive" && t.Type != "disabled") {
					return &problem{what: invalid, message: "invalid params, thinking.type: want adaptive or disabled", param: "thinking"}
				}
				if string(fields["reasoning_split"]) == "true" {
					x.on["reasoning-think"], x.on["reasoning-details"] = false, true
				}
				return nil
			},
			decorate: func(_ *exchange, chunk map[string]any, last bool) {
				chunk["input_sensitive"], chunk["output_sensitive"] = false, false
				if last {
					chunk["base_resp"] = map[string]any{"status_code": 0, "status_msg": ""}
				}
			},
		},
	})
}
