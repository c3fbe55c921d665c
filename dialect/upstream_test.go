package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"summit/llm"
)

// upstream is what all decoders of vendors' answers have.
type upstream interface {
	Append(dst []llm.Event, data []byte) ([]llm.Event, error)
	Whole(dst []llm.Event, body []byte) ([]llm.Event, error)
	End(dst []llm.Event) ([]llm.Event, error)
	Done() bool
	Finished() bool
	Outcome() llm.Outcome
}

var upstreams = map[string]func() upstream{
	"anthropic": func() upstream { return NewMessageStream() },
	"responses": func() upstream { return NewResponseStream() },
	"gemini":    func() upstream { return NewGeminiStream() },
}

// readUpstream decodes a stream as a member does.
func readUpstream(c upstream, r io.Reader) (all []llm.Event, err error) {
	for f := NewFrameReader(r); !c.Done(); {
		frame, ferr := f.Next()
		if ferr == io.EOF {
			break
		}
		if ferr != nil && ferr != io.ErrUnexpectedEOF {
			return all, ferr
		}
		if all, err = c.Append(all, frame.Data); err != nil {
			return all, err
		}
	}
	return c.End(all)
}

// drawSigned draws events as draw does, with signatures.
func drawSigned(all []llm.Event, o llm.Outcome, err error) string {
	var lines []string
	var run []llm.Event
	flush := func() { lines, run = append(lines, draw(run)...), nil }
	for _, e := range all {
		if e.Signature != "" {
			flush()
			lines = append(lines, "signed "+e.Signature)
			continue
		}
		run = append(run, e)
	}
	flush()
	lines = append(lines, strings.TrimSpace(string(o.Finish)+drawUsed(o.Usage)))
	if err != nil {
		e := llm.AsError(err)
		lines = append(lines, fmt.Sprintf("%s: %s", e.Kind, e.Message))
	}
	for _, w := range o.Warnings {
		lines = append(lines, "warning "+w)
	}
	return strings.Join(lines, "\n")
}

func drawUsed(u llm.Usage) (s string) {
	for _, c := range []struct {
		name string
		n    llm.Count
	}{{"in", u.Input}, {"read", u.CacheRead}, {"write", u.CacheWrite}, {"out", u.Output}, {"thought", u.Reasoning}} {
		if c.n.Known() {
			s += fmt.Sprintf(" %s %d", c.name, c.n.N)
		}
	}
	return s
}

// eventsOf makes a stream of one event a line.
func eventsOf(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		fmt.Fprintf(&b, "data: %s\n\n", strings.TrimSpace(line))
	}
	return b.String()
}

