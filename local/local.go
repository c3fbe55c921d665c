// Package local is the bridge between talking and computing: a model file
// becomes a llm.Member. Its vocabulary and chat template turn a request into
// token ids, an engine computes the answer's, and they become text,
// reasoning and tool calls again.
//
// Its nouns are Store (the models of this machine, of which some are in
// memory), Config (one model) and Member. A member is loaded on first use and
// let go when it was idle for a while or another needs the room.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"summit/engine"
	"summit/llm"
	"summit/template"
	"summit/tensor"
	"summit/weights"
)

// Config is one model.
type Config struct {
	Name string   // under which it is asked and shown; empty = from the file's name
	File string   // a GGUF file, a safetensors file, or a folder with one
	Card llm.Card // facts the user gave; empty fields are filled from the file
	// Embedded is a whole GGUF file in memory, such as one inside the program,
	// for which File is only a name. nil = File is read.
	Embedded []byte

	Backend      string // where it runs; empty = "cpu"
	Kernels      string // tier of its kernels, such as plain; empty = the best
	Exact        bool   // weights as stored, float32 arithmetic and cache: slower
	Threads      int    // 0 = one a processor core
	Cache        string // type of the KV cache: F16, F32, Q8_0; empty = the backend's best
	CacheTokens  int    // positions in it, shared by all requests; 0 = 8192
	WindowTokens int    // prompt and answer; 0 = what the model and the cache allow
	Batch        int    // requests computed together; 0 = 16
	Quantize     string // type to convert plain matrices to in memory; empty = as stored
	Template     string // a chat template in place of the file's; empty = the file's
	Format       string // how reasoning and calls are written; empty = by the template
	Raw          bool   // no template: the prompt is the texts as they are
}

// Member is a model file that answers. It may be asked by many at a time.
type Member struct {
	config Config
	store  *Store
	card   *llm.Card
	voice  *voice
	model  *model
	logits int // entries of a row
}

var (
	_ llm.Stepper      = (*Member)(nil)
	_ llm.TokenCounter = (*Member)(nil)
	_ llm.Embedder     = (*Member)(nil)
	_ llm.Prober       = (*Member)(nil)
)

// Card says what the model is; the window is that of its file.
func (m *Member) Card() *llm.Card { return m.card }

// open reads what a member has to know of its file before it is loaded.
func (s *Store) open(c Config) (*Member, error) {
	f, err := openWeights(c.File, c.Embedded, weights.Options{})
	if err != nil {
		return nil, err
	}
	m, err := s.describe(c, f)
	return m, errors.Join(err, f.Close())
}

// openWeights opens a file, or what is in memory under its name.
func openWeights(file string, embedded []byte, o weights.Options) (*weights.File, error) {
	if embedded == nil {
		return weights.Open(file, o)
	}
	if o.Quantize != tensor.F32 {
		return nil, fmt.Errorf("local: %s: an embedded model is used as it is, want no quantize", file)
	}
	return weights.FromMemory(file, embedded)
}

func (s *Store) describe(c Config, f *weights.File) (*Member, error) {
	if c.Name == "" {
		c.Name = strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	}
	v, err := newVoice(c, f)
	if err != nil {
		return nil, err
	}
	facts, err := factsOf(f)
	if err != nil {
		return nil, fmt.Errorf("local: %s: %w", c.File, err)
	}
	if v.tok.Len() > facts.vocab {
		return nil, fmt.Errorf("local: %s: a vocabulary of %d tokens, but logits for %d", c.File, v.tok.Len(), facts.vocab)
	}
	card := c.Card
	card.Name = c.Name
	set := func(field *string, v string) {
		if *field == "" {
			*field = v
		}
	}
	set(&card.Model, facts.name)
	set(&card.Model, filepath.Base(c.File))
	set(&card.Family, facts.architecture)
	set(&card.About, fmt.Sprintf("%s on this machine", filepath.Base(c.File)))
	window := facts.windowTokens
	for _, w := range []int{c.WindowTokens, max(c.CacheTokens, 0)} {
		if w > 0 && (window == 0 || w < window) {
			window = w
		}
	}
	if c.CacheTokens == 0 && (window == 0 || window > defaultCacheTokens) {
		window = defaultCacheTokens
	}
	if card.WindowTokens == 0 || card.WindowTokens > window {
		card.WindowTokens = window
	}
	card.Tools, card.Structured, card.Logprobs, card.Continues = v.tools(), true, true, true
	card.Reasoning = card.Reasoning || v.reasons()
	if facts.unverified {
		card.Labels = append(card.Labels, "unverified")
	}
	return &Member{config: c, store: s, card: &card, voice: v, model: s.model(c), logits: facts.vocab}, nil
}

const defaultCacheTokens = 8192 // as engine's

// Probe reports whether the file is there; it doesn't load it.
func (m *Member) Probe(context.Context) error {
	if m.config.Embedded != nil {
		return nil
	}
	if _, err := os.Stat(m.config.File); err != nil {
		return &llm.Error{Kind: llm.NotFound, Member: m.card.Name, Message: "the model file is not there", Err: err}
	}
	return nil
}

// CountTokens counts the tokens of the prompt that the request becomes. It
// needs no weights.
func (m *Member) CountTokens(_ context.Context, r *llm.Request) (int, error) {
	p, err := m.voice.prompt(r)
	if err != nil {
		return 0, m.typed(err)
	}
	return len(p.ids), nil
}

// Embed returns one vector of unit length for each text: the mean of the
// model's inner states over the text's tokens. It can't be shortened.
func (m *Member) Embed(ctx context.Context, texts []string, _ int) ([][]float32, llm.Usage, error) {
	e, release, err := m.model.lease(ctx)
	if err != nil {
		return nil, llm.Usage{}, m.typed(err)
	}
	defer release()
	var all [][]float32
	used := 0
	for _, text := range texts {
		ids := m.voice.begin(m.voice.tok.Encode(text, false))
		if len(ids) == 0 {
			return nil, llm.Usage{}, &llm.Error{Kind: llm.Invalid, Member: m.card.Name, Param: "input", Message: "an empty text has no embedding"}
		}
		row, err := e.Embed(ctx, ids, engine.Mean, m.store.options.Namespace(ctx))
		if err != nil {
			return nil, llm.Usage{}, m.typed(err)
		}
		all = append(all, unit(row))
		used += len(ids)
	}
	return all, llm.Usage{Input: own(used), Calls: own(1)}, nil
}

func own(n int) llm.Count { return llm.Count{N: int64(n), From: llm.OwnCount} }

// typed gives an error the kind that others act on.
func (m *Member) typed(err error) error {
	var known *llm.Error
	var raised *template.RaisedError
	e := &llm.Error{Kind: llm.Internal, Member: m.card.Name, Err: err}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return llm.AsError(err)
	case errors.As(err, &raised):
		e.Kind, e.Param, e.Message = llm.Invalid, "messages", "the model's chat template says: "+raised.Message
	case errors.Is(err, errTemplate):
		e.Kind, e.Param, e.Message = llm.Invalid, "messages", err.Error()
	case errors.Is(err, engine.ErrLong):
		e.Kind, e.Param, e.Message = llm.TooLong, "messages", strings.TrimPrefix(err.Error(), "engine: ")
	case errors.Is(err, engine.ErrBusy):
		e.Kind, e.Message = llm.Overloaded, "too many requests are waiting for this model"
	case errors.Is(err, errRoom):
		e.Kind, e.Message = llm.Overloaded, err.Error()
	}
	return e
}
