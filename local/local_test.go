package local

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/engine"
	"summit/llm"
	"summit/llm/llmtest"
	"summit/template"
	"summit/tokenizer"

	_ "summit/backend/cpu"
)

// vocabulary has the bytes as tokens, then names.
func vocabulary(t testing.TB, names ...string) *tokenizer.Tokenizer {
	t.Helper()
	d := &tokenizer.Data{Model: tokenizer.RuneBPE, AddSpacePrefix: tokenizer.No, BOS: -1, EOS: -1, EOT: -1, Unk: -1, Pad: -1}
	const hex = "0123456789ABCDEF"
	for b := range 256 {
		d.Tokens = append(d.Tokens, "<0x"+hex[b>>4:b>>4+1]+hex[b&15:b&15+1]+">")
		d.Kinds = append(d.Kinds, tokenizer.Byte)
	}
	d.Tokens, d.Kinds = append(d.Tokens, "▁"), append(d.Kinds, tokenizer.Normal)
	for _, n := range names {
		d.Tokens, d.Kinds = append(d.Tokens, n), append(d.Kinds, tokenizer.Control)
	}
	tok, err := tokenizer.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// scripted is an engine whose answers are written down.
type scripted struct {
	ids    []int
	err    error
	hang   bool
	asked  atomic.Pointer[engine.Request]
	closed atomic.Bool
}

func (s *scripted) Generate(ctx context.Context, r engine.Request, emit func(engine.Token) bool) (engine.Result, error) {
	s.asked.Store(&r)
	res := engine.Result{PromptTokens: len(r.Prompt), CachedTokens: 2, Reason: engine.Stopped}
	for _, id := range s.ids {
		if ctx.Err() != nil {
			return res, ctx.Err()
		}
		res.Tokens++
		if !emit(engine.Token{ID: id, Logprob: -0.5, Top: []engine.Logprob{{ID: id, Logprob: -0.5}}}) {
			res.Reason = engine.Left
			return res, nil
		}
		if slices.Contains(r.Stop, id) {
			return res, nil
		}
		if res.Tokens == r.MaxTokens {
			res.Reason = engine.Length
			return res, nil
		}
	}
	if s.hang {
		<-ctx.Done()
		return res, ctx.Err()
	}
	return res, s.err
}

func (s *scripted) Embed(context.Context, []int, engine.Pooling, string) ([]float32, error) {
	return []float32{3, 4}, s.err
}
func (s *scripted) NewSession(string) (*engine.Session, error) { return nil, engine.ErrClosed }
func (s *scripted) WindowTokens() int                          { return 100 }
func (s *scripted) Close() error                               { s.closed.Store(true); return nil }

const chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% endif %}"

// speaking makes a member of a voice and an engine.
func speaking(t testing.TB, source string, e *scripted) *Member {
	t.Helper()
	tok := vocabulary(t, "<|im_start|>", "<|im_end|>", "<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|call|>", "<|return|>")
	tpl, err := template.Parse("test", source)
	if err != nil {
		t.Fatal(err)
	}
	v := &voice{tok: tok, template: tpl, source: source, format: template.Detect(source), tags: map[int]string{}, defaults: sampling{temperature: 1}}
	for _, tag := range v.format.Tags {
		if id, ok := tok.ID(tag); ok {
			v.tags[id] = tag
		}
	}
	for id := range tok.Len() {
		if tok.End(id) {
			v.ends = append(v.ends, id)
		}
	}
	s := NewStore(Options{Idle: -1})
	t.Cleanup(func() { s.Close() })
	c := Config{Name: "here", File: "none.gguf"}
	m := &Member{config: c, store: s, card: &llm.Card{Name: "here", Model: "none", Tools: true, Structured: true}, voice: v, model: s.model(c), logits: tok.Len()}
	m.model.open = func(modelKey) (computer, int64, func() error, error) { return e, 1, e.Close, nil }
	return m
}

// says turns text with names of control tokens into ids.
func says(m *Member, text string) []int { return m.voice.tok.Encode(text, true) }

func ask(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}}
}

