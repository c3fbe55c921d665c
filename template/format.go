package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// PartKind says what a part of an answer is.
type PartKind uint8

const (
	Text PartKind = iota
	Reasoning
	Call          // a whole call
	CallBegin     // a call that comes in pieces
	CallArguments // a piece of its arguments
	CallEnd
)

// Part is a piece of an answer. A Call comes whole, in one part, or in pieces
// where the options say so.
type Part struct {
	Kind      PartKind
	Text      string // Text, Reasoning, CallArguments
	ID        string // Call, CallBegin: the model's own id; empty = it gives none
	Name      string // Call, CallBegin: the function
	Arguments string // Call: JSON, an object
}

// Options say what a reader of an answer should look for.
type Options struct {
	Tools     bool // calls are read; else their tags are text
	Reasoning bool // the prompt already opened the reasoning
	// Form is how calls are written, by a model that is held to it: they come
	// in pieces. nil = they may be written anyhow, and come whole.
	Form *Form
	// IsText reports whether a function's parameter is declared as a string.
	// Formats that write values without quotes ask; nil = guess by the value.
	IsText func(function, parameter string) bool
}

// Reader reads one answer while it arrives. Text is held back only while it
// may be the beginning of a tag, or blank lines before one; none is lost: a
// call that can't be read comes out as text.
type Reader interface {
	Next(text string) []Part
	End() []Part
}

// Format is one family's way to write reasoning and calls.
type Format struct {
	Name string
	// Marks all stand in chat templates of the family.
	Marks []string
	// Tags are what the format's readers look for: control tokens with such a
	// name must reach them as text.
	Tags []string
	Read func(o Options) Reader
	// Opens is the tag that opens reasoning; a prompt that ends in it has
	// opened it. Empty = none.
	Opens string
	// Closes is what ends reasoning, and the answer follows; empty = none.
	Closes string
	// Call is the tag that opens calls; empty = the answer's beginning tells.
	Call string
	// Drop are tags that only frame the answer.
	Drop []string
	// Frame is how messages are set apart; nil = reasoning by tags.
	Frame *Frame
	// Form returns how calls are written by a model with such a chat template;
	// nil = the family has no calls.
	Form func(source string) *Form
}

var formats []*Format

// Register adds a family.
func Register(f *Format) {
	formats = append(formats, f)
	sort.Slice(formats, func(i, k int) bool { return formats[i].Name < formats[k].Name })
}

// Formats lists the names of all families.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	return names
}

// FormatNamed finds a family by name.
func FormatNamed(name string) (*Format, error) {
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("template: format %q: unknown, want one of %s", name, strings.Join(Formats(), ", "))
}

// Detect finds the family of a chat template by what stands in it; the one
// with the most to show wins, and a template that shows nothing is "plain".
func Detect(source string) *Format {
	var best *Format
	most := -1
	for _, f := range formats {
		n := 0
		for _, m := range f.Marks {
			if !strings.Contains(source, m) {
				n = -1
				break
			}
			n += len(m)
		}
		if n > most {
			best, most = f, n
		}
	}
	return best
}

// errMore says that a call's end was not its end: the tag stood in a string.
var errMore = errors.New("the call goes on")

// tags is a format that sets reasoning and calls apart by tags.
type tags struct {
	open, close         string // of reasoning
	callOpen, callClose string
	// parse reads what stands between the tags of calls.
	parse func(body string, o Options) ([]Part, error)
	// drop are tags that only frame the answer.
	drop []string
}

func (t *tags) format(name string, marks ...string) *Format {
	all := slices.DeleteFunc(append([]string{t.open, t.close, t.callOpen, t.callClose}, t.drop...), func(s string) bool { return s == "" })
	return &Format{Name: name, Marks: marks, Tags: all, Opens: t.open, Closes: t.close, Call: t.callOpen, Drop: t.drop, Read: func(o Options) Reader {
		r := &tagReader{tags: t, o: o, blank: true}
		if o.Reasoning && t.close != "" {
			r.state = inReasoning
		}
		return r
	}}
}

