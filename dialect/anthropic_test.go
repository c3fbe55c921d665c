package dialect

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"summit/llm"
)

// say makes a Messages body of those fields and one message.
func say(fields string) string {
	return `{"model":"summit","max_tokens":9,` + fields + `"messages":[{"role":"user","content":"hi"}]}`
}

func messageStream(t *testing.T, fields string, events ...llm.Event) string {
	t.Helper()
	call, err := Anthropic{}.Decode([]byte(say(fields)))
	if err != nil {
		t.Fatal(err)
	}
	return stream(call.Encoder(testMeta), events...)
}

func TestMessageStreamGolden(t *testing.T) {
	f := func(name, fields string, events ...llm.Event) {
		t.Helper()
		got := messageStream(t, fields, events...)
		golden(t, "messages_"+name+".sse", got)
		if _, err := readMessageStream(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	start := llm.Event{Kind: llm.KindStart, Model: "glm-5"}
	f("text", ``, start, thought("hidden"), text("你好"), text(" \"w\"\n"), done(&llm.Outcome{Finish: llm.FinishStop, Usage: testUsage}))
	f("council", `"thinking":{"type":"adaptive"},"summit":{"explain":true},`,
		progress("glm", llm.StateAsked, ""), thought("I think"), progress("glm", llm.StateAnswered, "42"),
		llm.Event{Kind: llm.KindReasoning, Signature: "sig"}, text("42"), done(testOutcome))
	f("calls", ``, text("let me see"), calls(0, "call_1", "f", `{"a":`), calls(1, "call_2", "g", ""), calls(0, "", "", `"上海"}`), calls(1, "", "", "{}"),
		done(&llm.Outcome{Finish: llm.FinishCalls}))
	f("empty", ``, done(&llm.Outcome{Finish: llm.FinishLength}))
}

func TestMessageStreamBreaks(t *testing.T) {
	call, err := Anthropic{}.Decode([]byte(say(`"stream":true,`)))
	if err != nil {
		t.Fatal(err)
	}
	e := call.Encoder(testMeta)
	out := e.AppendEvent(nil, 0, text("half"), nil)
	out = e.AppendEvent(out, 0, done(&llm.Outcome{}), llm.Errorf(llm.Cut, "the stream broke off"))
	out = e.AppendEnd(e.AppendEvent(out, 0, text("late"), nil))
	got := string(out)
	if !strings.HasSuffix(got, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the stream broke off\"}}\n\n") ||
		strings.Contains(got, "message_stop") || strings.Contains(got, "late") {
		t.Errorf("a cut stream reads\n%s", got)
	}
	// A call that goes on after its block was closed can't be told: that breaks
	// the stream, too, instead of losing a piece.
	got = messageStream(t, ``, calls(0, "a", "f", "{"), text("x"), calls(0, "", "", "}"), done(&llm.Outcome{}))
	if !strings.Contains(got, "event: error") || strings.Contains(got, "message_stop") {
		t.Errorf("a call after its end reads\n%s", got)
	}
}

// heard is what a client makes of a stream.
type heard struct {
	text, thinking, stop string
	calls                []llm.Call
}

// readMessageStream reads a whole stream as strictly as the strictest client.
func readMessageStream(body string) (heard, error) {
	var h heard
	frames := NewFrameReader(strings.NewReader(body))
	open, next, state := "", 0, "before"
	for {
		frame, err := frames.Next()
		if err != nil {
			break
		}
		var ev struct {
			Type  string
			Index int
			Block struct{ Type, ID, Name string } `json:"content_block"`
			Delta struct {
				Type, Text, Thinking string
				Partial              string `json:"partial_json"`
				Stop                 string `json:"stop_reason"`
			}
			Message *struct {
				Content []any
				Usage   struct {
					Input int `json:"input_tokens"`
				}
			}
		}
		if err := json.Unmarshal(frame.Data, &ev); err != nil || ev.Type != frame.Name {
			return h, errors.New("event " + frame.Name + ": " + string(frame.Data))
		}
		bad := errors.New(ev.Type + " while " + state + " and block " + open + " is open: " + string(frame.Data))
		switch ev.Type {
		case "message_start":
			if state != "before" || ev.Message == nil || ev.Message.Content == nil || ev.Message.Usage.Input == 0 {
				return h, bad
			}
			state = "inside"
		case "content_block_start":
			if state != "inside" || open != "" || ev.Index != next {
				return h, bad
			}
			if open = ev.Block.Type; open == "tool_use" {
				h.calls = append(h.calls, llm.Call{ID: ev.Block.ID, Name: ev.Block.Name})
			}
		case "content_block_delta":
			if open == "" || ev.Index != next {
				return h, bad
			}
			switch open + " " + ev.Delta.Type {
			case "text text_delta":
				h.text += ev.Delta.Text
			case "thinking thinking_delta":
				h.thinking += ev.Delta.Thinking
			case "thinking signature_delta":
			case "tool_use input_json_delta":
				h.calls[len(h.calls)-1].Args += ev.Delta.Partial
			default:
				return h, bad
			}
		case "content_block_stop":
			if open == "" || ev.Index != next {
				return h, bad
			}
			open = ""
			next++
		case "message_delta":
			if h.stop = ev.Delta.Stop; state != "inside" || open != "" || h.stop == "" || next == 0 {
				return h, bad
			}
			state = "told"
		case "message_stop":
			if state != "told" {
				return h, bad
			}
			state = "after"
		default:
			return h, bad
		}
	}
	if state != "after" {
		return h, errors.New("the stream ends while " + state)
	}
	return h, nil
}

func TestMessageWhole(t *testing.T) {
	call, err := Anthropic{}.Decode([]byte(say(`"thinking":{"type":"enabled","budget_tokens":1024},`)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := call.Encoder(testMeta).Whole([]*llm.Reply{{Text: "好", Reasoning: "hm", Signature: "s", Calls: []llm.Call{{ID: "c", Name: "f", Args: `{"a":1}`}, {ID: "d", Name: "g", Args: `{"a"`}},
		Outcome: &llm.Outcome{Finish: llm.FinishCalls, Usage: testUsage}}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "messages_whole.json", string(got))
	if !json.Valid(got) {
		t.Error("not JSON")
	}
}

func TestMessageRequest(t *testing.T) {
	body := `{"model":"summit","max_tokens":32000,"stream":true,"temperature":0.5,"top_p":0.9,"top_k":5,"stop_sequences":["END"],
		"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}],
		"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],
		"tool_choice":{"type":"any","disable_parallel_tool_use":true},
		"thinking":{"type":"enabled","budget_tokens":2048},"output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},
		"metadata":{"user_id":"u"},"context_management":{"edits":[]},
		"messages":[
		{"role":"user","content":[{"type":"text","text":"看"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
			{"type":"document","title":"t.txt","source":{"type":"text","media_type":"text/plain","data":"words"}}]},
		{"role":"assistant","content":[{"type":"thinking","thinking":"⛰ glm: asked\nhm","signature":"sig"},{"type":"redacted_thinking","data":"xx"},{"type":"text","text":"ok"},{"type":"tool_use","id":"t1","name":"f","input":{"a":[1]}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[{"type":"text","text":"no"}]},{"type":"text","text":"go on"}]},
		{"role":"system","content":"be polite"}]}`
	call, err := Anthropic{}.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	half, most, on, no := 0.5, 0.9, true, false
	want := &llm.Request{
		Model: "summit", MaxTokens: 32000, Streaming: true, Temperature: &half, TopP: &most, TopK: 5, Stop: []string{"END"}, User: "u",
		Tools: []llm.Tool{{Kind: "function", Name: "f", Description: "d", Parameters: json.RawMessage(`{"type":"object"}`)},
			{Kind: "web_search_20250305", Name: "web_search", Form: "anthropic", Raw: json.RawMessage(`{"type":"web_search_20250305","name":"web_search"}`)}},
		ToolChoice: llm.ToolChoice{Mode: "required"}, ParallelToolCalls: &no,
		Thinking: llm.Thinking{Enabled: &on, BudgetTokens: 2048, Effort: "high"},
		Format:   &llm.Format{Kind: "json_schema", Name: "answer", Schema: json.RawMessage(`{"type":"object"}`)},
		Extra:    map[string]json.RawMessage{"context_management": json.RawMessage(`{"edits":[]}`)},
		Messages: []llm.Message{
			{Role: llm.RoleSystem, Parts: []llm.Part{{Kind: llm.PartText, Text: "be brief", Cache: "ephemeral"}}},
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "看"}, {Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: []byte("hi")}}, {Kind: llm.PartText, Text: "words"}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartReasoning, Text: "hm", Signature: "sig"}, {Kind: llm.PartReasoning, Signature: "redacted_thinking:xx"}, {Kind: llm.PartText, Text: "ok"},
				{Kind: llm.PartCall, Call: &llm.Call{ID: "t1", Name: "f", Args: `{"a":[1]}`}}}},
			{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: "t1", Failed: true, Parts: []llm.Part{{Kind: llm.PartText, Text: "no"}}}}}},
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "go on"}}},
			llm.Text(llm.RoleSystem, "be polite"),
		},
	}
	if diff := cmp.Diff(want, call.Request, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMessageRequestErrors(t *testing.T) {
	f := func(body, param string) {
		t.Helper()
		_, err := Anthropic{}.Decode([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Param != param {
			t.Errorf("%s: error %v, want one of kind invalid at %q", body, err, param)
		}
	}
	f(`{`, "")
	f(`{"model":"m","messages":[{"role":"user","content":"x"}]}`, "max_tokens")
	f(`{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}`, "model")
	f(`{"model":"m","max_tokens":0,"messages":[]}`, "max_tokens")
	f(`{"model":"m","max_tokens":1,"messages":[]}`, "messages")
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"robot","content":"x"}]}`, "messages[0].role")
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"user"}]}`, "messages[0].content")
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"video"}]}]}`, "messages[0].content[0].type")
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}]}`, "messages[0].content")
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]}`, "messages[0].content[0].tool_use_id")
	f(`{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"*"}}]}]}`, "messages[0].content[0].source.data")
	f(say(`"tool_choice":{"type":"tool"},`), "tool_choice.name")
	f(say(`"tool_choice":{"type":"any"},`), "tool_choice")
	f(say(`"thinking":{"type":"maybe"},`), "thinking.type")
	f(say(`"temperature":3,`), "temperature")
	f(say(`"system":[{"type":"image","source":{"type":"url","url":"http://x"}}],`), "system")
}

func TestMessageError(t *testing.T) {
	f := func(err *llm.Error, status int, kind string) {
		t.Helper()
		w := httptest.NewRecorder()
		Anthropic{}.WriteError(w, err)
		var body struct {
			Type  string
			Error struct{ Type, Message string }
		}
		if e := json.Unmarshal(w.Body.Bytes(), &body); e != nil || w.Code != status || body.Type != "error" || body.Error.Type != kind || body.Error.Message == "" {
			t.Errorf("%v: %d %s, want %d %s", err, w.Code, w.Body, status, kind)
		}
	}
	f(nil, 500, "api_error")
	f(llm.Errorf(llm.Unauthorized, "no key"), 401, "authentication_error")
	f(&llm.Error{Kind: llm.Unauthorized, Member: "glm", Message: "its key"}, 502, "api_error")
	f(&llm.Error{Kind: llm.RateLimited, Message: "slow", RetryAfter: 2 * time.Second}, 429, "rate_limit_error")
	f(&llm.Error{Kind: llm.TooLong, Param: "messages", Message: "long"}, 400, "invalid_request_error")
	for _, kind := range slices.Collect(maps.Keys(chatErrors)) {
		if _, ok := messageErrors[kind]; !ok {
			t.Errorf("kind %s has no row", kind)
		}
	}
}

// FuzzMessageRequest: what was decoded goes to a chat server and back without
// loss; anything else is an error of kind Invalid.
func FuzzMessageRequest(f *testing.F) {
	for _, s := range []string{
		say(`"system":"s","stop_sequences":["a"],"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f"},`),
		say(`"thinking":{"type":"enabled","budget_tokens":5},"output_config":{"effort":"low"},"x":[{}],`),
		`{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"b"},{"type":"tool_use","id":"i","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":"r"},{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"aGk="}}]}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		call, err := Anthropic{}.Decode(body)
		crosses(t, body, call, err)
	})
}

