package fake

import (
	"encoding/json"
	"iter"
	"net/http"
	"slices"
)

// text is OpenAI Completions, the older protocol in which a text is continued,
// as a server of Chat Completions speaks it beside that.
// Source: https://platform.openai.com/docs/api-reference/completions
type text struct{ *chat }

// textFields are the fields of the protocol.
var textFields = []string{"model", "prompt", "suffix", "stream", "stream_options", "max_tokens", "temperature", "top_p", "n", "stop",
	"presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "seed", "echo", "best_of", "user"}

func (c text) serve(s *Server, w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, c)
}

// read reads and checks the request.
func (c text) read(x *exchange) *problem {
	a := &x.ask
	a.Vendor = x.s.Vendor.Name
	bad := func(param, message string) *problem { return &problem{what: invalid, message: message, param: param} }
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(x.body, &fields); err != nil {
		return bad("", "the body is not a JSON object: "+err.Error())
	}
	for name := range fields {
		a.Fields = append(a.Fields, name)
	}
	slices.Sort(a.Fields)
	for _, name := range a.Fields {
		if x.is("extra-forbidden") && !slices.Contains(textFields, name) {
			return bad(name, "Extra inputs are not permitted")
		}
	}
	var q struct {
		Model   string  `json:"model"`
		Prompt  *string `json:"prompt"`
		Stream  bool    `json:"stream"`
		Most    int     `json:"max_tokens"`
		Options struct {
			Usage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("", "the body has a field of the wrong type: "+err.Error())
	}
	switch {
	case q.Prompt == nil:
		return bad("prompt", "you must provide a prompt")
	case q.Model != x.s.model:
		return &problem{what: notFound, message: "The model `" + q.Model + "` does not exist", param: "model"}
	case fields["stream_options"] != nil && !q.Stream:
		return bad("stream_options", "stream_options should be set along with stream = true")
	}
	a.Model, a.Stream, a.MaxTokens, a.Continues = q.Model, q.Stream, q.Most, true
	a.Turns = []Turn{{Role: "user", Text: *q.Prompt}}
	if !q.Options.Usage && !x.is("usage-unasked") && q.Stream {
		x.on["usage-none"] = true
	}
	return nil
}

// object returns what a chunk and a whole answer are.
func (c text) object(x *exchange, said string, finish any) map[string]any {
	v := c.envelope(x, "text_completion", 0)
	v["choices"] = []any{map[string]any{"index": 0, "text": said, "logprobs": nil, "finish_reason": finish}}
	return v
}

func (c text) whole(x *exchange, r Reply) []byte {
	v := c.object(x, r.Text(), x.finish(r))
	if !x.is("usage-none") {
		v["usage"] = x.usage(r.Usage)
	}
	return compact(v)
}

func (c text) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		for p := range r.all() {
			if !yield(frame{data: compact(c.object(x, p.Text, x.unfinished())), content: true}) {
				return
			}
		}
		if !x.is("done-without-finish") && !yield(frame{data: compact(c.object(x, "", x.finish(r)))}) {
			return
		}
		if !x.is("usage-none") {
			v := c.envelope(x, "text_completion", 0)
			v["choices"], v["usage"] = []any{}, x.usage(r.Usage)
			if !yield(frame{data: compact(v)}) {
				return
			}
		}
		if !x.is("done-missing") {
			yield(frame{data: []byte("[DONE]")})
		}
	}
}
