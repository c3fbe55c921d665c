package fake

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Scenario is something that a client may want of a vendor.
type Scenario string

// The scenarios. What a request holds decides which one is played.
const (
	Chat       Scenario = "chat"       // a whole answer
	Stream     Scenario = "stream"     // an answer in pieces
	Tools      Scenario = "tools"      // tools: the first one is called, and its result is told
	Parallel   Scenario = "parallel"   // tools and the word "parallel": two calls
	Reasoning  Scenario = "reasoning"  // thoughts, where the vendor's switch is on
	Structured Scenario = "structured" // a schema: an example of it
	Vision     Scenario = "image"      // an image: its type and size are told
	Long       Scenario = "long"       // the words "long text": a long Chinese text
	Embeddings Scenario = "embeddings" // vectors of texts, in place of an answer
)

// Reply is what a fake says, in pieces, whatever its protocol.
type Reply struct {
	Pieces  []Piece
	Finish  string // stop, length, tool_calls or content_filter
	Usage   Usage
	Endless bool // the last piece comes again and again
}

// Piece is a piece of an answer: of thoughts, of text, or of a call. The
// first piece of a call has its id and name; Text is a piece of its arguments.
type Piece struct {
	Kind string // thought, text or call
	Text string
	Call int // which one, from zero
	ID   string
	Name string
}

// Usage is the tokens of an answer. Cached is part of Input; Reasoning is not
// part of Output.
type Usage struct{ Input, Cached, Output, Reasoning int }

// all ranges over the pieces, for ever where the reply is endless.
func (r Reply) all() iter.Seq[Piece] {
	return func(yield func(Piece) bool) {
		for _, p := range r.Pieces {
			if !yield(p) {
				return
			}
		}
		for r.Endless && yield(Piece{Kind: "text", Text: flood}) {
		}
	}
}

// flood is what comes again and again.
var flood = strings.Repeat("洪水", 512)

// Text returns the pieces of text joined.
func (r Reply) Text() string { return r.join("text") }

// Thoughts returns the thoughts joined.
func (r Reply) Thoughts() string { return r.join("thought") }

