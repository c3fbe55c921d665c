package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
)

func ptr[T any](v T) *T { return &v }

// ask wraps fields into a request with one short message.
func ask(fields string) string {
	return `{"model":"summit","messages":[{"role":"user","content":"hi"}],` + fields + `}`
}

func TestDecodeFields(t *testing.T) {
	f := func(fields string, set func(r *llm.Request)) {
		t.Helper()
		call, err := OpenAI{}.Decode([]byte(ask(fields)))
		if err != nil {
			t.Errorf("%s: %v", fields, err)
			return
		}
		want := &llm.Request{Model: "summit", Messages: []llm.Message{llm.Text(llm.RoleUser, "hi")}}
		set(want)
		if diff := cmp.Diff(want, call.Request); diff != "" {
			t.Errorf("%s: -want +got\n%s", fields, diff)
		}
	}
	f(`"stream":true`, func(r *llm.Request) { r.Streaming = true })
	f(`"stream":null,"max_tokens":null,"stop":null,"tools":null,"tool_choice":null,"response_format":null,"metadata":null,"logit_bias":null,"n":null,"x":null`, func(*llm.Request) {})
	f(`"max_tokens":5`, func(r *llm.Request) { r.MaxTokens = 5 })
	f(`"max_completion_tokens":7,"max_tokens":5`, func(r *llm.Request) { r.MaxTokens = 7 })
	f(`"max_tokens":5.0`, func(r *llm.Request) { r.MaxTokens = 5 })
	f(`"max_tokens":1e3`, func(r *llm.Request) { r.MaxTokens = 1000 })
	f(`"temperature":0,"top_p":0.5,"top_k":40,"min_p":0.05,"frequency_penalty":-1,"presence_penalty":1.5`, func(r *llm.Request) {
		r.Temperature, r.TopP, r.TopK, r.MinP = ptr(0.0), ptr(0.5), 40, ptr(0.05)
		r.FrequencyPenalty, r.PresencePenalty = ptr(-1.0), ptr(1.5)
	})
	f(`"top_k":-1`, func(*llm.Request) {})
	f(`"seed":-9007199254740993`, func(r *llm.Request) { r.Seed = ptr(int64(-9007199254740993)) })
	f(`"stop":"END"`, func(r *llm.Request) { r.Stop = []string{"END"} })
	f(`"stop":["a","\n\n"]`, func(r *llm.Request) { r.Stop = []string{"a", "\n\n"} })
	f(`"logit_bias":{"50256":-100}`, func(r *llm.Request) { r.LogitBias = map[string]float64{"50256": -100} })
	f(`"logprobs":true,"top_logprobs":3`, func(r *llm.Request) { r.Logprobs, r.TopLogprobs = true, 3 })
	f(`"user":"u1","metadata":{"a":"b"}`, func(r *llm.Request) { r.User, r.Metadata = "u1", map[string]string{"a": "b"} })
	f(`"parallel_tool_calls":false`, func(r *llm.Request) { r.ParallelToolCalls = ptr(false) })
	f(`"reasoning_effort":"high"`, func(r *llm.Request) { r.Thinking.Effort = "high" })
	f(`"thinking":{"type":"enabled","budget_tokens":100,"keep":1}`, func(r *llm.Request) {
		r.Thinking = llm.Thinking{Enabled: ptr(true), BudgetTokens: 100}
	})
	f(`"thinking":{"type":"disabled"},"enable_thinking":true`, func(r *llm.Request) { r.Thinking.Enabled = ptr(false) })
	f(`"thinking":{"type":"auto"}`, func(*llm.Request) {})
	f(`"enable_thinking":true,"thinking_budget":50`, func(r *llm.Request) {
		r.Thinking = llm.Thinking{Enabled: ptr(true), BudgetTokens: 50}
	})
	f(`"response_format":{"type":"json_object"}`, func(r *llm.Request) { r.Format = &llm.Format{Kind: "json_object"} })
	f(`"response_format":{"type":"json_schema","json_schema":{"name":"w","description":"d","schema":{"type": "object"},"strict":true}}`, func(r *llm.Request) {
		r.Format = &llm.Format{Kind: "json_schema", Name: "w", Description: "d", Schema: json.RawMessage(`{"type": "object"}`), Strict: ptr(true)}
	})
	tool := llm.Tool{Kind: "function", Name: "f", Description: "d", Parameters: json.RawMessage(`{"type":"object"}`), Strict: ptr(false)}
	const toolJSON = `{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false}}`
	f(`"tools":[`+toolJSON+`, {"type":"web_search","max":3} ]`, func(r *llm.Request) {
		r.Tools = []llm.Tool{tool, {Kind: "web_search", Raw: json.RawMessage(`{"type":"web_search","max":3}`)}}
	})
	f(`"tools":[`+toolJSON+`],"tool_choice":{"type":"function","function":{"name":"f"}}`, func(r *llm.Request) {
		r.Tools, r.ToolChoice = []llm.Tool{tool}, llm.ToolChoice{Mode: "tool", Name: "f"}
	})
	for _, mode := range []string{"auto", "none", "required"} {
		f(`"tool_choice":"`+mode+`","tools":[`+toolJSON+`]`, func(r *llm.Request) {
			r.Tools, r.ToolChoice = []llm.Tool{tool}, llm.ToolChoice{Mode: mode}
		})
	}
	f(`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}},"tools":[{"type":"function","function":{"name":"g"}},`+toolJSON+`]`, func(r *llm.Request) {
		r.Tools, r.ToolChoice = []llm.Tool{tool}, llm.ToolChoice{Mode: "required"}
	})
	f(`"functions":[{"name":"g"}],"function_call":{"name":"g"}`, func(r *llm.Request) {
		r.Tools, r.ToolChoice = []llm.Tool{{Kind: "function", Name: "g"}}, llm.ToolChoice{Mode: "tool", Name: "g"}
	})
	f(`"service_tier":"flex","prediction":{"a": [1]}`, func(r *llm.Request) {
		r.Extra = map[string]json.RawMessage{"service_tier": json.RawMessage(`"flex"`), "prediction": json.RawMessage(`{"a": [1]}`)}
	})
	f(`"summit":{"explain":true,"budget":{"max_cost_of":"glm","max_cost":0.25,"max_seconds":1.5,"max_calls":4,"prefer":"cost"},"question":{"suite":"gsm8k","id":"17"}}`, func(r *llm.Request) {
		r.Summit = llm.Extension{Explain: true, Budget: llm.Budget{MaxCostOf: "glm", MaxCost: 250_000, MaxSeconds: 1.5, MaxCalls: 4, Prefer: "cost"},
			Question: &llm.Question{Suite: "gsm8k", ID: "17"}}
	})
	f(`"summit":{"learn":false}`, func(r *llm.Request) { r.Summit.Unlearned = true })
	f(`"summit":{"learn":true}`, func(*llm.Request) {})
	f(`"summit":{"budget":{"max_cost":"1.000001"},"explain":null}`, func(r *llm.Request) { r.Summit.Budget.MaxCost = 1_000_001 })
}

