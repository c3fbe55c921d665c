package fake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/fake"
)

// The symbols of a cell.
const (
	works   = "✓" // it works
	told    = "w" // it is left away, and a warning says so
	refused = "–" // the vendor does not do it, and the caller is told in so many words or gets none
	unknown = "·" // no word of the vendor's is known for it
)

// column is one thing that is tried of every vendor through every dialect.
type column struct {
	name     string
	scenario fake.Scenario // whose lack excuses; empty = none
	fault    string
	guard    bool // what keeps a member answering is tried
	try      func(c *cell)
}

// apt reports whether a protocol can carry what is tried.
func (c column) apt(p protocol) bool {
	switch {
	case c.scenario == fake.Embeddings: // a protocol of its own
		return p.name == "chat"
	case testing.Short() && c.guard: // what keeps a member answering lies below the protocols
		return p.name == "chat"
	case testing.Short() && p.text && c.fault != "": // a stream of errors like that of chat
		return false
	}
	return !p.text || slices.Contains([]fake.Scenario{"", fake.Chat, fake.Stream, fake.Long}, c.scenario)
}

// columns are the scenarios, then the faults, in the order to show them.
func columns() []column {
	all := []column{
		{name: "chat", scenario: fake.Chat, try: (*cell).chat},
		{name: "stream", scenario: fake.Stream, try: (*cell).stream},
		{name: "tools", scenario: fake.Tools, try: (*cell).tools},
		{name: "parallel", scenario: fake.Parallel, try: (*cell).parallel},
		{name: "reasoning", scenario: fake.Reasoning, try: (*cell).reasoning},
		{name: "structured", scenario: fake.Structured, try: (*cell).structured},
		{name: "image", scenario: fake.Vision, try: (*cell).image},
		{name: "long", scenario: fake.Long, try: (*cell).long},
		{name: "embeddings", scenario: fake.Embeddings, try: (*cell).embeddings},
		{name: "cancel", try: (*cell).cancel},
		{name: "wrong key", try: (*cell).wrongKey},
	}
	for _, f := range fake.Faults() {
		c := column{name: f.Name, fault: f.Name, try: (*cell).fails}
		switch f.Name {
		case "split":
			continue // the column long
		case "slow":
			c.try = (*cell).slow
		case "flood":
			c.try = (*cell).flood
		case "no-usage":
			c.try = (*cell).noUsage
		}
		all = append(all, c)
	}
	for _, c := range []column{
		{name: "retry", try: (*cell).retry}, {name: "failover", try: (*cell).failover}, {name: "circuit", try: (*cell).circuit},
		{name: "hedge", try: (*cell).hedge}, {name: "once", try: (*cell).once},
	} {
		c.guard = true
		all = append(all, c)
	}
	return all
}

// cell is one try.
type cell struct {
	*bench
	column column
	via    protocol
	symbol string
	wrong  []string
}

