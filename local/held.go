package local

import (
	"container/list"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"summit/engine"
	"summit/grammar"
	"summit/llm"
	"summit/template"
)

// held is what an answer is held to.
type held struct {
	rules    *grammar.Constraint // nil = nothing
	form     *template.Form      // of calls; nil = they are not held to one
	warnings []string
}

// limit follows one answer; nil = it is free.
func (h *held) limit() engine.Constraint {
	if h.rules == nil {
		return nil
	}
	return h.rules.Matcher()
}

// holdMax is how many requests' rules a voice keeps: a conversation has the
// same tools at every turn, and masks of tokens that were found hold on.
const holdMax = 16

// holds are the rules made last.
type holds struct {
	mu   sync.Mutex
	at   map[[sha256.Size]byte]*list.Element
	rows list.List // of holdRow, the last used first
}

type holdRow struct {
	key [sha256.Size]byte
	h   *held
}

func (c *holds) get(key [sha256.Size]byte) *held {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[key]
	if e == nil {
		return nil
	}
	c.rows.MoveToFront(e)
	return e.Value.(holdRow).h
}

func (c *holds) put(key [sha256.Size]byte, h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[key] != nil {
		return
	}
	if c.at == nil {
		c.at = map[[sha256.Size]byte]*list.Element{}
	}
	for c.rows.Len() >= holdMax {
		last := c.rows.Back()
		delete(c.at, c.rows.Remove(last).(holdRow).key)
	}
	c.at[key] = c.rows.PushFront(holdRow{key, h})
}

// constrained reports whether the answer must have a form.
func constrained(r *llm.Request) bool {
	return r.Format != nil && (r.Format.Kind == "json_object" || r.Format.Kind == "json_schema")
}

// callMode says what the request wants of calls.
type callMode uint8

const (
	callsUnknown   callMode = iota // there are no tools
	callsForbidden                 // there are, and none may be called
	callsAllowed
	callsRequired
)

func modeOf(r *llm.Request) callMode {
	switch {
	case r.ToolChoice.Mode == "required" || r.ToolChoice.Mode == "tool":
		return callsRequired
	case len(r.Tools) == 0:
		return callsUnknown
	case r.ToolChoice.Mode == "none":
		return callsForbidden
	}
	return callsAllowed
}

// hold makes the rules of an answer: the form that the request asks for, calls
// where it wants some, and their arguments. namespace is whose request it is:
// rules are kept apart.
func (v *voice) hold(namespace string, r *llm.Request, p *prompt) (*held, error) {
	mode := modeOf(r)
	if r.Format != nil && !constrained(r) && r.Format.Kind != "" && r.Format.Kind != "text" {
		return nil, &llm.Error{Kind: llm.Unsupported, Param: "response_format", Message: fmt.Sprintf("response_format %q, want text, json_object or json_schema", r.Format.Kind)}
	}
	if mode == callsUnknown && !constrained(r) {
		return &held{}, nil
	}
	about, err := json.Marshal([]any{namespace, r.Tools, r.ToolChoice, r.ParallelToolCalls, r.Format, r.Thinking, p.read.Reasoning})
	if err != nil {
		return nil, &llm.Error{Kind: llm.Invalid, Param: "tools", Message: "a schema is no JSON", Err: err}
	}
	key := sha256.Sum256(about)
	if h := v.holds.get(key); h != nil {
		return h, nil
	}
	h, err := v.rules(mode, r, p)
	if err != nil {
		return nil, err
	}
	v.holds.put(key, h)
	return h, nil
}

