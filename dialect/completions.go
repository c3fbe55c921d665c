package dialect

import (
	"net/http"
	"unicode/utf8"

	"summit/llm"
)

// Completions is OpenAI's older protocol, in which a text is continued, as the
// gateway speaks it. A model that can't continue a text is asked the prompt as
// a message, which the gateway says in a warning.
// Source: https://platform.openai.com/docs/api-reference/completions
type Completions struct{}

func init() { RegisterServer(Completions{}) }

// Name returns "completions".
func (Completions) Name() string { return "completions" }

// Pattern returns the method and path of Completions.
func (Completions) Pattern() string { return "POST /v1/completions" }

// WriteError writes the error as an OpenAI error object.
func (Completions) WriteError(w http.ResponseWriter, err *llm.Error) { OpenAI{}.WriteError(w, err) }

// Decode reads the body of one request in one pass.
func (Completions) Decode(body []byte) (*Call, error) {
	if !utf8.Valid(body) {
		return nil, llm.Errorf(llm.Invalid, "the body is not UTF-8: byte %d", firstInvalid(body))
	}
	r := &llm.Request{Completion: &llm.Completion{}}
	d := &textRequest{chatRequest: chatRequest{scanner: newScanner(body), r: r, n: 1}}
	d.request()
	if err := d.as(llm.Invalid); err != nil {
		if d.err.offset >= 0 {
			err.Message = "the body is " + err.Message
		}
		return nil, err
	}
	if err := r.Valid(); err != nil {
		return nil, err
	}
	r.Streaming = d.stream
	form := textForm{usage: d.usage, logprobs: r.Logprobs, explain: r.Summit.Explain}
	if d.echo {
		form.echo = r.Messages[0].Text()
	}
	return &Call{
		Request: r, N: d.n, Stream: d.stream,
		Encoder: func(m Meta) Encoder { return newTextEncoder(m, form) },
	}, nil
}

// textRequest decodes one request.
type textRequest struct {
	chatRequest
	echo   bool
	bestOf int
	seen   bool
	prompt string
}

func (d *textRequest) request() {
	r := d.r
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "prompt":
			d.seen = true
			d.readPrompt()
		case "suffix":
			r.Completion.Suffix = d.text()
		case "echo":
			d.echo = d.boolean()
		case "best_of":
			d.bestOf = d.count(1)
		case "logprobs":
			r.Logprobs, r.TopLogprobs = true, d.count(0)
		default:
			d.common(name)
		}
	}
	d.end()
	switch {
	case d.err != nil:
	case r.Model == "":
		d.fail("model", "missing, want the name of a model")
	case !d.seen:
		d.fail("prompt", "missing, want a text")
	case d.bestOf > d.n:
		d.fail("best_of", "got %d, want no more than n: answers are not made to be thrown away", d.bestOf)
	case d.echo && r.Logprobs:
		d.fail("echo", "given beside logprobs: the tokens of the prompt have none here")
	}
	r.Messages = []llm.Message{llm.Text(llm.RoleUser, d.prompt)}
}

// readPrompt reads a text, or a list of one. Lists of tokens belong to one
// model's vocabulary, which a member may not have.
func (d *textRequest) readPrompt() {
	switch d.kind() {
	case '"':
		d.prompt = d.text()
	case '[':
		n := 0
		for range d.array("") {
			switch d.kind() {
			case '"':
				d.prompt = d.text()
			case '0', '[':
				d.fail("", "tokens, want a text: whose vocabulary they are of is not known here")
				d.skip()
			default:
				d.wrong("string")
			}
			n++
		}
		if n != 1 {
			d.fail("", "got a list of %d prompts, want one: send a request for each", n)
		}
	default:
		d.wrong("string or array of one string")
	}
}