func TestDecodeCall(t *testing.T) {
	call, err := OpenAI{}.Decode([]byte(ask(`"n":3,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}`)))
	if err != nil || call.N != 3 || !call.Stream {
		t.Fatalf("call %+v, error %v", call, err)
	}
	if call, err = (OpenAI{}).Decode([]byte(" \n" + ask(`"a":1`) + "\r\n")); err != nil || call.N != 1 || call.Stream {
		t.Errorf("call %+v, error %v, want one plain answer", call, err)
	}
}

func TestDecodeMessages(t *testing.T) {
	f := func(messages string, want ...llm.Message) {
		t.Helper()
		call, err := OpenAI{}.Decode([]byte(`{"messages":[` + messages + `],"model":"m"}`))
		if err != nil {
			t.Errorf("%s: %v", messages, err)
			return
		}
		if diff := cmp.Diff(want, call.Request.Messages); diff != "" {
			t.Errorf("%s: -want +got\n%s", messages, diff)
		}
	}
	text := func(s string) llm.Part { return llm.Part{Kind: llm.PartText, Text: s} }
	message := func(role llm.Role, parts ...llm.Part) llm.Message { return llm.Message{Role: role, Parts: parts} }
	f(`{"role":"system","content":"s"},{"role":"developer","content":[{"type":"text","text":"d"}]},{"content":"u","role":"user","name":"ann"}`,
		message("system", text("s")), message("developer", text("d")), llm.Message{Role: "user", Name: "ann", Parts: []llm.Part{text("u")}})
	f(`{"role":"user","content":""}`, message("user"))
	f(`{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`,
		message("user", llm.Part{Kind: llm.PartText, Text: "a", Cache: "ephemeral"}))
	f(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},
		{"type":"image_url","image_url":"data:image/png;base64,aGk="},
		{"type":"input_audio","input_audio":{"data":"aGk","format":"wav"}},
		{"type":"file","file":{"file_id":"file-1"}},
		{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}},
		{"type":"file","file":{"file_data":"aGk="}}]}`,
		message("user",
			llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "https://example.com/a.png", Detail: "low"}},
			llm.Part{Kind: llm.PartImage, Media: &llm.Media{Data: []byte("hi"), MIME: "image/png"}},
			llm.Part{Kind: llm.PartAudio, Media: &llm.Media{Data: []byte("hi"), MIME: "audio/wav"}},
			llm.Part{Kind: llm.PartFile, Media: &llm.Media{FileID: "file-1"}},
			llm.Part{Kind: llm.PartFile, Media: &llm.Media{Data: []byte("hi"), MIME: "application/pdf", Name: "a.pdf"}},
			llm.Part{Kind: llm.PartFile, Media: &llm.Media{Data: []byte("hi")}}))
	call := func(id, name, args string) llm.Part {
		return llm.Part{Kind: llm.PartCall, Call: &llm.Call{ID: id, Name: name, Args: args}}
	}
	result := func(id, name string, parts ...llm.Part) llm.Message {
		return message("tool", llm.Part{Kind: llm.PartResult, Result: &llm.Result{CallID: id, Name: name, Parts: parts}})
	}
	f(`{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"上海\"}"}},
		{"id":"call_2","type":"function","function":{"name":"g","arguments":{"b": 1}}}]},
		{"role":"tool","tool_call_id":"call_1","content":"晴"},{"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"x"}]},{"role":"tool","tool_call_id":"call_3"}`,
		message("assistant", call("call_1", "f", `{"a":"上海"}`), call("call_2", "g", `{"b": 1}`)),
		result("call_1", "", text("晴")), result("call_2", "", text("x")), result("call_3", ""))
	f(`{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"}`,
		message("assistant", call("call_m0", "f", "{}")), result("call_m0", "f", text("1")))
	thought := func(s string) llm.Part { return llm.Part{Kind: llm.PartReasoning, Text: s} }
	f(`{"role":"assistant","content":"a","reasoning_content":"r","reasoning":"no"}`, message("assistant", thought("r"), text("a")))
	f(`{"role":"assistant","content":"a","reasoning":"r"}`, message("assistant", thought("r"), text("a")))
	f(`{"role":"assistant","content":"a","reasoning":{"x":1},"reasoning_details":[{"type":"reasoning.text","text":"r1"},{"type":"reasoning.encrypted","data":"z"},{"summary":"r2"},null]}`,
		message("assistant", thought("r1r2"), text("a")))
	f(`{"role":"assistant","content":[{"type":"refusal","refusal":"no"},{"type":"text","text":"a"}],"refusal":"!"}`,
		message("assistant", text("a"), llm.Part{Kind: llm.PartRefusal, Text: "no!"}))
	f(`{"role":"assistant","content":"a","reasoning_content":"⛰ glm: asked\nthought\n⛰ glm: answered 42 (0.8 s)\nmore"}`,
		message("assistant", thought("thought\nmore"), text("a")))
	f(`{"role":"assistant","content":"a","reasoning_content":"⛰ glm: asked\n"}`, message("assistant", text("a")))
	f(`{"role":"assistant","content":"a \u4e2d\ud83d\ude00\ud83d \/ \"\\\b\f\n\r\t","audio":{"id":"x"},"annotations":[]}`, message("assistant", text("a 中😀\uFFFD / \"\\\b\f\n\r\t")))
}