func TestUpstreamStreams(t *testing.T) {
	f := func(protocol, name, stream, want string) {
		t.Helper()
		want = strings.ReplaceAll(strings.Trim(want, " \t"), "\t", "")
		if rest, ok := strings.CutPrefix(want, "\nstart"); ok {
			want = "start" + rest
		}
		c := upstreams[protocol]()
		all, err := readUpstream(c, strings.NewReader(eventsOf(stream)))
		if diff := cmp.Diff(want, drawSigned(all, c.Outcome(), err)); diff != "" {
			t.Errorf("%s: %s: -want +got\n%s", protocol, name, diff)
		}
		c = upstreams[protocol]()
		all, err = readUpstream(c, iotest.OneByteReader(strings.NewReader(eventsOf(stream))))
		if diff := cmp.Diff(want, drawSigned(all, c.Outcome(), err)); diff != "" {
			t.Errorf("%s: %s: byte by byte: -want +got\n%s", protocol, name, diff)
		}
	}
	const start = `{"type":"message_start","message":{"id":"m1","model":"claude-x","content":[],"usage":{"input_tokens":7,"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"output_tokens":1}}}` + "\n"
	f("anthropic", "thoughts, text, two calls", start+`
		{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}
		{"type":"ping"}
		{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"想"}}
		{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}
		{"type":"content_block_stop","index":0}
		{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"AAAA"}}
		{"type":"content_block_stop","index":1}
		{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}
		{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"a\ud83d"}}
		{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"\ude00"}}
		{"type":"content_block_stop","index":2}
		{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}
		{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}
		{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}
		{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"1}"}}
		{"type":"content_block_stop","index":3}
		{"type":"content_block_start","index":4,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}
		{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{}"}}
		{"type":"content_block_stop","index":4}
		{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}}}
		{"type":"content_block_stop","index":5}
		{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":42}}
		{"type":"message_stop"}`, `
		start claude-x
		reasoning 想
		signed c2ln
		signed redacted_thinking:AAAA
		text a😀
		call 0 t1 f {"a":1}
		call 1 t2 g {}
		tool_calls in 7 read 300 write 20 out 42`)
	f("anthropic", "cut in the middle: the output of the start is no output", start+`
		{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"h"}}`, `
		start claude-x
		text h
		in 7 read 300 write 20
		cut: broke the stream off before its stop_reason`)
	f("anthropic", "an error in the stream", start+`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, `
		start claude-x
		in 7 read 300 write 20
		overloaded: Overloaded`)
	f("anthropic", "no message_stop, refusal, all of the input cached", `
		{"type":"message_start","message":{"model":"c","usage":{"input_tokens":0,"cache_read_input_tokens":9}}}
		{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":0}}`, `
		start c
		content_filter in 0 read 9`)
	f("anthropic", "a paused turn", `
		{"type":"message_start","message":{"model":"c"}}
		{"type":"message_delta","delta":{"stop_reason":"pause_turn"}}`, `
		start c
		stop
		warning this member paused a long turn: send its answer back to let it go on`)
	f("anthropic", "a piece of nothing", `{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}`, "start \n\nprotocol: sent a piece of block 3, which has not begun")

	const created = `{"type":"response.created","sequence_number":0,"response":{"id":"r1","model":"gpt-x","status":"in_progress","error":null,"output":[]}}` + "\n"
	f("responses", "thoughts, text, two calls side by side", created+`
		{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[]}}
		{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}
		{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"hm"}
		{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":1,"part":{"type":"summary_text","text":""}}
		{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"so"}
		{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"},{"type":"summary_text","text":"so"}],"encrypted_content":"gAAA"}}
		{"type":"response.output_item.added","output_index":1,"item":{"type":"message","role":"assistant","content":[]}}
		{"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}}
		{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"he","logprobs":[]}
		{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"llo"}
		{"type":"response.output_text.done","output_index":1,"text":"hello"}
		{"type":"response.output_item.done","output_index":1,"item":{"type":"message","content":[{"type":"output_text","text":"hello"}]}}
		{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"c1","name":"f","arguments":""}}
		{"type":"response.output_item.added","output_index":3,"item":{"type":"function_call","call_id":"c2","name":"g","arguments":""}}
		{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a\":"}
		{"type":"response.function_call_arguments.delta","output_index":3,"delta":"{}"}
		{"type":"response.function_call_arguments.delta","output_index":2,"delta":"1}"}
		{"type":"response.function_call_arguments.done","output_index":2,"arguments":"{\"a\":1}"}
		{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"}}
		{"type":"response.output_item.done","output_index":3,"item":{"type":"function_call","call_id":"c2","name":"g","arguments":"{}"}}
		{"type":"response.completed","response":{"id":"r1","model":"gpt-x","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"hello"}]}],"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":19}}}`, `
		start gpt-x
		reasoning hm

		so
		signed responses:gAAA
		text hello
		call 0 c1 f 
		call 1 c2 g 
		call 0   {"a":
		call 1   {}
		call 0   1}
		tool_calls in 6 read 4 out 4 thought 5`)
	f("responses", "nothing in pieces", created+`{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message","content":[{"type":"output_text","text":"he"}]},{"type":"web_search_call"},{"type":"function_call","call_id":"c","name":"f","arguments":""}]}}`, `
		start gpt-x
		text he
		call 0 c f {}
		length`)
	f("responses", "cut", created+`{"type":"response.output_text.delta","output_index":0,"delta":"x"}`, `
		start gpt-x
		text x

		cut: broke the stream off before response.completed`)
	f("responses", "failed", created+`{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"}}}`, `
		start gpt-x

		rate_limited: slow down`)
	f("responses", "an error event", created+`{"type":"error","code":"server_error","message":"oh","param":null}`, `
		start gpt-x

		overloaded: oh`)
	f("responses", "a refusal", created+`
		{"type":"response.refusal.delta","output_index":0,"delta":"no"}
		{"type":"response.completed","response":{"status":"completed"}}`, `
		start gpt-x
		text no
		content_filter`)

	f("gemini", "thoughts, text, calls", `
		{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":12,"thoughtsTokenCount":2},"modelVersion":"gemini-x","responseId":"r-1"}
		{"candidates":[{"content":{"parts":[{"text":"看"},{"text":"好"}],"role":"model"}}]}
		{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":[1]}},"thoughtSignature":"c2ln"},{"functionCall":{"id":"own","name":"g"}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":3,"thoughtsTokenCount":5,"totalTokenCount":18}}`, `
		start gemini-x
		reasoning hm
		text 看好
		signed gemini:c2ln
		call 0 call_r-1_0 f {"a":[1]}
		call 1 own g {}
		tool_calls in 6 read 4 out 3 thought 5`)
	f("gemini", "an empty text with a signature at the end", `
		{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}
		{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"s"}]},"finishReason":"MAX_TOKENS"}]}`, "start \ntext x\nsigned gemini:s\nlength")
	f("gemini", "a prompt that is refused", `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}`, "in 3\nfiltered: refused the prompt: SAFETY")
	f("gemini", "an answer that is filtered", `{"candidates":[{"finishReason":"SAFETY"}]}`, "start \ncontent_filter")
	f("gemini", "a broken call", `{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"x"}]}`, "start \n\nprotocol: ended the answer with MALFORMED_FUNCTION_CALL x")
	f("gemini", "cut", `{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}`, "start \ntext x\n\ncut: broke the stream off before its finishReason")
	f("gemini", "an error", `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`, "\noverloaded: busy")
	f("gemini", "an odd end", `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"OTHER"}]}`, "start \ntext x\nstop\nwarning this member ended its answer with OTHER")
}

func TestUpstreamWhole(t *testing.T) {
	f := func(protocol, body, want string) {
		t.Helper()
		c := upstreams[protocol]()
		all, err := c.Whole(nil, []byte(body))
		if got := drawSigned(all, c.Outcome(), err); got != want {
			t.Errorf("%s: %s\ngot  %q\nwant %q", protocol, body, got, want)
		}
	}
	f("anthropic", `{"content":[{"thinking":"a","signature":"s1","type":"thinking"},{"type":"thinking","thinking":"b","signature":"s2"},{"type":"text","text":"x"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"output_tokens":3,"input_tokens":2},"model":"c","type":"message"}`,
		"start c\nreasoning a\nsigned s1\nreasoning b\nsigned s2\ntext x\ncall 0 t f {\"a\":1}\ntool_calls in 2 out 3")
	f("anthropic", `{"type":"error","error":{"type":"api_error","message":"m"}}`, "\noverloaded: m")
	f("anthropic", `{"x":1}`, "\nprotocol: answered without a message")
	f("responses", `{"object":"response","status":"completed","model":"g","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}],"encrypted_content":"e"},{"type":"message","content":[{"type":"output_text","text":"x"}]}],"usage":{"input_tokens":1,"output_tokens":1}}`,
		"start g\nreasoning r\nsigned responses:e\ntext x\nstop in 1 out 1")
	f("responses", `{"x":1}`, "\nprotocol: answered without a response")
	f("gemini", `{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}`, "start \ntext x\nstop")
	f("gemini", `[]`, "\nprotocol: sent a chunk that is wrong: got array, want object")
}

