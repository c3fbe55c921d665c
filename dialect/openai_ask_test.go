package dialect

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"summit/llm"
)

// encode decodes what a client sent and encodes it for a server.
func encode(t *testing.T, o ChatOptions, body string) (string, []string) {
	t.Helper()
	call, err := OpenAI{}.Decode([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	got, warnings, err := EncodeChat(call.Request, o)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if !json.Valid(got) {
		t.Errorf("%s: no JSON: %s", body, got)
	}
	return string(got), warnings
}

func TestEncodeFields(t *testing.T) {
	const head = `{"model":"m","messages":[{"role":"user","content":"hi"}]`
	f := func(q Quirks, fields, want string, warnings ...string) {
		t.Helper()
		if err := q.Valid(); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
		got, warned := encode(t, ChatOptions{Model: "m", Quirks: q}, ask(fields))
		if got != head+want+"}" || !slices.Equal(warned, warnings) {
			t.Errorf("%s with %+v:\n%s %q, want\n%s %q", fields, q, got, warned, head+want+"}", warnings)
		}
	}
	f(Quirks{}, `"max_tokens":5`, `,"max_tokens":5`)
	f(Quirks{MaxTokensField: "max_completion_tokens"}, `"max_tokens":5`, `,"max_completion_tokens":5`)
	f(Quirks{}, `"temperature":0,"top_p":0.1,"top_k":3,"min_p":1e-7,"frequency_penalty":1,"presence_penalty":-1,"seed":0`,
		`,"temperature":0,"top_p":0.1,"top_k":3,"min_p":1e-07,"frequency_penalty":1,"presence_penalty":-1,"seed":0`)
	f(Quirks{Strip: []string{"temperature", "seed"}}, `"temperature":0,"top_p":0.1,"seed":1`, `,"top_p":0.1`,
		"temperature is not sent to this member", "seed is not sent to this member")
	f(Quirks{Strip: []string{"temperature"}}, `"top_p":0.1`, `,"top_p":0.1`)
	f(Quirks{}, `"stop":["a","b"],"logit_bias":{"2":1,"1":-1},"logprobs":true,"top_logprobs":2,"user":"u","metadata":{"b":"1","a":"2"}`,
		`,"stop":["a","b"],"logit_bias":{"1":-1,"2":1},"logprobs":true,"top_logprobs":2,"user":"u","metadata":{"a":"2","b":"1"}`)
	f(Quirks{}, `"b_new":1,"a_new":{"x": 2}`, ``, "a_new is unknown and not sent to this member", "b_new is unknown and not sent to this member")
	f(Quirks{Pass: []string{"a_new"}}, `"b_new":1,"a_new":{"x": 2}`, `,"a_new":{"x": 2}`, "b_new is unknown and not sent to this member")
	f(Quirks{Pass: []string{"*"}}, `"b_new":1,"a_new":{"x": 2}`, `,"a_new":{"x": 2},"b_new":1`)
	f(Quirks{Body: map[string]string{"tool_stream": "true", "max_tokens": "9"}, Pass: []string{"*"}}, `"max_tokens":5,"tool_stream":false`, `,"max_tokens":9,"tool_stream":true`)
	f(Quirks{}, `"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type": "object"},"strict":true}},{"type":"web_search"}],"tool_choice":"auto","parallel_tool_calls":true`,
		`,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type": "object"},"strict":true}},{"type":"web_search"}],"tool_choice":"auto","parallel_tool_calls":true`)
	f(Quirks{Strip: []string{"tools.strict", "tool_choice"}}, `"tools":[{"type":"function","function":{"name":"f","strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}}`,
		`,"tools":[{"type":"function","function":{"name":"f"}}]`, "the mark strict of tools is not sent to this member: check the arguments of its calls", "tool_choice is not sent to this member")
	f(Quirks{}, `"functions":[{"name":"f"}],"function_call":{"name":"f"}`, `,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}`)
	f(Quirks{}, `"response_format":{"type":"json_schema","json_schema":{"name":"w","description":"d","schema":{},"strict":true}}`,
		`,"response_format":{"type":"json_schema","json_schema":{"name":"w","description":"d","schema":{},"strict":true}}`)
	f(Quirks{}, `"response_format":{"type":"json_object"}`, `,"response_format":{"type":"json_object"}`)
	f(Quirks{}, `"summit":{"explain":true}`, ``)

	// The switch for thoughts.
	f(Quirks{}, `"reasoning_effort":"high"`, `,"reasoning_effort":"high"`)
	f(Quirks{}, `"enable_thinking":false`, `,"reasoning_effort":"none"`)
	f(Quirks{}, `"enable_thinking":true`, ``)
	f(Quirks{}, `"thinking_budget":5`, ``, "the thinking budget is not sent to this member")
	qwen := Quirks{ThinkingSwitch: "enable_thinking", BudgetField: "thinking_budget", Efforts: map[string]string{"none": "", "minimal": "", "low": "low", "high": "", "max": ""}}
	f(qwen, `"enable_thinking":true,"thinking_budget":5`, `,"enable_thinking":true,"thinking_budget":5`)
	f(qwen, `"reasoning_effort":"none"`, `,"enable_thinking":false`)
	f(qwen, `"reasoning_effort":"low"`, `,"reasoning_effort":"low"`)
	f(qwen, `"reasoning_effort":"high"`, `,"enable_thinking":true`, "reasoning_effort is not sent to this member")
	f(Quirks{ThinkingSwitch: "thinking", BudgetField: "thinking.budget_tokens"}, `"thinking":{"type":"enabled","budget_tokens":5}`, `,"thinking":{"type":"enabled","budget_tokens":5}`)
	f(Quirks{ThinkingSwitch: "thinking"}, `"thinking":{"type":"disabled","budget_tokens":5}`, `,"thinking":{"type":"disabled"}`, "the thinking budget is not sent to this member")
	f(Quirks{ThinkingSwitch: "thinking", BudgetField: "thinking.budget_tokens"}, `"thinking_budget":5`, `,"thinking":{"budget_tokens":5}`)
	f(Quirks{ThinkingSwitch: "template"}, `"thinking":{"type":"disabled"}`, `,"chat_template_kwargs":{"enable_thinking":false}`)
	f(Quirks{Efforts: map[string]string{"none": "no_think", "xhigh": "high"}}, `"reasoning_effort":"xhigh"`, `,"reasoning_effort":"high"`)
	f(Quirks{Efforts: map[string]string{"none": "no_think"}}, `"enable_thinking":false`, `,"reasoning_effort":"no_think"`)
}

func TestEncodeThinking(t *testing.T) {
	const called = `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""%s,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"1"}]`
	f := func(q Quirks, thoughts, fields, want string, warnings ...string) {
		t.Helper()
		body, got := encode(t, ChatOptions{Model: "m", Quirks: q}, `{"model":"m",`+fmt.Sprintf(called, thoughts)+fields+`}`)
		_, rest, _ := strings.Cut(body, `"content":"1"}]`)
		if rest != want+"}" || !slices.Equal(got, warnings) {
			t.Errorf("%+v %s%s: %s, %q, want %s}, %q", q, thoughts, fields, rest, got, want, warnings)
		}
	}
	const gone = "this member does not think here: it wants its thoughts beside earlier tool calls, and they are gone"
	need := Quirks{ThinkingSwitch: "thinking", NeedThoughts: true, ReasoningField: "reasoning_content"}
	f(need, ``, ``, `,"thinking":{"type":"disabled"}`, gone)
	f(need, ``, `,"reasoning_effort":"high"`, `,"thinking":{"type":"disabled"}`, gone)
	f(need, ``, `,"reasoning_effort":"none"`, `,"thinking":{"type":"disabled"}`)
	f(need, `,"reasoning_content":"r"`, ``, ``)
	f(need, `,"reasoning_content":"r"`, `,"reasoning_effort":"high"`, `,"reasoning_effort":"high"`)
	f(Quirks{NeedThoughts: true}, ``, `,"reasoning_effort":"high"`, `,"reasoning_effort":"none"`, gone)

	always := Quirks{ThinkingSwitch: "thinking", AlwaysThink: []string{"m"}}
	f(always, ``, `,"reasoning_effort":"none"`, ``, "this model can't be told not to think")
	f(always, ``, `,"enable_thinking":false`, ``, "this model can't be told not to think")
	f(always, ``, `,"enable_thinking":true`, `,"thinking":{"type":"enabled"}`)
	f(Quirks{AlwaysThink: []string{"m"}, Efforts: map[string]string{"none": "low"}}, ``, `,"reasoning_effort":"none"`, ``, "this model can't be told not to think")
	f(Quirks{ThinkingSwitch: "thinking", AlwaysThink: []string{"other"}}, ``, `,"enable_thinking":false`, `,"thinking":{"type":"disabled"}`)

	f(Quirks{ThinkingSwitch: "thinking", ThinkingWord: "adaptive"}, ``, `,"enable_thinking":true`, `,"thinking":{"type":"adaptive"}`)
	f(Quirks{Efforts: map[string]string{"medium": "high"}}, ``, `,"enable_thinking":true`, `,"reasoning_effort":"high"`)
	f(Quirks{Efforts: map[string]string{"max": "high"}}, ``, `,"enable_thinking":true`, `,"reasoning_effort":"medium"`)
}

func TestEncodeStream(t *testing.T) {
	f := func(o ChatOptions, want string) {
		t.Helper()
		if got, _ := encode(t, o, ask(`"stream":false`)); got != `{`+want+`}` {
			t.Errorf("%+v: %s, want %s", o, got, want)
		}
	}
	f(ChatOptions{Stream: true}, `"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}`)
	f(ChatOptions{Stream: true, Quirks: Quirks{NoStreamOptions: true}}, `"messages":[{"role":"user","content":"hi"}],"stream":true`)
	f(ChatOptions{Stream: true, Quirks: Quirks{Strip: []string{"stream_options"}}}, `"messages":[{"role":"user","content":"hi"}],"stream":true`)
	f(ChatOptions{}, `"messages":[{"role":"user","content":"hi"}]`)
}

func TestEncodeMessages(t *testing.T) {
	f := func(q Quirks, messages, want string) {
		t.Helper()
		got, _ := encode(t, ChatOptions{Quirks: q}, `{"model":"m","messages":[`+messages+`]}`)
		if want = `{"messages":[` + want + `]}`; got != want {
			t.Errorf("%s:\n%s, want\n%s", messages, got, want)
		}
	}
	f(Quirks{}, `{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b\n"},{"type":"text","text":"c"}]},{"role":"user","name":"ann","content":""}`,
		`{"role":"system","content":"a\nb\nc"},{"role":"user","name":"ann","content":""}`)
	f(Quirks{DeveloperRole: true}, `{"role":"developer","content":"a"}`, `{"role":"developer","content":"a"}`)
	f(Quirks{}, `{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`, `{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`)
	f(Quirks{}, `{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`, `{"role":"user","content":"a"}`)
	f(Quirks{CacheControl: true}, `{"role":"system","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`,
		`{"role":"system","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`)
	const media = `{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},{"type":"image_url","image_url":{"url":"https://x/y"}},{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}},{"type":"file","file":{"file_id":"f"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,aGk=","filename":"a.pdf"}}]}`
	f(Quirks{}, media, media)
	const tools = `{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"晴"}`
	f(Quirks{}, strings.Replace(strings.Replace(tools, `"content":""`, `"content":null`, 1), `"arguments":"{}"`, `"arguments":""`, 1), tools)
	f(Quirks{}, `{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"}`,
		`{"role":"assistant","content":"","tool_calls":[{"id":"call_m0","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_m0","name":"f","content":"1"}`)
	const thinking = `{"role":"assistant","content":"a","reasoning_content":"r","refusal":"no"}`
	f(Quirks{}, thinking, `{"role":"assistant","content":"a","refusal":"no"}`)
	f(Quirks{ReasoningField: "reasoning_content"}, thinking, `{"role":"assistant","reasoning_content":"r","content":"a","refusal":"no"}`)
	f(Quirks{ReasoningField: "reasoning"}, thinking, `{"role":"assistant","reasoning":"r","content":"a","refusal":"no"}`)
	f(Quirks{ReasoningField: "think"}, thinking, `{"role":"assistant","content":"<think>r</think>\n\na","refusal":"no"}`)
}

// Tool results beside other content, as other protocols have them, become
// messages of their own.
func TestEncodeResultsBesideText(t *testing.T) {
	r := &llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{
		{Kind: llm.PartText, Text: "and?"},
		{Kind: llm.PartResult, Result: &llm.Result{CallID: "c1", Parts: []llm.Part{{Kind: llm.PartText, Text: "1"}}}},
		{Kind: llm.PartResult, Result: &llm.Result{CallID: "c2", Parts: []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "https://x"}}}}},
	}}}}
	got, _, err := EncodeChat(r, ChatOptions{})
	const want = `{"messages":[{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":[{"type":"image_url","image_url":{"url":"https://x"}}]},{"role":"user","content":"and?"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want\n%s", got, err, want)
	}
}

func TestEncodeErrors(t *testing.T) {
	f := func(param, message string, r *llm.Request) {
		t.Helper()
		_, _, err := EncodeChat(r, ChatOptions{})
		e := llm.AsError(err)
		if e == nil || e.Kind != llm.Unsupported || e.Param != param || !strings.Contains(e.Message, message) {
			t.Errorf("error %v, want unsupported %s: %s", err, param, message)
		}
	}
	part := func(p llm.Part) *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "a"), {Role: llm.RoleUser, Parts: []llm.Part{p}}}}
	}
	const where = "messages[1].content"
	f(where, "image by file id", part(llm.Part{Kind: llm.PartImage, Media: &llm.Media{FileID: "x"}}))
	f(where, "audio by URL", part(llm.Part{Kind: llm.PartAudio, Media: &llm.Media{URL: "x"}}))
	f(where, "file by URL", part(llm.Part{Kind: llm.PartFile, Media: &llm.Media{URL: "x"}}))
	f(where, "image part", part(llm.Part{Kind: llm.PartImage}))
	f(where, "call part", part(llm.Part{Kind: llm.PartCall, Call: &llm.Call{}}))
	f("logit_bias", "token 1 is NaN", &llm.Request{LogitBias: map[string]float64{"1": math.NaN()}})
}

func TestQuirksValid(t *testing.T) {
	f := func(q Quirks, want string) {
		t.Helper()
		if err := q.Valid(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %s", q, err, want)
		}
	}
	f(Quirks{MaxTokensField: "max_token"}, `max_tokens_field: got "max_token", want max_tokens, max_completion_tokens or nothing`)
	f(Quirks{ThinkingSwitch: "yes"}, "thinking_switch")
	f(Quirks{BudgetField: "budget"}, "budget_field")
	f(Quirks{ThinkingWord: "adaptive"}, "thinking_word: got \"adaptive\", want it")
	f(Quirks{BudgetField: "thinking.budget_tokens"}, "want it with thinking_switch: thinking")
	f(Quirks{ReasoningField: "thoughts"}, "reasoning_field")
	f(Quirks{Think: "on"}, "think")
	f(Quirks{Codes: map[string]llm.ErrorKind{"1": "slow"}}, `codes: 1: got "slow"`)
	f(Quirks{Body: map[string]string{"x": "yes"}}, `body: x: got "yes", want JSON text`)
	if err := (Quirks{}).Valid(); err != nil {
		t.Error(err)
	}
}

// An answer that was begun is gone on with, each server told in its own way.
func TestEncodeContinue(t *testing.T) {
	r := &llm.Request{Continue: true, Messages: []llm.Message{
		llm.Text(llm.RoleUser, "hi"), llm.Text(llm.RoleAssistant, "he"), llm.Text(llm.RoleUser, "go on"), llm.Text(llm.RoleAssistant, "llo"),
	}}
	const head, tail = `{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"he"},{"role":"user","content":"go on"},{"role":"assistant","content":"llo"`, `}`
	for by, want := range map[string]string{
		"prefix": `,"prefix":true}]`, "partial": `,"partial":true}]`, "plain": `}]`,
		"flags": `}],"continue_final_message":true,"add_generation_prompt":false`,
	} {
		q := Quirks{ContinueBy: by}
		if err := q.Valid(); err != nil {
			t.Error(err)
		}
		got, _, err := EncodeChat(r, ChatOptions{Model: "m", Quirks: q})
		if err != nil || string(got) != head+want+tail {
			t.Errorf("%s: %v\n%s, want\n%s", by, err, got, head+want+tail)
		}
	}
	fails := func(want string, q Quirks, r *llm.Request) {
		t.Helper()
		if _, _, err := EncodeChat(r, ChatOptions{Model: "m", Quirks: q}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	fails("can't go on with an answer", Quirks{}, r)
	short := r.Clone()
	short.Messages = short.Messages[:1]
	fails("isn't the assistant's", Quirks{ContinueBy: "plain"}, short)
}
