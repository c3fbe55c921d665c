package dialect

import (
	"strings"
	"testing"

	"summit/llm"
)

func textCall(t *testing.T, fields string) *Call {
	t.Helper()
	call, err := Completions{}.Decode([]byte(`{"model":"summit",` + fields + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func TestCompletionStream(t *testing.T) {
	const head = `data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"summit","choices":[`
	meta := testMeta
	meta.ID = "run-1"
	f := func(fields, want string, events ...llm.Event) {
		t.Helper()
		if got := stream(textCall(t, fields).Encoder(meta), events...); got != strings.ReplaceAll(want, "HEAD", head) {
			t.Errorf("%s:\ngot  %s\nwant %s", fields, got, want)
		}
	}
	stopped := done(&llm.Outcome{Finish: llm.FinishCalls, Usage: llm.Usage{Input: llm.Counted(3), Output: llm.Count{N: 2, From: llm.Estimated}}})
	f(`"prompt":"中a","echo":true,"stream":true,"stream_options":{"include_usage":true}`,
		`HEAD{"text":"中a","index":0,"logprobs":null,"finish_reason":null}],"usage":null}`+"\n\n"+
			`HEAD{"text":"b","index":0,"logprobs":null,"finish_reason":null}],"usage":null}`+"\n\n"+
			`HEAD{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":null}`+"\n\n"+
			`HEAD],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},"estimated":true}}`+"\n\ndata: [DONE]\n\n",
		llm.Event{Kind: llm.KindStart}, thought("hm"), progress("x", llm.StateAsked, ""), text("b"), stopped)
	two := llm.Event{Kind: llm.KindText, Text: "中b", Tokens: []llm.TokenLogprob{{Token: "中", Logprob: -0.5, Top: []llm.TokenLogprob{{Token: "x", Logprob: -1}, {Token: "x", Logprob: -2}}}, {Token: "b", Logprob: -1}}}
	f(`"prompt":["p"],"logprobs":1,"stream":true`,
		`HEAD{"text":"中b","index":0,"logprobs":{"tokens":["中","b"],"token_logprobs":[-0.5,-1],"top_logprobs":[{"x":-1},{}],"text_offset":[0,1]},"finish_reason":null}]}`+"\n\n"+
			`HEAD{"text":"c","index":0,"logprobs":{"tokens":["c"],"token_logprobs":[0],"top_logprobs":[{}],"text_offset":[2]},"finish_reason":null}]}`+"\n\n"+
			`HEAD{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}`+"\n\ndata: [DONE]\n\n",
		two, llm.Event{Kind: llm.KindText, Text: "c", Tokens: []llm.TokenLogprob{{Token: "c"}}}, done(&llm.Outcome{Finish: llm.FinishLength}))
	e := textCall(t, `"prompt":"p"`).Encoder(meta)
	cut := llm.Errorf(llm.Cut, "broke off")
	out := e.AppendEvent(e.AppendEvent(nil, 0, text("half"), nil), 0, done(&llm.Outcome{}), cut)
	if out = e.AppendEnd(out); !strings.HasSuffix(string(out), `"code":"upstream_cut"}}`+"\n\n") {
		t.Errorf("a broken stream ends in %s", out)
	}
}

func TestCompletionWhole(t *testing.T) {
	call := textCall(t, `"prompt":"p","n":2,"echo":true,"best_of":2`)
	o := &llm.Outcome{Usage: llm.Usage{Input: llm.Counted(1), Output: llm.Counted(2)}}
	got, err := call.Encoder(testMeta).Whole([]*llm.Reply{{Text: "a", Reasoning: "hm", Outcome: o}, {Text: "b", Outcome: o}})
	const want = `{"id":"cmpl-chatcmpl-1","object":"text_completion","created":1700000000,"model":"summit","choices":[{"text":"pa","index":0,"logprobs":null,"finish_reason":"stop"},{"text":"pb","index":1,"logprobs":null,"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":2,"completion_tokens":4,"total_tokens":6,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`
	if err != nil || string(got) != want || call.N != 2 {
		t.Errorf("n %d, %v\ngot  %s\nwant %s", call.N, err, got, want)
	}
	if _, err := call.Encoder(testMeta).Whole([]*llm.Reply{nil}); err == nil {
		t.Error("a reply that is nil, want an error")
	}
}

func TestCompletionErrors(t *testing.T) {
	f := func(body, param, message string) {
		t.Helper()
		_, err := Completions{}.Decode([]byte(body))
		e := llm.AsError(err)
		if e == nil || e.Kind != llm.Invalid || e.Param != param || !strings.Contains(e.Message, message) {
			t.Errorf("%s: %+v, want param %q: %s", body, e, param, message)
		}
	}
	f(`{"model":"m"}`, "prompt", "missing")
	f(`{"prompt":"p"}`, "model", "missing")
	f(`{"model":"m","prompt":[1,2]}`, "prompt[0]", "tokens, want a text")
	f(`{"model":"m","prompt":[[1]]}`, "prompt[0]", "tokens, want a text")
	f(`{"model":"m","prompt":["a","b"]}`, "prompt", "a list of 2 prompts")
	f(`{"model":"m","prompt":{}}`, "prompt", "got object")
	f(`{"model":"m","prompt":"p","best_of":3}`, "best_of", "no more than n")
	f(`{"model":"m","prompt":"p","echo":true,"logprobs":0}`, "echo", "beside logprobs")
	f(`{"model":"m","prompt":"p","temperature":3}`, "temperature", "0 to 2")
	f("{\"model\":\"\xff\"}", "", "not UTF-8")
}

func TestEncodeText(t *testing.T) {
	f := func(q Quirks, fields, want string) {
		t.Helper()
		body, _, err := EncodeText(textCall(t, fields).Request, ChatOptions{Model: "m", Stream: true, Quirks: q})
		got := string(body)
		if err != nil {
			got = llm.AsError(err).Message
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", fields, got, want)
		}
	}
	f(Quirks{Completions: "text"}, `"prompt":"p"`, `{"model":"m","prompt":"p","stream":true,"stream_options":{"include_usage":true},"max_tokens":16}`)
	f(Quirks{Completions: "infill", NoStreamOptions: true}, `"prompt":"p","suffix":"s","logprobs":2,"temperature":0,"stop":"x","max_tokens":5`,
		`{"model":"m","prompt":"p","suffix":"s","stream":true,"max_tokens":5,"temperature":0,"stop":["x"],"logprobs":2}`)
	f(Quirks{Completions: "text"}, `"prompt":"p","suffix":"s"`, "this member continues texts, but fills no gap in them")
}

// A server's answer to a text that is continued, log-probabilities too.
func TestTextStream(t *testing.T) {
	c := NewChatStream(Quirks{})
	var all []llm.Event
	var err error
	for _, chunk := range []string{
		`{"model":"m","choices":[{"index":0,"text":"<think>a","logprobs":{"tokens":["<think>","a"],"token_logprobs":[null,-1],"top_logprobs":[null,{"a":-1,"b":-2}],"text_offset":[0,7]},"finish_reason":null}]}`,
		`{"choices":[{"index":0,"text":"","finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
	} {
		if all, err = c.Append(all, []byte(chunk)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err = c.End(all); err != nil || len(all) != 2 || all[1].Text != "<think>a" || len(all[1].Tokens) != 2 || len(all[1].Tokens[1].Top) != 2 || c.Outcome().Finish != llm.FinishLength {
		t.Errorf("%+v, %+v, %v", all, c.Outcome(), err)
	}
}