func (c *cell) errorf(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// lacks says why the vendor does not do what the column wants; empty = it does.
func (c *cell) lacks() string { return c.vendor.Cannot[c.column.scenario] }

// asks asks and holds the answer against what the fake says it said.
func (c *cell) asks(q question) (answer, fake.Exchange) {
	if q.model == "" {
		q.model = "m"
	}
	a := c.via.ask(c.bench, c.t.Context(), q)
	return a, c.last()
}

// whole fails unless the answer is whole and is what the fake said.
func (c *cell) whole(a answer, e fake.Exchange, q question) bool {
	if a.err != nil || a.status != 200 || a.failed != "" || !a.ended {
		c.errorf("status %d, error %q (%s), %v, ended %v", a.status, a.failed, a.message, a.err, a.ended)
		return false
	}
	if want := e.Reply.Text(); a.text != want {
		c.errorf("text %q, want %q", clip(a.text), clip(want))
	}
	if a.finish != e.Reply.Finish {
		c.errorf("finish %q, want %q", a.finish, e.Reply.Finish)
	}
	if u := e.Reply.Usage; a.input != u.Input || a.output != u.Output+u.Reasoning || a.estimated {
		c.errorf("usage %d in, %d out, estimated %v, want %d and %d", a.input, a.output, a.estimated, u.Input, u.Output+u.Reasoning)
	}
	calls := e.Reply.Calls()
	if len(a.calls) != len(calls) {
		c.errorf("%d calls, want %d", len(a.calls), len(calls))
		return false
	}
	for i, got := range a.calls {
		if want := calls[i]; got.name != want.Name || got.id == "" || !sameJSON(got.args, want.Args) {
			c.errorf("call %d is %+v, want %+v", i, got, want)
		}
	}
	return true
}

func clip(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

func sameJSON(a, b string) bool {
	var v, w any
	return json.Unmarshal([]byte(a), &v) == nil && json.Unmarshal([]byte(b), &w) == nil && reflect.DeepEqual(v, w)
}

func (c *cell) chat() {
	q := question{text: "Say hello."}
	a, e := c.asks(q)
	c.whole(a, e, q)
}

func (c *cell) stream() {
	q := question{text: "Say hello.", stream: true}
	a, e := c.asks(q)
	if c.whole(a, e, q) && len(a.times) < 3 {
		c.errorf("the answer came in %d pieces", len(a.times))
	}
}

func (c *cell) tools() { c.loop("What is the weather in Beijing?", 1, false) }
func (c *cell) parallel() {
	calls := 2
	if c.lacks() != "" {
		calls, c.symbol = 1, refused
	}
	c.loop("What is the weather in Beijing and in Shanghai? Ask in parallel.", calls, false)
}

// loop asks with a tool, runs it, and asks again.
func (c *cell) loop(text string, calls int, think bool) (first fake.Exchange) {
	for _, stream := range []bool{true, false} {
		q := question{text: text, stream: stream, tools: true, think: think}
		a, e := c.asks(q)
		if first = e; !c.whole(a, e, q) {
			return
		}
		if len(a.calls) != calls {
			c.errorf("%d calls, want %d", len(a.calls), calls)
			return
		}
		if think && a.thoughts != e.Reply.Thoughts() {
			c.errorf("thoughts %q, want %q", a.thoughts, e.Reply.Thoughts())
		}
		q.turns = []answer{a}
		b, e := c.asks(q)
		if !c.whole(b, e, q) {
			return
		}
		asText := c.vendor.Notes[fake.Tools] != ""
		if asText && b.header.Get("X-Summit-Warning") == "" {
			c.errorf("earlier calls travel as text and nobody is told")
		}
		for i := range calls {
			if !strings.Contains(b.text, toolSays(i)) {
				c.errorf("the answer %q does not know what the tool said", b.text)
			}
		}
		c.history(a, e, think, asText)
	}
	return first
}

// history fails unless the fake got the turn that called tools as it was, or
// as text.
func (c *cell) history(a answer, e fake.Exchange, think, asText bool) {
	for _, t := range e.Ask.Turns {
		if t.Role != "assistant" {
			continue
		}
		if asText {
			for _, call := range a.calls {
				if !strings.Contains(t.Text, call.name) || !strings.Contains(t.Text, call.args) {
					c.errorf("the vendor got %q back, want the call %+v in it", t.Text, call)
				}
			}
			return
		}
		if len(t.Calls) != len(a.calls) {
			c.errorf("the vendor got %d calls back, want %d", len(t.Calls), len(a.calls))
		}
		for i, call := range t.Calls {
			if call.Name != a.calls[i].name || !sameJSON(call.Args, a.calls[i].args) {
				c.errorf("the vendor got the call %+v back, want %+v", call, a.calls[i])
			}
		}
		// Chat Completions has no place for a signature.
		if think && c.vendor.Returns && !(c.vendor.Signed && c.via.name == "chat") && t.Thoughts != a.thoughts {
			c.errorf("the vendor got the thoughts %q back, want %q", t.Thoughts, a.thoughts)
		}
	}
}

func (c *cell) reasoning() {
	for _, stream := range []bool{true, false} {
		q := question{text: "Think about it.", think: true, stream: stream}
		a, e := c.asks(q)
		if !c.whole(a, e, q) {
			return
		}
		if c.lacks() != "" {
			if e.Ask.Thinks || a.thoughts != "" {
				c.errorf("it thought after all")
			}
			c.symbol = refused
			continue
		}
		if !e.Ask.Thinks || a.thoughts != e.Reply.Thoughts() || a.thoughts == "" {
			c.errorf("thoughts %q, want %q; asked to think %v", a.thoughts, e.Reply.Thoughts(), e.Ask.Thinks)
		}
	}
	// Told not to think it does not, or the caller is told that it does.
	q := question{text: "Don't think.", quick: true}
	if a, e := c.asks(q); c.whole(a, e, q) && e.Ask.Thinks && a.header.Get("X-Summit-Warning") == "" {
		c.errorf("it thought though it was told not to")
	}
	if c.lacks() == "" && c.vendor.Cannot[fake.Tools] == "" {
		c.loop("Think about it, then ask for the weather.", 1, true)
	}
}

func (c *cell) structured() {
	q := question{text: "Is it hot in Beijing?", schema: true}
	a, e := c.asks(q)
	if c.lacks() != "" {
		c.without(a)
		return
	}
	if !c.whole(a, e, q) {
		return
	}
	var v struct {
		City *string `json:"city"`
		Hot  *bool   `json:"hot"`
	}
	if json.Unmarshal([]byte(a.text), &v) != nil || v.City == nil || v.Hot == nil {
		c.errorf("%q is not what the schema says", a.text)
	}
}

// without notes how the caller is told that the vendor can't.
func (c *cell) without(a answer) {
	switch {
	case a.status == 200 && a.ended && a.header.Get("X-Summit-Warning") != "":
		c.symbol = told
	case a.status == 400 && a.message != "":
		c.symbol = refused
	default:
		c.errorf("status %d, error %q (%s), no warning: nobody is told that the vendor can't", a.status, a.failed, a.message)
	}
}

func (c *cell) image() {
	q := question{text: "What is this?", image: true}
	a, e := c.asks(q)
	if c.lacks() != "" {
		c.without(a)
		return
	}
	if c.whole(a, e, q) && !strings.Contains(a.text, "image/png of 70 bytes") {
		c.errorf("it saw %q", a.text)
	}
}

func (c *cell) long() {
	q := question{text: "A long text, please: long text.", stream: true}
	if !testing.Short() || c.via.name == "chat" { // what splits lies below the protocols
		q.text += " [[fake fault=split]]"
	}
	a, e := c.asks(q)
	if c.whole(a, e, q) && a.text != fake.LongText {
		c.errorf("the text is not the long one")
	}
}

// embeddings asks for vectors in both forms, for more than the vendor gives at
// once and for shorter ones, and with faults.
func (c *cell) embeddings() {
	v, ctx := c.vendor.Vectors, c.t.Context()
	if c.lacks() != "" {
		a, _ := c.embed(ctx, "m", []string{"甲"}, 0, false)
		if c.symbol = refused; a.status != 400 && a.status != 404 || a.message == "" {
			c.errorf("status %d, error %q (%s), want to be told that there are none", a.status, a.failed, a.message)
		}
		return
	}
	same := func(texts []string, size int, packed bool, calls int) {
		before := c.fake.Asked()
		a, rows := c.embed(ctx, "vectors", texts, size, packed)
		if a.err != nil || a.status != 200 || a.failed != "" || len(rows) != len(texts) {
			c.errorf("%d texts, base64 %v: status %d, error %q (%s), %v, %d vectors", len(texts), packed, a.status, a.failed, a.message, a.err, len(rows))
			return
		}
		if size == 0 {
			size = v.Size
		}
		for i, row := range rows {
			if !slices.Equal(row, fake.Vector(texts[i], size)) {
				c.errorf("%d texts, base64 %v: vector %d is not that of its text", len(texts), packed, i)
			}
		}
		if n := c.fake.Asked() - before; n != calls {
			c.errorf("%d texts took %d calls, want %d", len(texts), n, calls)
		}
		used, silent := 0, v.Model == "gemini-embedding-001" && c.vendor.Name == "gemini" // which says nothing of it
		for _, e := range c.fake.Log()[len(c.fake.Log())-calls:] {
			used += e.Reply.Usage.Input
		}
		if silent != a.estimated || a.input == 0 || !silent && a.input != used {
			c.errorf("usage %d, estimated %v, want %d", a.input, a.estimated, used)
		}
	}
	few := []string{"山", "𠮷祥 <|endoftext|>", "hill"}
	same(few, 0, false, 1)
	same(few[:1], 0, true, 1)
	if most := v.Most; most > 0 && most <= 100 {
		var many []string
		for i := range most + 1 {
			many = append(many, fmt.Sprint("text ", i))
		}
		same(many, 0, true, 2)
	}
	if v.Any || v.Sizes != nil {
		same(few, 256, true, 1)
	} else if a, _ := c.embed(ctx, "vectors", few, 7, false); a.status != 400 || a.message == "" {
		c.errorf("another size: status %d, error %q (%s), want 400", a.status, a.failed, a.message)
	}
	for _, fault := range c.known("cut", "half-json", "error-200", "rate-limit", "quota", "down", "too-long") {
		a, _ := c.embed(ctx, "vectors", []string{"山 [[fake fault=" + fault + "]]"}, 0, false)
		kinds := faultKinds[fault]
		if fault == "cut" {
			kinds = []string{"cut", "protocol"}
		}
		c.fault(a, kinds...)
		if got := a.header.Get("Retry-After"); fault == "rate-limit" && got != "7" {
			c.errorf("Retry-After %q, want 7", got)
		}
	}
	if a, _ := c.embed(ctx, "vectors", []string{"山 [[fake fault=no-usage]]"}, 0, false); a.input == 0 || !a.estimated {
		c.errorf("usage %d, estimated %v, want a guess that says so", a.input, a.estimated)
	}
}

// cancel leaves the stream after its first piece: within 100 ms the vendor
// has to be left too.
func (c *cell) cancel() {
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	before := len(c.fake.Aborted())
	var left time.Time
	q := question{model: "m", text: "Say hello. [[fake gap=1s]]", stream: true, seen: func(string) {
		if left.IsZero() {
			left = time.Now()
			cancel()
		}
	}}
	if a := c.via.ask(c.bench, ctx, q); a.ended || a.failed != "" {
		c.errorf("the answer ended: error %q", a.failed)
	}
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
	aborted := c.fake.Aborted()
	if left.IsZero() || len(aborted) != before+1 {
		c.errorf("the vendor was not left within 100 ms (first piece %v)", !left.IsZero())
	}
}

func (c *cell) wrongKey() {
	if c.vendor.Key == "" {
		c.symbol = unknown
		return
	}
	a, _ := c.asks(question{model: "wrong", text: "Say hello."})
	c.fault(a, "unauthorized", "forbidden")
}

// broken is how each kind of failure looks through each dialect: the status
// where nothing was sent, and the word.
var broken = map[string]map[string]struct {
	status int
	word   string
}{
	"chat": {
		"unauthorized": {502, "upstream_unauthorized"}, "forbidden": {502, "upstream_forbidden"}, "rate_limited": {429, "rate_limit_exceeded"}, "quota": {429, "insufficient_quota"},
		"overloaded": {503, "overloaded"}, "filtered": {400, "content_filter"}, "too_long": {400, "context_length_exceeded"},
		"cut": {502, "upstream_cut"}, "timeout": {504, "timeout"}, "protocol": {502, "upstream_protocol"},
	},
	"messages": {
		"unauthorized": {502, "api_error"}, "rate_limited": {429, "rate_limit_error"}, "quota": {402, "billing_error"},
		"overloaded": {529, "overloaded_error"}, "filtered": {400, "invalid_request_error"}, "too_long": {400, "invalid_request_error"},
		"cut": {502, "api_error"}, "timeout": {504, "timeout_error"}, "protocol": {502, "api_error"},
	},
}

// faultKinds says what each fault is to be told as.
var faultKinds = map[string][]string{
	"cut": {"cut"}, "end-early": {"cut"}, "hang": {"timeout"}, "stall": {"timeout"}, "flood": {"protocol"},
	"error-200": {"overloaded"}, "error-mid": {"overloaded"}, "half-json": {"cut", "protocol"},
	"rate-limit": {"rate_limited"}, "rate-limit-bare": {"rate_limited"}, "quota": {"quota"}, "overloaded": {"overloaded", "rate_limited"},
	"down": {"overloaded"}, "filtered": {"filtered"}, "too-long": {"too_long"},
}

// fault fails unless the answer tells of one of those kinds of failure, and
// does not look like a proper end.
func (c *cell) fault(a answer, kinds ...string) {
	table := broken[c.via.name]
	if table == nil {
		table = broken["chat"]
	}
	if a.err != nil || a.ended || a.finish != "" {
		c.errorf("it ended like a whole answer: finish %q, ended %v, %v", a.finish, a.ended, a.err)
	}
	for _, kind := range kinds {
		if want := table[kind]; a.failed == want.word && (a.status == want.status || a.status == 200) {
			return
		}
	}
	c.errorf("status %d, error %q (%s), want %v", a.status, a.failed, clip(a.message), kinds)
}

// fails tries a fault that breaks the answer, whole and in pieces.
func (c *cell) fails() {
	name := c.column.fault
	if slices.Contains(c.vendor.Unknown, name) {
		c.symbol = unknown
		return
	}
	for _, stream := range []bool{true, false} {
		a, _ := c.asks(question{text: "Say hello. [[fake fault=" + name + "]]", stream: stream})
		c.fault(a, faultKinds[name]...)
		if strings.HasPrefix(name, "rate-limit") {
			want := ""
			if name == "rate-limit" {
				want = "7"
			}
			if got := a.header.Get("Retry-After"); got != want {
				c.errorf("Retry-After %q, want %q", got, want)
			}
		}
	}
}

func (c *cell) slow() {
	q := question{text: "Say hello. [[fake fault=slow]]", stream: true}
	start := time.Now()
	a, e := c.asks(q)
	if !c.whole(a, e, q) || len(a.times) == 0 {
		return
	}
	if first, last := a.times[0].Sub(start), time.Since(start); first > 5*time.Second || last-first < time.Second {
		c.errorf("the first piece came after %v, the end after %v: the answer was held back", first, last)
	}
}

func (c *cell) flood() {
	before := len(c.fake.Aborted())
	a, _ := c.asks(question{model: "small", text: "Say hello. [[fake fault=flood]]", stream: true})
	c.fault(a, "protocol")
	synctest.Wait()
	if len(c.fake.Aborted()) != before+1 {
		c.errorf("the vendor was not left")
	}
}

func (c *cell) noUsage() {
	q := question{text: "Say hello. [[fake fault=no-usage]]", stream: true}
	a, e := c.asks(q)
	if a.err != nil || a.status != 200 || a.failed != "" || !a.ended || a.text != e.Reply.Text() {
		c.errorf("status %d, error %q, %v, text %q", a.status, a.failed, a.err, clip(a.text))
	}
	if !a.estimated || a.input == 0 || a.output == 0 {
		c.errorf("usage %d in, %d out, estimated %v, want a guess that says so", a.input, a.output, a.estimated)
	}
}

// TestMatrix tries every fake through every dialect over a real gateway with
// the real member, and holds the table in the documentation against it.
func TestMatrix(t *testing.T) {
	var mu sync.Mutex
	table := map[string]map[string][]string{}
	t.Run("vendors", func(t *testing.T) {
		for _, v := range fake.Vendors() {
			t.Run(v.Name, func(t *testing.T) {
				t.Parallel()
				row := tryVendor(t, v)
				mu.Lock()
				defer mu.Unlock()
				table[v.Name] = row
			})
		}
	})
	if t.Failed() {
		return // what is written down is what works
	}
	documented(t, table)
}

// tryVendor returns the symbols of each column, one for each dialect.
func tryVendor(t *testing.T, v *fake.Vendor) map[string][]string {
	row := map[string][]string{}
	var wrong []string // told outside the bubble, which a failure would end
	for _, via := range protocols {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, v.Name, fake.Options{}, "")
			for _, col := range columns() {
				if !col.apt(via) {
					continue
				}
				c := &cell{bench: b, column: col, via: via, symbol: works}
				col.try(c)
				for _, w := range c.wrong {
					wrong = append(wrong, fmt.Sprintf("%s through %s: %s", col.name, via.name, w))
				}
				if c.symbol == works && c.lacks() != "" {
					wrong = append(wrong, fmt.Sprintf("%s through %s: it works, but the vendor can't: %s", col.name, via.name, c.lacks()))
				}
				row[col.name] = append(row[col.name], c.symbol)
			}
		})
	}
	for _, w := range wrong {
		t.Error(w)
	}
	return row
}