type state uint8

const (
	inText state = iota
	inReasoning
	inCall
)

// tagReader reads an answer of a tags format.
type tagReader struct {
	*tags
	o     Options
	state state
	buf   string    // undecided
	gap   string    // in a call: the line breaks before it
	from  int       // in a call: where to look for its end
	blank bool      // line breaks are skipped: a tag stood before
	calls *follower // in a call that comes in pieces
	parts []Part
}

func (r *tagReader) emit(k PartKind, text string) {
	if text == "" {
		return
	}
	if n := len(r.parts); n > 0 && r.parts[n-1].Kind == k && k != Call {
		r.parts[n-1].Text += text
		return
	}
	r.parts = append(r.parts, Part{Kind: k, Text: text})
}

func (r *tagReader) take() []Part {
	p := r.parts
	r.parts = nil
	return p
}

func (r *tagReader) Next(text string) []Part {
	r.buf += text
	for r.step(false) {
	}
	return r.take()
}

func (r *tagReader) End() []Part {
	for r.step(true) {
	}
	if r.calls != nil { // what there is of the call has come
		r.buf, r.calls, r.state = "", nil, inText
	}
	if r.state == inCall {
		r.emit(Text, r.gap+r.callOpen+r.buf)
		r.buf, r.state = "", inText
	}
	return r.take()
}

// wanted returns the tags that matter in the present state.
func (r *tagReader) wanted() []string {
	if r.state == inReasoning {
		return []string{r.close}
	}
	var all []string
	if r.open != "" {
		all = append(all, r.open)
	}
	if r.o.Tools && r.callOpen != "" {
		all = append(all, r.callOpen)
	}
	return append(all, r.drop...)
}

// step does what the buffer allows; false = it needs more text.
func (r *tagReader) step(end bool) bool {
	if r.calls != nil {
		return r.follow()
	}
	if r.state == inCall {
		return r.call()
	}
	kind := Text
	if r.state == inReasoning {
		kind = Reasoning
	}
	if r.blank {
		trimmed := strings.TrimLeft(r.buf, "\n")
		if trimmed == "" && !end {
			r.buf = ""
			return false
		}
		r.buf = trimmed
	}
	wanted := r.wanted()
	at, tag := -1, ""
	for _, w := range wanted {
		if i := strings.Index(r.buf, w); i >= 0 && (at < 0 || i < at || i == at && len(w) > len(tag)) {
			at, tag = i, w
		}
	}
	if at >= 0 {
		before := strings.TrimRight(r.buf[:at], "\n")
		r.emit(kind, before)
		r.gap = r.buf[len(before):at]
		r.buf, r.blank = r.buf[at+len(tag):], true
		switch tag {
		case r.callOpen:
			r.state, r.from = inCall, 0
			if r.o.Form != nil {
				r.calls = r.o.Form.follow(r.o, r.callOpen)
			}
		case r.open:
			r.state = inReasoning
		case r.close:
			r.state = inText
		}
		return true
	}
	keep := 0
	if !end {
		for _, w := range wanted {
			keep = max(keep, overlap(r.buf, w))
		}
	}
	show := r.buf[:len(r.buf)-keep]
	if !end { // line breaks before a tag belong to it
		show = strings.TrimRight(show, "\n")
	}
	if show != "" {
		r.blank = false
		r.emit(kind, show)
		r.buf = r.buf[len(show):]
	}
	return false
}

// overlap returns the length of the longest end of s that begins tag.
func overlap(s, tag string) int {
	for n := min(len(s), len(tag)-1); n > 0; n-- {
		if strings.HasSuffix(s, tag[:n]) {
			return n
		}
	}
	return 0
}

// follow reads calls in pieces.
func (r *tagReader) follow() bool {
	r.parts = append(r.parts, r.calls.next(r.buf)...)
	r.buf = ""
	if !r.calls.over() {
		return false
	}
	r.buf, r.blank = r.calls.buf, r.calls.step == followOver
	r.calls, r.state = nil, inText
	return r.buf != ""
}