// crosses checks that a decoded request means the same after a chat server's
// eyes, but for signatures, which that protocol has no place for.
func crosses(t *testing.T, body []byte, call *Call, err error) {
	t.Helper()
	if err != nil {
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Message == "" || len(e.Message) > 4000 {
			t.Fatalf("%q: error %v, want kind invalid, short", body, err)
		}
		return
	}
	r := call.Request.Clone()
	r.Extra = nil // other words mean other things elsewhere
	foreign := slices.ContainsFunc(r.Tools, func(t llm.Tool) bool { return t.Form != "" })
	text, warnings, err := EncodeChat(r, ChatOptions{Model: r.Model, Quirks: everything})
	if err != nil {
		if llm.AsError(err).Kind != llm.Unsupported {
			t.Fatalf("%q: encode: %v", body, err)
		}
		return
	}
	if foreign != (len(warnings) > 0) && !failed(r) {
		t.Fatalf("%q: warnings %q, tools of another form: %v", body, warnings, foreign)
	}
	if foreign {
		return
	}
	back, err := OpenAI{}.Decode(text)
	if err != nil {
		t.Fatalf("%q: encoded to %q: %v", body, text, err)
	}
	if diff := cmp.Diff(spoken(r), spoken(back.Request)); diff != "" {
		t.Fatalf("%q: encoded to %q: -want +got\n%s", body, text, diff)
	}
}