// asked is a conversation with everything in it.
func asked() *llm.Request {
	return &llm.Request{
		Model: "m", MaxTokens: 4000, Stop: []string{"END"}, User: "u", Temperature: ptr(0.5),
		Messages: []llm.Message{
			{Role: llm.RoleSystem, Parts: []llm.Part{{Kind: llm.PartText, Text: "be brief", Cache: "ephemeral/1h"}}},
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "看"}, {Kind: llm.PartImage, Media: &llm.Media{Data: []byte("hi"), MIME: "image/png"}}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				{Kind: llm.PartReasoning, Text: "hm", Signature: "c2ln"},
				{Kind: llm.PartReasoning, Signature: "redacted_thinking:AAAA"},
				{Kind: llm.PartReasoning, Text: "so", Signature: "gemini:Zzz"},
				{Kind: llm.PartReasoning, Text: "yes", Signature: "responses:gAAA"},
				{Kind: llm.PartText, Text: "ok"},
				{Kind: llm.PartCall, Call: &llm.Call{ID: "functions.f:0", Name: "f", Args: `{"a":1}`}},
				{Kind: llm.PartCall, Call: &llm.Call{ID: "t2", Name: "g", Args: "oops"}},
			}},
			{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: "functions.f:0", Parts: []llm.Part{{Kind: llm.PartText, Text: `{"b":2}`}}}}}},
			{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: "t2", Failed: true, Parts: []llm.Part{{Kind: llm.PartText, Text: "no"}}}}}},
			llm.Text(llm.RoleUser, "go on"),
		},
		Tools: []llm.Tool{
			{Kind: "function", Name: "f", Description: "d", Parameters: json.RawMessage(`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`), Cache: "ephemeral"},
			{Kind: "function", Name: "g"},
			{Kind: "web_search", Form: "responses", Raw: json.RawMessage(`{"type":"web_search"}`)},
		},
		ParallelToolCalls: ptr(false),
	}
}

