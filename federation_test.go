package summit

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"summit/llm"
	"summit/money"
)

// served opens a Summit behind a real listener and returns it with its address.
func served(t *testing.T, members map[string]Member) (*Summit, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{DataDir: t.TempDir(), Members: members, Identity: Identity{Auth: "none"}, Log: Log{Level: "error"}})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.Handler()}}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, "http://" + l.Addr().String()
}

// One Summit asks another: the answer, what happened there, what it cost and
// what it did not get come along.
func TestFederation(t *testing.T) {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"model":"v-1","choices":[{"delta":{"reasoning_content":"hm"}}]}`+"\n\n"+`data: {"choices":[{"delta":{"content":"你好"}}]}`+"\n\n"+
			`data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":60}}}`+"\n\ndata: [DONE]\n\n")
	}))
	defer vendor.Close()
	rate := func(s string) money.Rate {
		r, err := money.ParseRate(s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	hit := rate("0.5")
	_, below := served(t, map[string]Member{"v": {Use: "openai", BaseURL: vendor.URL, Model: "v-1", Price: []Price{{Input: rate("1"), Output: rate("2"), CacheRead: &hit}}}})
	above, _ := served(t, map[string]Member{
		"everest": {Use: "summit", BaseURL: below + "/v1"},
		"plain":   {Use: "summit", BaseURL: below + "/v1", Model: "v", Price: []Price{{Input: rate("10"), Output: rate("10")}}},
	})
	ask := func(name, text string) (*llm.Reply, error) {
		t.Helper()
		m, err := above.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}, Streaming: true}
		return llm.Collect(m.Generate(t.Context(), r))
	}
	reply, err := ask("everest", "hi")
	if err != nil || reply.Text != "你好" || reply.Reasoning != "hm" {
		t.Fatalf("%q, %q, %v", reply.Text, reply.Reasoning, err)
	}
	o := reply.Outcome
	if u := o.Usage; u.Input != llm.Counted(40) || u.CacheRead != llm.Counted(60) || u.Output != llm.Counted(10) || u.Calls.N != 1 {
		t.Errorf("usage %+v", u)
	}
	if o.Member != "everest" || len(o.Parts) != 0 || o.Remote == nil || !slices.ContainsFunc(o.Remote.Leaves(), func(l *llm.Outcome) bool { return l.Member == "v" && l.Model == "v-1" }) {
		t.Errorf("outcome %+v, remote %+v", o, o.Remote)
	}
	if o.Cost == nil || o.Cost.Amount != 40+30+20 || o.Cost.Currency != "CNY" {
		t.Errorf("cost %+v, want the other server's", o.Cost)
	}
	if text, err := o.MarshalJSON(); err != nil || !strings.Contains(string(text), `"remote":{"member":"summit"`) {
		t.Errorf("%s, %v", text, err)
	}
	if reply, err := ask("plain", "hi"); err != nil || reply.Outcome.Cost == nil || reply.Outcome.Cost.Amount != 1100 {
		t.Errorf("%+v, %v, want the cost by our price", reply.Outcome.Cost, err)
	}
}

// A request that comes back to where it has been is refused, instead of going
// round for ever.
func TestFederationLoop(t *testing.T) {
	// The address of each is known before the other is opened.
	front := httptest.NewUnstartedServer(nil)
	address := "http://" + front.Listener.Addr().String()
	_, below := served(t, map[string]Member{"back": {Use: "summit", BaseURL: address + "/v1", Model: "down"}})
	s, err := Open(t.Context(), Config{DataDir: t.TempDir(), Identity: Identity{Auth: "none"}, Log: Log{Level: "error"},
		Members: map[string]Member{"down": {Use: "summit", BaseURL: below + "/v1", Model: "back"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var asked atomic.Int64
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		s.Handler().ServeHTTP(w, r)
	})
	front.Start()
	defer front.Close()
	start := time.Now()
	resp, err := http.Post(address+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"down","messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 || !strings.Contains(string(text), "came back to this server through 1 others") || asked.Load() != 2 {
		t.Errorf("status %d, %s after %d requests, want it refused when it comes back", resp.StatusCode, text, asked.Load())
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
