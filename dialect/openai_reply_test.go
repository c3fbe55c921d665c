package dialect

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", file, diff)
	}
}

var testMeta = Meta{ID: "chatcmpl-1", Created: time.Unix(1_700_000_000, 999), Model: "summit"}

// encoder returns the encoder of a request with those fields.
func encoder(t *testing.T, fields string) Encoder {
	t.Helper()
	call, err := OpenAI{}.Decode([]byte(ask(fields)))
	if err != nil {
		t.Fatal(err)
	}
	return call.Encoder(testMeta)
}

var (
	testUsage   = llm.Usage{Input: llm.Counted(7), CacheRead: llm.Counted(3), Output: llm.Counted(5), Reasoning: llm.Count{N: 2, From: llm.Estimated}, Calls: llm.Counted(1)}
	testOutcome = &llm.Outcome{Member: "summit", Strategy: "vote", Finish: llm.FinishStop, Usage: testUsage, TTFT: 20 * time.Millisecond, Took: time.Second,
		Parts: []*llm.Outcome{{Member: "glm", Model: "glm-5", Usage: testUsage, WeightPPM: 1_000_000, Reason: "won"}, {Member: "qwen", Err: llm.Errorf(llm.Overloaded, "busy")}}}
)

func text(s string) llm.Event    { return llm.Event{Kind: llm.KindText, Text: s} }
func thought(s string) llm.Event { return llm.Event{Kind: llm.KindReasoning, Text: s} }
func progress(member string, state llm.ProgressState, note string) llm.Event {
	return llm.Event{Kind: llm.KindProgress, Progress: &llm.ProgressNote{Member: member, State: state, Note: note}}
}
func calls(index int, id, name, args string) llm.Event {
	return llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: index, ID: id, Name: name, ArgsDelta: args}}
}
func done(o *llm.Outcome) llm.Event { return llm.Event{Kind: llm.KindDone, Done: o} }

// stream encodes the events of one choice and the end.
func stream(e Encoder, events ...llm.Event) string {
	var out []byte
	for _, ev := range events {
		out = e.AppendEvent(out, 0, ev, nil)
	}
	return string(e.AppendEnd(out))
}

func TestStreamGolden(t *testing.T) {
	f := func(name, fields string, events ...llm.Event) {
		t.Helper()
		got := stream(encoder(t, fields+`"stream":true`), events...)
		golden(t, name+".sse", got)
		checkStream(t, name, got)
	}
	start := llm.Event{Kind: llm.KindStart, Model: "glm-5"}
	f("text", ``, start, text("你好"), text(""), text(" \"w\"\n\u2028\x01"), done(&llm.Outcome{Finish: llm.FinishStop, Usage: testUsage}))
	f("usage", `"stream_options":{"include_usage":true},`, start, text("a"), done(&llm.Outcome{Finish: llm.FinishLength, Usage: testUsage}))
	f("usage_unknown", `"stream_options":{"include_usage":true},`, text("a"), done(&llm.Outcome{Finish: llm.FinishStop}))
	f("council", `"summit":{"explain":true},"stream_options":{"include_usage":true},`,
		progress("glm", llm.StateAsked, ""), progress("qwen", llm.StateFailed, "busy,\n try\tlater"), thought("I think"),
		progress("glm", llm.StateAnswered, "42 (0.8 s)"), progress("", llm.StateDecided, "42 by 3 of 4"), thought("so."), text("42"), done(testOutcome))
	f("calls", ``, thought("hm"), calls(0, "call_1", "f", `{"a":`), calls(1, "call_2", "g", ""), calls(0, "", "", `"上海"}`), calls(1, "", "", "{}"),
		done(&llm.Outcome{Finish: llm.FinishCalls}))
	f("calls_legacy", `"functions":[{"name":"f"}],`, calls(0, "call_1", "f", `{"a":`), calls(0, "", "", `1}`), calls(1, "call_2", "g", "{}"),
		done(&llm.Outcome{Finish: llm.FinishCalls}))
	f("logprobs", `"logprobs":true,"top_logprobs":1,`, llm.Event{Kind: llm.KindText, Text: "a", Tokens: []llm.TokenLogprob{
		{Token: "a", Bytes: []byte("a"), Logprob: -0.5, Top: []llm.TokenLogprob{{Token: "b", Logprob: -1.25}}}, {Token: "\xe4", Logprob: -1e9}}}, done(&llm.Outcome{Finish: llm.FinishStop}))
	f("empty", ``, done(&llm.Outcome{}))
}

// checkStream holds what clients rely on: valid chunks, one id, the role
// first, one finish_reason and it last, usage where it belongs, one [DONE].
func checkStream(t *testing.T, name, got string) {
	t.Helper()
	body, ok := strings.CutSuffix(got, "data: [DONE]\n\n")
	if !ok {
		t.Errorf("%s: does not end in [DONE]", name)
	}
	finished, first := 0, true
	for frame := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		var chunk struct {
			ID      string
			Object  string
			Created int64
			Choices []struct {
				Delta  map[string]any
				Finish *string `json:"finish_reason"`
			}
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(frame, "data: ")), &chunk); err != nil {
			t.Fatalf("%s: %q: %v", name, frame, err)
		}
		if chunk.ID != testMeta.ID || chunk.Object != "chat.completion.chunk" || chunk.Created != 1_700_000_000 || chunk.Choices == nil {
			t.Errorf("%s: chunk %s", name, frame)
		}
		for _, c := range chunk.Choices {
			if finished > 0 {
				t.Errorf("%s: a choice after its finish_reason: %s", name, frame)
			}
			if role := c.Delta["role"]; (role == "assistant") != first || first && c.Delta["content"] != "" {
				t.Errorf("%s: role %v in %s", name, role, frame)
			}
			first = false
			if c.Finish != nil {
				finished++
			}
		}
	}
	if finished != 1 {
		t.Errorf("%s: %d finish_reasons, want one", name, finished)
	}
}