func TestAskUpstreams(t *testing.T) {
	f := func(name string, body []byte, warnings []string, err error, want string, warned ...string) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if !json.Valid(body) {
			t.Errorf("%s: no JSON: %s", name, body)
		}
		if diff := cmp.Diff(want, string(body)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if diff := cmp.Diff(warned, warnings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: warnings: -want +got\n%s", name, diff)
		}
	}
	const unsigned = "thoughts that this member did not sign are not sent to it"
	id := messageID("functions.f:0")
	r := asked()
	body, warnings, err := EncodeMessages(r, MessageOptions{Model: "c", Stream: true})
	f("anthropic", body, warnings, err, `{"model":"c","max_tokens":4000,"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral","ttl":"1h"}}],`+
		`"messages":[{"role":"user","content":[{"type":"text","text":"看"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]},`+
		`{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"redacted_thinking","data":"AAAA"},{"type":"text","text":"ok"},`+
		`{"type":"tool_use","id":"`+id+`","name":"f","input":{"a":1}},{"type":"tool_use","id":"t2","name":"g","input":{"_not_an_object":"oops"}}]},`+
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"`+id+`","content":[{"type":"text","text":"{\"b\":2}"}]},`+
		`{"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"no"}],"is_error":true},{"type":"text","text":"go on"}]}],"stream":true,`+
		`"tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false},"cache_control":{"type":"ephemeral"}},{"name":"g","input_schema":{"type":"object","properties":{}}}],`+
		`"tool_choice":{"type":"auto","disable_parallel_tool_use":true},"temperature":0.5,"stop_sequences":["END"],"metadata":{"user_id":"u"}}`,
		unsigned, "the tool web_search is not sent to this member")
	body, warnings, err = EncodeResponse(r, ResponseOptions{Model: "g", Stream: true})
	f("responses", body, warnings, err, `{"model":"g","input":[{"type":"message","role":"system","content":[{"type":"input_text","text":"be brief"}]},`+
		`{"type":"message","role":"user","content":[{"type":"input_text","text":"看"},{"type":"input_image","image_url":"data:image/png;base64,aGk="}]},`+
		`{"type":"reasoning","summary":[{"type":"summary_text","text":"yes"}],"encrypted_content":"gAAA"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"ok"}]},`+
		`{"type":"function_call","call_id":"`+responseID("functions.f:0")+`","name":"f","arguments":"{\"a\":1}"},{"type":"function_call","call_id":"t2","name":"g","arguments":"oops"},`+
		`{"type":"function_call_output","call_id":"`+responseID("functions.f:0")+`","output":"{\"b\":2}"},{"type":"function_call_output","call_id":"t2","output":"no"},`+
		`{"type":"message","role":"user","content":[{"type":"input_text","text":"go on"}]}],"stream":true,"store":false,"include":["reasoning.encrypted_content"],"max_output_tokens":4000,"temperature":0.5,`+
		`"tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false},"strict":false},{"type":"function","name":"g","parameters":{"type":"object","properties":{}},"strict":false},{"type":"web_search"}],`+
		`"parallel_tool_calls":false,"user":"u"}`,
		unsigned, "this member is not told by a mark that a tool failed, only by what the tool said", "stop is not sent to this member")
	body, warnings, err = EncodeGemini(r, GeminiOptions{Thoughts: true, Unsigned: "none"})
	f("gemini", body, warnings, err, `{"systemInstruction":{"parts":[{"text":"be brief"}]},"contents":[{"role":"user","parts":[{"text":"看"},{"inlineData":{"mimeType":"image/png","data":"aGk="}}]},`+
		`{"role":"model","parts":[{"text":"ok","thoughtSignature":"Zzz"},{"functionCall":{"id":"functions.f:0","name":"f","args":{"a":1}},"thoughtSignature":"none"},{"functionCall":{"id":"t2","name":"g","args":{"_not_an_object":"oops"}}}]},`+
		`{"role":"user","parts":[{"functionResponse":{"id":"functions.f:0","name":"f","response":{"b":2}}},{"functionResponse":{"id":"t2","name":"g","response":{"error":"no"}}},{"text":"go on"}]}],`+
		`"tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"properties":{"a":{"type":"integer"}},"type":"object"}},{"name":"g"}]}],`+
		`"generationConfig":{"maxOutputTokens":4000,"temperature":0.5,"stopSequences":["END"],"thinkingConfig":{"includeThoughts":true}}}`,
		unsigned, "the tool web_search is not sent to this member", "parallel_tool_calls is not sent to this member", "user is not sent to this member")
	// Signatures that the caller's protocol could not carry are known here.
	body, _, err = EncodeGemini(r, GeminiOptions{Signature: func(id string) string { return map[string]string{"functions.f:0": "gemini:Kept"}[id] }})
	if err != nil || !strings.Contains(string(body), `"args":{"a":1}},"thoughtSignature":"Kept"}`) {
		t.Errorf("gemini: %s, %v", body, err)
	}
}

