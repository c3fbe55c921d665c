package template

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Form is how a family writes its calls, as data, for who holds a model to it:
// of all the ways that the family's reader takes, the one that the chat
// template shows. Written out:
//
//	Open Begin NAME Middle ARGUMENTS End Between Begin NAME … End Close
type Form struct {
	Open, Close string // around all calls of an answer; empty = each stands alone
	Between     string // between two calls
	Begin       string // before the function's name
	Number      string // between the name and the call's number, from 0 on; empty = it has none
	Middle      string // before the arguments
	End         string // after them
	Pairs       *Pairs // how arguments are written one by one; nil = as a JSON object
}

// Frame is how an answer's parts are set apart where each stands in a message
// of its own: what comes before and after thoughts and asides, and before the
// answer itself, which ends all.
type Frame struct {
	Thought, Aside [2]string
	Answer         string
}

// Pairs is how arguments are written each by itself: Key NAME Value TEXT End.
// Strings have no quotes, everything else is JSON.
type Pairs struct{ Key, Value, End string }

// follower reads calls that are held to a form while they are written.
type follower struct {
	form   *Form
	o      Options
	step   followStep
	want   string // what must come, in the steps that wait for a text
	calls  int
	buf    string
	name   string
	number string
	key    string
	text   bool // the argument is a string
	first  bool // it is the first one
	value  string
	object objectScanner
	parts  []Part
}

type followStep uint8

const (
	followLiteral followStep = iota // want, then after
	followName
	followNumber
	followMiddle
	followArguments
	followPair // another argument, or the end
	followKey
	followAssign
	followValue
	followNext // another call, or the end of all
	followOver
	followLost // it is not in the form
)

// follow reads on after begun, which the text of the calls begins with.
func (f *Form) follow(o Options, begun string) *follower {
	r := &follower{form: f, o: o}
	rest, ok := strings.CutPrefix(f.Open+f.Begin, begun)
	if !ok {
		r.step = followLost
		return r
	}
	r.want = rest
	return r
}

// next takes text and returns what of it is known. The calls are over when the
// step is followOver or followLost; buf has what comes after them.
func (r *follower) next(text string) []Part {
	r.buf += text
	for r.run() {
	}
	p := r.parts
	r.parts = nil
	return p
}

// rest is what was held back after the calls.
func (r *follower) rest() string {
	if r.calls == 0 || r.step != followNext && !r.over() {
		return "" // a part of a call
	}
	s := r.buf
	r.buf = ""
	return s
}

func (r *follower) over() bool { return r.step == followOver || r.step == followLost }

// run does one step; false = it needs more text, or is over.
func (r *follower) run() bool {
	f := r.form
	switch r.step {
	case followLiteral:
		return r.literal(r.want, followName)
	case followName:
		stops := []string{mark(f.Middle)}
		switch {
		case f.Number != "":
			stops[0] = mark(f.Number)
		case stops[0] == "": // the first argument ends the name, or the call does
			stops = []string{mark(f.Pairs.Key), mark(f.End)}
		}
		return r.until(&r.name, followNumber, stops...)
	case followNumber:
		if f.Number == "" {
			r.step = followMiddle
			return true
		}
		r.buf = strings.TrimPrefix(r.buf, mark(f.Number))
		return r.until(&r.number, followMiddle, mark(f.Middle))
	case followMiddle:
		if mark(f.Middle) != "" && !r.literal(f.Middle, followArguments) {
			return false
		}
		if r.name == "" {
			r.step = followLost
			return false
		}
		r.begin()
		return true
	case followArguments:
		if !r.object.begun {
			r.buf = strings.TrimLeft(r.buf, " \n")
		}
		n := r.object.scan(r.buf)
		r.piece(r.buf[:n])
		r.buf = r.buf[n:]
		switch {
		case r.object.over:
			r.end()
			return true
		case r.object.bad:
			r.step = followLost
		}
		return false
	case followPair:
		return r.pair()
	case followKey:
		return r.until(&r.key, followAssign, mark(f.Pairs.Value))
	case followAssign:
		if len(r.buf) == len(mark(f.Pairs.Value)) {
			return false // a line break after it belongs to it, not to the value
		}
		if !r.literal(f.Pairs.Value, followValue) {
			return false
		}
		r.value, r.text = "", r.o.IsText != nil && r.o.IsText(r.name, r.key)
		lead := ", "
		if r.first {
			lead, r.first = "", false
		}
		r.piece(lead + quote(r.key) + ": ")
		if r.text {
			r.piece(`"`)
		}
		return true
	case followValue:
		return r.pairValue()
	case followNext:
		return r.more()
	}
	return false
}

// mark is what a text is looked for by: without the blanks around it, that may
// be missing.
func mark(s string) string { return strings.TrimSpace(s) }

// literal takes a text that must come.
func (r *follower) literal(want string, then followStep) bool {
	rest, ok, more := match(r.buf, want)
	switch {
	case more:
		return false
	case !ok:
		r.step = followLost
		return false
	}
	r.buf, r.step = rest, then
	return true
}

