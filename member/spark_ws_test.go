package member

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"summit/llm"
)

func TestSparkSignature(t *testing.T) {
	s := &sparkKey{key: "apikey0001", secret: "apisecret0001"}
	if got := s.signature("spark-api.xf-yun.com", "Tue, 14 Nov 2023 22:13:20 GMT", "/v4.0/chat"); got != "rAp+RTJIpW824zxqx/+BqYbQBBNgLqXdUvcxuwZQB+E=" {
		t.Errorf("signature %s", got)
	}
	for username, want := range map[bool]string{false: `api_key="apikey0001", `, true: `hmac username="apikey0001", `} {
		s.username = username
		req, _ := http.NewRequest(http.MethodPost, "wss://spark-api.xf-yun.com/v4.0/chat", nil)
		if err := s.sign(t.Context(), req, nil); err != nil {
			t.Fatal(err)
		}
		q := req.URL.Query()
		origin, _ := base64.StdEncoding.DecodeString(q.Get("authorization"))
		want += `algorithm="hmac-sha256", headers="host date request-line", signature="` + s.signature("spark-api.xf-yun.com", q.Get("date"), "/v4.0/chat") + `"`
		if string(origin) != want || q.Get("host") != "spark-api.xf-yun.com" {
			t.Errorf("authorization %s, want %s", origin, want)
		}
		if at, err := http.ParseTime(q.Get("date")); err != nil || time.Since(at).Abs() > 2*time.Second {
			t.Errorf("date %s", q.Get("date"))
		}
	}
}

