package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"summit/llm"
)

// put makes a Responses body of those fields and one message.
func put(fields string) string { return `{"model":"summit",` + fields + `"input":"hi"}` }

func responseStream(t *testing.T, fields string, events ...llm.Event) string {
	t.Helper()
	call, err := Responses{}.Decode([]byte(put(fields)))
	if err != nil {
		t.Fatal(err)
	}
	return stream(call.Encoder(testMeta), events...)
}

func TestResponseStreamGolden(t *testing.T) {
	f := func(name, fields string, events ...llm.Event) {
		t.Helper()
		got := responseStream(t, fields, events...)
		golden(t, "responses_"+name+".sse", got)
		if _, err := readResponseStream(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	start := llm.Event{Kind: llm.KindStart, Model: "glm-5"}
	f("text", ``, start, thought("hidden"), text("你好"), text("!"), done(&llm.Outcome{Finish: llm.FinishStop, Usage: testUsage}))
	f("calls", `"reasoning":{"summary":"auto"},"tools":[{"type":"custom","name":"patch"},{"type":"function","name":"f"}],`,
		progress("glm", llm.StateAsked, ""), calls(0, "c1", "f", `{"a":`), calls(1, "c2", "patch", `{"input":`), calls(0, "", "", `1}`), calls(1, "", "", `"*** 文"}`),
		done(&llm.Outcome{Finish: llm.FinishCalls}))
	f("length", ``, text("cut sho"), done(&llm.Outcome{Finish: llm.FinishLength}))
}

func TestResponseStreamBreaks(t *testing.T) {
	call, err := Responses{}.Decode([]byte(put(`"stream":true,`)))
	if err != nil {
		t.Fatal(err)
	}
	e := call.Encoder(testMeta)
	out := e.AppendEvent(nil, 0, text("half"), nil)
	out = e.AppendEvent(out, 0, done(&llm.Outcome{}), llm.Errorf(llm.Cut, "the stream broke off"))
	got := string(e.AppendEnd(e.AppendEvent(out, 0, text("late"), nil)))
	if !strings.Contains(got, `"status":"failed","background":false,"error":{"code":"upstream_cut","message":"the stream broke off"}`) ||
		strings.Contains(got, "response.completed") || strings.Contains(got, "late") {
		t.Errorf("a cut stream reads\n%s", got)
	}
}

// responseItemJSON is an item as a client sees it.
type responseItemJSON struct {
	ID, Type, Status, Name, Arguments, Input string
	CallID                                   string `json:"call_id"`
	Content                                  []struct{ Type, Text string }
	Summary                                  []struct{ Type, Text string }
}

// readResponseStream reads a whole stream as strictly as the strictest client.
func readResponseStream(body string) (heard, error) {
	var h heard
	frames := NewFrameReader(strings.NewReader(body))
	items := map[int]*responseItemJSON{} // open ones
	whole := map[int]responseItemJSON{}  // ended ones
	grown := map[string]string{}         // texts by item id
	seq, names := -1, []string{}
	for {
		frame, err := frames.Next()
		if err != nil {
			break
		}
		var ev struct {
			Type               string
			Seq                *int              `json:"sequence_number"`
			Index              int               `json:"output_index"`
			ItemID             string            `json:"item_id"`
			Item               *responseItemJSON `json:"item"`
			Delta, Text, Input string
			Arguments          string
			Response           *struct {
				Status string
				Output []responseItemJSON
				Usage  *struct {
					Total int `json:"total_tokens"`
				}
			}
		}
		if err := json.Unmarshal(frame.Data, &ev); err != nil || ev.Type != frame.Name || ev.Seq == nil {
			return h, fmt.Errorf("event %s: %s: %v", frame.Name, frame.Data, err)
		}
		bad := fmt.Errorf("%s after %v: %s", ev.Type, names, frame.Data)
		if names = append(names, ev.Type); *ev.Seq != seq+1 || (len(names) == 1) != (ev.Type == "response.created") {
			return h, bad
		}
		seq = *ev.Seq
		what := strings.TrimPrefix(ev.Type, "response.")
		switch what {
		case "created", "in_progress":
		case "completed", "incomplete":
			if len(items) > 0 || ev.Response.Status != what || ev.Response.Usage == nil || len(ev.Response.Output) != len(whole) {
				return h, bad
			}
			for i, item := range ev.Response.Output {
				if diff := cmp.Diff(whole[i], item); diff != "" {
					return h, fmt.Errorf("item %d differs at the end: %s", i, diff)
				}
				switch item.Type {
				case "message":
					h.text += item.Content[0].Text
				case "reasoning":
					h.thinking += item.Summary[0].Text
				default:
					h.calls = append(h.calls, llm.Call{ID: item.CallID, Name: item.Name, Args: item.Arguments + item.Input})
				}
			}
			h.stop = what
		case "output_item.added":
			if _, ok := items[ev.Index]; ok || ev.Index != len(items)+len(whole) {
				return h, bad
			}
			items[ev.Index] = ev.Item
		case "output_item.done":
			if items[ev.Index] == nil || items[ev.Index].ID != ev.Item.ID {
				return h, bad
			}
			delete(items, ev.Index)
			whole[ev.Index] = *ev.Item
		default:
			if items[ev.Index] == nil || items[ev.Index].ID != ev.ItemID || h.stop != "" {
				return h, bad
			}
			switch {
			case strings.HasSuffix(what, ".delta"):
				grown[ev.ItemID] += ev.Delta
			case strings.HasSuffix(what, "text.done") || strings.HasSuffix(what, "arguments.done") || strings.HasSuffix(what, "input.done"):
				if grown[ev.ItemID] != ev.Text+ev.Arguments+ev.Input {
					return h, bad
				}
			}
		}
	}
	if h.stop == "" {
		return h, fmt.Errorf("no end after %v", names)
	}
	return h, nil
}

func TestResponseRequest(t *testing.T) {
	body := `{"model":"summit","instructions":"be brief","stream":true,"store":false,"max_output_tokens":99,"parallel_tool_calls":false,
		"include":["reasoning.encrypted_content"],"reasoning":{"effort":"high","summary":"auto"},"prompt_cache_key":"k","client_metadata":{"a":"b"},
		"text":{"verbosity":"low","format":{"type":"json_schema","name":"w","schema":{"type":"object"},"strict":true}},
		"tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":false},{"type":"custom","name":"patch","description":"p","format":{"type":"text"}},{"type":"web_search"}],
		"tool_choice":{"type":"function","name":"f"},
		"input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"dev"}]},
		{"role":"user","content":[{"type":"input_text","text":"看"},{"type":"input_image","image_url":"data:image/png;base64,aGk=","detail":"low"},{"type":"input_file","file_id":"f1"}]},
		{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"⛰ glm: asked\nhm"}],"encrypted_content":"sig"},
		{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"ok","annotations":[]}]},
		{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
		{"type":"custom_tool_call","call_id":"c2","name":"patch","input":"a\nb"},
		{"type":"function_call_output","call_id":"c1","output":"r"},
		{"type":"custom_tool_call_output","call_id":"c2","output":[{"type":"input_text","text":"s"}]}]}`
	call, err := Responses{}.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	result := func(id, text string) llm.Message {
		return llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: id, Parts: []llm.Part{{Kind: llm.PartText, Text: text}}}}}}
	}
	want := &llm.Request{
		Model: "summit", MaxTokens: 99, Streaming: true, ParallelToolCalls: &no, Thinking: llm.Thinking{Effort: "high"},
		Tools: []llm.Tool{{Kind: "function", Name: "f", Description: "d", Parameters: json.RawMessage(`{"type":"object"}`), Strict: &no},
			{Kind: "function", Name: "patch", Description: "p", Parameters: json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}`)},
			{Kind: "web_search", Form: "responses", Raw: json.RawMessage(`{"type":"web_search"}`)}},
		ToolChoice: llm.ToolChoice{Mode: "tool", Name: "f"},
		Format:     &llm.Format{Kind: "json_schema", Name: "w", Schema: json.RawMessage(`{"type":"object"}`), Strict: &yes},
		Extra:      map[string]json.RawMessage{"prompt_cache_key": json.RawMessage(`"k"`), "client_metadata": json.RawMessage(`{"a":"b"}`)},
		Messages: []llm.Message{
			llm.Text(llm.RoleSystem, "be brief"), llm.Text(llm.RoleDeveloper, "dev"),
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "看"}, {Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: []byte("hi"), Detail: "low"}}, {Kind: llm.PartFile, Media: &llm.Media{FileID: "f1"}}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartReasoning, Text: "hm", Signature: "sig"}, {Kind: llm.PartText, Text: "ok"},
				{Kind: llm.PartCall, Call: &llm.Call{ID: "c1", Name: "f", Args: `{"a":1}`}}, {Kind: llm.PartCall, Call: &llm.Call{ID: "c2", Name: "patch", Args: `{"input":"a\nb"}`}}}},
			result("c1", "r"), result("c2", "s"),
		},
	}
	if diff := cmp.Diff(want, call.Request, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestResponseRequestErrors(t *testing.T) {
	f := func(body, param string) {
		t.Helper()
		_, err := Responses{}.Decode([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Param != param {
			t.Errorf("%s: error %v, want one of kind invalid at %q", body, err, param)
		}
	}
	f(`[]`, "")
	f(`{"input":"x"}`, "model")
	f(`{"model":"m"}`, "input")
	f(`{"model":"m","input":[]}`, "input")
	f(`{"model":"m","input":5}`, "input")
	f(`{"model":"m","input":[{"type":"item_reference","id":"a"}]}`, "input[0]")
	f(`{"model":"m","input":[{"type":"web_search_call","id":"a"}]}`, "input[0].type")
	f(`{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}`, "input[0].call_id")
	f(`{"model":"m","input":[{"type":"function_call_output","call_id":"f"}]}`, "input[0].output")
	f(`{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}`, "input[0].content[0]")
	f(put(`"previous_response_id":"r",`), "previous_response_id")
	f(put(`"background":true,`), "background")
	f(put(`"max_output_tokens":-1,`), "max_output_tokens")
	f(put(`"tool_choice":"required",`), "tool_choice")
	f(put(`"text":{"format":{"type":"json_schema","name":"w"}},`), "text.format.schema")
}

func TestResponseWhole(t *testing.T) {
	call, err := Responses{}.Decode([]byte(put(`"reasoning":{"summary":"auto"},`)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := call.Encoder(testMeta).Whole([]*llm.Reply{{Text: "好", Reasoning: "hm", Signature: "s", Calls: []llm.Call{{ID: "c", Name: "f", Args: `{"a":1}`}},
		Outcome: &llm.Outcome{Finish: llm.FinishCalls, Usage: testUsage}}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "responses_whole.json", string(got))
	if !json.Valid(got) {
		t.Error("not JSON")
	}
}

// FuzzResponseRequest: what was decoded goes to a chat server and back without
// loss; anything else is an error of kind Invalid.
func FuzzResponseRequest(f *testing.F) {
	for _, s := range []string{
		put(`"instructions":"s","tools":[{"type":"function","name":"f"}],"tool_choice":"auto","reasoning":{"effort":"low"},`),
		`{"model":"m","input":[{"role":"assistant","content":"a"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"r"},{"type":"reasoning","summary":[{"text":"t"}]}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		call, err := Responses{}.Decode(body)
		crosses(t, body, call, err)
	})
}

// FuzzResponseStream: every answer becomes a stream that the strictest client
// reads, with nothing lost.
func FuzzResponseStream(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x07\x0c\x02\x07\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		events, want := script(in)
		got := responseStream(t, `"reasoning":{"summary":"auto"},`, events...)
		h, err := readResponseStream(got)
		if err != nil {
			t.Fatalf("%v in\n%s", err, got)
		}
		slices.SortFunc(h.calls, func(a, b llm.Call) int { return strings.Compare(a.ID, b.ID) })
		if h.text != want.text || h.thinking != want.thinking || !slices.Equal(h.calls, want.calls) {
			t.Fatalf("heard %+v, want %+v", h, want)
		}
	})
}
