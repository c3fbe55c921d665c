package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

// embedder is a member with vectors and a tokenizer of its own.
type embedder struct{ llm.Member }

func (e embedder) Embed(_ context.Context, texts []string, _ int) ([][]float32, llm.Usage, error) {
	var all [][]float32
	for i, t := range texts {
		if t == "busy" {
			return nil, llm.Usage{}, &llm.Error{Kind: llm.Overloaded, Member: "vectors", Message: "busy"}
		}
		all = append(all, []float32{float32(i), float32(len(t))})
	}
	return all, llm.Usage{Input: llm.Counted(7)}, nil // vectors have no output, and servers say nothing of it
}

func (e embedder) CountTokens(context.Context, *llm.Request) (int, error) { return 42, nil }

func TestEmbeddings(t *testing.T) {
	priced := hello("vectors")
	priced.Facts.Prices = []llm.Price{{Currency: "CNY", Input: 2 * money.Micro}}
	s := start(t, nil, hello("m"), embedder{priced})
	got := s.do("POST", "/v1/embeddings", `{"model":"vectors","input":["a","bcd"]}`)
	want := `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0,1]},{"object":"embedding","index":1,"embedding":[1,3]}],"model":"vectors","usage":{"prompt_tokens":7,"total_tokens":7}}`
	if got.status != 200 || got.body != want {
		t.Errorf("%d %s, want %s", got.status, got.body, want)
	}
	f := func(body string, status int, parts ...string) {
		t.Helper()
		s.do("POST", "/v1/embeddings", body).wantError(t, status, parts...)
	}
	f(`{"model":"m","input":"a"}`, 400, "no embeddings")
	f(`{"model":"none","input":"a"}`, 404)
	f(`{"model":"vectors","input":"busy"}`, 503, "busy")
	f(`{"model":"vectors","input":"a","dimensions":3}`, 400, "dimensions")
	f(`{"model":"vectors","input":`, 400)
	all := s.entries()
	if n := len(all); n != 3 {
		t.Fatalf("%d entries in the run log, want 3: one for each time that a member was asked", n)
	}
	cost := `"cost":{"amount":"0.000014","currency":"CNY"`
	if first := string(all[2].Outcome); !strings.Contains(first, cost) {
		t.Errorf("the log has %s, want %s", first, cost)
	}
}

func TestCountTokens(t *testing.T) {
	s := start(t, nil, hello("m"), embedder{hello("counts")})
	f := func(model, want string) {
		t.Helper()
		got := s.do("POST", "/v1/messages/count_tokens", `{"model":"`+model+`","system":"be brief","messages":[{"role":"user","content":"你好"}]}`)
		if got.status != 200 || strings.TrimSpace(got.body) != want {
			t.Errorf("%d %s, want %s", got.status, got.body, want)
		}
	}
	f("m", `{"input_tokens":4,"estimated":true}`) // 8/3.8 + 2/1.6
	f("counts", `{"input_tokens":42}`)
	if got := s.do("POST", "/v1/messages/count_tokens", `{"model":"m"}`); got.status != 400 || !strings.HasPrefix(got.body, `{"type":"error"`) {
		t.Errorf("%d %s, want an error of the protocol", got.status, got.body)
	}
	if n := len(s.entries()); n != 0 {
		t.Errorf("%d entries in the run log, want none: nobody was asked", n)
	}
}

func TestModelsForms(t *testing.T) {
	s := start(t, nil, hello("m"))
	list := func(path string, headers ...string) (v struct {
		Object, Type, ID string
		HasMore          *bool `json:"has_more"`
		Data             []struct {
			ID, Object, Type string
			Display          string `json:"display_name"`
		}
	}) {
		t.Helper()
		got := s.do("GET", path, "", headers...)
		if err := json.Unmarshal([]byte(got.body), &v); err != nil {
			t.Fatalf("%s: %v", got.body, err)
		}
		return v
	}
	if v := list("/v1/models"); v.Object != "list" || v.Data[0].Object != "model" || v.HasMore != nil {
		t.Errorf("OpenAI's form: %+v", v)
	}
	if v := list("/v1/models", "Anthropic-Version", "2023-06-01"); v.Object != "" || v.Data[0].Type != "model" || v.Data[0].Display != "m" || v.HasMore == nil {
		t.Errorf("Anthropic's form: %+v", v)
	}
	if v := list("/v1/models/m", "Anthropic-Version", "2023-06-01"); v.Type != "model" || v.ID != "m" {
		t.Errorf("Anthropic's form of one: %+v", v)
	}
	if v := list("/v1/models/none", "Anthropic-Version", "2023-06-01"); v.Type != "error" {
		t.Errorf("Anthropic's form of an error: %+v", v)
	}
}

// What members did not get is said in a header, whole and streamed.
func TestWarnings(t *testing.T) {
	m := llmtest.Text("m", "hi", 0)
	m.Pieces = append([]llmtest.Piece{{Event: llm.Event{Kind: llm.KindStart, Warnings: []string{"seed is not sent\r\nX: y"}}}}, m.Pieces...)
	m.Outcome.Warnings = []string{"seed is not sent\r\nX: y"}
	s := start(t, nil, m)
	for _, fields := range []string{``, `"stream":true`} {
		if got := s.do("POST", "/v1/chat/completions", s.ask(fields)).header.Get("X-Summit-Warning"); got != "seed is not sent??X: y" {
			t.Errorf("%q: warning %q", fields, got)
		}
	}
}

// Every protocol reaches a member, ends whole when cut, and shows its errors.
func TestProtocols(t *testing.T) {
	s := start(t, nil, hello("m"), llmtest.Behaving("cuts", llmtest.Cuts))
	f := func(path, body, whole, event, broken string) {
		t.Helper()
		ask := func(model, more string) answer {
			return s.do("POST", path, strings.NewReplacer("MODEL", model, "MORE", more).Replace(body))
		}
		if got := ask("m", ``); got.status != 200 || !strings.Contains(got.body, whole) {
			t.Errorf("%s: %d %s, want %s in it", path, got.status, got.body, whole)
		}
		if got := ask("m", `"stream":true,`); got.status != 200 || !strings.Contains(got.body, event) {
			t.Errorf("%s: %d %s, want %s in it", path, got.status, got.body, event)
		}
		if got := ask("cuts", `"stream":true,`); !strings.Contains(got.body, broken) || strings.Contains(got.body, event) {
			t.Errorf("%s: a cut stream reads %s, want %s in it and no clean end", path, got.body, broken)
		}
	}
	f("/v1/messages", `{"model":"MODEL","max_tokens":5,MORE"messages":[{"role":"user","content":"x"}]}`, `"stop_reason":"end_turn"`, "event: message_stop", "event: error")
	f("/v1/responses", `{"model":"MODEL",MORE"input":"x"}`, `"status":"completed"`, "event: response.completed", "event: response.failed")
}