func (v *voice) rules(mode callMode, r *llm.Request, p *prompt) (*held, error) {
	w := &writer{voice: v, r: r, mode: mode}
	if v.format.Form != nil && (mode == callsAllowed || mode == callsRequired) {
		w.form = v.format.Form(v.source)
	}
	if mode == callsRequired {
		switch {
		case w.form == nil:
			return nil, &llm.Error{Kind: llm.Unsupported, Param: "tool_choice", Message: fmt.Sprintf("how this model writes calls is not known (format %q), so none can be required of it", v.format.Name)}
		case r.ToolChoice.Mode == "tool" && !named(r.Tools, r.ToolChoice.Name):
			return nil, &llm.Error{Kind: llm.Invalid, Param: "tool_choice", Message: fmt.Sprintf("tool_choice names %q, want one of the tools", r.ToolChoice.Name)}
		case len(r.Tools) == 0:
			return nil, &llm.Error{Kind: llm.Invalid, Param: "tool_choice", Message: fmt.Sprintf("tool_choice %q without tools, want some", r.ToolChoice.Mode)}
		}
	}
	if constrained(r) {
		schema := []byte(`{"type": "object"}`)
		if r.Format.Kind == "json_schema" {
			schema = r.Format.Schema
		}
		w.answer = grammar.Value(schema)
		if _, err := grammar.Compose(w.answer, grammar.Limits{}); err != nil {
			return nil, &llm.Error{Kind: llm.Invalid, Param: "response_format", Message: strings.TrimPrefix(err.Error(), "grammar: ")}
		}
	}
	if err := w.makeCalls(); err != nil {
		if mode == callsRequired || !w.loose() {
			return nil, err
		}
		w.form = nil
		w.warnings = append(w.warnings, "calls are not held to their schemas: "+llm.AsError(err).Message)
		if w.answer == nil {
			return &held{warnings: w.warnings}, nil
		}
	}
	g, err := grammar.Compose(w.whole(p.read.Reasoning), grammar.Limits{})
	if err != nil {
		return nil, &llm.Error{Kind: llm.Invalid, Param: "tools", Message: strings.TrimPrefix(err.Error(), "grammar: ")}
	}
	vocab, err := v.vocabulary()
	if err != nil {
		return nil, err
	}
	return &held{rules: g.With(vocab), form: w.form, warnings: w.warnings}, nil
}

func named(tools []llm.Tool, name string) bool {
	for _, t := range tools {
		if t.Name == name {
			return true
		}
	}
	return false
}

// vocabulary is the model's tokens as the rules see them. A control token that
// the format reads is a code of its own, which no text can have in it: the byte
// 0xFF, that UTF-8 never has, and a number.
func (v *voice) vocabulary() (*grammar.Vocab, error) {
	v.once.Do(func() {
		tokens, codes := make([][]byte, v.tok.Len()), v.codes()
		for id := range tokens {
			if v.tok.Special(id) {
				if tag, ok := v.tags[id]; ok {
					tokens[id] = []byte(codes[tag])
				}
			} else if b := v.tok.Bytes(id); !strings.Contains(string(b), "\xff") {
				tokens[id] = b
			}
		}
		v.vocab, v.fault = grammar.NewVocab(tokens, v.ends)
	})
	return v.vocab, v.fault
}

// codes are the control tokens that the format reads, by name, as the rules
// write them; those that end the answer are not written.
func (v *voice) codes() map[string]string {
	codes := map[string]string{}
	for i, tag := range v.format.Tags {
		if id, ok := v.tok.ID(tag); ok && v.tags[id] == tag {
			codes[tag] = "\xff" + string([]byte{byte(i)})
			if v.tok.End(id) {
				codes[tag] = ""
			}
		}
	}
	return codes
}

// writer puts the rules of one answer together.
type writer struct {
	voice    *voice
	r        *llm.Request
	mode     callMode
	form     *template.Form
	answer   *grammar.Expr // the answer, where it must have a form; nil = any text
	calls    *grammar.Expr // all calls of an answer
	one      *grammar.Expr // one call
	codes    map[string]string
	warnings []string
}