// Thinking in each of the protocols' ways.
func TestAskThinking(t *testing.T) {
	f := func(change func(*llm.Request), anthropic, budgets, responses, gemini, levels string) {
		t.Helper()
		r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "q")}, MaxTokens: 9000, Temperature: ptr(1.5)}
		change(r)
		has := func(name string, body []byte, err error, want string) {
			t.Helper()
			if err != nil || !json.Valid(body) || want != "" && !strings.Contains(string(body), want) || want == "" && strings.Contains(strings.ToLower(string(body)), "thinking") {
				t.Errorf("%s: %s, %v, want %s", name, body, err, want)
			}
		}
		b, _, err := EncodeMessages(r, MessageOptions{Model: "c", Display: "summarized"})
		has("anthropic", b, err, anthropic)
		b, _, err = EncodeMessages(r, MessageOptions{Model: "c", Budgets: true})
		has("anthropic with budgets", b, err, budgets)
		b, _, err = EncodeResponse(r, ResponseOptions{Model: "c"})
		has("responses", b, err, responses)
		b, _, err = EncodeGemini(r, GeminiOptions{Budgets: true})
		has("gemini with budgets", b, err, gemini)
		b, _, err = EncodeGemini(r, GeminiOptions{Efforts: map[string]string{"none": "minimal", "max": "high"}})
		has("gemini", b, err, levels)
	}
	f(func(r *llm.Request) {}, "", "", "", "", "")
	f(func(r *llm.Request) { r.Thinking.Effort = "max" }, `"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"max"}}`, `"thinking":{"type":"enabled","budget_tokens":8999}}`,
		`"reasoning":{"effort":"max","summary":"auto"}`, `"thinkingConfig":{"includeThoughts":true,"thinkingBudget":48000}`, `"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"high"}`)
	f(func(r *llm.Request) { r.Thinking.Enabled = ptr(false) }, `"thinking":{"type":"disabled"},"temperature":1}`, `"thinking":{"type":"disabled"}`,
		`"reasoning":{"effort":"none"}`, `"thinkingConfig":{"thinkingBudget":0}`, `"thinkingConfig":{"thinkingLevel":"minimal"}`)
	f(func(r *llm.Request) { r.Thinking.Enabled, r.Thinking.BudgetTokens = ptr(true), 2000 }, `"thinking":{"type":"adaptive","display":"summarized"}}`, `"budget_tokens":2000}`,
		`"reasoning":{"summary":"auto"}`, `"thinkingBudget":2000`, `"thinkingConfig":{"includeThoughts":true}`)
	forced := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "q")}, Thinking: llm.Thinking{Effort: "low"},
		Tools: []llm.Tool{{Kind: "function", Name: "f"}}, ToolChoice: llm.ToolChoice{Mode: "tool", Name: "f"}}
	b, warnings, err := EncodeMessages(forced, MessageOptions{Model: "c"})
	if err != nil || strings.Contains(string(b), "thinking") || !strings.Contains(string(b), `"tool_choice":{"type":"tool","name":"f"}`) || len(warnings) != 1 {
		t.Errorf("a tool has to be called: %s, %q, %v", b, warnings, err)
	}
	b, warnings, err = EncodeMessages(forced, MessageOptions{Model: "c", Count: true})
	if err != nil || strings.Contains(string(b), "max_tokens") || len(warnings) != 0 {
		t.Errorf("count: %s, %q, %v", b, warnings, err)
	}
}