func TestWholeGolden(t *testing.T) {
	f := func(name, fields string, replies ...*llm.Reply) {
		t.Helper()
		got, err := encoder(t, fields+`"n":1`).Whole(replies)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(got) {
			t.Errorf("%s: no JSON", name)
		}
		golden(t, name+".json", string(got)+"\n")
	}
	call := []llm.Call{{ID: "call_1", Name: "f", Args: `{"a":1}`}, {ID: "call_2", Name: "g", Args: ""}}
	f("text", ``, &llm.Reply{Text: "你好", Reasoning: "hm", Outcome: &llm.Outcome{Finish: llm.FinishStop, Usage: testUsage}})
	f("unknown", ``, &llm.Reply{Outcome: &llm.Outcome{}})
	f("calls", ``, &llm.Reply{Calls: call, Outcome: &llm.Outcome{Usage: testUsage}})
	f("calls_legacy", `"functions":[{"name":"f"}],`, &llm.Reply{Calls: call, Outcome: &llm.Outcome{Finish: llm.FinishCalls, Usage: testUsage}})
	f("logprobs", `"logprobs":true,`, &llm.Reply{Text: "a", Tokens: []llm.TokenLogprob{{Token: "a", Logprob: -0.5}}, Outcome: &llm.Outcome{Finish: llm.FinishStop, Usage: testUsage}})
	f("explain", `"summit":{"explain":true},`, &llm.Reply{Text: "42", Outcome: testOutcome})
	f("explain_two", `"summit":{"explain":true},`, &llm.Reply{Text: "1", Outcome: &llm.Outcome{Member: "a", Finish: llm.FinishStop, Usage: testUsage}},
		&llm.Reply{Text: "2", Outcome: &llm.Outcome{Member: "b", Finish: llm.FinishLength, Usage: testUsage}})
	if _, err := encoder(t, `"n":1`).Whole([]*llm.Reply{{}}); err == nil {
		t.Error("a reply without an outcome was written")
	}
}

func TestStreamOfTwoChoices(t *testing.T) {
	e := encoder(t, `"n":2,"stream":true,"stream_options":{"include_usage":true}`)
	var out []byte
	out = e.AppendEvent(out, 1, text("b"), nil)
	out = e.AppendEvent(out, 0, text("a"), nil)
	out = e.AppendEvent(out, 1, done(&llm.Outcome{Finish: llm.FinishStop, Usage: testUsage}), nil)
	out = e.AppendEvent(out, 1, text("after its end"), nil)
	out = e.AppendEvent(out, 0, done(&llm.Outcome{Finish: llm.FinishLength, Usage: testUsage}), nil)
	golden(t, "two.sse", string(e.AppendEnd(out)))
}

func TestBrokenStreamHasNoCleanEnd(t *testing.T) {
	e := encoder(t, `"n":2,"stream":true,"stream_options":{"include_usage":true}`)
	var out []byte
	out = e.AppendEvent(out, 0, text("half"), nil)
	err := &llm.Error{Kind: llm.Cut, Member: "glm", Message: "broke off", Err: os.ErrClosed}
	out = e.AppendEvent(out, 0, done(&llm.Outcome{Err: err}), err)
	out = e.AppendEvent(out, 1, text("more"), nil)
	golden(t, "broken.sse", string(e.AppendEnd(out)))
	if got := encoder(t, `"stream":true`).AppendEvent(nil, 0, llm.Event{Kind: llm.KindDone}, nil); !strings.HasPrefix(string(got), `data: {"error":`) {
		t.Errorf("a Done without an outcome became %q, want an error event", got)
	}
}

func TestHeartbeatIsAComment(t *testing.T) {
	got, err := frames(strings.NewReader(string(encoder(t, `"n":1`).AppendHeartbeat(nil))), 100)
	if err != nil || len(got) != 0 {
		t.Errorf("heartbeat reads as %q, %v, want nothing", got, err)
	}
}

// Odd events, as a broken member might send, add nothing and never panic.
func TestOddEvents(t *testing.T) {
	e := encoder(t, `"stream":true`)
	for _, choice := range []int{-1, maxChoices} {
		if got := e.AppendEvent(nil, choice, text("a"), nil); len(got) > 0 {
			t.Errorf("choice %d became %q", choice, got)
		}
	}
	for _, ev := range []llm.Event{{}, {Kind: llm.KindCall}, {Kind: llm.KindProgress}, calls(-1, "a", "b", "c"), thought("")} {
		if got := e.AppendEvent(nil, 0, ev, nil); len(got) > 0 {
			t.Errorf("event %+v became %q", ev, got)
		}
	}
}

func TestProgressLine(t *testing.T) {
	long := progressLine(&llm.ProgressNote{Member: "a\nb", State: llm.StateFailed, Note: strings.Repeat("长", 500)})
	if strings.Count(long, "\n") != 1 || !strings.HasPrefix(long, "⛰ a b: failed 长") || len(long) > 350 {
		t.Errorf("line of %d bytes: %q", len(long), long)
	}
	if got := withoutProgress("a\n" + long + "b"); got != "a\nb" {
		t.Errorf("stripped to %q", got)
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	call, _ := OpenAI{}.Decode([]byte(ask(`"stream":true`)))
	e := call.Encoder(testMeta)
	ev := text("一个 token")
	buf := e.AppendEvent(nil, 0, ev, nil)
	for b.Loop() {
		buf = e.AppendEvent(buf[:0], 0, ev, nil)
	}
	b.ReportAllocs()
}