func TestMemberPassesSuite(t *testing.T) {
	llmtest.Suite{New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
		e := &scripted{}
		m := speaking(t, chatml, e)
		e.ids = says(m, "hello")
		switch b {
		case llmtest.Answers:
			e.ids = append(e.ids, says(m, "<|im_end|>")...)
		case llmtest.Hangs:
			e.ids, e.hang = nil, true
		case llmtest.HangsMid:
			e.hang = true
		case llmtest.Cuts:
			e.err = errors.New("engine: backend gone")
		case llmtest.Fails:
			e.ids, e.err = nil, engine.ErrBusy
		}
		return m
	}}.Run(t)
}

func TestAnswersBecomeEvents(t *testing.T) {
	tools := []llm.Tool{{Kind: "function", Name: "f", Parameters: json.RawMessage(`{"type": "object"}`)}}
	f := func(name, source, said string, r *llm.Request, want llm.Reply, finish llm.Finish) {
		t.Helper()
		e := &scripted{}
		m := speaking(t, source, e)
		e.ids = says(m, said)
		got, err := llm.Collect(m.Generate(t.Context(), r))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i := range got.Calls {
			if !strings.HasPrefix(got.Calls[i].ID, "call_") {
				t.Errorf("%s: call id %q", name, got.Calls[i].ID)
			}
			got.Calls[i].ID = ""
		}
		if d := cmp.Diff(want.Text, got.Text) + cmp.Diff(want.Reasoning, got.Reasoning) + cmp.Diff(want.Calls, got.Calls); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if got.Outcome.Finish != finish {
			t.Errorf("%s: finish %q, want %q", name, got.Outcome.Finish, finish)
		}
		u := got.Outcome.Usage
		if u.InputTotal() == 0 || u.CacheRead.N != 2 || (u.Reasoning.N > 0) != (want.Reasoning != "") {
			t.Errorf("%s: usage %+v", name, u)
		}
	}
	with := func(r *llm.Request, change func(*llm.Request)) *llm.Request { change(r); return r }
	f("text", chatml, "hi é<|im_end|>never", ask("q"), llm.Reply{Text: "hi é"}, llm.FinishStop)
	f("control tokens are no text", chatml, "a<|im_start|>b<|im_end|>", ask("q"), llm.Reply{Text: "ab"}, llm.FinishStop)
	f("length", chatml, "abcdef", with(ask("q"), func(r *llm.Request) { r.MaxTokens = 3 }), llm.Reply{Text: "abc"}, llm.FinishLength)
	f("a stop word", chatml, "one STOP two<|im_end|>", with(ask("q"), func(r *llm.Request) { r.Stop = []string{"OP", "STOP"} }), llm.Reply{Text: "one "}, llm.FinishStop)
	f("no stop word after all", chatml, "one STO", with(ask("q"), func(r *llm.Request) { r.Stop = []string{"STOP"} }), llm.Reply{Text: "one STO"}, llm.FinishStop)
	f("reasoning", chatml, "hm\n</think>\n\nyes<|im_end|>", with(ask("q"), func(r *llm.Request) { r.Thinking.Enabled = new(true) }), llm.Reply{Reasoning: "hm", Text: "yes"}, llm.FinishStop)
	f("calls", chatml, "see\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call><|im_end|>", with(ask("q"), func(r *llm.Request) { r.Tools = tools }),
		llm.Reply{Text: "see", Calls: []llm.Call{{Name: "f", Args: `{"a": 1}`}}}, llm.FinishCalls)
	f("tags without tools are text", chatml, "<tool_call>x</tool_call><|im_end|>", ask("q"), llm.Reply{Text: "<tool_call>x</tool_call>"}, llm.FinishStop)
	f("bytes that are no text", chatml, "a\xffb\xe4<|im_end|>", ask("q"), llm.Reply{Text: "a\ufffdb\ufffd"}, llm.FinishStop)
	harmony := "{{ messages[0].content }}<|start|>assistant{# <|channel|> <|message|> tools #}"
	f("harmony", harmony, "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes<|return|>", ask("q"), llm.Reply{Reasoning: "hm", Text: "yes"}, llm.FinishStop)
	f("harmony's calls", harmony, "<|channel|>commentary to=functions.f<|message|>{}<|call|>", with(ask("q"), func(r *llm.Request) { r.Tools = tools }),
		llm.Reply{Calls: []llm.Call{{Name: "f", Args: "{}"}}}, llm.FinishCalls)
}