// What a member sends is what a gateway reads: the same conversation.
func TestAskRoundTrip(t *testing.T) {
	want := asked()
	want.Messages[2].Parts = append(slices.Clone(want.Messages[2].Parts[:2]), want.Messages[2].Parts[4], want.Messages[2].Parts[5])
	want.Messages[2].Parts[3].Call.ID = "t1"
	want.Messages[3].Parts[0].Result.CallID = "t1"
	want.Messages = slices.Delete(want.Messages, 4, 5)
	want.Tools = want.Tools[:1]
	want.ToolChoice.Mode = "auto"
	body, warnings, err := EncodeMessages(want, MessageOptions{Model: "m"})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	call, err := Anthropic{}.Decode(body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if diff := cmp.Diff(want, call.Request, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got\n%s", body, diff)
	}
	want.Messages[2].Parts = append(want.Messages[2].Parts[:0:0], llm.Part{Kind: llm.PartReasoning, Text: "yes", Signature: "responses:x"}, want.Messages[2].Parts[2], want.Messages[2].Parts[3])
	want.Messages[0].Parts[0].Cache, want.Stop, want.Tools[0].Cache, want.Tools[0].Strict = "", nil, "", ptr(false)
	if body, warnings, err = EncodeResponse(want, ResponseOptions{Model: "m"}); err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if call, err = (Responses{}).Decode(body); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	call.Request.Messages[2].Parts[0].Signature = "responses:" + call.Request.Messages[2].Parts[0].Signature
	if diff := cmp.Diff(want, call.Request, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got\n%s", body, diff)
	}
}

func TestAskUpstreamErrors(t *testing.T) {
	f := func(p llm.Part, anthropic, responses, gemini string) {
		t.Helper()
		r := &llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{p}}}}
		_, _, err := EncodeMessages(r, MessageOptions{})
		_, _, err2 := EncodeResponse(r, ResponseOptions{})
		_, _, err3 := EncodeGemini(r, GeminiOptions{})
		for _, c := range []struct {
			err  error
			want string
		}{{err, anthropic}, {err2, responses}, {err3, gemini}} {
			e := llm.AsError(c.err)
			if (e == nil) != (c.want == "") || e != nil && (e.Kind != llm.Unsupported || e.Message != c.want) {
				t.Errorf("%v: error %v, want %q", p.Kind, c.err, c.want)
			}
		}
	}
	f(llm.Part{Kind: llm.PartAudio, Media: &llm.Media{Data: []byte("x"), MIME: "audio/wav"}}, "an audio part can't be sent to this member", "", "")
	f(llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "https://x"}}, "", "", "an image by URL can't be sent to this member, want the image itself")
	f(llm.Part{Kind: llm.PartFile, Media: &llm.Media{Data: []byte("x"), MIME: "application/zip"}}, `a document of type "application/zip" can't be sent to this member`, "", "")
	f(llm.Part{Kind: llm.PartResult, Result: &llm.Result{CallID: "x"}}, "", "", `a tool's result for the call "x", which is not in the conversation`)
}