func (r Reply) join(kind string) string {
	var b strings.Builder
	for _, p := range r.Pieces {
		if p.Kind == kind {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Calls returns the calls whole.
func (r Reply) Calls() []Call {
	var all []Call
	for _, p := range r.Pieces {
		if p.Kind != "call" {
			continue
		}
		if p.Call == len(all) {
			all = append(all, Call{ID: p.ID, Name: p.Name})
		}
		all[p.Call].Args += p.Text
	}
	return all
}

// LongText is the long Chinese text. Some of its characters need four bytes.
var LongText = func() string {
	var b strings.Builder
	for i := range 16 {
		fmt.Fprintf(&b, "第%d段：登高望远，云开雾散；𠮷祥如意，万物生长。山下的河水慢慢流过石桥，孩子们在岸边放风筝😀，老人们说起往年的雪。\n", i+1)
	}
	return b.String()
}()

// play says what the fake answers.
func play(a *Ask) Reply {
	var r Reply
	user := a.last("user")
	words := strings.TrimSpace(directive.ReplaceAllString(user.Text, ""))
	if a.Thinks {
		r.text("thought", "让我想一想：the user wrote "+fmt.Sprint(len([]rune(words)))+" characters. 好，可以回答了。")
	}
	final := len(a.Turns) > 0 && a.Turns[len(a.Turns)-1].Role == "tool"
	switch {
	case final:
		var said []string
		for i := len(a.Turns) - 1; i >= 0 && a.Turns[i].Role == "tool"; i-- {
			said = append(said, a.Turns[i].Text)
		}
		slices.Reverse(said)
		r.text("text", "工具说 (the tools say): "+strings.Join(said, "; "))
	case len(a.Tools) > 0 && a.Choice != "none":
		r.calls(a, strings.Contains(words, "parallel"))
	case a.Schema != nil:
		r.text("text", example(a.Schema, 0))
	case a.JSON:
		r.text("text", `{"answer": "这是一个示例"}`)
	case len(user.Images) > 0:
		var seen []string
		for _, m := range user.Images {
			if m.URL != "" {
				seen = append(seen, "an image at "+m.URL)
			} else {
				seen = append(seen, fmt.Sprintf("%s of %d bytes", m.MIME, m.Bytes))
			}
		}
		r.text("text", "我看见了 (I see): "+strings.Join(seen, ", "))
	case strings.Contains(words, "long text"):
		r.text("text", LongText)
	default:
		if most := []rune(words); len(most) > 200 {
			words = string(most[:200])
		}
		r.text("text", fmt.Sprintf("你好！This is a fake of %s, not the real model. You said: %s", a.Vendor, words))
	}
	r.Finish = "stop"
	if len(r.Calls()) > 0 {
		r.Finish = "tool_calls"
	}
	if a.Size > 0 {
		r.Pieces = nil
	}
	size := func(s string) int { return len([]rune(s)) }
	r.Usage = Usage{Input: a.tokens(), Output: size(r.Text()), Reasoning: size(r.Thoughts())}
	for _, c := range r.Calls() {
		r.Usage.Output += size(c.Name + c.Args)
	}
	r.Usage.Cached = r.Usage.Input / 4
	return r
}

// text adds a text in pieces of some characters, three at least.
func (r *Reply) text(kind, s string) {
	for _, p := range pieces(s, 12) {
		r.Pieces = append(r.Pieces, Piece{Kind: kind, Text: p})
	}
}

// calls adds one call of the first tool, or two.
func (r *Reply) calls(a *Ask, two bool) {
	first := 0
	for i, t := range a.Tools {
		if t.Name == a.Choice {
			first = i
		}
	}
	n := 1
	if two && !a.OneCall {
		n = 2
	}
	for i := range n {
		t := a.Tools[(first+i)%len(a.Tools)]
		p := Piece{Kind: "call", Call: i, ID: fmt.Sprintf("call_fake_%d_%d", len(a.Turns), i), Name: t.Name}
		args := example(t.Parameters, i)
		if !strings.HasPrefix(args, "{") {
			args = "{}"
		}
		for _, piece := range pieces(args, 12) {
			p.Text = piece
			r.Pieces = append(r.Pieces, p)
			p.ID, p.Name = "", ""
		}
	}
}

// pieces cuts a text into pieces of n characters, shorter ones where it would
// be fewer than three.
func pieces(s string, n int) []string {
	runes := []rune(s)
	n = max(1, min(n, len(runes)/3))
	var all []string
	for c := range slices.Chunk(runes, n) {
		all = append(all, string(c))
	}
	return all
}

// example returns a JSON value that fits the schema, one of several by i.
func example(schema json.RawMessage, i int) string {
	text, err := json.Marshal(exampleOf(schema, i, 0))
	if err != nil {
		return "{}"
	}
	return string(text)
}

func exampleOf(schema json.RawMessage, i, depth int) any {
	const deepest = 16
	var s struct {
		Type       any                        `json:"type"`
		Enum       []any                      `json:"enum"`
		Const      any                        `json:"const"`
		Properties map[string]json.RawMessage `json:"properties"`
		Items      json.RawMessage            `json:"items"`
		Minimum    float64                    `json:"minimum"`
	}
	if depth > deepest || json.Unmarshal(schema, &s) != nil {
		return map[string]any{}
	}
	kind, _ := s.Type.(string)
	if list, ok := s.Type.([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	kind = strings.ToLower(kind) // Gemini's are upper case
	switch {
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[i%len(s.Enum)]
	case kind == "string":
		return []string{"北京", "上海"}[i%2]
	case kind == "integer", kind == "number":
		return max(s.Minimum, 7)
	case kind == "boolean":
		return true
	case kind == "null":
		return nil
	case kind == "array":
		return []any{exampleOf(s.Items, i, depth+1)}
	}
	v := map[string]any{}
	for name, p := range s.Properties {
		v[name] = exampleOf(p, i, depth+1)
	}
	return v
}