// sparkServer takes real connections; say is what it does with one.
func sparkServer(t *testing.T, say func(ctx context.Context, c *websocket.Conn, path, frame string)) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("authorization") == "" || r.Header.Get("Authorization") != "" {
			t.Errorf("the address is not signed, or the key is in a header: %v", r.Header)
		}
		if strings.HasPrefix(r.URL.Path, "/v3.1/") {
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"message":"HMAC signature does not match"}`))
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		_, frame, err := c.Read(r.Context())
		if err != nil {
			return // a probe
		}
		say(r.Context(), c, r.URL.Path, string(frame))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func newSpark(t *testing.T, base, model string) llm.Member {
	t.Helper()
	// A connect timeout of its own, so that the test has a client of its own.
	p := &SparkParams{AppID: "app1", OpenAIParams: OpenAIParams{ConnectTimeout: 9*time.Second + 2}}
	m, err := New(Config{Name: "s", Use: "spark-ws", BaseURL: base, Key: "apikey0001:apisecret0001", Model: model, Params: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(httpClient(nil, p.ConnectTimeout).CloseIdleConnections)
	return m
}

const sparkFrame = `{"header":{"code":0,"sid":"s1","status":STATUS},"payload":{"choices":{"status":STATUS,"text":[{"content":"TEXT","role":"assistant"}]},"usage":{"text":{"prompt_tokens":9,"completion_tokens":3}}}}`

func frame(status, text string) []byte {
	return []byte(strings.NewReplacer("STATUS", status, "TEXT", text, `,"role"`, ",\r\n\"role\"").Replace(sparkFrame))
}

func TestSparkSocket(t *testing.T) {
	var asked []string
	base := sparkServer(t, func(ctx context.Context, c *websocket.Conn, path, text string) {
		asked = append(asked, path+" "+text)
		for _, f := range [][]byte{frame("0", "你"), frame("1", "好"), frame("2", "。")} {
			c.Write(ctx, websocket.MessageText, f)
		}
		<-ctx.Done() // the vendor leaves the connection open
	})
	m := newSpark(t, base, "4.0Ultra")
	start := time.Now()
	reply, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
	if err != nil || reply.Text != "你好。" || reply.Outcome.Usage.Input != llm.Counted(9) {
		t.Errorf("%q, %+v, %v", reply.Text, reply.Outcome, err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the answer took %v: it waits for an end that does not come", took)
	}
	if want := `/v4.0/chat {"header":{"app_id":"app1"},"parameter":{"chat":{"domain":"4.0Ultra"}},"payload":{"message":{"text":[{"role":"user","content":"hi"}]}}}`; len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %s", asked, want)
	}
	if p, ok := llm.As[llm.Prober](m); !ok || p.Probe(t.Context()) != nil {
		t.Error("the probe fails")
	}
}

func TestSparkSocketFailures(t *testing.T) {
	gone := make(chan struct{}, 1)
	base := sparkServer(t, func(ctx context.Context, c *websocket.Conn, _, text string) {
		c.Write(ctx, websocket.MessageText, frame("0", "a"))
		switch {
		case strings.Contains(text, "cut"):
		case strings.Contains(text, "bye"):
			c.Close(websocket.StatusNormalClosure, "")
		case strings.Contains(text, "flood"):
			c.Write(ctx, websocket.MessageText, make([]byte, 9<<20))
		case strings.Contains(text, "hang"):
			c.Read(ctx)
			gone <- struct{}{}
		}
	})
	f := func(text, model string, kind llm.ErrorKind, message, came string) {
		t.Helper()
		reply, err := llm.Collect(newSpark(t, base, model).Generate(t.Context(), ask(text)))
		if e := llm.AsError(err); e == nil || e.Kind != kind || !strings.Contains(e.Message, message) || reply.Text != came {
			t.Errorf("%s: %q, %v, want %s: %s", text, reply.Text, err, kind, message)
		}
		if err != nil && strings.Contains(err.Error(), "authorization") {
			t.Errorf("the signed address is in %v", err)
		}
	}
	f("cut", "lite", llm.Cut, "broke off", "a")
	f("bye", "lite", llm.Cut, "broke the stream off before its finish_reason", "a")
	f("flood", "lite", llm.Protocol, "an event of more than", "a")
	f("refused", "generalv3", llm.Forbidden, "HMAC signature does not match", "")

	left := errors.New("left")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	var at time.Time
	for e, err := range newSpark(t, base, "lite").Generate(ctx, ask("hang")) {
		if e.Kind == llm.KindText {
			at = time.Now()
			cancel(left)
		}
		last = err
	}
	if !errors.Is(last, left) {
		t.Errorf("canceled: %v", last)
	}
	<-gone // the server saw it
	if took := time.Since(at); took > 5*time.Second {
		t.Errorf("the server saw after %v that the caller left", took)
	}
	m := newSpark(t, "http://127.0.0.1:1", "lite")
	if _, err := llm.Collect(m.Generate(t.Context(), ask("hi"))); llm.AsError(err).Kind != llm.Overloaded || strings.Contains(err.Error(), "authorization") {
		t.Errorf("no server: %v", err)
	}
}

// A conversation over WebSocket is recorded and played like any other, without
// the key.
func TestSparkRecorded(t *testing.T) {
	base := sparkServer(t, func(ctx context.Context, c *websocket.Conn, _, _ string) {
		c.Write(ctx, websocket.MessageText, frame("2", "你好"))
	})
	file := filepath.Join(t.TempDir(), "exchanges.jsonl")
	for _, record := range []bool{true, false} {
		r, err := func() (llm.Member, error) {
			inner := Config{Name: "s", Use: "spark-ws", BaseURL: base, Key: "apikey0001:apisecret0001", Params: &SparkParams{AppID: "app1"}}
			if record {
				rec, err := NewRecorder(file, newTransport(time.Second))
				if err != nil {
					return nil, err
				}
				t.Cleanup(func() { rec.Close() })
				inner.Client = &http.Client{Transport: rec}
			} else {
				player, err := OpenPlayer(file)
				if err != nil {
					return nil, err
				}
				inner.Client = &http.Client{Transport: player}
			}
			return New(inner)
		}()
		if err != nil {
			t.Fatal(err)
		}
		reply, err := llm.Collect(r.Generate(t.Context(), ask("hi")))
		if err != nil || reply.Text != "你好" {
			t.Errorf("record %v: %q, %v", record, reply.Text, err)
		}
	}
}
