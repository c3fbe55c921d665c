package template

import "strings"

// llama3 is the format of Llama 3.1 and later: an answer that is nothing but
// a JSON object with name and parameters is a call; several are set apart by
// semicolons.
func init() {
	Register(&Format{Name: "llama3", Marks: []string{"<|start_header_id|>", `"parameters"`}, Tags: []string{pythonTag},
		Read: func(o Options) Reader { return &llama3{o: o} },
		Form: always(Form{Begin: `{"name": "`, Middle: `", "parameters": `, End: "}", Between: "; "})})
}

const pythonTag = "<|python_tag|>"

type llama3 struct {
	o     Options
	buf   string
	text  bool      // it is no call: everything goes through
	calls *follower // calls that come in pieces
}

func (r *llama3) Next(text string) []Part {
	if r.text {
		return part(Text, text)
	}
	if r.calls != nil {
		return r.calls.next(text)
	}
	r.buf += text
	s := strings.TrimLeft(r.buf, " \n\t")
	if f := r.o.Form; f != nil && r.o.Tools && strings.HasPrefix(s, f.Begin) {
		r.calls, r.buf = f.follow(r.o, f.Begin), ""
		return r.calls.next(s[len(f.Begin):])
	}
	if s == "" || r.o.Tools && (s[0] == '{' || strings.HasPrefix(s, pythonTag) || strings.HasPrefix(pythonTag, s)) {
		return nil
	}
	return r.giveUp()
}

func (r *llama3) giveUp() []Part {
	r.text = true
	p := part(Text, r.buf)
	r.buf = ""
	return p
}

func (r *llama3) End() []Part {
	if r.calls != nil {
		return part(Text, strings.TrimSpace(r.calls.rest()))
	}
	s := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(r.buf), pythonTag))
	if r.text || s == "" {
		return r.giveUp()
	}
	var all []Part
	for rest, begun := s, ""; ; {
		one, after, more := strings.Cut(rest, ";")
		begun += one
		calls, err := jsonCalls(begun, r.o)
		switch {
		case err == nil:
			all, begun = append(all, calls...), ""
		case err == errMore && more: // the semicolon stood in a string
			begun += ";"
		default:
			return r.giveUp()
		}
		if !more {
			break
		}
		if rest = after; strings.TrimSpace(rest) == "" && begun == "" {
			break
		}
	}
	r.buf, r.text = "", true
	return all
}

func part(k PartKind, text string) []Part {
	if text == "" {
		return nil
	}
	return []Part{{Kind: k, Text: text}}
}
