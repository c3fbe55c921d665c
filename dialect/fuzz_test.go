package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"summit/llm"
)

// everything carries all that a request can say.
var everything = Quirks{DeveloperRole: true, CacheControl: true, Pass: []string{"*"}, ThinkingSwitch: "thinking",
	BudgetField: "thinking.budget_tokens", ReasoningField: "reasoning_content", ContinueBy: "plain"}

// FuzzChatRequest: what was decoded, encoded for a server and decoded again is
// the same request; anything else is an error of kind Invalid.
func FuzzChatRequest(f *testing.F) {
	for _, s := range []string{
		ask(`"stream":true,"n":2,"temperature":1e-7,"max_tokens":5,"stop":["a","b"],"seed":-1,"logit_bias":{"1":-100},"logprobs":true,"top_logprobs":2`),
		ask(`"tools":[{"type":"function","function":{"name":"f","parameters":{"a":[1,{}]},"strict":true}},{"type":"web_search", "x":"\u4e2d"}],"tool_choice":{"type":"function","function":{"name":"f"}}`),
		ask(`"response_format":{"type":"json_schema","json_schema":{"name":"w","schema":{}}},"thinking":{"type":"enabled","budget_tokens":5},"reasoning_effort":"none","x":{"y":[null]}`),
		ask(`"summit":{"explain":true,"budget":{"max_cost":"0.5"},"question":{"suite":"a","id":"1"}},"user":"u","metadata":{"a":"b"}`),
		`{"model":"m","messages":[{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]},{"role":"user","name":"n","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},{"type":"input_audio","input_audio":{"data":"aGk","format":"wav"}},{"type":"file","file":{"file_id":"f","filename":"a"}}]},{"role":"assistant","content":null,"reasoning_content":"⛰ x\ny","refusal":"no","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"\ud83d\ude00"}]}`,
		`{"model":"m","functions":[{"name":"f"}],"function_call":"auto","messages":[{"role":"assistant","function_call":{"name":"f","arguments":{"a":1}}},{"role":"function","name":"f","content":""}]}`,
		`{"model":`, `[]`, `{"model":"m","messages":[{"role":"user","content":5}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		call, err := OpenAI{}.Decode(body)
		if err != nil {
			var e *llm.Error
			if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Message == "" || !utf8.ValidString(e.Message+e.Param) || len(e.Message) > 4000 {
				t.Fatalf("%q: error %v, want kind invalid, short", body, err)
			}
			return
		}
		want := carried(call.Request)
		again, _, err := EncodeChat(want, ChatOptions{Model: want.Model, Quirks: everything})
		if err != nil {
			t.Fatalf("%q: encode: %v", body, err)
		}
		back, err := OpenAI{}.Decode(again)
		if err != nil {
			t.Fatalf("%q: encoded to %q: %v", body, again, err)
		}
		if diff := cmp.Diff(want, carried(back.Request), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q: encoded to %q: -want +got\n%s", body, again, diff)
		}
	})
}

// carried is the request without what is not for a server, in the one form
// that several ways to say the same are decoded to.
func carried(r *llm.Request) *llm.Request {
	c := r.Clone()
	c.Streaming, c.Summit = false, llm.Extension{}
	if !c.Logprobs {
		c.TopLogprobs = 0 // makes no sense alone
	}
	if c.Thinking.Effort == "none" && c.Thinking.Enabled == nil {
		off := false
		c.Thinking.Enabled = &off
	}
	for i, m := range c.Messages {
		parts := m.Parts
		if len(parts) == 1 && parts[0].Result != nil {
			result := *parts[0].Result
			result.Parts = joined(result.Parts)
			parts = []llm.Part{{Kind: llm.PartResult, Result: &result}}
		} else if m.Role != llm.RoleUser {
			parts = joined(parts)
		}
		for j, p := range parts {
			if p.Call != nil && p.Call.Args == "" {
				call := *p.Call
				call.Args = "{}"
				parts = append([]llm.Part(nil), parts...)
				parts[j].Call = &call
			}
		}
		c.Messages[i].Parts = parts
	}
	return c
}

// joined joins the texts as they are joined for servers: only where all of
// the content is plain text.
func joined(parts []llm.Part) []llm.Part {
	var out []llm.Part
	var texts []string
	at := -1
	for _, p := range parts {
		switch {
		case p.Media != nil || p.Cache != "":
			return parts
		case p.Kind == llm.PartText:
			if at < 0 {
				at = len(out)
				out = append(out, p)
			}
			if n := len(texts); n > 0 && !strings.HasSuffix(texts[n-1], "\n") {
				texts = append(texts, "\n")
			}
			texts = append(texts, p.Text)
		default:
			out = append(out, p)
		}
	}
	if at >= 0 {
		out[at].Text = strings.Join(texts, "")
	}
	return out
}

// FuzzChatStream: any bytes as a stream end in events that keep the promises
// of llm and an answer, or in an error with a kind, the same however the bytes
// were cut.
func FuzzChatStream(f *testing.F) {
	f.Add([]byte(sse(`"content":"<think>r</think>a"`, `"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]`, stop, "[DONE]")), uint8(0))
	f.Add([]byte(sse(`"content":"\ud83d"`, `"content":"\ude00","reasoning":"r","logprobs":null`, `{"error":{"code":1}}`)), uint8(1))
	f.Add([]byte(sse(`"function_call":{"name":"f","arguments":{"a":1}}`, `{"choices":[{"message":{"content":[{"text":"x"}]},"finish_reason":"length","usage":{"prompt_tokens":1}}]}`)), uint8(2))
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"\xe4\"}}]}\n\n"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, mode uint8) {
		q := Quirks{NoFinish: mode&1 != 0, Think: []string{"", "open", "off", ""}[mode>>1&3]}
		whole, o, err := read(q, bytes.NewReader(stream))
		pieces, o2, err2 := read(q, &chunks{stream, int(mode)%7 + 1})
		if cmp.Diff(whole, pieces) != "" && !strings.Contains(strings.Join(whole, " "), "call_") || (err == nil) != (err2 == nil) || o.Usage != o2.Usage {
			t.Fatalf("%q: whole %q %v, in pieces %q %v", stream, whole, err, pieces, err2)
		}
		promises(t, q, stream, err)
	})
}

