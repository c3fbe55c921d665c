package dialect

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"summit/llm"
)

// textForm is what the caller asked of the answer's form.
type textForm struct {
	usage    bool // a usage chunk at the end of a stream
	logprobs bool
	explain  bool   // the Outcome tree beside the answer
	echo     string // the prompt, which the text begins with; empty = it does not
}

// textEncoder writes Completions answers. The protocol has no place for
// thoughts, for what a council does and for calls.
type textEncoder struct {
	form    textForm
	meta    Meta
	choices []textChoice
	usage   llm.Usage
	broken  bool // an error event was written: nothing follows it
}

// textChoice is how far one choice of a stream has come.
type textChoice struct {
	begun, done bool
	offset      int // characters sent
}

func newTextEncoder(m Meta, form textForm) *textEncoder { return &textEncoder{form: form, meta: m} }

// object opens the object that chunks and whole answers are.
func (e *textEncoder) object(dst []byte) []byte {
	dst = appendString(append(dst, `{"id":`...), "cmpl-"+strings.TrimPrefix(e.meta.ID, "run-"))
	dst = strconv.AppendInt(append(dst, `,"object":"text_completion","created":`...), e.meta.Created.Unix(), 10)
	return appendString(append(dst, `,"model":`...), e.meta.Model)
}

// AppendEvent adds the chunk of one event.
func (e *textEncoder) AppendEvent(dst []byte, choice int, ev llm.Event, err error) []byte {
	if e.broken || choice < 0 || choice >= maxChoices {
		return dst
	}
	for len(e.choices) <= choice {
		e.choices = append(e.choices, textChoice{})
	}
	c := &e.choices[choice]
	switch {
	case c.done:
	case ev.Kind == llm.KindText && (ev.Text != "" || len(ev.Tokens) > 0 && e.form.logprobs):
		return e.chunk(e.prompt(dst, choice), choice, ev.Text, ev.Tokens, "", nil)
	case ev.Kind == llm.KindDone && (err != nil || ev.Done == nil):
		e.broken = true
		return appendErrorEvent(dst, llm.AsError(err))
	case ev.Kind == llm.KindDone:
		dst = e.prompt(dst, choice)
		c.done = true
		e.usage = e.usage.Add(ev.Done.Usage)
		return e.chunk(dst, choice, "", nil, textFinish(ev.Done.Finish), ev.Done)
	}
	return dst
}

// prompt adds the prompt before the choice's first text, if it is to be there.
func (e *textEncoder) prompt(dst []byte, choice int) []byte {
	c := &e.choices[choice]
	if c.begun || e.form.echo == "" {
		return dst
	}
	c.begun = true
	return e.chunk(dst, choice, e.form.echo, nil, "", nil)
}

func (e *textEncoder) chunk(dst []byte, choice int, text string, tokens []llm.TokenLogprob, finish string, o *llm.Outcome) []byte {
	c := &e.choices[choice]
	dst = append(e.object(append(dst, "data: "...)), `,"choices":[`...)
	dst = e.choice(dst, choice, text, tokens, c.offset, finish)
	c.offset += utf8.RuneCountInString(text)
	dst = append(dst, ']')
	if e.form.explain && o != nil {
		dst = appendOutcome(append(dst, `,"summit":`...), o)
	}
	if e.form.usage {
		dst = append(dst, `,"usage":null`...)
	}
	return append(dst, "}\n\n"...)
}

// choice adds one choice; offset is where its text begins in the whole.
func (e *textEncoder) choice(dst []byte, index int, text string, tokens []llm.TokenLogprob, offset int, finish string) []byte {
	dst = appendString(append(dst, `{"text":`...), text)
	dst = strconv.AppendInt(append(dst, `,"index":`...), int64(index), 10)
	dst = append(dst, `,"logprobs":`...)
	if e.form.logprobs && len(tokens) > 0 {
		dst = appendTextLogprobs(dst, tokens, offset)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"finish_reason":`...)
	if finish == "" {
		return append(dst, "null}"...)
	}
	return append(appendString(dst, finish), '}')
}

// appendTextLogprobs adds log-probabilities in the four lists of the protocol.
func appendTextLogprobs(dst []byte, tokens []llm.TokenLogprob, offset int) []byte {
	list := func(name string, item func(t llm.TokenLogprob)) {
		dst = append(append(dst, name...), '[')
		for i, t := range tokens {
			if i > 0 {
				dst = append(dst, ',')
			}
			item(t)
		}
		dst = append(dst, ']')
	}
	list(`{"tokens":`, func(t llm.TokenLogprob) { dst = appendString(dst, t.Token) })
	list(`,"token_logprobs":`, func(t llm.TokenLogprob) { dst = appendFloat(dst, max(t.Logprob, -9999)) })
	list(`,"top_logprobs":`, func(t llm.TokenLogprob) {
		dst = append(dst, '{')
		seen := map[string]bool{}
		for _, top := range t.Top {
			if seen[top.Token] { // two tokens whose texts look alike
				continue
			}
			if len(seen) > 0 {
				dst = append(dst, ',')
			}
			seen[top.Token] = true
			dst = appendFloat(append(appendString(dst, top.Token), ':'), max(top.Logprob, -9999))
		}
		dst = append(dst, '}')
	})
	list(`,"text_offset":`, func(t llm.TokenLogprob) {
		dst = strconv.AppendInt(dst, int64(offset), 10)
		offset += utf8.RuneCountInString(t.Token)
	})
	return append(dst, '}')
}

// textFinish returns the protocol's word for why an answer ended.
func textFinish(f llm.Finish) string {
	switch f {
	case llm.FinishLength, llm.FinishFilter:
		return string(f)
	}
	return string(llm.FinishStop)
}

// AppendEnd adds the usage chunk, if it was asked for, and the end mark.
func (e *textEncoder) AppendEnd(dst []byte) []byte {
	if e.broken {
		return dst
	}
	if e.form.usage {
		dst = append(e.object(append(dst, "data: "...)), `,"choices":[],"usage":`...)
		dst = append(appendUsage(dst, e.usage), "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

// AppendHeartbeat adds a comment.
func (e *textEncoder) AppendHeartbeat(dst []byte) []byte { return append(dst, ": keep-alive\n\n"...) }

// Whole returns the body of a plain answer.
func (e *textEncoder) Whole(replies []*llm.Reply) ([]byte, error) {
	dst := append(e.object(nil), `,"choices":[`...)
	var total llm.Usage
	var parts []*llm.Outcome
	for i, r := range replies {
		if r == nil || r.Outcome == nil {
			return nil, fmt.Errorf("dialect: completions: reply %d of %d has no outcome", i, len(replies))
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.choice(dst, i, e.form.echo+r.Text, r.Tokens, utf8.RuneCountInString(e.form.echo), textFinish(r.Outcome.Finish))
		total = total.Add(r.Outcome.Usage)
		parts = append(parts, r.Outcome)
	}
	dst = appendUsage(append(dst, `],"usage":`...), total)
	if e.form.explain && len(parts) > 0 {
		top := parts[0]
		if len(parts) > 1 {
			top = &llm.Outcome{Member: e.meta.Model, Strategy: "n", Parts: parts}
			top.SumParts()
		}
		dst = appendOutcome(append(dst, `,"summit":`...), top)
	}
	return append(dst, '}'), nil
}
