package template

import (
	"encoding/json"
	"strings"
)

// harmony is the format of gpt-oss: messages in channels. The channel
// analysis is reasoning, final is the answer, and what goes to functions.NAME
// is a call. Source: openai/harmony, docs/format.md.
func init() {
	Register(&Format{Name: "harmony", Marks: []string{"<|channel|>", "<|message|>"}, Tags: harmonyTags, Closes: "<|channel|>final<|message|>",
		Frame: &Frame{
			Thought: [2]string{"<|channel|>analysis<|message|>", "<|end|><|start|>assistant"},
			Aside:   [2]string{"<|channel|>commentary<|message|>", "<|end|><|start|>assistant"},
			Answer:  "<|channel|>final<|message|>",
		},
		Form: always(Form{Begin: "<|channel|>commentary to=functions.", Middle: " <|constrain|>json<|message|>", End: "<|call|>"}),
		Read: func(o Options) Reader { return &harmony{o: o, head: true} }})
}

var harmonyTags = []string{"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>"}

type harmony struct {
	o      Options
	buf    string
	head   bool   // in a message's head; the prompt ends in one
	header string // the head so far, with its tags
	kind   PartKind
	name   string // the function that is called
	args   string
	object objectScanner // a call that comes in pieces
	parts  []Part
}

func (r *harmony) Next(text string) []Part {
	r.buf += text
	r.run(false)
	return r.take()
}

func (r *harmony) End() []Part {
	r.run(true)
	switch {
	case r.head:
		if rest := strings.TrimPrefix(strings.TrimPrefix(r.header, "<|start|>"), "assistant"); rest != "" { // a message that has no body: nothing is lost
			r.emit(Text, r.header)
		}
		r.header = ""
	case r.kind == Call:
		r.call()
	}
	r.head = true
	return r.take()
}

func (r *harmony) take() []Part {
	p := r.parts
	r.parts = nil
	return p
}

func (r *harmony) emit(k PartKind, text string) {
	if text == "" {
		return
	}
	if n := len(r.parts); n > 0 && r.parts[n-1].Kind == k {
		r.parts[n-1].Text += text
		return
	}
	r.parts = append(r.parts, Part{Kind: k, Text: text})
}

func (r *harmony) run(end bool) {
	for {
		at, tag := -1, ""
		for _, t := range harmonyTags {
			if i := strings.Index(r.buf, t); i >= 0 && (at < 0 || i < at) {
				at, tag = i, t
			}
		}
		if at < 0 {
			keep := 0
			if !end {
				for _, t := range harmonyTags {
					keep = max(keep, overlap(r.buf, t))
				}
			}
			r.body(r.buf[:len(r.buf)-keep])
			r.buf = r.buf[len(r.buf)-keep:]
			return
		}
		r.body(r.buf[:at])
		r.buf = r.buf[at+len(tag):]
		r.tag(tag)
	}
}

// body takes text that holds no tag.
func (r *harmony) body(text string) {
	switch {
	case r.head:
		r.header += text
	case r.kind == Call && r.o.Form != nil:
		r.pieces(text)
	case r.kind == Call:
		r.args += text
	default:
		r.emit(r.kind, text)
	}
}

func (r *harmony) tag(tag string) {
	if r.head {
		if tag != "<|message|>" {
			if tag == "<|start|>" {
				r.header = ""
			}
			r.header += tag
			return
		}
		r.open()
		return
	}
	switch tag {
	case "<|end|>", "<|call|>", "<|return|>":
		if r.kind == Call {
			r.call()
		}
		r.head, r.header = true, ""
	case "<|start|>": // a message that was not closed
		if r.kind == Call {
			r.call()
		}
		r.head, r.header = true, tag
	default:
		r.body(tag)
	}
}

// open reads a message's head and begins its body.
func (r *harmony) open() {
	r.head = false
	channel := ""
	if _, after, ok := strings.Cut(r.header, "<|channel|>"); ok {
		if f := strings.FieldsFunc(after, func(c rune) bool { return c == ' ' || c == '<' }); len(f) > 0 {
			channel = f[0]
		}
	}
	r.kind, r.name, r.args = Text, "", ""
	if channel == "analysis" {
		r.kind = Reasoning
	}
	if _, to, ok := strings.Cut(r.header, "to=functions."); ok && r.o.Tools {
		if i := strings.IndexAny(to, " <"); i >= 0 {
			to = to[:i]
		}
		if to != "" {
			r.kind, r.name = Call, to
			if r.o.Form != nil {
				r.object = objectScanner{}
				r.parts = append(r.parts, Part{Kind: CallBegin, Name: to})
			}
		}
	}
}

// pieces passes arguments on as they come.
func (r *harmony) pieces(text string) {
	if r.object.over || r.object.bad {
		return
	}
	r.args += text
	if !r.object.begun {
		r.args = strings.TrimLeft(r.args, " \n")
	}
	n := r.object.scan(r.args)
	if n > 0 {
		r.parts = append(r.parts, Part{Kind: CallArguments, Text: r.args[:n]})
	}
	r.args = r.args[n:]
	if r.object.over {
		r.parts = append(r.parts, Part{Kind: CallEnd})
	}
}

func (r *harmony) call() {
	if r.o.Form != nil { // it has come
		r.kind, r.args = Text, ""
		return
	}
	args, err := arguments(json.RawMessage(r.args))
	if err != nil {
		r.emit(Text, r.header+"<|message|>"+r.args)
	} else {
		r.parts = append(r.parts, Part{Kind: Call, Name: r.name, Arguments: args})
	}
	r.kind, r.args = Text, ""
}