// call looks for the end of a call.
func (r *tagReader) call() bool {
	i := strings.Index(r.buf[r.from:], r.callClose)
	if i < 0 {
		r.from = max(0, len(r.buf)-len(r.callClose)+1)
		return false
	}
	i += r.from
	calls, err := r.parse(r.buf[:i], r.o)
	if errors.Is(err, errMore) {
		r.from = i + len(r.callClose)
		return true
	}
	after := i + len(r.callClose)
	if err != nil {
		r.emit(Text, r.gap+r.callOpen+r.buf[:after])
	} else {
		r.parts = append(r.parts, calls...)
	}
	r.buf, r.state, r.blank = r.buf[after:], inText, err == nil
	return true
}

// jsonCalls reads one call or a list of calls in JSON: name and arguments, or
// parameters.
func jsonCalls(body string, _ Options) ([]Part, error) {
	body = strings.TrimSpace(body)
	if body == "" {
		return nil, errors.New("an empty call")
	}
	if body[0] == '[' {
		var list []json.RawMessage
		if err := unfinished(json.Unmarshal([]byte(body), &list)); err != nil {
			return nil, err
		}
		var all []Part
		for _, one := range list {
			p, err := jsonCall(one)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		if len(all) == 0 {
			return nil, errors.New("an empty list")
		}
		return all, nil
	}
	p, err := jsonCall([]byte(body))
	return []Part{p}, err
}

func jsonCall(b []byte) (Part, error) {
	var c struct {
		Name       string          `json:"name"`
		ID         string          `json:"id"`
		Arguments  json.RawMessage `json:"arguments"`
		Parameters json.RawMessage `json:"parameters"`
	}
	if err := unfinished(json.Unmarshal(b, &c)); err != nil {
		return Part{}, err
	}
	if c.Name == "" {
		return Part{}, errors.New("a call without a name")
	}
	if c.Arguments == nil {
		c.Arguments = c.Parameters
	}
	args, err := arguments(c.Arguments)
	return Part{Kind: Call, ID: c.ID, Name: c.Name, Arguments: args}, err
}

// arguments makes an object of what a model wrote as arguments: one, JSON in a
// string, or nothing.
func arguments(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return "{}", nil
	}
	var text string
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		if raw = bytes.TrimSpace([]byte(text)); len(raw) == 0 {
			return "{}", nil
		}
	}
	if raw[0] != '{' || !json.Valid(raw) {
		return "", errors.New("arguments that are no object")
	}
	return string(raw), nil
}

// unfinished turns the error of JSON that ends too early into errMore.
func unfinished(err error) error {
	var s *json.SyntaxError
	if errors.As(err, &s) && s.Error() == "unexpected end of JSON input" {
		return errMore
	}
	return err
}

// always is the form of a family that has one.
func always(f Form) func(string) *Form { return func(string) *Form { return &f } }

// object collects arguments in the order in which they are written.
type object struct{ b strings.Builder }

// add writes a value that a model wrote without JSON's quotes: a text where
// that is declared, else JSON if it is some, else a text.
func (o *object) add(function, key, value string, opts Options) {
	if o.b.Len() > 0 {
		o.b.WriteString(", ")
	}
	k, _ := json.Marshal(key)
	o.b.Write(k)
	o.b.WriteString(": ")
	isText := opts.IsText != nil && opts.IsText(function, key)
	if plain := strings.TrimSpace(value); !isText && json.Valid([]byte(plain)) {
		o.b.WriteString(plain)
		return
	}
	o.b.WriteString(quote(value))
}

func (o *object) String() string { return "{" + o.b.String() + "}" }

// quote writes a JSON string without escapes for HTML.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be written
	return strings.TrimSuffix(b.String(), "\n")
}

// between returns what stands between two tags at the beginning of s, blanks
// aside, and the rest.
func between(s, open, end string) (inside, rest string, ok bool) {
	s, ok = strings.CutPrefix(strings.TrimLeft(s, " \t\n"), open)
	if !ok {
		return "", "", false
	}
	return strings.Cut(s, end)
}
