package member

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

// The vendor's own published example, and one of ours for hunyuan.
func TestTC3(t *testing.T) {
	f := func(s tc3, at int64, headers []tc3Header, body, canonical, key, signature string) {
		t.Helper()
		c, sig, header := s.authorization(time.Unix(at, 0), headers, []byte(body))
		if c != canonical || sig != signature || !strings.HasSuffix(header, "Signature="+signature) {
			t.Errorf("canonical %s, signature %s, header %s", c, sig, header)
		}
		date := time.Unix(at, 0).UTC().Format(time.DateOnly)
		if got := hex.EncodeToString(s.signingKey(date)); key != "" && got != key {
			t.Errorf("signing key %s, want %s", got, key)
		}
	}
	f(tc3{id: "AKIDEXAMPLE0000000000000000000000000", key: "EXAMPLEKEY0000000000000000000000", service: "hunyuan"}, 1700000000,
		[]tc3Header{{"content-type", "application/json"}, {"host", "hunyuan.tencentcloudapi.com"}, {"x-tc-action", "chatcompletions"}},
		`{"Model":"hunyuan-lite","Messages":[{"Role":"user","Content":"hi"}],"Stream":false}`,
		"9942add5d3d2484393f8cf16a110b9b1890ac9fd3dc42f9ee1ef7bbe941182a3", "", "add438b389e55fa57039c929d86dbab0956d6fcaaec7dd0aede4c6c0510c68c2")
	// The published example's secret key is not ours to repeat: its signing key is.
	body := `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	if got := hexSum(body); got != "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064" {
		t.Errorf("hash of the body %s", got)
	}
	published := tc3{service: "cvm"}
	c, _, _ := published.authorization(time.Unix(1551113065, 0), []tc3Header{{"content-type", "application/json; charset=utf-8"}, {"host", "cvm.tencentcloudapi.com"}, {"x-tc-action", "describeinstances"}}, []byte(body))
	if c != "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84" {
		t.Errorf("hash of the canonical request %s", c)
	}
	key, _ := hex.DecodeString("b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af")
	text := "TC3-HMAC-SHA256\n1551113065\n2019-02-25/cvm/tc3_request\n" + c
	if got := hex.EncodeToString(sum256(key, text)); got != "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f" {
		t.Errorf("signature %s", got)
	}
}

func TestZhipuJWT(t *testing.T) {
	z := &zhipuJWT{id: "id0001", secret: "secret0001"}
	const want = "eyJhbGciOiJIUzI1NiIsInNpZ25fdHlwZSI6IlNJR04ifQ.eyJhcGlfa2V5IjoiaWQwMDAxIiwiZXhwIjoxNzAwMDAzNjAwMDAwLCJ0aW1lc3RhbXAiOjE3MDAwMDAwMDAwMDB9.FS9fNKZv1-HXjZhvDvXw0oNm9zzowEU8BiRvJRfNaec"
	if got := z.make(time.UnixMilli(1700000000000), time.UnixMilli(1700003600000)); got != want {
		t.Errorf("token %s, want %s", got, want)
	}
}

// A token is made anew before it ends, and where it was refused.
func TestZhipuJWTLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zhipuJWT{id: "id0001", secret: "secret0001"}
		sign := func() *http.Request {
			req := &http.Request{Header: http.Header{}}
			z.sign(t.Context(), req, nil)
			return req
		}
		first := sign()
		time.Sleep(jwtLife - jwtRest - time.Second)
		if again := sign(); again.Header.Get("Authorization") != first.Header.Get("Authorization") {
			t.Error("a token that holds was made anew")
		}
		time.Sleep(2 * time.Second)
		second := sign()
		if second.Header.Get("Authorization") == first.Header.Get("Authorization") {
			t.Error("the token was not made anew before its end")
		}
		if !z.renew(first) || z.renew(second) {
			t.Error("renew: want true for an old token, false for one that is just made")
		}
		time.Sleep(2 * time.Second)
		if !z.renew(second) || sign().Header.Get("Authorization") == second.Header.Get("Authorization") {
			t.Error("a refused token was not made anew")
		}
		if s := strings.Join(z.secrets(), " "); !strings.Contains(s, "secret0001") {
			t.Errorf("secrets %s", s)
		}
	})
}

func TestBCEAuthorization(t *testing.T) {
	at := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	got := bceAuthorization("ak0001", "sk0001", at, "GET", "/v1/BCE-BEARER/token", "expireInSeconds=86400", "iam.bj.baidubce.com")
	const want = "bce-auth-v1/ak0001/2023-11-14T22:13:20Z/1800/host/ae3cbf451983864faf386dff5f6375f25eaa54a372adb4c55762735f04d64e59"
	if got != want {
		t.Errorf("authorization %s, want %s", got, want)
	}
}

// tokenServer gives tokens, one after the other, and checks nothing.
type tokenServer struct {
	mu     sync.Mutex
	given  int
	wait   time.Duration
	answer func(n int) (status int, header http.Header, body string)
	asked  []*http.Request
	bodies []string
}

func (s *tokenServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := pauseFor(req.Context(), s.wait); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given++
	s.asked = append(s.asked, req)
	if req.Body != nil {
		b, _ := io.ReadAll(req.Body)
		s.bodies = append(s.bodies, string(b))
	}
	status, header, body := s.answer(s.given)
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tokenServer{wait: time.Second, answer: func(n int) (int, http.Header, string) {
			return 201, nil, `{"token":"t` + strings.Repeat("x", n) + `","expireTime":"` + time.Now().Add(24*time.Hour).Format(time.RFC3339) + `"}`
		}}
		signs := bceToken(&http.Client{Transport: s}, "https://iam.example", "ak0001", "sk0001")
		sign := func(ctx context.Context) (*http.Request, error) {
			req := &http.Request{Header: http.Header{}, URL: &url.URL{}}
			return req, signs.sign(ctx, req, nil)
		}
		// Many ask at once, one fetches; who waits can go away.
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if req, err := sign(t.Context()); err != nil || req.Header.Get("Authorization") != "Bearer tx" {
					t.Errorf("%v, %v", req.Header, err)
				}
			})
		}
		left := errors.New("left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(left) })
		if _, err := sign(ctx); !errors.Is(err, left) {
			t.Errorf("who left got %v", err)
		}
		all.Wait()
		if s.given != 1 {
			t.Errorf("%d tokens were fetched, want one", s.given)
		}
		if a := s.asked[0]; a.URL.String() != "https://iam.example/v1/BCE-BEARER/token?expireInSeconds=86400" || !strings.HasPrefix(a.Header.Get("Authorization"), "bce-auth-v1/ak0001/2000-01-01T") {
			t.Errorf("asked %s %v", a.URL, a.Header)
		}
		// It is renewed ten minutes before its end.
		time.Sleep(24*time.Hour - 10*time.Minute - 3*time.Second)
		if req, _ := sign(t.Context()); bare(req.Header.Get("Authorization")) != "tx" {
			t.Error("a token that holds was fetched anew")
		}
		time.Sleep(3 * time.Second)
		second, _ := sign(t.Context())
		if bare(second.Header.Get("Authorization")) != "txx" {
			t.Errorf("%v, want a new token before the end of the old one", second.Header)
		}
		// A refused one is fetched anew, but not one that was fetched just now.
		if signs.renew(second) {
			t.Error("a token that was fetched just now is fetched again")
		}
		time.Sleep(tokenRest)
		if !signs.renew(second) {
			t.Error("a refused token is not fetched anew")
		}
		third, _ := sign(t.Context())
		if bare(third.Header.Get("Authorization")) != "txxx" || !signs.renew(second) {
			t.Errorf("%v", third.Header)
		}
	})
}

func TestTokenFailures(t *testing.T) {
	f := func(name string, status int, header http.Header, body string, kind llm.ErrorKind, message string) {
		t.Helper()
		s := &tokenServer{answer: func(int) (int, http.Header, string) { return status, header, body }}
		signs := oauthToken(&http.Client{Transport: s}, "https://aip.example/oauth/2.0/token", "id0001", "secret0001")
		err := signs.sign(t.Context(), &http.Request{Header: http.Header{}, URL: &url.URL{}}, nil)
		if e := llm.AsError(err); e == nil || e.Kind != kind || !strings.Contains(e.Message, message) {
			t.Errorf("%s: %v, want %s: %s", name, err, kind, message)
		}
	}
	f("refused", 401, nil, `{"error":"invalid_client","error_description":"Client authentication failed"}`, llm.Unauthorized, "no token was given: invalid_client")
	f("refused as a bad request", 400, nil, `{}`, llm.Unauthorized, "no token was given")
	f("refused with 200", 200, nil, `{"error":"invalid_client","error_description":"unknown client id"}`, llm.Unauthorized, "unknown client id")
	f("busy", 503, http.Header{"Retry-After": {"3"}}, ``, llm.Overloaded, "no token was given")
	f("no JSON", 200, nil, `<html>`, llm.Protocol, "no JSON")
	f("no token", 200, nil, `{"expires_in":100}`, llm.Protocol, "none that a header can carry")
	f("a line break in it", 200, nil, `{"access_token":"a\nb","expires_in":100}`, llm.Protocol, "none that a header can carry")
	f("ended", 200, nil, `{"access_token":"a","expires_in":-1}`, llm.Protocol, "ended already")
	f("endless", 200, nil, strings.Repeat("x", maxTokenBytes+2), llm.Protocol, "longer than")
}

// The password goes to IAM and nowhere else; the token is put into every call
// and is fetched anew when the server refuses it.
func TestPanguIAM(t *testing.T) {
	refuse := false
	s := &tokenServer{}
	s.answer = func(n int) (int, http.Header, string) {
		if req := s.asked[len(s.asked)-1]; req.URL.Host == "iam.cn-southwest-2.myhuaweicloud.com" {
			return 201, http.Header{"X-Subject-Token": {"token-" + strings.Repeat("i", n)}}, `{"token":{"expires_at":"` + time.Now().Add(24*time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z") + `"}}`
		}
		if refuse {
			refuse = false
			return 401, nil, `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: token expired"}`
		}
		return 200, nil, `{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}}`
	}
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Name: "p", Use: "pangu-iam", Key: "pass word!", BaseURL: "https://pangulm.example/v1/p1/deployments/d1",
			Params: &IAMParams{User: "u", Domain: "d", Region: "cn-southwest-2"}, Client: &http.Client{Transport: s}})
		if err != nil {
			t.Fatal(err)
		}
		say := func() string {
			reply, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
			if err != nil || reply.Text != "hi" {
				t.Fatalf("%q, %v", reply.Text, err)
			}
			return s.asked[len(s.asked)-1].Header.Get("X-Auth-Token")
		}
		if got := say(); got != "token-i" {
			t.Errorf("token %q", got)
		}
		if want := `{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"d"},"name":"u","password":"pass word!"}}},"scope":{"project":{"name":"cn-southwest-2"}}}}`; s.bodies[0] != want {
			t.Errorf("asked IAM %s, want %s", s.bodies[0], want)
		}
		if got := say(); got != "token-i" || len(s.asked) != 3 {
			t.Errorf("token %q after %d calls, want the same one", got, len(s.asked))
		}
		time.Sleep(time.Hour)
		refuse = true
		if got := say(); got != "token-iiiii" || len(s.asked) != 6 {
			t.Errorf("token %q after %d calls, want a new one", got, len(s.asked))
		}
		for i, req := range s.asked {
			if iam := req.URL.Host != "pangulm.example"; !iam && (strings.Contains(s.bodies[i], "pass word") || req.Header.Get("Authorization") != "") {
				t.Error("the password left for the model's server")
			}
		}
		if p, _ := llm.As[llm.Prober](m); p.Probe(t.Context()) != nil {
			t.Error("the probe fails")
		}
	})
}
