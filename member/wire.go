package member

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"summit/dialect"
	"summit/llm"
)

// wire is how a server is spoken to that has a protocol of its own. What it
// leaves out is Chat Completions over HTTP with a bearer key. The request is
// written as Chat Completions first, by the quirks of the configuration, and
// then put into the server's form; its events are put into the form of chunks.
// So everything else of an answer is the same for all: limits of time and
// size, characters and calls put together, usage, kinds of error, redaction.
type wire struct {
	signer signer // nil = the key as a bearer token
	// path is where a request is posted, after the base URL; nil = /chat/completions.
	path func(r *llm.Request, model string) string
	// header adds what the server wants to see beside the usual headers.
	header func(req *http.Request, stream bool)
	// fields are added to every request of Chat Completions, over any other
	// value; nil = none.
	fields func(r *llm.Request) map[string]string
	// body puts a request into the server's form: it takes the fields that it
	// has a place for. Those that are left are warned of.
	body func(c *chatBody) (any, error)
	// chunk puts one event, or a whole answer, into the form of Chat
	// Completions; nil = it has that form. An event that it can't read it
	// returns as it is: the decoder says what is wrong with it.
	chunk func(event []byte) []byte
	// event changes an event of the member with that name; nil = as it is.
	event func(member string, e *llm.Event)
	// last says that nothing follows the event that ends the answer, and that
	// the server leaves the connection open after it.
	last bool
	// socket says that it is spoken over WebSocket: one message goes there, and
	// those that come back are the events.
	socket bool
	// noModels says that the server has no list of models.
	noModels bool
	// speech is a protocol that dialect writes and reads itself; nil = Chat
	// Completions. With it body and chunk are not asked.
	speech *speech
	// vectors is how embeddings are asked for; nil = as OpenAI has it where the
	// wire is OpenAI's own protocol, else not at all.
	vectors *vectors
	// heard looks at the server's headers and events beside the decoder, and
	// adds what it learned to Start and to the Outcome; nil = nothing. A price
	// on the card wins over a cost that was heard.
	heard func() listener
}

// listener hears one answer.
type listener interface {
	header(h http.Header)
	event(data []byte)
	begin(start *llm.Event)
	tell(o *llm.Outcome)
}

// encode writes the request in the server's form.
func (w *wire) encode(r *llm.Request, o dialect.ChatOptions) (body []byte, warnings []string, err error) {
	if w.speech != nil {
		return w.speech.encode(r, o.Model, o.Stream)
	}
	if w.completes(r, &o.Quirks) {
		return dialect.EncodeText(r, o)
	}
	if w.fields != nil {
		o.Quirks.Body = maps.Clone(o.Quirks.Body)
		if o.Quirks.Body == nil {
			o.Quirks.Body = map[string]string{}
		}
		maps.Copy(o.Quirks.Body, w.fields(r))
	}
	body, warnings, err = dialect.EncodeChat(r, o)
	if err != nil || w.body == nil {
		return body, warnings, err
	}
	c := &chatBody{model: o.Model, stream: o.Stream, warnings: warnings}
	if err := json.Unmarshal(body, &c.fields); err != nil {
		return nil, nil, &llm.Error{Kind: llm.Internal, Err: err}
	}
	for name, to := range map[string]any{"messages": &c.messages, "tools": &c.tools} {
		if raw := c.take(name); raw != nil {
			if err := json.Unmarshal(raw, to); err != nil {
				return nil, nil, &llm.Error{Kind: llm.Internal, Err: err}
			}
		}
	}
	c.take("model")
	c.take("stream")
	c.take("stream_options")
	own, err := w.body(c)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		c.warn(name + " is not sent to this member")
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(own); err != nil {
		return nil, nil, &llm.Error{Kind: llm.Internal, Err: err}
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), c.warnings, nil
}

// chatBody is a body of Chat Completions in parts, on its way into another
// form.
type chatBody struct {
	model    string
	stream   bool
	messages []chatMessage
	tools    []chatTool
	fields   map[string]json.RawMessage // all others
	warnings []string
}

type chatMessage struct {
	Role             string          `json:"role"`
	Name             string          `json:"name"`
	Content          json.RawMessage `json:"content"` // a string or a list of parts; nil = none
	ReasoningContent string          `json:"reasoning_content"`
	Refusal          string          `json:"refusal"`
	ToolCalls        []chatCall      `json:"tool_calls"`
	ToolCallID       string          `json:"tool_call_id"`
}

type chatCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
	} `json:"function"`
}

type chatPart struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	ImageURL struct {
		URL string `json:"url"`
	} `json:"image_url"`
	InputAudio struct {
		Data   string `json:"data"`
		Format string `json:"format"`
	} `json:"input_audio"`
}

// take returns a field and removes it; nil = it is not there.
func (c *chatBody) take(name string) json.RawMessage {
	raw, ok := c.fields[name]
	if !ok {
		return nil
	}
	delete(c.fields, name)
	return raw
}

// move takes the fields into an object under the server's own names.
func (c *chatBody) move(to map[string]any, names map[string]string) {
	for from, name := range names {
		if raw := c.take(from); raw != nil {
			to[name] = raw
		}
	}
}

func (c *chatBody) warn(text string) {
	if !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}

// functions returns the tools that are functions; others are warned of.
func (c *chatBody) functions() []chatTool {
	var all []chatTool
	for _, t := range c.tools {
		if t.Type != "function" || t.Function.Name == "" {
			c.warn("a tool of the kind " + clip(t.Type) + " is not sent to this member")
			continue
		}
		all = append(all, t)
	}
	return all
}

// choice takes tool_choice: its mode, and the name where the mode is "tool".
func (c *chatBody) choice() (mode, name string) {
	raw := c.take("tool_choice")
	if raw == nil {
		return "", ""
	}
	if json.Unmarshal(raw, &mode) == nil {
		return mode, ""
	}
	var one struct{ Function struct{ Name string } }
	if json.Unmarshal(raw, &one) != nil {
		return "", ""
	}
	return "tool", one.Function.Name
}

// parts returns the message's content in parts.
func (m *chatMessage) parts() []chatPart {
	if len(m.Content) == 0 || string(m.Content) == "null" {
		return nil
	}
	var all []chatPart
	if json.Unmarshal(m.Content, &all) == nil {
		return all
	}
	one := chatPart{Type: "text"}
	if json.Unmarshal(m.Content, &one.Text) != nil || one.Text == "" {
		return nil
	}
	return []chatPart{one}
}

// plain returns the content as one text, parts joined by line breaks. The
// error is of kind Unsupported where a part is no text.
func (m *chatMessage) plain() (string, error) {
	var text []byte
	for i, p := range m.parts() {
		if p.Type != "text" {
			return "", &llm.Error{Kind: llm.Unsupported, Param: "messages", Message: "takes texts only, got a part of type " + clip(p.Type)}
		}
		if i > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
		}
		text = append(text, p.Text...)
	}
	return string(text) + m.Refusal, nil
}

// clip keeps what came in short in warnings.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// chatChunk is a chunk of Chat Completions as wires write them. Texts are raw
// so that half a character that a server sends stays what it is until the
// decoder puts it together.
type chatChunk struct {
	ID      json.RawMessage `json:"id,omitempty"`
	Model   json.RawMessage `json:"model,omitempty"`
	Choices []chatDelta     `json:"choices"`
	Usage   json.RawMessage `json:"usage,omitempty"`
}

type chatDelta struct {
	Index   int `json:"index"`
	Message struct {
		Content          json.RawMessage `json:"content,omitempty"`
		ReasoningContent json.RawMessage `json:"reasoning_content,omitempty"`
		ToolCalls        json.RawMessage `json:"tool_calls,omitempty"`
		FunctionCall     json.RawMessage `json:"function_call,omitempty"`
	} `json:"delta"`
	Finish string `json:"finish_reason,omitempty"`
}

// marshal writes the chunk, or returns the event where it has something in it
// that is no JSON.
func (c *chatChunk) marshal(event []byte) []byte {
	text, err := json.Marshal(c)
	if err != nil {
		return event
	}
	return text
}

// signer authorises calls.
type signer interface {
	// sign puts the authorisation into a call that is otherwise complete.
	sign(ctx context.Context, req *http.Request, body []byte) error
	// renew drops what the server just refused in that call, and reports
	// whether the next one will bring something newer.
	renew(refused *http.Request) bool
	// secrets are the texts that may stand in no error.
	secrets() []string
}

// bearer is the key as it is.
type bearer string

func (b bearer) sign(_ context.Context, req *http.Request, _ []byte) error {
	if b != "" {
		req.Header.Set("Authorization", "Bearer "+string(b))
	}
	return nil
}

func (bearer) renew(*http.Request) bool { return false }

func (b bearer) secrets() []string {
	if b == "" {
		return nil
	}
	return []string{string(b)}
}
