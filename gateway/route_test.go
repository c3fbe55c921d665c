package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/dialect"
	"summit/identity"
	"summit/llm"
	"summit/llm/llmtest"
)

func TestRoutes(t *testing.T) {
	s := start(t, nil, hello("m"))
	f := func(method, path, key string, want int, parts ...string) {
		t.Helper()
		headers := []string{"Authorization", ""}
		if key != "" {
			headers[1] = "Bearer " + key
		}
		a := s.do(method, path, "", headers...)
		if a.status != want {
			t.Errorf("%s %s: status %d, want %d: %s", method, path, a.status, want, a.body)
		}
		if want >= 400 && method != "HEAD" {
			a.wantError(t, want)
		}
		if a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s: no x-request-id", method, path)
		}
		for _, p := range parts {
			if !strings.Contains(a.body, p) {
				t.Errorf("%s %s: %s is not in %s", method, path, p, a.body)
			}
		}
	}
	// What everybody sees.
	f("HEAD", "/", "", 200)
	f("GET", "/", "", 200, `{"name":"summit"}`)
	f("GET", "/healthz", "", 200, `{"status":"ok"}`)
	f("HEAD", "/healthz", "", 200)
	f("GET", "/livez", "", 200, `{"status":"ok"}`)
	f("GET", "/readyz", "", 200, `{"status":"ready"}`)
	// What needs a key.
	for _, path := range []string{"/version", "/v1/models", "/v1/models/m"} {
		f("GET", path, "", 401, `"code":"invalid_api_key"`)
		f("GET", path, "sk-wrong", 401, `"code":"invalid_api_key"`)
		f("GET", path, s.user, 200)
	}
	f("POST", "/v1/chat/completions", "", 401, `"code":"invalid_api_key"`)
	f("POST", "/v1/feedback", "", 401, `"code":"invalid_api_key"`)
	f("GET", "/version", s.user, 200, `"version":"v0.test"`)
	// What needs an admin.
	for _, path := range []string{"/metrics", "/admin/v1/keys", "/admin/v1/runs"} {
		f("GET", path, "", 401, `"code":"invalid_api_key"`)
		f("GET", path, s.user, 403, `"code":"forbidden"`, "role user, want admin")
		f("GET", path, s.admin, 200)
	}
	f("POST", "/admin/v1/keys", s.user, 403)
	f("DELETE", "/admin/v1/keys/x", s.user, 403)
	// What is not there.
	f("GET", "/nope", "", 404, "no route GET /nope")
	f("POST", "/v1/nope", s.user, 404)
	f("GET", "/v1", s.user, 404)
	f("GET", "/v1/", s.user, 404)
	f("POST", "/v1//chat/completions", s.user, 404, "as /v1/chat/completions")
	f("GET", "/v1/../metrics", s.user, 404, "as /metrics")
	f("GET", "/admin", s.admin, 404)
	f("GET", "/"+strings.Repeat("x", 10_000), "", 404)
}

func TestMethodNotAllowed(t *testing.T) {
	s := start(t, nil, hello("m"))
	f := func(method, path, allow string) {
		t.Helper()
		a := s.do(method, path, "")
		a.wantError(t, 405, "want method "+allow)
		if got := a.header.Get("Allow"); got != allow {
			t.Errorf("%s %s: Allow %q, want %q", method, path, got, allow)
		}
	}
	f("GET", "/v1/chat/completions", "POST")
	f("OPTIONS", "/v1/chat/completions", "POST")
	f("GET", "/v1/feedback", "POST")
	f("POST", "/v1/models", "GET, HEAD")
	f("PUT", "/admin/v1/keys", "GET, HEAD, POST")
	f("BREW", "/healthz", "GET, HEAD")
}

