// Package cache is a member that remembers answers: the same question again is
// answered from memory, as a stream if it came as one, and costs nothing.
//
// Its nouns are Cache (the wrapper around one member) and Options. What is the
// same: the whole request of the same tenant, but for who asks and how the
// answer is shown. A request that ends in the beginning of a remembered answer,
// such as a client sends that lost its connection, gets the rest of it.
//
// Remembered are whole answers to requests whose answer is meant to be the same
// again: temperature 0 or a seed (or any, if Options say so). Errors, answers
// that were cut by a limit or filter, and answers that broke off never are.
package cache

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"summit/llm"
	"summit/money"
)

// Options bound a cache. Zero values are the defaults.
type Options struct {
	Entries int           // most answers; 0 = 10000
	Bytes   int           // most bytes of all answers together; 0 = 64 MiB
	Keep    time.Duration // how long an answer is good; 0 = 1 hour
	Sampled bool          // answers that were drawn by chance are remembered too
	// Tenant returns whose request a context is of: nobody sees another's
	// answers. nil = all are one.
	Tenant func(ctx context.Context) string
}

// Cache is a member that answers from memory what it was asked before. It may
// be asked by many at once; the same question at the same time is asked twice.
type Cache struct {
	member llm.Member
	o      Options

	mu    sync.Mutex
	byKey map[key]*list.Element
	used  *list.List // of *entry, the latest used first
	bytes int
}

type key [sha256.Size]byte

// entry is one answer.
type entry struct {
	key    key
	until  time.Time
	size   int
	events []llm.Event
	text   string // all of it; empty where calls are in the answer
	done   llm.Outcome
}

// New returns the member with a memory.
func New(m llm.Member, o Options) *Cache {
	if o.Entries <= 0 {
		o.Entries = 10_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	if o.Keep <= 0 {
		o.Keep = time.Hour
	}
	if o.Tenant == nil {
		o.Tenant = func(context.Context) string { return "" }
	}
	return &Cache{member: m, o: o, byKey: map[key]*list.Element{}, used: list.New()}
}

// Card says who the member is.
func (c *Cache) Card() *llm.Card { return c.member.Card() }

// Unwrap returns the member below.
func (c *Cache) Unwrap() llm.Member { return c.member }

// Generate answers from memory, or asks the member and remembers.
func (c *Cache) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	if !c.o.Sampled && r.Seed == nil && (r.Temperature == nil || *r.Temperature != 0) {
		return c.member.Generate(ctx, r)
	}
	tenant := c.o.Tenant(ctx)
	k, ok := keyOf(tenant, r)
	if !ok {
		return c.member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, c.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		if e, skip := c.find(tenant, k, r); e != nil {
			return e.play(emit, skip), nil
		}
		rec := &recorder{most: min(c.o.Bytes/8, 4<<20)}
		done, err := llm.Relay(c.member.Generate(ctx, r), func(e llm.Event) bool {
			rec.add(e)
			return emit(e)
		})
		if err == nil && done != nil && done.Err == nil && !rec.over && (done.Finish == llm.FinishStop || done.Finish == llm.FinishCalls) {
			c.keep(k, rec, done)
		}
		return done, err
	})
}

// keyOf hashes all of a request that an answer depends on; false = it can't be.
func keyOf(tenant string, r *llm.Request) (key, bool) {
	own := *r
	own.Model, own.User, own.Metadata, own.Streaming = "", "", nil, false
	own.Summit = llm.Extension{Question: r.Summit.Question}
	text, err := json.Marshal(&own) // fields in order, maps by their keys
	if err != nil {
		return key{}, false
	}
	name, _ := json.Marshal(tenant)
	return sha256.Sum256(append(name, text...)), true
}

// find returns the answer to the request and how many bytes of its text the
// caller has already; nil = it is not remembered.
func (c *Cache) find(tenant string, k key, r *llm.Request) (*entry, int) {
	if e := c.get(k); e != nil {
		return e, 0
	}
	n := len(r.Messages) - 1
	if n < 1 || r.Messages[n].Role != llm.RoleAssistant {
		return nil, 0
	}
	for _, p := range r.Messages[n].Parts {
		if p.Kind != llm.PartText {
			return nil, 0
		}
	}
	before := *r
	before.Messages, before.Continue = r.Messages[:n:n], false
	k, ok := keyOf(tenant, &before)
	if !ok {
		return nil, 0
	}
	begun := r.Messages[n].Text()
	if e := c.get(k); e != nil && begun != "" && len(begun) < len(e.text) && strings.HasPrefix(e.text, begun) {
		return e, len(begun)
	}
	return nil, 0
}