func TestGeminiSchema(t *testing.T) {
	f := func(in, want string, lost ...string) {
		t.Helper()
		got, gone, err := geminiSchema(json.RawMessage(in))
		if err != nil || string(got) != want || !slices.Equal(gone, lost) {
			t.Errorf("%s:\ngot  %s %q, %v\nwant %s %q", in, got, gone, err, want, lost)
		}
	}
	f(`{"$schema":"x","type":"object","properties":{},"additionalProperties":false}`, "")
	f(`{"type":"object","properties":{"a":{"type":"object","additionalProperties":{"type":"string"},"exclusiveMinimum":1}}}`,
		`{"properties":{"a":{"type":"object"}},"type":"object"}`, "additionalProperties", "exclusiveMinimum")
	f(`{"type":"object","properties":{"a":{"type":["string","null"],"format":"uri"},"b":{"const":"x"},"c":{"enum":[1,2]}},"required":["a"]}`,
		`{"properties":{"a":{"nullable":true,"type":"string"},"b":{"enum":["x"],"type":"string"},"c":{}},"required":["a"],"type":"object"}`, "enum", "format")
	f(`{"type":"object","properties":{"t":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"object","properties":{"v":{"type":"number"},"next":{"$ref":"#/$defs/n"}}}}}`,
		`{"properties":{"t":{"properties":{"next":{"type":"object"},"v":{"type":"number"}},"type":"object"}},"type":"object"}`, "$ref")
	f(`{"anyOf":[{"type":"null"},{"type":"string"}]}`, `{"nullable":true,"type":"string"}`)
	f(`{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":true},"required":["b"]}],"type":"object"}`,
		`{"properties":{"a":{"type":"string"},"b":{}},"required":["a","b"],"type":"object"}`)
	f(`{"oneOf":[{"type":"string"},{"type":"integer"}]}`, `{"anyOf":[{"type":"string"},{"type":"integer"}]}`)
	// References that multiply are stopped.
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/a0","$defs":{`)
	for i := range 30 {
		fmt.Fprintf(&b, `"a%d":{"properties":{"x":{"$ref":"#/$defs/a%d"},"y":{"$ref":"#/$defs/a%d"}}},`, i, i+1, i+1)
	}
	b.WriteString(`"a30":{}}}`)
	if _, _, err := geminiSchema(json.RawMessage(b.String())); err == nil {
		t.Error("a schema of 2^30 nodes, want an error")
	}
}

func TestUpstreamErrorsOfProtocols(t *testing.T) {
	f := func(e *llm.Error, kind llm.ErrorKind, code string, wait int) {
		t.Helper()
		if e.Kind != kind || e.Code != code || int(e.RetryAfter.Seconds()) != wait {
			t.Errorf("%+v, want %s %s after %d s", e, kind, code, wait)
		}
	}
	message := func(status int, kind, text string) *llm.Error {
		return MessageUpstreamError(status, map[string][]string{"Retry-After": {"3"}}, []byte(`{"type":"error","error":{"type":"`+kind+`","message":"`+text+`"},"request_id":"r"}`))
	}
	f(message(529, "overloaded_error", "x"), llm.Overloaded, "overloaded_error", 3)
	f(message(429, "rate_limit_error", "x"), llm.RateLimited, "rate_limit_error", 3)
	f(message(400, "invalid_request_error", "x"), llm.Unsupported, "invalid_request_error", 3)
	f(message(400, "invalid_request_error", "prompt is too long: 5 > 4"), llm.TooLong, "invalid_request_error", 3)
	f(message(400, "invalid_request_error", "Your credit balance is too low"), llm.QuotaExhausted, "invalid_request_error", 3)
	f(message(401, "authentication_error", "x"), llm.Unauthorized, "authentication_error", 3)
	f(MessageUpstreamError(502, nil, []byte("<html>")), llm.Overloaded, "", 0)
	gem := func(status int, body string) *llm.Error { return GeminiUpstreamError(status, nil, []byte(body)) }
	f(gem(429, `{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}`), llm.RateLimited, "RESOURCE_EXHAUSTED", 17)
	f(gem(429, `[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]}]}}]`), llm.QuotaExhausted, "RESOURCE_EXHAUSTED", 0)
	f(gem(400, `{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}`), llm.Unauthorized, "INVALID_ARGUMENT", 0)
	f(gem(400, `{"error":{"code":400,"message":"The input token count (5) exceeds the maximum number of tokens allowed (4).","status":"INVALID_ARGUMENT"}}`), llm.TooLong, "INVALID_ARGUMENT", 0)
	f(gem(503, `no`), llm.Overloaded, "", 0)
}

