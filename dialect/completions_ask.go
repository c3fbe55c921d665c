package dialect

import (
	"cmp"
	"strconv"

	"summit/llm"
)

// EncodeText writes a request whose Completion is set as a Completions body for
// one answer; a ChatStream reads the answer. Warnings and errors are as
// EncodeChat's.
func EncodeText(r *llm.Request, o ChatOptions) (body []byte, warnings []string, err error) {
	a := &asker{r: r, q: &o.Quirks, b: append(make([]byte, 0, 1024+textSize(r)), '{')}
	if len(r.Messages) != 1 || r.Completion == nil {
		return nil, nil, &llm.Error{Kind: llm.Internal, Message: "a text to continue that is a conversation"}
	}
	a.text("model", o.Model)
	if a.field("prompt") {
		a.b = appendString(a.b, r.Messages[0].Text())
	}
	if r.Completion.Suffix != "" {
		if o.Quirks.Completions != "infill" {
			a.fail("suffix", "this member continues texts, but fills no gap in them")
		}
		a.text("suffix", r.Completion.Suffix)
	}
	if o.Stream {
		a.boolean("stream", &o.Stream)
		if !a.q.NoStreamOptions && a.field("stream_options") {
			a.b = append(a.b, `{"include_usage":true}`...)
		}
	}
	// The protocol's own limit where none is set is 16 tokens.
	a.integer("max_tokens", cmp.Or(r.MaxTokens, 16))
	a.sampling()
	if r.Logprobs && a.field("logprobs") {
		a.b = strconv.AppendInt(a.b, int64(r.TopLogprobs), 10)
	}
	a.text("user", r.User)
	a.extra()
	if a.err != nil {
		return nil, nil, a.err
	}
	return append(a.b, '}'), a.warnings, nil
}
