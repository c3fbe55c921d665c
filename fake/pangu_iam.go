package fake

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// Huawei's Pangu as a deployment of one's own on ModelArts Studio, behind a
// token of IAM that holds for a day.
// Source: support.huaweicloud.com api-pangulm; IAM's api_30_0001.
func init() {
	register(Vendor{
		Name: "pangu-iam", About: "Huawei Pangu, a deployment of one's own", Protocol: "Chat Completions, IAM token", Kind: "pangu-iam",
		Base: "/v1/fake-project/deployments/fake-deployment", Model: "pangu", Key: "fake-password",
		Unknown: []string{"quota", "filtered", "too-long"},
		Cannot:  map[Scenario]string{Embeddings: "the deployment has no embeddings", Vision: "the deployment reads text only"},
		params: func(address string) string {
			return `{"user":"fake-user","domain":"fake-account","project":"fake-project","token_url":"` + address + `"}`
		},
		door: doors{
			&chat{
				thinks: thinks{by: "thinking"},
				auth: func(x *exchange) *problem {
					if x.s.holds(x.r.Header.Get("X-Auth-Token")) {
						return nil
					}
					return &problem{what: unauthorized, message: "Incorrect IAM authentication information: decrypt token fail"}
				},
				errors: map[string]failure{
					invalid: {400, "PANGU.3254", ""}, unauthorized: {401, "APIG.0301", ""}, notFound: {404, "APIG.0101", ""}, rateLimited: {429, "APIG.0308", ""},
					overloaded: {503, "PANGU.0001", ""}, quota: {403, "PANGU.0002", ""}, filtered: {400, "PANGU.0003", ""}, tooLong: {400, "PANGU.3254", ""},
				},
				refuse: func(_ *exchange, f failure, p problem) (int, any) {
					return f.status, map[string]any{"error_code": f.code, "error_msg": p.message}
				},
			},
			route{"POST /v3/auth/tokens", iamToken},
		},
	})
}

// iamToken gives a token to the user who says the password.
func iamToken(s *Server, w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r}
	var q struct {
		Auth struct {
			Identity struct {
				Methods  []string `json:"methods"`
				Password struct {
					User struct {
						Name     string `json:"name"`
						Password string `json:"password"`
						Domain   struct {
							Name string `json:"name"`
						} `json:"domain"`
					} `json:"user"`
				} `json:"password"`
			} `json:"identity"`
			Scope struct {
				Project struct {
					Name string `json:"name"`
				} `json:"project"`
			} `json:"scope"`
		} `json:"auth"`
	}
	fail := func(status int, message string) {
		x.write(status, compact(map[string]any{"error": map[string]any{"code": status, "message": message, "title": http.StatusText(status)}}))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil || json.Unmarshal(body, &q) != nil {
		fail(http.StatusBadRequest, "the body has not the form of a request for a token")
		return
	}
	user := q.Auth.Identity.Password.User
	switch {
	case !slices.Contains(q.Auth.Identity.Methods, "password"):
		fail(http.StatusBadRequest, "auth.identity.methods: want password")
	case user.Name != "fake-user" || user.Domain.Name != "fake-account" || user.Password != s.key:
		fail(http.StatusUnauthorized, "The username or password is wrong.")
	case q.Auth.Scope.Project.Name != "fake-project":
		fail(http.StatusUnauthorized, "the project does not exist")
	default:
		const day = 24 * time.Hour
		w.Header().Set("X-Subject-Token", s.issue(day))
		x.write(http.StatusCreated, compact(map[string]any{"token": map[string]any{
			"expires_at": s.now().Add(day).UTC().Format("2006-01-02T15:04:05.000000Z"), "issued_at": s.now().UTC().Format("2006-01-02T15:04:05.000000Z"), "methods": []string{"password"}}}))
	}
}