// FuzzUpstreams: any bytes as a stream of any of the protocols, and as a whole
// answer, end in events that keep the promises of llm, or in an error with a
// kind, the same however the bytes were cut.
func FuzzUpstreams(f *testing.F) {
	f.Add([]byte(eventsOf(`{"type":"message_start","message":{"model":"c"}}`+"\n"+`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`+"\n"+
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}`+"\n"+`{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`)), uint8(0))
	f.Add([]byte(eventsOf(`{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"c1","name":"f","arguments":""}}`+"\n"+
		`{"type":"response.completed","response":{"status":"completed","output":[]}}`)), uint8(1))
	f.Add([]byte(eventsOf(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":[1]}},"thoughtSignature":"c2ln"},{"text":"\ud83d","thought":true}]},"finishReason":"STOP"}]}`)), uint8(2))
	names := []string{"anthropic", "responses", "gemini"}
	f.Fuzz(func(t *testing.T, stream []byte, mode uint8) {
		name := names[int(mode)%len(names)]
		c := upstreams[name]()
		all, err := readUpstream(c, bytes.NewReader(stream))
		checkUpstream(t, name, stream, c, all, err)
		d := upstreams[name]()
		pieces, err2 := readUpstream(d, &chunks{stream, int(mode)%7 + 1})
		if (err == nil) != (err2 == nil) || len(all) != len(pieces) || c.Outcome().Usage != d.Outcome().Usage {
			t.Fatalf("%s: %q: whole %v %v, in pieces %v %v", name, stream, draw(all), err, draw(pieces), err2)
		}
		c = upstreams[name]()
		all, err = c.Whole(nil, stream)
		checkUpstream(t, name, stream, c, all, err)
		for _, e := range []*llm.Error{MessageUpstreamError(400, nil, stream), GeminiUpstreamError(200, nil, stream)} {
			if e == nil || e.Kind == "" || e.Message == "" || e.RetryAfter < 0 {
				t.Fatalf("%q: upstream error %v", stream, e)
			}
		}
	})
}

func checkUpstream(t *testing.T, name string, stream []byte, c upstream, all []llm.Event, err error) {
	var e *llm.Error
	if err != nil && (!errors.As(err, &e) || e.Kind == "" || !utf8.ValidString(e.Message)) {
		t.Fatalf("%s: %q: error %v", name, stream, err)
	}
	o := c.Outcome()
	if err == nil && o.Finish == "" || o.Usage.Input.N < 0 || o.Usage.Output.N < 0 || o.Usage.Reasoning.N < 0 {
		t.Fatalf("%s: %q: outcome %+v", name, stream, o)
	}
	for i, ev := range all {
		if (ev.Kind == llm.KindStart) != (i == 0) || !utf8.ValidString(ev.Text+ev.Signature) {
			t.Fatalf("%s: %q: event %d: %+v", name, stream, i, ev)
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
		t.Fatalf("%s: %q: Collect says %v, want %v", name, stream, cerr, err)
	}
	for _, call := range reply.Calls {
		if call.ID == "" || call.Name == "" || err == nil && call.Args == "" {
			t.Fatalf("%s: %q: call %+v", name, stream, call)
		}
	}
}
