package cache

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

// counted answers with its pieces and counts how often it was asked.
type counted struct {
	pieces []string
	finish llm.Finish
	err    error
	asked  int
}

func (c *counted) Card() *llm.Card { return &llm.Card{Name: "m"} }

func (c *counted) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, "m", func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		c.asked++
		emit(llm.Event{Kind: llm.KindStart, Model: "up"})
		emit(llm.Event{Kind: llm.KindReasoning, Text: "hm"})
		for _, p := range c.pieces {
			emit(llm.Event{Kind: llm.KindText, Text: p})
		}
		return &llm.Outcome{Model: "up", Finish: c.finish, Usage: llm.Usage{Input: llm.Counted(9), Output: llm.Counted(3)}, Cost: &llm.Cost{Amount: 5, Currency: "CNY", From: llm.Upstream}}, c.err
	})
}

type tenant struct{}

func question(text string, change ...func(*llm.Request)) *llm.Request {
	r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}, Temperature: new(0.0)}
	for _, f := range change {
		f(r)
	}
	return r
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("x", 300)
		m := &counted{pieces: []string{long, "hel", "lo", long}, finish: llm.FinishStop}
		c := New(m, Options{Keep: time.Minute, Tenant: func(ctx context.Context) string { s, _ := ctx.Value(tenant{}).(string); return s }})
		f := func(name string, who string, r *llm.Request, asked int, want string) *llm.Reply {
			t.Helper()
			reply, err := llm.Collect(c.Generate(context.WithValue(t.Context(), tenant{}, who), r))
			if err != nil || reply.Text != want || m.asked != asked {
				t.Errorf("%s: %d bytes, asked %d times, %v, want %d bytes, %d", name, len(reply.Text), m.asked, err, len(want), asked)
			}
			return reply
		}
		all := strings.Join(m.pieces, "")
		f("first", "a", question("q"), 1, all)
		again := f("again", "a", question("q", func(r *llm.Request) { r.User, r.Streaming, r.Model = "u", true, "other" }), 1, all)
		o := again.Outcome
		if o.Usage.Input != (llm.Count{N: 9, From: llm.Cached}) || o.Usage.Output.From != llm.Cached || o.Cost.Amount != 0 || o.Cost.From != llm.Cached || o.Usage.Calls.N != 0 || o.Finish != llm.FinishStop || again.Reasoning != "hm" {
			t.Errorf("outcome %+v, cost %+v", o, o.Cost)
		}
		f("another tenant", "b", question("q"), 2, all)
		f("another question", "a", question("Q"), 3, all)
		f("by chance", "a", question("q", func(r *llm.Request) { r.Temperature = new(0.7) }), 4, all)
		f("the model's default", "a", question("q", func(r *llm.Request) { r.Temperature = nil }), 5, all)
		f("with a seed", "a", question("q", func(r *llm.Request) { r.Temperature, r.Seed = nil, new(int64(1)) }), 6, all)
		f("with the seed again", "a", question("q", func(r *llm.Request) { r.Temperature, r.Seed = nil, new(int64(1)) }), 6, all)
		begun := func(text string) func(*llm.Request) {
			return func(r *llm.Request) { r.Messages = append(r.Messages, llm.Text(llm.RoleAssistant, text)) }
		}
		f("the rest", "a", question("q", begun(long+"he")), 6, "llo"+long)
		f("another beginning", "a", question("q", begun("y")), 7, all)
		events := 0
		for range c.Generate(context.WithValue(t.Context(), tenant{}, "a"), question("q")) {
			events++
		}
		if events < 5 {
			t.Errorf("%d events, want a stream", events)
		}
		time.Sleep(time.Minute)
		f("too old", "a", question("q"), 8, all)
	})
}

func TestCacheForgets(t *testing.T) {
	ask := func(c *Cache, text string) { _, _ = llm.Collect(c.Generate(t.Context(), question(text))) }
	for _, m := range []*counted{{finish: llm.FinishLength}, {finish: llm.FinishFilter}, {finish: llm.FinishStop, err: llm.Errorf(llm.Cut, "cut")},
		{finish: llm.FinishStop, pieces: []string{strings.Repeat("x", 5<<20)}}} {
		c := New(m, Options{})
		ask(c, "q")
		ask(c, "q")
		if m.asked != 2 || c.bytes != 0 {
			t.Errorf("%s %v: asked %d times, %d bytes kept", m.finish, m.err, m.asked, c.bytes)
		}
	}
	m := &counted{finish: llm.FinishStop, pieces: []string{strings.Repeat("x", 1000)}}
	c := New(m, Options{Entries: 3})
	for i := range 10 {
		ask(c, strconv.Itoa(i))
	}
	if ask(c, "9"); m.asked != 10 || c.used.Len() != 3 || len(c.byKey) != 3 {
		t.Errorf("asked %d times, %d entries", m.asked, c.used.Len())
	}
	c = New(m, Options{Bytes: 30_000})
	for i := range 100 {
		ask(c, strconv.Itoa(i))
	}
	if c.bytes > 30_000 || c.used.Len() < 3 {
		t.Errorf("%d bytes, %d entries", c.bytes, c.used.Len())
	}
	if c.Unwrap() != llm.Member(m) {
		t.Error("Unwrap")
	}
}
