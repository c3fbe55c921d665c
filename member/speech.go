package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"summit/dialect"
	"summit/llm"
)

// speech is a protocol beside Chat Completions that dialect writes and reads.
type speech struct {
	encode  func(r *llm.Request, model string, stream bool) (body []byte, warnings []string, err error)
	decoder func() decoder
	fault   func(status int, h http.Header, body []byte) *llm.Error // types a refusal; never nil
	// models reads what GET /models answers; nil = as Chat Completions.
	models func(body io.Reader, most int64) ([]string, error)
}

// decoder turns what a server sends into events. dialect has one a protocol.
type decoder interface {
	// Append decodes the data of one server-sent event.
	Append(dst []llm.Event, data []byte) ([]llm.Event, error)
	// Whole decodes the body of a whole answer, and ends it.
	Whole(dst []llm.Event, body []byte) ([]llm.Event, error)
	// End ends the answer and adds what was held back. The error says what is
	// missing of it.
	End(dst []llm.Event) ([]llm.Event, error)
	Done() bool     // the server said that nothing follows
	Finished() bool // if the stream ends now, the answer is whole
	Outcome() llm.Outcome
}

// decoder returns who reads the next answer.
func (m *OpenAI) decoder() decoder {
	if m.wire.speech != nil {
		return m.wire.speech.decoder()
	}
	return dialect.NewChatStream(m.params.Quirks)
}

// plain reports whether the wire is OpenAI's own protocol, whose server may
// have other paths than that of Chat Completions.
func (w *wire) plain() bool {
	return w.speech == nil && w.body == nil && w.chunk == nil && w.path == nil && !w.socket
}

// completes reports whether the request is a text that the server continues.
func (w *wire) completes(r *llm.Request, q *dialect.Quirks) bool {
	return r.Completion != nil && q.Completions != "" && w.plain()
}

// Native is a member whose server speaks another protocol than Chat
// Completions: OpenAI without what only that has. It is a llm.Prober and a
// llm.Quoter.
type Native struct{ server *OpenAI }

// Card says who the member is.
func (m *Native) Card() *llm.Card { return m.server.Card() }

// Generate asks the server.
func (m *Native) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return m.server.Generate(ctx, r)
}

// Probe asks for the list of models.
func (m *Native) Probe(ctx context.Context) error { return m.server.Probe(ctx) }

// Quote returns the price of the request at its worst.
func (m *Native) Quote(r *llm.Request) (*llm.Cost, error) { return m.server.Quote(r) }

// keyHeader shows the key in a header of its own.
type keyHeader struct{ name, key string }

func (k keyHeader) sign(_ context.Context, req *http.Request, _ []byte) error {
	if k.key != "" {
		req.Header.Set(k.name, k.key)
	}
	return nil
}

func (keyHeader) renew(*http.Request) bool { return false }

func (k keyHeader) secrets() []string { return []string{k.key} }

// ownQuirks refuses quirks that are of Chat Completions only, so that none is
// set without effect.
func ownQuirks(q dialect.Quirks) error {
	q.Strip, q.Pass, q.Efforts, q.NoStream, q.EmbedBatch = nil, nil, nil, false, 0
	v := reflect.ValueOf(q)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() && !(f.Kind() == reflect.Map || f.Kind() == reflect.Slice) || f.Kind() == reflect.Map && f.Len() > 0 || f.Kind() == reflect.Slice && f.Len() > 0 {
			return fmt.Errorf("params.quirks: %s is of Chat Completions; this protocol takes strip, pass, efforts, no_stream and embed_batch", v.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return nil
}

// count asks the server how many tokens a request has.
func (m *OpenAI) count(ctx context.Context, path string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.params.HeaderTimeout, llm.Errorf(llm.Timeout, "no answer within %v", m.params.HeaderTimeout))
	defer cancel()
	n, err := m.counted(ctx, path, body)
	if err != nil {
		named := *llm.AsError(m.redact(err))
		named.Member = m.card.Name
		return 0, &named
	}
	return n, nil
}

func (m *OpenAI) counted(ctx context.Context, path string, body []byte) (int, error) {
	resp, err := m.do(ctx, http.MethodPost, path, "application/json", body)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if err := m.refused(ctx, resp); err != nil {
		return 0, err
	}
	var v struct {
		InputTokens *int `json:"input_tokens"`
		TotalTokens *int `json:"totalTokens"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxErrorBytes)).Decode(&v); err != nil {
		if ctx.Err() != nil {
			return 0, broken(ctx, err)
		}
		return 0, &llm.Error{Kind: llm.Protocol, Message: "the count of tokens is no JSON", Err: err}
	}
	for _, n := range []*int{v.InputTokens, v.TotalTokens} {
		if n != nil && *n >= 0 {
			return *n, nil
		}
	}
	return 0, &llm.Error{Kind: llm.Protocol, Err: errors.New("no input_tokens"), Message: "answered without a count of tokens"}
}