// until takes what stands before the first of some texts.
func (r *follower) until(to *string, then followStep, stops ...string) bool {
	at := -1
	for _, s := range stops {
		if i := strings.Index(r.buf, s); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	*to, r.buf, r.step = strings.TrimSpace(r.buf[:at]), r.buf[at:], then
	return true
}

// match takes want off the beginning of s, however many blanks each has where
// the other has some or none. more = s ends before that is known.
func match(s, want string) (rest string, ok, more bool) {
	blank := func(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
	i, k := 0, 0
	for k < len(want) {
		switch {
		case i < len(s) && s[i] == want[k]:
			i, k = i+1, k+1
		case blank(want[k]) && i < len(s):
			k++
		case i == len(s):
			if strings.TrimSpace(want[k:]) == "" && i > 0 && k > 0 { // blanks that may still come are blanks of what follows
				return s[i:], true, false
			}
			return "", false, true
		case blank(s[i]):
			i++
		default:
			return "", false, false
		}
	}
	return s[i:], true, false
}

// begin tells that a call begins.
func (r *follower) begin() {
	id := ""
	if r.form.Number != "" {
		lead := r.form.Begin
		if i := strings.LastIndex(lead, ">"); i >= 0 {
			lead = lead[i+1:]
		}
		id = lead + r.name + r.form.Number + r.number
	}
	r.parts = append(r.parts, Part{Kind: CallBegin, ID: id, Name: r.name})
	r.object, r.step = objectScanner{}, followArguments
	if r.form.Pairs != nil {
		r.first, r.step = true, followPair
		r.piece("{")
	}
}

func (r *follower) piece(text string) {
	if text == "" {
		return
	}
	if n := len(r.parts); n > 0 && r.parts[n-1].Kind == CallArguments {
		r.parts[n-1].Text += text
		return
	}
	r.parts = append(r.parts, Part{Kind: CallArguments, Text: text})
}

// end waits for what follows a call's arguments.
func (r *follower) end() {
	r.calls++
	r.parts = append(r.parts, Part{Kind: CallEnd})
	r.step = followNext
	r.want = r.form.End
}

// pair looks whether another argument comes.
func (r *follower) pair() bool {
	rest, ok, more := match(r.buf, r.form.Pairs.Key)
	if ok {
		r.buf, r.step = rest, followKey
		return true
	}
	end, isEnd, moreEnd := match(r.buf, r.form.End)
	switch {
	case isEnd:
		r.piece("}")
		r.end()
		r.buf, r.want = end, ""
		return true
	case more || moreEnd:
		return false
	}
	r.step = followLost
	return false
}

// pairValue reads an argument to its end.
func (r *follower) pairValue() bool {
	end := strings.TrimRight(r.form.Pairs.End, "\n")
	i := strings.Index(r.buf, end)
	show := r.buf[:len(r.buf)-overlap(r.buf, end)]
	show = show[:characters(show)]
	if i >= 0 {
		show = r.buf[:i]
	}
	if r.text {
		q := quote(show)
		r.piece(q[1 : len(q)-1])
	} else {
		r.value += show
	}
	r.buf = r.buf[len(show):]
	if i < 0 {
		return false
	}
	rest, ok, more := match(r.buf, r.form.Pairs.End)
	if more || !ok {
		return false
	}
	r.buf = rest
	if r.text {
		r.piece(`"`)
	} else if plain := strings.TrimSpace(r.value); json.Valid([]byte(plain)) {
		r.piece(plain)
	} else {
		r.piece(quote(r.value))
	}
	r.step = followPair
	return true
}

// more looks for another call, or the end of all.
func (r *follower) more() bool {
	if r.want != "" {
		rest, ok, more := match(r.buf, r.want)
		if more {
			return false
		}
		if !ok {
			r.step = followLost
			return false
		}
		r.buf, r.want = rest, ""
	}
	if r.form.Open == "" && r.form.Between == "" {
		r.step = followOver
		return false
	}
	var closed, moreClosed bool
	if r.form.Close != "" {
		var rest string
		if rest, closed, moreClosed = match(r.buf, r.form.Close); closed {
			r.buf, r.step = rest, followOver
			return false
		}
	}
	rest, again, moreAgain := match(r.buf, r.form.Between+r.form.Begin)
	switch {
	case again:
		r.buf, r.step = rest, followName
		return true
	case moreAgain || moreClosed:
		return false
	}
	r.step = followLost
	if r.form.Close == "" {
		r.step = followOver
	}
	return false
}

// objectScanner finds the end of a JSON object.
type objectScanner struct {
	depth            int
	text, escape     bool
	begun, over, bad bool
}

// scan returns how much of s belongs to the object.
func (o *objectScanner) scan(s string) int {
	for i := range len(s) {
		c := s[i]
		switch {
		case !o.begun:
			if o.bad = c != '{'; o.bad {
				return i
			}
			o.begun, o.depth = true, 1
		case o.escape:
			o.escape = false
		case o.text:
			o.escape = c == '\\'
			o.text = c != '"'
		case c == '"':
			o.text = true
		case c == '{' || c == '[':
			o.depth++
		case c == '}' || c == ']':
			if o.depth--; o.depth == 0 {
				o.over = true
				return i + 1
			}
		}
	}
	return characters(s)
}

// characters is the length of the whole characters that s begins with: the
// last one may not be there yet.
func characters(s string) int {
	for n := len(s) - 1; n >= 0 && n > len(s)-utf8.UTFMax; n-- {
		if utf8.RuneStart(s[n]) {
			if !utf8.FullRuneInString(s[n:]) {
				return n
			}
			break
		}
	}
	return len(s)
}