// tagged is a text with its tags, as tokens where they are some.
func (w *writer) tagged(text string) *grammar.Expr {
	if w.codes == nil {
		w.codes = w.voice.codes()
	}
	codes := w.codes
	var b strings.Builder
	for text != "" {
		longest := ""
		for tag := range codes {
			if strings.HasPrefix(text, tag) && len(tag) > len(longest) {
				longest = tag
			}
		}
		if longest == "" {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		b.WriteString(codes[longest])
		text = text[len(longest):]
	}
	return grammar.Literal(b.String())
}

func optional(x *grammar.Expr) *grammar.Expr { return grammar.Repeat(x, 0, 1) }

// anyOf is any number of these, one after the other.
func anyOf(x ...*grammar.Expr) *grammar.Expr {
	if len(x) == 0 {
		return grammar.Literal("")
	}
	return grammar.Repeat(grammar.Choice(x...), 0, -1)
}

// whole is the whole answer. thinking = the prompt has begun the thoughts.
func (w *writer) whole(thinking bool) *grammar.Expr {
	f := w.voice.format
	if f.Frame != nil {
		return w.framed(f.Frame)
	}
	var thoughts, thought *grammar.Expr
	if f.Closes != "" {
		thoughts = grammar.Free([]string{f.Closes}, nil)
		if thinking {
			thought = grammar.Sequence(thoughts, w.tagged(f.Closes))
		} else {
			thought = grammar.Sequence(w.tagged(f.Opens), thoughts, w.tagged(f.Closes))
		}
	}
	if w.mode == callsRequired || w.answer != nil {
		var body *grammar.Expr
		switch {
		case w.mode == callsRequired:
			body = w.calls
		case w.calls != nil:
			body = grammar.Choice(w.answer, w.calls)
		default:
			body = w.answer
		}
		if thought == nil || !thinking && !w.thinks() {
			return body
		}
		gap := grammar.Repeat(grammar.Literal("\n"), 0, 2)
		lead := grammar.Sequence(thought, gap)
		if !thinking {
			lead = optional(lead)
		}
		return grammar.Sequence(lead, body)
	}
	return w.free(thinking, thoughts)
}

// thinks reports whether the model may begin with thoughts of its own accord.
func (w *writer) thinks() bool {
	t := w.r.Thinking
	if !w.voice.reasons() {
		return false
	}
	if t.Enabled != nil {
		return *t.Enabled
	}
	return t.Effort != "none" && (w.mode == callsRequired || t.Effort != "")
}

// free is an answer of text, thoughts and calls in any order.
func (w *writer) free(thinking bool, thoughts *grammar.Expr) *grammar.Expr {
	f := w.voice.format
	var without, begin []string
	var items []*grammar.Expr
	if f.Call != "" {
		without = append(without, f.Call)
	} else if form := f.Form; form != nil {
		begin = append(begin, form(w.voice.source).Begin)
	}
	for _, d := range f.Drop {
		without = append(without, d)
		items = append(items, w.tagged(d))
	}
	broken := grammar.Literal("")
	if f.Opens != "" {
		without = append(without, f.Opens)
		items = append(items, grammar.Sequence(w.tagged(f.Opens), thoughts, w.tagged(f.Closes)))
		broken = optional(grammar.Sequence(w.tagged(f.Opens), thoughts)) // thoughts that nothing follows
	}
	text := grammar.Free(without, begin)
	last := grammar.Literal("")
	switch {
	case w.calls == nil:
	case f.Call == "":
		return grammar.Choice(text, w.calls)
	case w.alone():
		last = optional(w.calls)
	case w.form.Open == "":
		items = append(items, w.one)
	default:
		items = append(items, w.calls)
	}
	more := anyOf(items...)
	if len(items) > 0 {
		more = grammar.Repeat(grammar.Sequence(grammar.Choice(items...), text), 0, -1)
	}
	body := grammar.Sequence(text, more, grammar.Choice(broken, last))
	if thinking {
		return grammar.Choice(thoughts, grammar.Sequence(thoughts, w.tagged(f.Closes), body))
	}
	return body
}

// framed is an answer in messages: thoughts and asides, then the answer or a
// call.
func (w *writer) framed(f *template.Frame) *grammar.Expr {
	text := grammar.Free(w.voice.format.Tags, nil)
	message := func(m [2]string) *grammar.Expr {
		return grammar.Sequence(w.tagged(m[0]), text, w.tagged(m[1]))
	}
	before := []*grammar.Expr{message(f.Thought)}
	answer := w.answer
	if answer == nil {
		answer = text
		before = append(before, message(f.Aside))
	}
	answer = grammar.Sequence(w.tagged(f.Answer), answer)
	switch {
	case w.mode == callsRequired:
		answer = w.one
	case w.calls != nil:
		answer = grammar.Choice(answer, w.one)
	}
	return grammar.Sequence(anyOf(before...), answer)
}

// alone reports whether there may be one call only.
func (w *writer) alone() bool { return w.r.ParallelToolCalls != nil && !*w.r.ParallelToolCalls }

// callName is what a function may be called where its name is written into a
// call's tags.
var callName = regexp.MustCompile(`^[A-Za-z0-9_.:/@-]{1,128}$`)

// makeCalls makes the rules of calls.
func (w *writer) makeCalls() error {
	f := w.form
	if f == nil {
		return nil
	}
	var ways []*grammar.Expr
	for i := range w.r.Tools {
		t := &w.r.Tools[i]
		if w.r.ToolChoice.Mode == "tool" && t.Name != w.r.ToolChoice.Name {
			continue
		}
		if !callName.MatchString(t.Name) {
			return &llm.Error{Kind: llm.Invalid, Param: "tools", Message: fmt.Sprintf("a tool of the name %.60q, want letters, digits and _ . : / @ -", t.Name)}
		}
		args, err := w.arguments(t)
		if err != nil {
			return err
		}
		parts := []*grammar.Expr{grammar.Literal(t.Name)}
		if f.Number != "" {
			digit := grammar.Words("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
			parts = append(parts, w.tagged(f.Number), grammar.Repeat(digit, 1, 3))
		}
		ways = append(ways, grammar.Sequence(append(parts, w.tagged(f.Middle), args)...))
	}
	w.one = grammar.Sequence(w.tagged(f.Begin), grammar.Choice(ways...), w.tagged(f.End))
	most := -1
	if w.alone() {
		most = 0
	}
	between := f.Between
	if f.Open == "" && between == "" {
		between = "\n"
	}
	next := grammar.Sequence(w.tagged(between), w.one)
	w.calls = grammar.Sequence(w.tagged(f.Open), w.one, grammar.Repeat(next, 0, most), w.tagged(f.Close))
	if _, err := grammar.Compose(w.calls, grammar.Limits{}); err != nil {
		w.calls, w.one = nil, nil
		return &llm.Error{Kind: llm.Invalid, Param: "tools", Message: strings.TrimPrefix(err.Error(), "grammar: ")}
	}
	return nil
}

// loose reports whether calls may go unheld: no tool asks for strictness.
func (w *writer) loose() bool {
	for _, t := range w.r.Tools {
		if t.Strict != nil && *t.Strict {
			return false
		}
	}
	return true
}

// arguments are the rules of a tool's arguments. Where its schema has what the
// rules have no word for, a strict tool is refused, and another may be called
// with any object.
func (w *writer) arguments(t *llm.Tool) (*grammar.Expr, error) {
	schema := []byte(t.Parameters)
	if len(schema) == 0 || string(schema) == "null" {
		schema = []byte(`{"type": "object", "additionalProperties": false}`)
	}
	strict := t.Strict != nil && *t.Strict
	args, note, err := w.written(schema)
	if err == nil {
		_, err = grammar.Compose(args, grammar.Limits{})
	}
	switch {
	case strict && (err != nil || note != ""):
		if err != nil {
			note = strings.TrimPrefix(err.Error(), "grammar: ")
		}
		return nil, &llm.Error{Kind: llm.Invalid, Param: "tools", Message: fmt.Sprintf("the parameters of %q can't be held to strictly: %s", t.Name, note)}
	case err != nil:
		note = strings.TrimPrefix(err.Error(), "grammar: ")
		args, _, err = w.written([]byte(`{"type": "object"}`))
	}
	if note != "" {
		w.warnings = append(w.warnings, fmt.Sprintf("the arguments of %q are not held to their schema: %s", t.Name, note))
	}
	return args, err
}

// written are arguments as the form writes them; note = what of the schema is
// not held to.
func (w *writer) written(schema []byte) (args *grammar.Expr, note string, err error) {
	pairs := w.form.Pairs
	if pairs == nil {
		return grammar.Object(schema), "", nil
	}
	list, open, err := grammar.Properties(schema, grammar.Limits{})
	if err != nil {
		return nil, "", err
	}
	end := strings.TrimSpace(pairs.End)
	pair := func(key, value *grammar.Expr) *grammar.Expr {
		return grammar.Sequence(w.tagged(pairs.Key), key, w.tagged(pairs.Value), value, w.tagged(pairs.End))
	}
	var all []*grammar.Expr
	for _, p := range list {
		value := p.Value
		switch {
		case strings.ContainsAny(p.Name, "<>\"\n") || p.Name == "" || strings.TrimSpace(p.Name) != p.Name:
			return nil, "", fmt.Errorf("grammar: schema #: properties: a name %.60q can't be written in this model's calls", p.Name)
		case p.Text && p.Words != nil:
			for _, word := range p.Words {
				if strings.Contains(word, end) {
					return nil, "", fmt.Errorf("grammar: schema #: properties: %s: a value %.60q can't be written in this model's calls", p.Name, word)
				}
			}
			value = grammar.Words(p.Words...)
		case p.Text:
			value = grammar.Free([]string{end}, nil)
		}
		if p.Bounded != "" && note == "" {
			note = fmt.Sprintf("%s of %q can't be kept in this model's calls", p.Bounded, p.Name)
		}
		one := pair(grammar.Literal(p.Name), value)
		if !p.Required {
			one = optional(one)
		}
		all = append(all, one)
	}
	if open && len(list) == 0 {
		var letters []string
		for c := byte('!'); c <= '~'; c++ {
			if !strings.ContainsRune(`<>"`, rune(c)) {
				letters = append(letters, string(rune(c)))
			}
		}
		key := grammar.Repeat(grammar.Words(letters...), 1, 64)
		all = append(all, grammar.Repeat(pair(key, grammar.Free([]string{end}, nil)), 0, -1))
	}
	return grammar.Sequence(all...), note, nil
}