// What a user writes can't become a control token of the prompt.
func TestPromptsKeepUsersText(t *testing.T) {
	e := &scripted{}
	m := speaking(t, chatml, e)
	if _, err := llm.Collect(m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{
		llm.Text(llm.RoleSystem, "a"), llm.Text(llm.RoleDeveloper, "b"),
		llm.Text(llm.RoleUser, "x<|im_end|>"),
		{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartCall, Call: &llm.Call{ID: "1", Name: "f", Args: `{"z": 1, "a": "<|im_end|>"}`}}}},
		{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{CallID: "1", Parts: []llm.Part{{Kind: llm.PartText, Text: "r"}}}}}},
	}})); err != nil {
		t.Fatal(err)
	}
	var want []int
	for _, part := range []struct {
		text    string
		special bool
	}{
		{"<|im_start|>system\na\n\nb<|im_end|>\n<|im_start|>user\nx", true}, {"<|im_end|>", false},
		{"<|im_end|>\n<|im_start|>assistant\n<tool_call>{\"name\": \"f\", \"arguments\": {\"z\": 1, \"a\": \"", true}, {"<|im_end|>", false},
		{"\"}}</tool_call><|im_end|>\n<|im_start|>tool\nr<|im_end|>\n<|im_start|>assistant\n", true},
	} {
		want = append(want, m.voice.tok.Encode(part.text, part.special)...)
	}
	if !slices.Equal(e.asked.Load().Prompt, want) {
		got, _ := m.voice.tok.Decode(e.asked.Load().Prompt, true)
		t.Errorf("prompt %q, or other tokens than wanted", got)
	}
	// An answer that was begun is gone on with.
	begun := ask("x")
	begun.Messages, begun.Continue = append(begun.Messages, llm.Text(llm.RoleAssistant, "so<|im_end|>")), true
	if _, err := llm.Collect(m.Generate(t.Context(), begun)); err != nil {
		t.Fatal(err)
	}
	want = slices.Concat(says(m, "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\nso"), m.voice.tok.Encode("<|im_end|>", false))
	if !slices.Equal(e.asked.Load().Prompt, want) {
		got, _ := m.voice.tok.Decode(e.asked.Load().Prompt, true)
		t.Errorf("prompt %q of an answer that was begun", got)
	}
	if n, err := m.CountTokens(t.Context(), ask("x")); err != nil || n != len(says(m, "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n")) {
		t.Errorf("CountTokens = %d, %v", n, err)
	}
}

func TestErrorsHaveKinds(t *testing.T) {
	f := func(want llm.ErrorKind, source string, e *scripted, r *llm.Request) {
		t.Helper()
		_, err := llm.Collect(speaking(t, source, e).Generate(t.Context(), r))
		if got := llm.AsError(err); got == nil || got.Kind != want || got.Member != "here" {
			t.Errorf("got %v, want kind %s", err, want)
		}
	}
	f(llm.Invalid, "{{ raise_exception('system last') }}", &scripted{}, ask("q"))
	f(llm.Invalid, "{{ messages[0].x.y }}", &scripted{}, ask("q"))
	f(llm.Invalid, chatml, &scripted{}, &llm.Request{})
	f(llm.Invalid, "", &scripted{}, ask(""))
	f(llm.TooLong, chatml, &scripted{err: engine.ErrLong}, ask("q"))
	f(llm.Overloaded, chatml, &scripted{err: engine.ErrBusy}, ask("q"))
	f(llm.Internal, chatml, &scripted{err: engine.ErrClosed}, ask("q"))
	bias := ask("q")
	bias.LogitBias = map[string]float64{"x": 1}
	f(llm.Invalid, chatml, &scripted{}, bias)
	form := ask("q")
	form.Format = &llm.Format{Kind: "json_schema", Schema: json.RawMessage(`{"type": 5}`)}
	f(llm.Invalid, chatml, &scripted{}, form)
	picture := ask("q")
	picture.Messages[0].Parts = append(picture.Messages[0].Parts, llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "x"}})
	f(llm.Unsupported, chatml, &scripted{}, picture)
}

