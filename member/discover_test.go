package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hosts is an http.RoundTripper over several hosts; others refuse.
type hosts struct {
	at    map[string]http.RoundTripper
	mu    sync.Mutex
	asked []string
}

func (h *hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.asked = append(h.asked, req.Method+" "+req.URL.String())
	h.mu.Unlock()
	if s, ok := h.at[req.URL.Host]; ok {
		return s.RoundTrip(req)
	}
	return nil, errors.New("connection refused")
}

func listing(list string) *fakeServer { return &fakeServer{pieces: []fakePiece{{0, list}}} }

func TestDiscover(t *testing.T) {
	f := func(name string, env map[string]string, servers map[string]http.RoundTripper, took time.Duration, want []Found, skip ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			h := &hosts{at: servers}
			start := time.Now()
			got := Discover(t.Context(), func(k string) string { return env[k] }, &http.Client{Transport: h}, skip...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", name, diff)
			}
			if time.Since(start) != took {
				t.Errorf("%s: took %v, want %v", name, time.Since(start), took)
			}
			for _, a := range h.asked {
				if !strings.HasPrefix(a, "GET http://127.0.0.1:") || !strings.HasSuffix(a, "/v1/models") {
					t.Errorf("%s: asked %s", name, a)
				}
			}
			if len(h.asked) != 5-len(skip) {
				t.Errorf("%s: %d probes: %q", name, len(h.asked), h.asked)
			}
		})
	}
	f("nothing here", nil, nil, 0, nil)
	f("keys", map[string]string{"GLM_API_KEY": "x", "DASHSCOPE_API_KEY": "y", "OPENAI_API_KEY": " z ", "KIMI": "no"}, nil, 0, []Found{
		{Kind: "glm", BaseURL: "https://open.bigmodel.cn/api/paas/v4", KeyEnv: "GLM_API_KEY", Models: []string{"glm-5.3"}},
		{Kind: "openai", BaseURL: "https://api.openai.com/v1", KeyEnv: "OPENAI_API_KEY"},
		{Kind: "qwen", BaseURL: "https://dashscope.aliyuncs.com/compatible-mode/v1", KeyEnv: "DASHSCOPE_API_KEY", Models: []string{"qwen3.8-max"}},
	})
	f("the first key counts, blanks do not", map[string]string{"ZHIPUAI_API_KEY": "  ", "GLM_API_KEY": "x"}, nil, 0, []Found{
		{Kind: "glm", BaseURL: "https://open.bigmodel.cn/api/paas/v4", KeyEnv: "GLM_API_KEY", Models: []string{"glm-5.3"}},
	})
	const two = `{"object":"list","data":[{"id":"a","object":"model","created":1,"owned_by":"x"},{"id":""},{"id":"b"}]}`
	f("servers of all sorts", nil, map[string]http.RoundTripper{
		"127.0.0.1:11434": listing(two),
		"127.0.0.1:8000":  listing("<html>"),
		"127.0.0.1:8080":  &fakeServer{status: 401, pieces: []fakePiece{{0, two}}},
		"127.0.0.1:30000": &fakeServer{wait: -1},
	}, 300*time.Millisecond, []Found{{Kind: "ollama", BaseURL: "http://127.0.0.1:11434/v1", Models: []string{"a", "b"}}})
	f("odd lists", nil, map[string]http.RoundTripper{
		"127.0.0.1:11434": listing(`{"data":[]}`),
		"127.0.0.1:8000":  listing(`{"data":"x"}`),
		"127.0.0.1:8080":  listing(strings.Repeat(" ", 2<<20)),
		"127.0.0.1:30000": &fakeServer{status: 302, header: map[string]string{"Location": "http://127.0.0.1:11434/v1/models"}},
	}, 0, nil)
	f("a slow one is still found", nil, map[string]http.RoundTripper{"127.0.0.1:8000": &fakeServer{wait: 299 * time.Millisecond, pieces: []fakePiece{{0, two}}}},
		299*time.Millisecond, []Found{{Kind: "vllm", BaseURL: "http://127.0.0.1:8000/v1", Models: []string{"a", "b"}}})
	for _, own := range []string{"127.0.0.1:8080", ":8080", "localhost:8080", "0.0.0.0:8080", "[::]:8080"} {
		f("our own port "+own, nil, map[string]http.RoundTripper{"127.0.0.1:8080": listing(two)}, 0, nil, own)
	}
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, `{"id":"m%d"},`, i)
	}
	synctest.Test(t, func(t *testing.T) {
		h := &hosts{at: map[string]http.RoundTripper{"127.0.0.1:8000": listing(`{"data":[` + many.String() + `{"id":"last"}]}`)}}
		got := Discover(t.Context(), func(string) string { return "" }, &http.Client{Transport: h})
		if len(got) != 1 || len(got[0].Models) != 100 || got[0].Models[99] != "m99" {
			t.Errorf("found %+v, want a hundred models", got)
		}
	})
}

// Over real sockets: the client dials a test server in place of the usual port.
func TestDiscoverOverSockets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, `{"data":[{"id":"real"}]}`)
	}))
	defer server.Close()
	var dialer net.Dialer
	transport := &http.Transport{}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "127.0.0.1:8000" {
			return dialer.DialContext(ctx, network, server.Listener.Addr().String())
		}
		return nil, errors.New("connection refused")
	}
	defer transport.CloseIdleConnections()
	got := Discover(t.Context(), func(string) string { return "" }, &http.Client{Transport: transport})
	if len(got) != 1 || got[0].Kind != "vllm" || len(got[0].Models) != 1 || got[0].Models[0] != "real" {
		t.Errorf("found %+v, want vllm with its model", got)
	}
}

// Any bytes as a list of models: ids, few and short, or an error.
func FuzzModels(f *testing.F) {
	f.Add([]byte(`{"object":"list","data":[{"id":"a"},{"id":""},{"id":7}]}`))
	f.Add([]byte(`{"data":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ids, err := readModels(bytes.NewReader(body), 1<<10)
		if len(body) > 1<<10 && err == nil {
			t.Fatalf("%d bytes were read", len(body))
		}
		for _, id := range ids {
			if id == "" || len(id) > 512 || err != nil {
				t.Fatalf("%q: ids %q, error %v", body, ids, err)
			}
		}
	})
}
