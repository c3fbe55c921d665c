package verify

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int, body string) transport {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Location": {"http://elsewhere.invalid/"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func newRemote(t *testing.T, p HTTPParams, rt http.RoundTripper) Checker {
	t.Helper()
	if p.URL == "" {
		p.URL = "http://verifier.invalid/secret-path"
	}
	c, err := New("http", Env{Transport: rt}, &p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHTTP(t *testing.T) {
	f := func(status int, body string, want Finding, wantErr string) {
		t.Helper()
		got, err := newRemote(t, HTTPParams{}, answering(status, body)).Check(t.Context(), &Case{Text: "42"})
		if got != want || (err == nil) != (wantErr == "") || err != nil && (!strings.Contains(err.Error(), wantErr) || strings.Contains(err.Error(), "secret-path")) {
			t.Errorf("%d %q: %+v, %v, want %+v, %q", status, clip(body, 80), got, err, want, wantErr)
		}
	}
	f(200, `{"pass": true}`, Finding{Pass: true}, "")
	f(200, `{"pass": false, "message": "off by one", "score": 0.5, "more": 1}`, Finding{Message: "off by one", Score: 0.5}, "")
	f(200, `{"pass": false, "message": "`+strings.Repeat("x", 3000)+`"}`, Finding{Message: strings.Repeat("x", MaxMessageBytes-3) + "…"}, "")
	f(200, `{"message": "fine"}`, Finding{}, `has no "pass"`)
	f(200, `{"pass": "yes"}`, Finding{}, "no JSON of the form")
	f(200, `{"pass": true, "score": 1e999}`, Finding{}, "no JSON of the form")
	f(200, ``, Finding{}, "no JSON of the form")
	f(200, `{"pass": true, "message": "`+strings.Repeat("x", maxHTTPBytes)+`"}`, Finding{}, "longer than 65536 bytes")
	f(500, `{"pass": true}`, Finding{}, "status 500, want 200")
	f(204, ``, Finding{}, "status 204, want 200")
	f(302, `{"pass": true}`, Finding{}, "status 302, want 200") // and nobody else is asked
}

func TestHTTPSends(t *testing.T) {
	for _, question := range []bool{true, false} {
		var got map[string]string
		c := newRemote(t, HTTPParams{SendQuestion: question}, transport(func(r *http.Request) (*http.Response, error) {
			if r.Method != "POST" || r.URL.String() != "http://verifier.invalid/secret-path" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Error(err)
			}
			return answering(200, `{"pass": true}`)(r)
		}))
		if f, err := c.Check(t.Context(), &Case{Question: "6 × 7?", Text: "It is 42.", Answer: "42"}); err != nil || !f.Pass {
			t.Errorf("%+v, %v", f, err)
		}
		asked, sent := got["question"]
		if got["text"] != "It is 42." || got["answer"] != "42" || sent != question || sent && asked != "6 × 7?" {
			t.Errorf("send_question %v: sent %v", question, got)
		}
	}
}

func TestHTTPWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for s, want := range map[float64]time.Duration{0: 10 * time.Second, 2.5: 2500 * time.Millisecond} {
			start := time.Now()
			f, err := newRemote(t, HTTPParams{Seconds: s}, hangs).Check(t.Context(), &Case{Text: "x"})
			if f.Pass || err == nil || err.Error() != "the verifier did not answer: the time limit passed" || time.Since(start) != want {
				t.Errorf("%+v, %v after %v, want no answer after %v", f, err, time.Since(start), want)
			}
		}
	})
}

func TestHTTPRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"": "url: want http", "verifier": "url: want http", "file:///etc/passwd": "url: want http", "http://": "url: want http",
		"http://me:word@host/": "a user name or a password",
	} {
		if _, err := New("http", Env{}, &HTTPParams{URL: url}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "word@") {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
	if _, err := New("http", Env{}, &HTTPParams{URL: "http://host", Seconds: 301}); err == nil || !strings.Contains(err.Error(), "seconds: 301, want 0 to 300") {
		t.Error(err)
	}
}

func FuzzFinding(f *testing.F) {
	f.Add([]byte(`{"pass": true, "message": "m", "score": 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := readFinding(text)
		if err != nil && got != (Finding{}) {
			t.Errorf("%+v beside %v", got, err)
		}
	})
}
