package member

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"summit/dialect"
	"summit/llm"
)

func init() {
	nativeSuite["anthropic"] = native{
		piece: `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"%s"}}`,
		end:   `data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}` + "\n\n" + `data: {"type":"message_stop"}` + "\n\n",
	}
	nativeSuite["responses"] = native{
		piece: `{"type":"response.output_text.delta","output_index":0,"delta":"%s"}`,
		end:   `data: {"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":9,"output_tokens":3}}}` + "\n\n",
	}
	nativeSuite["gemini"] = native{
		piece: `{"candidates":[{"content":{"parts":[{"text":"%s"}]}}]}`,
		end:   `data: {"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3}}` + "\n\n",
	}
}

// serving is a http.RoundTripper that answers what a function says.
type serving func(r *http.Request) (status int, body string)

func (s serving) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := s(r)
	h := http.Header{"Content-Type": {"application/json"}}
	if strings.HasPrefix(body, "data:") {
		h.Set("Content-Type", "text/event-stream")
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func newServed(t *testing.T, use string, params any, s serving) llm.Member {
	t.Helper()
	m, err := New(Config{Name: "m", Use: use, Key: "sk-own-secret", Params: params, Client: &http.Client{Transport: s}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The key is in the vendor's own header and nowhere else, and in no error.
func TestNativeKeys(t *testing.T) {
	f := func(use, header, value string, params any, more ...string) {
		t.Helper()
		m := newServed(t, use, params, func(r *http.Request) (int, string) {
			if got := r.Header.Get(header); got != value {
				t.Errorf("%s: %s is %q, want %q", use, header, got, value)
			}
			for i := 0; i < len(more); i += 2 {
				if got := r.Header.Get(more[i]); got != more[i+1] {
					t.Errorf("%s: %s is %q, want %q", use, more[i], got, more[i+1])
				}
			}
			for name, values := range r.Header {
				if name != header && strings.Contains(strings.Join(values, " "), "sk-own-secret") {
					t.Errorf("%s: the key is in %s too", use, name)
				}
			}
			return 401, `{"error":{"message":"sk-own-secret is wrong","type":"authentication_error","status":"UNAUTHENTICATED"}}`
		})
		_, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
		if e := llm.AsError(err); e == nil || e.Kind != llm.Unauthorized || strings.Contains(e.Error(), "secret") {
			t.Errorf("%s: %v, want unauthorized without the key", use, err)
		}
		if err := m.(llm.Prober).Probe(t.Context()); llm.AsError(err).Kind != llm.Unauthorized {
			t.Errorf("%s: probe: %v", use, err)
		}
		if _, ok := llm.As[llm.Embedder](m); ok != (use == "gemini") {
			t.Errorf("%s: is an embedder: %v", use, ok)
		}
	}
	f("anthropic", "X-Api-Key", "sk-own-secret", nil, "Anthropic-Version", "2023-06-01", "Anthropic-Beta", "")
	f("anthropic", "Authorization", "Bearer sk-own-secret", &AnthropicParams{Bearer: true, Version: "v", Beta: []string{"a", "b"}}, "Anthropic-Version", "v", "Anthropic-Beta", "a,b")
	f("responses", "Authorization", "Bearer sk-own-secret", nil)
	f("gemini", "X-Goog-Api-Key", "sk-own-secret", nil)
}

func TestNativeRefusesQuirks(t *testing.T) {
	for _, use := range []string{"anthropic", "responses", "gemini"} {
		k, _ := Lookup(use)
		p := k.Params().(params)
		p.common().Quirks.ThinkingSwitch = "thinking"
		if _, err := New(Config{Name: "m", Use: use, Params: p}); err == nil || !strings.Contains(err.Error(), "thinking_switch is of Chat Completions") {
			t.Errorf("%s: %v, want an error that names the quirk", use, err)
		}
		if _, err := New(Config{Name: "m", Use: use, Key: "a b"}); err == nil {
			t.Errorf("%s: a key with a blank, want an error", use)
		}
	}
}

func TestCountTokens(t *testing.T) {
	answer := `{"input_tokens":42}`
	status := 200
	m := newServed(t, "anthropic", nil, func(r *http.Request) (int, string) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1/messages/count_tokens" || strings.Contains(string(body), "max_tokens") || !strings.Contains(string(body), `"model":"claude-sonnet-5"`) {
			t.Errorf("%s %s", r.URL.Path, body)
		}
		return status, answer
	})
	counter, ok := llm.As[llm.TokenCounter](m)
	if !ok {
		t.Fatal("no counter")
	}
	if n, err := counter.CountTokens(t.Context(), ask("hi")); n != 42 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{`{}`, `[`, `{"input_tokens":-1}`} {
		answer = bad
		if _, err := counter.CountTokens(t.Context(), ask("hi")); llm.AsError(err).Kind != llm.Protocol {
			t.Errorf("%s: %v", bad, err)
		}
	}
	status, answer = 404, `{"type":"error","error":{"type":"not_found_error","message":"m"}}`
	if _, err := counter.CountTokens(t.Context(), ask("hi")); llm.AsError(err).Kind != llm.NotFound || llm.AsError(err).Member != "m" {
		t.Errorf("%v", err)
	}
}

// A caller whose protocol has no place for signatures gets them sent back all
// the same.
func TestGeminiKeepsSignatures(t *testing.T) {
	var sent string
	m := newServed(t, "gemini", nil, func(r *http.Request) (int, string) {
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		return 200, `data: {"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"f"},"thoughtSignature":"U2ln"},{"functionCall":{"id":"c2","name":"f"}}]},"finishReason":"STOP"}]}` + "\n\n"
	})
	reply, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
	if err != nil || len(reply.Calls) != 2 {
		t.Fatal(reply, err)
	}
	call, err := dialect.OpenAI{}.Decode([]byte(`{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"2"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := llm.Collect(m.Generate(t.Context(), call.Request)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(sent, `{"functionCall":{"id":"c1","name":"f","args":{}},"thoughtSignature":"U2ln"},{"functionCall":{"id":"c2","name":"f","args":{}}}]`) {
		t.Errorf("sent %s", sent)
	}
	var s signatures
	for i := range 3 * maxSignatures {
		s.keep(string(rune('a'+i%26))+strings.Repeat("x", i/26), "s")
	}
	s.keep("big", strings.Repeat("s", maxSignatureBytes))
	s.keep("huge", strings.Repeat("s", maxSignatureBytes+1))
	if len(s.byID) != len(s.order) || len(s.order) > maxSignatures || s.of("big") == "" || s.of("huge") != "" {
		t.Errorf("%d signatures, %d in order", len(s.byID), len(s.order))
	}
}

func TestGeminiModels(t *testing.T) {
	ids, err := readGeminiModels(strings.NewReader(`{"models":[{"name":"models/a"},{"name":""},{"name":"b"}]}`), 1000)
	if err != nil || strings.Join(ids, " ") != "a b" {
		t.Errorf("%q, %v", ids, err)
	}
	for _, bad := range []string{`[]`, strings.Repeat(" ", 1001)} {
		if _, err := readGeminiModels(strings.NewReader(bad), 1000); llm.AsError(err).Kind != llm.Protocol {
			t.Errorf("%v", err)
		}
	}
}