func failed(r *llm.Request) bool {
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if p.Result != nil && p.Result.Failed {
				return true
			}
		}
	}
	return false
}

// spoken is all that a request says, role by role, in one text.
func spoken(r *llm.Request) string {
	var b strings.Builder
	for _, m := range r.Messages {
		b.WriteString("\n" + string(m.Role) + ":")
		var thoughts, words, rest string
		for _, p := range m.Parts {
			switch {
			case p.Kind == llm.PartReasoning:
				thoughts += p.Text
			case p.Kind == llm.PartText:
				words += strings.TrimSuffix(p.Text, "\n") + "\n"
			case p.Call != nil:
				rest += p.Call.ID + p.Call.Name + strings.TrimSpace(p.Call.Args)
			case p.Result != nil:
				rest += p.Result.CallID
				for _, q := range p.Result.Parts {
					rest += strings.TrimSuffix(q.Text, "\n") + "\n"
				}
			case p.Media != nil:
				rest += p.Media.URL + p.Media.FileID + string(p.Media.Data)
			}
		}
		b.WriteString(thoughts + "|" + strings.TrimRight(words, "\n") + "|" + strings.TrimRight(rest, "\n"))
	}
	return b.String()
}

// script turns bytes into the events of an answer that keeps llm's promises.
func script(in []byte) (events []llm.Event, want heard) {
	began := map[int]bool{}
	for _, c := range in[:min(len(in), 200)] {
		word := string(rune('a' + c%26))
		switch c % 5 {
		case 0:
			events = append(events, text(word))
			want.text += word
		case 1:
			events = append(events, thought(word))
			want.thinking += word
		case 2, 3:
			i := int(c/5) % 3
			for j := 0; j <= i; j++ { // calls are numbered without gaps
				if !began[j] {
					began[j] = true
					events = append(events, calls(j, "id"+string(rune('0'+j)), "f", ""))
					want.calls = append(want.calls, llm.Call{ID: "id" + string(rune('0'+j)), Name: "f"})
				}
			}
			events = append(events, calls(i, "", "", word))
			want.calls[i].Args += word
		default:
			events = append(events, text("字"))
			want.text += "字"
		}
	}
	return append(events, done(&llm.Outcome{Finish: llm.FinishStop})), want
}

// FuzzMessageStream: every answer becomes a stream that the strictest client
// reads, with nothing lost, or ends in an error.
func FuzzMessageStream(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x07\x0c\x02\x07\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		events, want := script(in)
		got := messageStream(t, `"thinking":{"type":"adaptive"},`, events...)
		if strings.Contains(got, "event: error") {
			return
		}
		h, err := readMessageStream(got)
		if err != nil {
			t.Fatalf("%v in\n%s", err, got)
		}
		slices.SortFunc(h.calls, func(a, b llm.Call) int { return strings.Compare(a.ID, b.ID) })
		if h.text != want.text || h.thinking != want.thinking || !slices.Equal(h.calls, want.calls) {
			t.Fatalf("heard %+v, want %+v", h, want)
		}
	})
}