func (c *Cache) get(k key) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.byKey[k]
	if at == nil {
		return nil
	}
	e := at.Value.(*entry)
	if !time.Now().Before(e.until) {
		c.drop(at)
		return nil
	}
	c.used.MoveToFront(at)
	return e
}

// keep remembers an answer and forgets those that were not used for longest.
func (c *Cache) keep(k key, rec *recorder, done *llm.Outcome) {
	e := &entry{key: k, until: time.Now().Add(c.o.Keep), size: rec.size, events: rec.events, text: rec.text.String(), done: *done}
	if rec.called {
		e.text = ""
	}
	e.size += len(e.text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.byKey[k]; at != nil {
		c.drop(at)
	}
	c.byKey[k] = c.used.PushFront(e)
	c.bytes += e.size
	for c.used.Len() > c.o.Entries || c.bytes > c.o.Bytes {
		c.drop(c.used.Back())
	}
}

// drop forgets an answer. The caller holds mu.
func (c *Cache) drop(at *list.Element) {
	e := c.used.Remove(at).(*entry)
	delete(c.byKey, e.key)
	c.bytes -= e.size
}

// play sends the answer but for the first bytes of its text, and returns what
// happened: nobody was asked, and nothing was paid.
func (e *entry) play(emit func(llm.Event) bool, skip int) *llm.Outcome {
	for _, ev := range e.events {
		if skip > 0 && (ev.Kind == llm.KindReasoning || ev.Kind == llm.KindText) {
			n := 0
			if ev.Kind == llm.KindText {
				n = min(skip, len(ev.Text))
				skip -= n
			}
			if n == len(ev.Text) || ev.Kind == llm.KindReasoning {
				continue
			}
			ev.Text, ev.Tokens = ev.Text[n:], nil
		}
		if !emit(ev) {
			break
		}
	}
	o := e.done
	o.TTFT, o.Took, o.Parts, o.Expected = 0, 0, nil, nil
	o.Reason = "the same was asked before: answered from memory"
	for _, c := range []*llm.Count{&o.Usage.Input, &o.Usage.CacheRead, &o.Usage.CacheWrite, &o.Usage.Output, &o.Usage.Reasoning, &o.Usage.Audio, &o.Usage.Image} {
		if c.Known() {
			c.From = llm.Cached
		}
	}
	o.Usage.Calls = llm.Count{From: llm.OwnCount}
	if o.Cost != nil {
		o.Cost = &llm.Cost{Amount: money.Amount(0), Currency: o.Cost.Currency, From: llm.Cached}
	}
	return &o
}

// recorder takes down an answer.
type recorder struct {
	most   int
	size   int
	over   bool // it is too long to be remembered
	called bool
	events []llm.Event
	text   strings.Builder
}

func (r *recorder) add(e llm.Event) {
	const each = 256 // bytes of an event, about
	if r.over {
		return
	}
	r.called = r.called || e.Kind == llm.KindCall
	r.size += len(e.Text) + len(e.Signature) + each*len(e.Tokens)
	if e.Call != nil {
		r.size += len(e.Call.ID) + len(e.Call.Name) + len(e.Call.ArgsDelta)
	}
	if e.Kind == llm.KindText {
		r.text.WriteString(e.Text)
	}
	// Pieces of a few bytes share an event, so that they cost what they are.
	if n := len(r.events) - 1; n >= 0 && e.Kind == llm.KindText && r.events[n].Kind == e.Kind && len(e.Tokens)+len(r.events[n].Tokens) == 0 && len(r.events[n].Text) < each {
		r.events[n].Text += e.Text
	} else {
		r.events = append(r.events, e)
		r.size += each
	}
	if r.over = r.size > r.most; r.over {
		r.events = nil
	}
}