func TestDecodeErrors(t *testing.T) {
	f := func(body, param, message string) {
		t.Helper()
		call, err := OpenAI{}.Decode([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || call != nil {
			t.Errorf("%s: call %v, error %v, want an *llm.Error", body, call, err)
			return
		}
		if e.Kind != llm.Invalid || e.Param != param || e.Message != message {
			t.Errorf("%s:\nkind %s, param %q, message %q\nwant invalid, %q, %q", body, e.Kind, e.Param, e.Message, param, message)
		}
	}
	// No JSON.
	f(``, "", `the body is not JSON: byte 0: got the end, want a value`)
	f(`{"model":`, "", `the body is not JSON: byte 9: got the end, want a value`)
	f(`{"model":"m"`, "", `the body is not JSON: byte 12: got the end, want ',' or '}'`)
	f(`{"model":"m",}`, "", `the body is not JSON: byte 13: got '}', want a field name`)
	f(`{"stop":["a",]}`, "", `the body is not JSON: byte 13: got ']', want a value`)
	f(`{model:1}`, "", `the body is not JSON: byte 1: got 'm', want a field name`)
	f(`{"model" "m"}`, "", `the body is not JSON: byte 9: got '"', want ':'`)
	f(`<html>`, "", `the body is not JSON: byte 0: got '<', want a value`)
	f("\uFEFF{}", "", "the body is not JSON: byte 0: got '\\ufeff', want a value")
	f(`{"a":tru}`, "", `the body is not JSON: byte 5: got 't', want true`)
	f(`{"a":01}`, "", `the body is not JSON: byte 6: got '1', want a number`)
	f(`{"a":-}`, "", `the body is not JSON: byte 6: got '}', want a number`)
	f(`{"a":1.}`, "", `the body is not JSON: byte 7: got '}', want a digit`)
	f(`{"a":1e}`, "", `the body is not JSON: byte 7: got '}', want a digit`)
	f(`{"a":"\x"}`, "", `the body is not JSON: byte 7: got 'x', want an escape such as \n`)
	f(`{"a":"\u12g4"}`, "", `the body is not JSON: byte 7: got 'u', want four hexadecimal digits after \u`)
	f("{\"a\":\"x\ny\"}", "", `the body is not JSON: byte 7: got '\n', want no control character in a string`)
	f(`{"a":"x`, "", `the body is not JSON: byte 7: got the end, want '"'`)
	f(`{"a":"\`, "", `the body is not JSON: byte 7: got the end, want '"'`)
	f(ask(`"a":1`)+`{}`, "", fmt.Sprintf("the body is not JSON: byte %d: got '{', want nothing after the value", len(ask(`"a":1`))))
	f("{\"model\":\"a\xff\"}", "", "the body is not UTF-8: byte 11")
	f(`[]`, "", "got array, want object")
	f(`"x"`, "", "got string, want object")
	f(ask(`"x":`+strings.Repeat("[", 70)+strings.Repeat("]", 70)), "", "nested deeper than 64 levels")
	f(ask(`"x":`+strings.Repeat(`{"a":`, 1_000_000)), "", "nested deeper than 64 levels")
	// What is missing.
	f(`{}`, "model", "model: missing, want the name of a model")
	f(`{"model":"m"}`, "messages", "messages: missing, want an array of at least one message")
	f(`{"model":"m","messages":[]}`, "messages", "messages: missing, want an array of at least one message")
	f(`{"model":"m","messages":[{"content":"x"}]}`, "messages[0].role", "messages[0].role: missing, want system, developer, user, assistant or tool")
	f(`{"model":"m","messages":[{"role":"user"}]}`, "messages[0].content", "messages[0].content: missing, want string or array")
	f(`{"model":"m","messages":[{"role":"tool","content":"x"}]}`, "messages[0].tool_call_id", "messages[0].tool_call_id: missing, want the id of the tool call that this answers")
	// Wrong types.
	f(`{"model":7}`, "model", "model: got number, want string")
	f(`{"model":"m","messages":{}}`, "messages", "messages: got object, want array of messages")
	f(`{"model":"m","messages":null}`, "messages", "messages: got null, want array of messages")
	f(`{"model":"m","messages":["x"]}`, "messages[0]", "messages[0]: got string, want object")
	f(`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"user","content":5}]}`,
		"messages[2].content", "messages[2].content: got number, want string or array")
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":true}]}]}`, "messages[0].content[0].text", "messages[0].content[0].text: got boolean, want string")
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}`, "messages[0].content[0].text", "messages[0].content[0].text: missing, want string")
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"video_url"}]}]}`, "messages[0].content[0].type", `messages[0].content[0].type: got "video_url", want text, image_url, input_audio, file or refusal`)
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, "messages[0].content[0].image_url", "messages[0].content[0].image_url: missing, want object")
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,%%%"}]}]}`, "messages[0].content[0].image_url",
		"messages[0].content[0].image_url: not base64: illegal base64 data at input byte 0")
	f(`{"model":"m","messages":[{"role":"king","content":"x"}]}`, "messages[0].role", `messages[0].role: got "king", want system, developer, user, assistant or tool`)
	f(`{"model":"m","messages":[{"role":"user","content":[{"type":"refusal","refusal":"x"}]}]}`, "messages[0].content", "messages[0].content: a refusal part in a user message, want it from the assistant")
	f(`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"custom"}]}]}`, "messages[0].tool_calls[0].function", "messages[0].tool_calls[0].function: missing, want an object with name and arguments")
	f(`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":3}}]}]}`, "messages[0].tool_calls[0].function.arguments", "messages[0].tool_calls[0].function.arguments: got number, want string")
	f(ask(`"temperature":"hot"`), "temperature", "temperature: got string, want number")
	f(ask(`"temperature":3`), "temperature", "temperature is 3, want 0 to 2")
	f(ask(`"temperature":1e999`), "temperature", "temperature: got 1e999, want a number that fits into 64 bits")
	f(ask(`"max_tokens":-1`), "max_tokens", "max_tokens: got -1, want 1 or more")
	f(ask(`"max_completion_tokens":0`), "max_completion_tokens", "max_completion_tokens: got 0, want 1 or more")
	f(ask(`"max_tokens":1.5`), "max_tokens", "max_tokens: got 1.5, want an integer of 64 bits")
	f(ask(`"max_tokens":99999999999`), "max_tokens", "max_tokens: got 99999999999, want 2147483647 at most")
	f(ask(`"n":0`), "n", "n: got 0, want 1 or more")
	f(ask(`"n":1000`), "n", "n: got 1000, want 1 to 128")
	f(ask(`"stream":1`), "stream", "stream: got number, want boolean")
	f(ask(`"stop":[1]`), "stop[0]", "stop[0]: got number, want string")
	f(ask(`"stop":{}`), "stop", "stop: got object, want string or array of strings")
	f(ask(`"metadata":{"a":1}`), "metadata.a", "metadata.a: got number, want string")
	f(ask(`"logit_bias":{"1":"x"}`), "logit_bias.1", "logit_bias.1: got string, want number")
	f(ask(`"reasoning_effort":"extreme"`), "reasoning_effort", `reasoning_effort: got "extreme", want none, minimal, low, medium, high, xhigh or max`)
	f(ask(`"thinking":{"type":"maybe"}`), "thinking.type", `thinking.type: got "maybe", want enabled, disabled, auto or adaptive`)
	f(ask(`"response_format":{"type":"xml"}`), "response_format.type", `response_format.type: got "xml", want text, json_object or json_schema`)
	f(ask(`"response_format":{"type":"json_schema"}`), "response_format.json_schema", "response_format.json_schema: missing, want an object with name and schema")
	f(ask(`"tools":[{"type":"function"}]`), "tools[0].function.name", "tools[0].function.name: missing, want the function's name")
	f(ask(`"tools":[{"name":"x"}]`), "tools[0].type", `tools[0].type: missing, want "function" or a vendor's own kind`)
	f(ask(`"tools":[{"type":"function","function":{"name":"f","parameters":"x"}}]`), "tools[0].function.parameters", "tools[0].function.parameters: got string, want object")
	f(ask(`"tool_choice":"any"`), "tool_choice", `tool_choice: got "any", want none, auto, required or an object`)
	f(ask(`"tool_choice":"required"`), "tool_choice", "tool_choice: a tool has to be called, but there is none in tools")
	f(ask(`"tool_choice":{"type":"custom"}`), "tool_choice.type", `tool_choice.type: got "custom", want function or allowed_tools`)
	f(ask(`"tool_choice":{"type":"function"}`), "tool_choice.function.name", "tool_choice.function.name: missing, want the name of the function to call")
	f(ask(`"tool_choice":"auto","function_call":"auto"`), "function_call", "function_call: given beside tool_choice, want one of the two")
	f(ask(`"model":"again"`), "model", "model: given twice, want it once")
	// The extension is strict.
	f(ask(`"summit":{"explian":true}`), "summit.explian", `summit.explian: unknown key, the nearest known one is "explain"`)
	f(ask(`"summit":{"budget":{"max_call":1}}`), "summit.budget.max_call", `summit.budget.max_call: unknown key, the nearest known one is "max_calls"`)
	f(ask(`"summit":{"question":{"suit":"x"}}`), "summit.question.suit", `summit.question.suit: unknown key, the nearest known one is "suite"`)
	f(ask(`"summit":{"budget":{"max_cost":-1}}`), "summit.budget.max_cost", `summit.budget.max_cost: got "-1", want a decimal number of zero or more with at most six decimal places`)
	f(ask(`"summit":{"budget":{"max_seconds":-0.5}}`), "summit.budget.max_seconds", "summit.budget.max_seconds: got -0.5, want zero or more")
	f(ask(`"summit":{"budget":{"prefer":"luck"}}`), "summit.budget.prefer", `prefer "luck", want quality, cost or speed`)
	// What came in stays short in the error.
	f(ask(`"reasoning_effort":"`+strings.Repeat("长", 1000)+`"`), "reasoning_effort", `reasoning_effort: got "`+strings.Repeat("长", 26)+`…", want none, minimal, low, medium, high, xhigh or max`)
}

// A body of many fields, messages or escapes must take time in proportion.
func TestDecodeIsLinear(t *testing.T) {
	var wide strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&wide, `,"field%d":%d`, i, i)
	}
	for name, body := range map[string]string{
		"fields":   ask(`"a":1` + wide.String()),
		"names":    ask(`"logit_bias":{"z":1` + wide.String() + `}`),
		"messages": `{"model":"m","messages":[` + strings.Repeat(`{"role":"user","content":"x"},`, 100_000) + `{"role":"user","content":"x"}]}`,
		"calls": `{"model":"m","messages":[` + strings.Repeat(`{"role":"assistant","function_call":{"name":"f","arguments":""}},{"role":"function","name":"g","content":"x"},`, 50_000) +
			`{"role":"user","content":"x"}]}`,
		"escapes": ask(`"user":"` + strings.Repeat(`\"`, 1_000_000) + `"`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (OpenAI{}).Decode([]byte(body)); err != nil {
				t.Error(err)
			}
		})
	}
}