func TestKeysAreShownAnyWay(t *testing.T) {
	s := start(t, nil, hello("m"))
	f := func(want int, headers ...string) {
		t.Helper()
		a := s.do("GET", "/v1/models", "", append([]string{"Authorization", ""}, headers...)...)
		if a.status != want {
			t.Errorf("%d headers: status %d, want %d", len(headers)/2, a.status, want)
		}
		if got := a.header.Get("WWW-Authenticate"); (got != "") != (want == 401) {
			t.Errorf("WWW-Authenticate %q with status %d", got, a.status)
		}
	}
	f(200, "X-Api-Key", s.user)
	f(200, "Authorization", "bearer "+s.user)
	f(200, "Authorization", "Bearer  "+s.user)
	f(401, "Authorization", "Basic "+s.user)
	f(401, "Authorization", "Bearer ")
	f(401, "Authorization", s.user)
	f(401, "Authorization", "Bearer sk-wrong", "X-Api-Key", s.user)
	f(401, "X-Api-Key", strings.Repeat("x", 10_000))
}

func TestRevokedKey(t *testing.T) {
	s := start(t, nil, hello("m"))
	if _, err := s.keys.Revoke(t.Context(), s.userID); err != nil {
		t.Fatal(err)
	}
	s.chat("").wantError(t, 401, "revoked")
}

// brokenKeys is a store that can't be read.
type brokenKeys struct{ identity.Keys }

func (brokenKeys) Check(context.Context, string) (identity.Key, error) {
	return identity.Key{}, errors.New("disk gone")
}
func (brokenKeys) List(context.Context) ([]identity.Key, error) { return nil, errors.New("disk gone") }

func TestKeysCannotBeChecked(t *testing.T) {
	s := start(t, func(c *Config) { c.Keys = brokenKeys{} }, hello("m"))
	a := s.chat("")
	a.wantError(t, 503, "can't be checked")
	if strings.Contains(a.body, "disk gone") || !strings.Contains(s.log.String(), "disk gone") {
		t.Error("the cause belongs into the log, and only there")
	}
	if a := s.do("GET", "/readyz", ""); a.status != 503 || !strings.Contains(a.body, "store of keys fails") {
		t.Errorf("readyz: status %d, %s, want 503 and why", a.status, a.body)
	}
}

func TestRequestID(t *testing.T) {
	s := start(t, nil, hello("m"))
	f := func(given string, taken bool) {
		t.Helper()
		a := s.do("GET", "/healthz", "", "X-Request-Id", given)
		got := a.header.Get("X-Request-Id")
		if (got == given) != taken || got == "" || !taken && !idPattern.MatchString(got) {
			t.Errorf("id %q given: %q came back", clip(given, 40), got)
		}
	}
	f("abc-1.2:3_X", true)
	f(strings.Repeat("x", 128), true)
	f(strings.Repeat("x", 129), false)
	f("two words", false)
	f("中文", false)
	f(`"quoted"`, false)
	a := s.do("POST", "/v1/chat/completions", s.ask(""), "X-Request-Id", "mine")
	if !idPattern.MatchString(a.body) {
		t.Error("the answer's id is not ours")
	}
	if a := s.do("POST", "/v1/chat/completions", s.ask("")); a.header.Get("X-Request-Id") != idPattern.FindString(a.body) {
		t.Error("without an id of the client, request and answer have different ones")
	}
}

func TestNoAuth(t *testing.T) {
	s := start(t, func(c *Config) { c.NoAuth, c.Loopback = true, true }, hello("m"))
	for _, path := range []string{"/v1/models", "/metrics", "/admin/v1/runs"} {
		if a := s.do("GET", path, "", "Authorization", ""); a.status != 200 {
			t.Errorf("%s without a key: status %d, want 200", path, a.status)
		}
		if a := s.do("GET", path, "", "Authorization", "Bearer anything"); a.status != 200 {
			t.Errorf("%s with any key: status %d, want 200", path, a.status)
		}
	}
	s.do("GET", "/admin/v1/keys", "").wantError(t, 404)
}

