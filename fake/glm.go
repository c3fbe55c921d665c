package fake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Zhipu's GLM on BigModel: error codes are numbers, a tool call comes whole
// unless tool_stream is asked for, and glm-5.3 can't be told not to think. It
// takes its key as it is, or a token that is signed with it.
// Source: docs.bigmodel.cn (chat reference, api-code).
func init() {
	register(glm(func(x *exchange) *problem {
		if x.bearer() == x.s.key {
			return nil
		}
		return glmToken(x)
	}))
}

// glm returns GLM that lets in whom auth lets in.
func glm(auth func(*exchange) *problem) Vendor {
	return Vendor{
		Name: "glm", About: "Zhipu GLM on BigModel", Protocol: "Chat Completions", Kind: "glm",
		Base: "/api/paas/v4", Model: "glm-5.3", Key: "id0001.secret0001", Returns: true,
		Deviations: []string{"usage-last-chunk", "usage-unasked", "role-every"},
		Cannot:     map[Scenario]string{Vision: "glm-5.3 reads text only; glm-5v-turbo sees"},
		Vectors:    Vectors{Model: "embedding-3", Size: 2048, Sizes: []int{256, 512, 1024}, Most: 64},
		door:       glmChat(auth),
	}
}

func glmChat(auth func(*exchange) *problem) *chat {
	return &chat{
		thinks: thinks{by: "thinking", always: true}, auth: auth,
		effort: []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"},
		errors: map[string]failure{
			invalid: {400, "1210", ""}, unauthorized: {401, "1000", ""}, notFound: {400, "1211", ""}, tooLong: {400, "1261", ""},
			rateLimited: {429, "1302", ""}, quota: {429, "1113", ""}, filtered: {400, "1301", ""}, overloaded: {429, "1312", ""},
		},
		refuse: func(_ *exchange, f failure, p problem) (int, any) {
			return f.status, map[string]any{"error": map[string]any{"code": f.code, "message": p.message}}
		},
		check: func(x *exchange, fields map[string]json.RawMessage) *problem {
			if p := noDisabling(x, fields); p != nil {
				return p
			}
			x.on["tools-whole"] = string(fields["tool_stream"]) != "true"
			for _, turn := range x.ask.Turns {
				if turn.Role == "user" || turn.Role == "tool" {
					return nil
				}
			}
			return &problem{what: invalid, message: "messages must not be of system and assistant alone", param: "messages"}
		},
		decorate: func(x *exchange, chunk map[string]any, _ bool) { chunk["request_id"] = "fake-request" },
	}
}

// noDisabling refuses to be told not to think.
func noDisabling(_ *exchange, fields map[string]json.RawMessage) *problem {
	var t struct {
		Type string `json:"type"`
	}
	if raw := fields["thinking"]; raw != nil && json.Unmarshal(raw, &t) == nil && t.Type == "disabled" {
		return &problem{what: invalid, message: "thinking can't be disabled for this model", param: "thinking"}
	}
	return nil
}

// glmToken checks the token of a request: three parts of base64url, signed
// with the second half of the key, of the first half, and not too old.
func glmToken(x *exchange) *problem {
	wrong := func(why string) *problem {
		return &problem{what: unauthorized, message: "the token is not valid: " + why}
	}
	token := strings.TrimPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	id, secret, _ := strings.Cut(x.s.key, ".")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return wrong("it is neither the key nor a token")
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	sum, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(sum, mac.Sum(nil)) {
		return wrong("the signature does not match")
	}
	var head struct {
		Alg  string `json:"alg"`
		Sign string `json:"sign_type"`
	}
	var body struct {
		Key  string `json:"api_key"`
		End  int64  `json:"exp"`
		Time int64  `json:"timestamp"`
	}
	read := func(part string, v any) bool {
		text, err := base64.RawURLEncoding.DecodeString(part)
		return err == nil && json.Unmarshal(text, v) == nil
	}
	switch now := x.s.now(); {
	case !read(parts[0], &head) || head.Alg != "HS256" || head.Sign != "SIGN":
		return wrong("the header is not HS256 with sign_type SIGN")
	case !read(parts[1], &body) || body.Key != id:
		return wrong("it is of another key")
	case time.UnixMilli(body.End).Before(now):
		return wrong("it has expired")
	case time.UnixMilli(body.Time).After(now.Add(5 * time.Minute)):
		return wrong("it is of the future: times are in milliseconds")
	}
	return nil
}