func TestLogprobs(t *testing.T) {
	e := &scripted{}
	m := speaking(t, chatml, e)
	e.ids = says(m, "ab<|im_end|>")
	r := ask("q")
	r.Logprobs, r.TopLogprobs = true, 1
	got, err := llm.Collect(m.Generate(t.Context(), r))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Tokens) != 2 || got.Tokens[1].Token != "b" || got.Tokens[1].Logprob != -0.5 || len(got.Tokens[1].Top) != 1 {
		t.Errorf("tokens %+v", got.Tokens)
	}
}

func TestProbe(t *testing.T) {
	m := speaking(t, chatml, &scripted{})
	if err := m.Probe(t.Context()); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestEmbed(t *testing.T) {
	m := speaking(t, chatml, &scripted{})
	rows, usage, err := m.Embed(t.Context(), []string{"ab", "c"}, 0)
	if err != nil || len(rows) != 2 || rows[0][0] != 0.6 || rows[0][1] != 0.8 || usage.Input.N != 3 {
		t.Errorf("got %v, %+v, %v", rows, usage, err)
	}
	if _, _, err := m.Embed(t.Context(), []string{""}, 0); llm.AsError(err).Kind != llm.Invalid {
		t.Errorf("got %v", err)
	}
}

// One model in memory at a time, let go when idle; loads are shared.
func TestStoreBoundsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStore(Options{MemoryBytes: 10, Idle: time.Minute})
		defer s.Close()
		engines := map[string]*scripted{}
		var loads atomic.Int32
		var mu sync.Mutex
		open := func(k modelKey) (computer, int64, func() error, error) {
			time.Sleep(time.Second)
			loads.Add(1)
			e := &scripted{}
			mu.Lock()
			engines[k.file] = e
			mu.Unlock()
			if k.file == "bad" {
				return nil, 0, nil, errors.New("no such file")
			}
			size := int64(6)
			if k.file == "huge" {
				size = 11
			}
			return e, size, e.Close, nil
		}
		get := func(file string) *model {
			m := s.model(Config{File: file})
			m.open = open
			return m
		}
		a, b := get("a"), get("b")
		done := make(chan func(), 3)
		for range 3 {
			go func() {
				_, release, err := a.lease(t.Context())
				if err != nil {
					t.Error(err)
				}
				done <- release
			}()
		}
		var releases []func()
		for range 3 {
			releases = append(releases, <-done)
		}
		if n := loads.Load(); n != 1 {
			t.Errorf("%d loads for three callers, want 1", n)
		}
		if _, _, err := b.lease(t.Context()); !errors.Is(err, errRoom) {
			t.Errorf("a second model while the first is at work: %v, want no room", err)
		}
		for _, r := range releases {
			r()
			r() // a second time does nothing
		}
		_, release, err := b.lease(t.Context())
		if err != nil || !engines["a"].closed.Load() {
			t.Fatalf("the idle model was not let go: %v", err)
		}
		release()
		time.Sleep(59 * time.Second)
		if engines["b"].closed.Load() {
			t.Error("let go before its time")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !engines["b"].closed.Load() {
			t.Error("still in memory after a minute of rest")
		}
		if _, _, err := get("huge").lease(t.Context()); !errors.Is(err, errRoom) {
			t.Errorf("a model beyond the bound: %v", err)
		}
		if _, _, err := get("bad").lease(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := a.lease(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Second) // its load goes on, and the next one has it
		before := loads.Load()
		if _, release, err := a.lease(t.Context()); err != nil || loads.Load() != before {
			t.Errorf("loaded again: %v", err)
		} else {
			release()
		}
		s.Close()
		if _, _, err := a.lease(t.Context()); !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	})
}

