package member

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// iamUser is who asks Huawei Cloud's IAM for a token, and for which project.
type iamUser struct{ name, password, domain, project string }

// iamToken returns a signer with Huawei Cloud's user token, valid for a day.
// address is that of IAM, such as https://iam.cn-southwest-2.myhuaweicloud.com.
// Source: support.huaweicloud.com api-iam, POST /v3/auth/tokens.
func iamToken(client *http.Client, address string, u iamUser) *tokens {
	t := &tokens{client: client, hidden: []string{u.password}}
	t.fetch = func(ctx context.Context) (string, time.Time, error) {
		body, err := json.Marshal(map[string]any{"auth": map[string]any{
			"identity": map[string]any{
				"methods":  []string{"password"},
				"password": map[string]any{"user": map[string]any{"name": u.name, "password": u.password, "domain": map[string]any{"name": u.domain}}},
			},
			"scope": map[string]any{"project": map[string]any{"name": u.project}},
		}})
		if err != nil {
			return "", time.Time{}, errRequest(err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/v3/auth/tokens", bytes.NewReader(body))
		if err != nil {
			return "", time.Time{}, errRequest(err)
		}
		req.Header.Set("Content-Type", "application/json;charset=utf8")
		var answer struct {
			Token struct {
				ExpiresAt time.Time `json:"expires_at"`
			} `json:"token"`
		}
		header, err := fetchToken(client, req, &answer)
		if err != nil {
			return "", time.Time{}, err
		}
		if answer.Token.ExpiresAt.IsZero() {
			answer.Token.ExpiresAt = time.Now().Add(24 * time.Hour)
		}
		return gotToken(header.Get("X-Subject-Token"), answer.Token.ExpiresAt)
	}
	t.put = func(req *http.Request, token string) { req.Header.Set("X-Auth-Token", token) }
	t.get = func(req *http.Request) string { return req.Header.Get("X-Auth-Token") }
	return t
}
