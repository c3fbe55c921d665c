package member

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"sync"

	"summit/dialect"
	"summit/llm"
)

// Google's Gemini by its own protocol. Calls of tools are signed, and the
// signatures have to go back; callers whose protocol can't carry them have them
// kept here, by the calls' ids. Where one is lost all the same, the word stands
// in that Google documents for histories of other models.
// Source: ai.google.dev, generateContent and thought signatures (unverified);
// models and prices by way of models.dev (2026-10).
func init() {
	registerOpenAI(vendor{
		name: "gemini", about: "Google Gemini", maker: "google",
		baseURL: "https://generativelanguage.googleapis.com/v1beta", model: "gemini-3.5-flash", keyEnv: []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"},
		quirks: dialect.Quirks{EmbedBatch: 100, Efforts: map[string]string{"none": "minimal", "xhigh": "high", "max": "high"}},
		params: func() params { return &GeminiParams{} },
		wire: func(c *Config, p params) (wire, error) {
			own := p.(*GeminiParams)
			if err := ownQuirks(own.Quirks); err != nil {
				return wire{}, err
			}
			key, err := headerKey(c.Key)
			if err != nil {
				return wire{}, err
			}
			q, kept := own.Quirks, &signatures{}
			o := dialect.GeminiOptions{Thoughts: c.Card.Reasoning, Budgets: own.Budgets, Efforts: q.Efforts, Signature: kept.of,
				Unsigned: "skip_thought_signature_validator", Strip: q.Strip, Pass: q.Pass}
			if own.Budgets {
				o.Unsigned = ""
			}
			return wire{signer: keyHeader{"X-Goog-Api-Key", key}, speech: &speech{
				encode:  func(r *llm.Request, _ string, _ bool) ([]byte, []string, error) { return dialect.EncodeGemini(r, o) },
				decoder: func() decoder { return &geminiDecoder{GeminiStream: dialect.NewGeminiStream(), kept: kept} },
				fault:   dialect.GeminiUpstreamError,
				models:  readGeminiModels,
			}, vectors: &vectors{
				path: func(model string) string {
					return "/models/" + url.PathEscape(strings.TrimPrefix(model, "models/")) + ":batchEmbedContents"
				},
				encode: dialect.EncodeGeminiEmbed, read: dialect.ReadGeminiEmbeddings,
			}, path: func(_ *llm.Request, model string) string {
				path := "/models/" + url.PathEscape(strings.TrimPrefix(model, "models/"))
				if q.NoStream {
					return path + ":generateContent"
				}
				return path + ":streamGenerateContent?alt=sse"
			}}, nil
		},
		wrap: func(m *OpenAI, _ params) llm.Member { return &Gemini{Native{m}} },
	})
}

// Gemini is a member on Google's own protocol. It is a llm.Embedder.
type Gemini struct{ Native }

// Embed asks the server for the texts' vectors.
func (m *Gemini) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, llm.Usage, error) {
	return m.server.Embed(ctx, texts, dimensions)
}

// GeminiParams are the settings of servers that speak Gemini's own protocol.
type GeminiParams struct {
	OpenAIParams `yaml:",inline"`
	Budgets      bool `yaml:"budgets" json:"budgets,omitempty" jsonschema_description:"thoughts are turned on with a budget of tokens, as models before 3 want it; else with a level"`
}

// readGeminiModels reads the protocol's list of models.
func readGeminiModels(r io.Reader, most int64) ([]string, error) {
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	var list struct {
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	if int64(len(body)) > most || json.Unmarshal(body, &list) != nil {
		return nil, llm.Errorf(llm.Protocol, "the list of models is no JSON of the form {models: [{name: ...}]}, or longer than %d bytes", most)
	}
	var ids []string
	for _, m := range list.Models {
		if id := strings.TrimPrefix(m.Name, "models/"); id != "" && len(ids) < maxModels {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// geminiDecoder notes which call has which signature.
type geminiDecoder struct {
	*dialect.GeminiStream
	kept *signatures
	last string // the signature of the part that comes next
}

func (d *geminiDecoder) note(before int, all []llm.Event, err error) ([]llm.Event, error) {
	for _, e := range all[before:] {
		switch {
		case e.Signature != "":
			d.last = e.Signature
		case e.Kind == llm.KindCall && e.Call.ID != "":
			d.kept.keep(e.Call.ID, d.last)
			d.last = ""
		case e.Kind == llm.KindText:
			d.last = ""
		}
	}
	return all, err
}

// Append decodes the data of one server-sent event.
func (d *geminiDecoder) Append(dst []llm.Event, data []byte) ([]llm.Event, error) {
	before := len(dst)
	all, err := d.GeminiStream.Append(dst, data)
	return d.note(before, all, err)
}

// Whole decodes the body of a whole answer.
func (d *geminiDecoder) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	before := len(dst)
	all, err := d.GeminiStream.Whole(dst, body)
	return d.note(before, all, err)
}

// signatures are those of the latest calls, by the calls' ids.
type signatures struct {
	mu    sync.Mutex
	byID  map[string]string
	order []string
	bytes int
}

// Bounds of what is kept: conversations that are under way at once, with some
// kilobytes a call.
const (
	maxSignatures     = 8192
	maxSignatureBytes = 16 << 20
)

func (s *signatures) keep(id, signature string) {
	if signature == "" || len(signature) > maxSignatureBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]string{}
	}
	if old, ok := s.byID[id]; ok {
		s.bytes -= len(old)
	} else {
		s.order = append(s.order, id)
		s.bytes += len(id)
	}
	s.byID[id] = signature
	s.bytes += len(signature)
	for len(s.order) > maxSignatures || s.bytes > maxSignatureBytes && len(s.order) > 1 {
		oldest := s.order[0]
		s.order = s.order[1:]
		s.bytes -= len(oldest) + len(s.byID[oldest])
		delete(s.byID, oldest)
	}
}

func (s *signatures) of(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}