const stories = "../../shared/weights/stories260K"

// The reference story, token for token, up to the first step where another
// token is almost as likely.
func TestStories(t *testing.T) {
	raw, err := os.ReadFile(stories + ".json")
	if os.IsNotExist(err) {
		t.Skip("no weights beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Prompt string
			IDs    []int `json:"ids"`
			Greedy []int
			Margin []float64
			Text   string
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	s := NewStore(Options{})
	defer s.Close()
	m, err := s.Open(Config{File: stories + ".gguf", Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Card(); c.Name != "stories260K" || c.WindowTokens != 512 {
		t.Errorf("card %+v", c)
	}
	for _, c := range file.Cases {
		steps := slices.IndexFunc(c.Margin, func(m float64) bool { return m < 0.01 })
		if steps < 0 {
			steps = len(c.Greedy)
		}
		r := ask(c.Prompt)
		r.Temperature, r.MaxTokens = new(0.0), steps
		p, err := m.voice.prompt(r)
		if err != nil || !slices.Equal(p.ids, c.IDs) {
			t.Errorf("prompt %q is %v, %v, want %v", c.Prompt, p.ids, err, c.IDs)
			continue
		}
		got, err := llm.Collect(m.Generate(t.Context(), r))
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		stream := m.voice.tok.Stream(false)
		for _, id := range c.Greedy[:steps] {
			want.WriteString(stream.Next(id))
		}
		if got.Text != want.String() {
			t.Errorf("%q goes on %q, want %q", c.Prompt, got.Text, want.String())
		}
		t.Logf("%d tokens of %q", steps, c.Prompt)

		// The same by a session, whose logits show the same tokens.
		in, err := m.Open(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		start := in.Len()
		for i, id := range c.Greedy[:min(steps, 20)] {
			if got := (engine.Greedy{}).Next(in.Logits()); got != id {
				t.Fatalf("session: token %d is %d, want %d", i, got, id)
			}
			if _, err := in.Append(t.Context(), []int{id}); err != nil {
				t.Fatal(err)
			}
		}
		in.Truncate(start)
		if in.Len() != start || in.Logits() != nil || in.Vocab().Len() != 512 {
			t.Errorf("after Truncate: %d tokens, want %d", in.Len(), start)
		}
		in.Close()
	}
}

// The whole way on a real model: a story that must be JSON.
func TestStoriesInAForm(t *testing.T) {
	if _, err := os.Stat(stories + ".gguf"); err != nil {
		t.Skip("no weights beside the repository")
	}
	s := NewStore(Options{})
	defer s.Close()
	m, err := s.Open(Config{File: stories + ".gguf"})
	if err != nil {
		t.Fatal(err)
	}
	r := ask("Once upon a time")
	r.Seed, r.MaxTokens = new(int64(7)), 200
	r.Format = &llm.Format{Kind: "json_schema", Schema: json.RawMessage(`{"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "good": {"type": "boolean"}}, "required": ["name", "good"], "additionalProperties": false}`)}
	got, err := llm.Collect(m.Generate(t.Context(), r))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Name *string
		Good *bool
	}
	if err := json.Unmarshal([]byte(got.Text), &v); err != nil || v.Name == nil || v.Good == nil {
		t.Errorf("%q is not in the form: %v", got.Text, err)
	}
	rows, _, err := m.Embed(t.Context(), []string{"a dog", "a cat"}, 0)
	if err != nil || len(rows) != 2 || len(rows[0]) != 64 {
		t.Errorf("embeddings: %d, %v", len(rows), err)
	}
}

func TestFilesThatAreNoModels(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(Options{})
	defer s.Close()
	bad := filepath.Join(dir, "bad.gguf")
	if err := os.WriteFile(bad, []byte("GGUF but not quite"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{bad, filepath.Join(dir, "none.gguf")} {
		if _, err := s.Open(Config{File: file}); err == nil || !strings.Contains(err.Error(), filepath.Base(file)) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