func TestConfigIsRefused(t *testing.T) {
	models := directory{hello("m")}
	keys := identity.NewMemory()
	f := func(c Config, want string) {
		t.Helper()
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	f(Config{Keys: keys}, "no Models")
	f(Config{Models: models}, "no Keys")
	f(Config{Models: models, NoAuth: true}, "not bound to loopback")
	f(Config{Models: models, Keys: keys, NoAuth: true}, "not bound to loopback")
	f(Config{Models: models, Keys: keys, Limits: Limits{BodyBytes: -1}}, "BodyBytes is -1")
	f(Config{Models: models, Keys: keys, Limits: Limits{Queue: -1}}, "Queue is -1")
	f(Config{Models: models, Keys: keys, Origins: []string{"example.com"}}, `origin "example.com"`)
	f(Config{Models: models, Keys: keys, Origins: []string{"https://a.example/path"}}, `origin "https://a.example/path"`)
	f(Config{Models: models, Keys: keys, Hosts: []string{"a:1"}}, `host "a:1"`)
	f(Config{Models: models, Keys: keys, Servers: []dialect.Server{}}, `no protocol "openai"`)
	f(Config{Models: models, Keys: keys, Servers: []dialect.Server{dialect.OpenAI{}, dialect.OpenAI{}}}, "protocol openai")
}

func TestHostAndOrigin(t *testing.T) {
	config := func(c *Config) {
		c.Loopback, c.Hosts, c.Origins = true, []string{"Summit.Test"}, []string{"https://chat.example.com", "app://client"}
	}
	s := start(t, config, hello("m"))
	f := func(want int, headers ...string) {
		t.Helper()
		if a := s.do("GET", "/v1/models", "", headers...); a.status != want {
			t.Errorf("%v: status %d, want %d: %s", headers, a.status, want, a.body)
		} else if want == 403 {
			a.wantError(t, 403, `"code":"forbidden"`)
		}
	}
	for _, host := range []string{"localhost", "localhost:8600", "LOCALHOST:1", "127.0.0.1:8600", "127.8.9.1", "[::1]:8600", "[::1]", "[::ffff:127.0.0.1]:1", "summit.test:9"} {
		f(200, "Host", host)
	}
	for _, host := range []string{"evil.example", "evil.example:8600", "localhost.evil.example", "10.0.0.1:8600", "0.0.0.0:8600", "127.0.0.1.evil.example", "[fe80::1]:8600"} {
		f(403, "Host", host)
	}
	f(200, "Origin", "http://127.0.0.1:8600")
	f(200, "Origin", "https://chat.example.com")
	f(200, "Origin", "HTTPS://CHAT.example.com")
	f(200, "Origin", "app://client")
	f(403, "Origin", "http://127.0.0.1:3000")
	f(403, "Origin", "https://evil.example")
	f(403, "Origin", "https://chat.example.com.evil.example")
	f(403, "Origin", "null")
	f(403, "Origin", "http://evil.example", "Host", "127.0.0.1:8600")
	// Health too: nothing is told to a page of another site.
	s.do("GET", "/healthz", "", "Host", "evil.example").wantError(t, 403)

	// On other listeners names are the network's business.
	s = start(t, func(c *Config) { config(c); c.Loopback = false }, hello("m"))
	f(200, "Host", "any.example")
	f(200, "Origin", "https://any.example")
}

func TestCORS(t *testing.T) {
	for _, loopback := range []bool{true, false} {
		s := start(t, func(c *Config) { c.Loopback, c.Origins = loopback, []string{"https://chat.example.com"} }, hello("m"))
		preflight := func(origin, headers string) answer {
			return s.do("OPTIONS", "/v1/chat/completions", "", "Authorization", "", "Origin", origin,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", headers)
		}
		a := preflight("https://chat.example.com", "authorization,content-type,x-stainless-os")
		if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "https://chat.example.com" ||
			!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
			a.header.Get("Access-Control-Allow-Headers") != "authorization,content-type,x-stainless-os" || a.header.Get("Vary") != "Origin" {
			t.Errorf("preflight of an allowed origin: status %d, %v", a.status, a.header)
		}
		if a := preflight("https://chat.example.com", strings.Repeat("x", 5000)); a.header.Get("Access-Control-Allow-Headers") != "" {
			t.Error("5000 bytes of header names are sent back")
		}
		a = preflight("https://evil.example", "authorization")
		if a.status == 200 || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Access-Control-Allow-Headers") != "" {
			t.Errorf("preflight of another origin: status %d, %v", a.status, a.header)
		}
		// The answer itself, and an error.
		for _, key := range []string{s.user, "sk-wrong"} {
			a = s.do("POST", "/v1/chat/completions", s.ask(""), "Origin", "https://chat.example.com", "Authorization", "Bearer "+key)
			if a.header.Get("Access-Control-Allow-Origin") != "https://chat.example.com" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "X-Request-Id") {
				t.Errorf("status %d of an allowed origin: %v", a.status, a.header)
			}
		}
		if a = s.do("GET", "/v1/models", ""); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("CORS headers without an origin")
		}
	}
}

func TestModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := hello("summit"), hello("Qwen/Qwen3-8B")
		b.Facts = llm.Card{Vendor: "qwen", About: "one sentence", Labels: []string{"demonstration"}}
		s := start(t, nil, a, b)
		list := s.do("GET", "/v1/models", "")
		one := s.do("GET", "/v1/models/Qwen/Qwen3-8B", "")
		escaped := s.do("GET", "/v1/models/Qwen%2FQwen3-8B", "")
		golden(t, "models.json", list.body+one.body)
		if escaped.body != one.body {
			t.Errorf("with %%2F: %s, want %s", escaped.body, one.body)
		}
		s.do("GET", "/v1/models/no-such", "").wantError(t, 404, `"code":"model_not_found"`, `"param":"model"`, "no-such")
		s.do("GET", "/v1/models/", "").wantError(t, 404)
	})
	empty := start(t, nil)
	if a := empty.do("GET", "/v1/models", ""); strings.TrimSpace(a.body) != `{"object":"list","data":[]}` {
		t.Errorf("no models: %s", a.body)
	}
}

// probed is a member whose health can be asked.
type probed struct {
	*llmtest.Script
	asked *int
	takes time.Duration
	err   error
}

func (p probed) Probe(ctx context.Context) error {
	*p.asked++
	select {
	case <-time.After(p.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.err != nil && p.err.Error() == "panic" {
		panic("probe")
	}
	return p.err
}

func TestReady(t *testing.T) {
	f := func(want int, members ...llm.Member) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := start(t, nil, members...)
			a := s.do("GET", "/readyz", "", "Authorization", "")
			if a.status != want || (want == 503) != strings.Contains(a.body, "no member is usable") {
				t.Errorf("status %d, %s, want %d", a.status, a.body, want)
			}
		})
	}
	down := func() llm.Member { return probed{hello("down"), new(int), 0, errors.New("secret address")} }
	f(503)
	f(503, down())
	f(503, probed{hello("hangs"), new(int), time.Hour, nil})
	f(503, probed{hello("panics"), new(int), 0, errors.New("panic")})
	f(200, hello("cannot be probed"))
	f(200, down(), probed{hello("up"), new(int), time.Second, nil})

	// A report is good for a while.
	synctest.Test(t, func(t *testing.T) {
		m := probed{hello("m"), new(int), 0, nil}
		s := start(t, nil, m)
		for range 15 {
			s.do("GET", "/readyz", "")
			time.Sleep(time.Second)
		}
		if *m.asked != 1 {
			t.Errorf("probed %d times within 15s, want once", *m.asked)
		}
		s.do("GET", "/readyz", "")
		if *m.asked != 2 {
			t.Errorf("probed %d times after 15s, want twice", *m.asked)
		}
	})
}

func TestAdminKeys(t *testing.T) {
	s := start(t, nil, hello("m"))
	as := func(method, path, body string) answer {
		t.Helper()
		return s.do(method, path, body, "Authorization", "Bearer "+s.admin)
	}
	a := as("POST", "/admin/v1/keys", `{"name":"laptop","tenant":"lab"}`)
	var made struct {
		Key    identity.Key
		Secret string
	}
	if err := json.Unmarshal([]byte(a.body), &made); a.status != 201 || err != nil {
		t.Fatalf("status %d, %v: %s", a.status, err, a.body)
	}
	if made.Key.Name != "laptop" || made.Key.Tenant != "lab" || made.Key.Role != identity.User || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("made %+v, %v", made.Key, a.header)
	}
	if a := s.do("GET", "/v1/models", "", "Authorization", "Bearer "+made.Secret); a.status != 200 {
		t.Errorf("the new key: status %d", a.status)
	}
	if a := as("GET", "/admin/v1/keys", ""); a.status != 200 || strings.Count(a.body, `"id":"key_`) != 3 || strings.Contains(a.body, made.Secret) {
		t.Errorf("listed: %s", a.body)
	}
	if a := as("DELETE", "/admin/v1/keys/"+made.Key.ID, ""); a.status != 200 || !strings.Contains(a.body, `"revoked"`) {
		t.Errorf("revoked: status %d, %s", a.status, a.body)
	}
	s.do("GET", "/v1/models", "", "Authorization", "Bearer "+made.Secret).wantError(t, 401)
	as("DELETE", "/admin/v1/keys/key_none", "").wantError(t, 404, "key_none")
	for _, body := range []string{``, `{`, `[]`, `{"name":""}`, `{"name":"x","role":"root"}`, `{"name":"x","budget":1}`, `{"name":1}`, `{"name":"x"} {"name":"y"}`} {
		as("POST", "/admin/v1/keys", body).wantError(t, 400)
	}
	if strings.Contains(s.log.String(), made.Secret) {
		t.Error("the log holds a new key")
	}
}

func TestAdminRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"))
		as := func(path string) answer { return s.do("GET", path, "", "Authorization", "Bearer "+s.admin) }
		if a := as("/admin/v1/runs"); strings.TrimSpace(a.body) != `{"object":"list","data":[]}` {
			t.Errorf("no runs yet: %s", a.body)
		}
		first := s.do("POST", "/v1/chat/completions", s.ask(""), "X-Request-Id", "mine")
		s.chat(`"stream":true`)
		s.do("POST", "/v1/chat/completions", `{"model":"none","messages":[{"role":"user","content":"x"}]}`).wantError(t, 404)
		if n := len(s.entries()); n != 2 {
			t.Fatalf("%d entries, want 2: a request that reached no model is none", n)
		}
		id := idPattern.FindString(first.body)
		a := as("/admin/v1/runs/" + id)
		golden(t, "run.json", strings.ReplaceAll(a.body, s.userID, "key_ID"))
		if a := as("/admin/v1/runs?limit=1"); strings.Count(a.body, `"id":"run-`) != 1 || strings.Contains(a.body, id) {
			t.Errorf("the last one: %s", a.body)
		}
		as("/admin/v1/runs/run-none").wantError(t, 404, "run-none")
		for _, limit := range []string{"0", "-1", "1001", "x", "99999999999999999999"} {
			as("/admin/v1/runs?limit="+limit).wantError(t, 400, `"param":"limit"`)
		}
	})
}

func TestWithoutRunLog(t *testing.T) {
	s := start(t, func(c *Config) { c.Runs = nil }, hello("m"))
	if a := s.chat(""); a.status != 200 {
		t.Errorf("status %d", a.status)
	}
	s.do("GET", "/admin/v1/runs", "", "Authorization", "Bearer "+s.admin).wantError(t, 404)
}

func TestHandlerPanic(t *testing.T) {
	s := start(t, func(c *Config) { c.Servers = append(dialect.Servers(), panicking{}) }, hello("m"))
	a := s.do("POST", "/panic", "Say hello to nobody")
	a.wantError(t, 500, `"message":"internal error"`)
	if log := s.log.String(); !strings.Contains(log, "level=ERROR msg=panic") || !strings.Contains(log, "panicking") || strings.Contains(log, "nobody") {
		t.Errorf("the log should have the stack and not the body: %s", log)
	}
	if a := s.chat(""); a.status != 200 {
		t.Errorf("then: status %d, want a living server", a.status)
	}
}

// panicking is a protocol that can't decode.
type panicking struct{ dialect.OpenAI }

func (panicking) Name() string    { return "panicking" }
func (panicking) Pattern() string { return "POST /panic" }

func (panicking) Decode(body []byte) (*dialect.Call, error) { panic(string(body)) }

func TestAnythingIsAnswered(t *testing.T) {
	s := start(t, nil, hello("m"))
	for _, method := range []string{http.MethodPatch, http.MethodConnect, http.MethodTrace, "X"} {
		for _, path := range []string{"/", "/v1/chat/completions", "/%00", "/v1/models/%ff", "/?x=%zz", "/;a=b", "/..%2f"} {
			if a := s.do(method, path, ""); a.err != nil || a.status < 200 || a.status >= 500 {
				t.Errorf("%s %s: status %d, %v", method, path, a.status, a.err)
			}
		}
	}
}