// promises checks every event of a stream, and what llm.Collect makes of it.
func promises(t *testing.T, q Quirks, stream []byte, want error) {
	c := NewChatStream(q)
	var all []llm.Event
	var err error
	for r := NewFrameReader(bytes.NewReader(stream)); !c.Done() && err == nil; {
		frame, ferr := r.Next()
		if ferr != nil && ferr != io.ErrUnexpectedEOF {
			break
		}
		all, err = c.Append(all, frame.Data)
	}
	if err == nil {
		all, err = c.End(all)
	}
	var e *llm.Error
	if err != nil && (!errors.As(err, &e) || e.Kind == "" || len(e.Message) > 4000 || !utf8.ValidString(e.Message)) {
		t.Fatalf("%q: error %v", stream, err)
	}
	o := c.Outcome()
	for i, ev := range all {
		if (ev.Kind == llm.KindStart) != (i == 0) || !utf8.ValidString(ev.Text) {
			t.Fatalf("%q: event %d: %+v", stream, i, ev)
		}
	}
	reply, cerr := llm.Collect(func(yield func(llm.Event, error) bool) {
		for _, ev := range all {
			if !yield(ev, nil) {
				return
			}
		}
		yield(llm.Event{Kind: llm.KindDone, Done: &o}, err)
	})
	if cerr != err {
		t.Fatalf("%q: Collect says %v, want %v", stream, cerr, err)
	}
	for _, call := range reply.Calls {
		if call.ID == "" || call.Name == "" || err == nil && call.Args == "" {
			t.Fatalf("%q: call %+v", stream, call)
		}
	}
	if err == nil && o.Finish == "" {
		t.Fatalf("%q: no finish", stream)
	}
	for _, n := range []llm.Count{o.Usage.Input, o.Usage.CacheRead, o.Usage.Output, o.Usage.Reasoning} {
		if n.N < 0 {
			t.Fatalf("%q: usage %+v", stream, o.Usage)
		}
	}
}

// FuzzChatWhole: any bytes as a whole answer.
func FuzzChatWhole(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"a","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte("\n{\"error\":{\"message\":\"x\"}}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := NewChatStream(Quirks{}).Whole(nil, body)
		var e *llm.Error
		if err != nil && (!errors.As(err, &e) || e.Kind == "") {
			t.Fatalf("%q: error %v", body, err)
		}
		if err == nil && len(all) == 0 {
			t.Fatalf("%q: no event and no error", body)
		}
		if e := UpstreamError(Quirks{}, 200, nil, body); e == nil || e.Kind == "" || e.Message == "" {
			t.Fatalf("%q: upstream error %v", body, e)
		}
	})
}

// FuzzScanner: the scanner accepts what encoding/json accepts, and reads the
// same strings.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,"\u00e9\ud83d\ude00\n",true,false,null]}`, `"\ud800"`, `01`, `[1,]`, "\"\x01\"", `{"a":1,"a":2}`, ` 1 `, `-`, `1.`, `"\u12"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newScanner(text)
		s.loose = true
		s.skip()
		s.end()
		if deep := s.err != nil && strings.Contains(s.err.message, "deeper"); json.Valid(text) != (s.err == nil) && !deep {
			t.Fatalf("%q: json.Valid says %v, the scanner %+v", text, json.Valid(text), s.err)
		}
		var want string
		if utf8.Valid(text) && json.Unmarshal(text, &want) == nil && bytes.TrimSpace(text)[0] == '"' {
			if got := newScanner(text).text(); got != want {
				t.Fatalf("%q: read %q, want %q", text, got, want)
			}
			if back := newScanner(appendString(nil, want)).text(); back != want {
				t.Fatalf("%q: wrote and read %q, want %q", text, back, want)
			}
		}
	})
}
