package local

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"summit/engine"
	"summit/grammar"
	"summit/llm"
	"summit/weights"
)

// sampling is how a model chooses where the request leaves it open.
type sampling struct {
	temperature, topP, minP, repetition float64
	topK                                int
}

// defaultsOf returns what the maker of a model advises in
// generation_config.json or in GGUF's metadata. Where nothing is advised, the
// temperature is 0.7 and tokens below a twentieth of the likeliest are left
// out: guesses that keep small models readable.
func defaultsOf(f *weights.File) sampling {
	d := sampling{temperature: 0.7, minP: 0.05}
	if b, ok := f.Side("generation_config.json"); ok {
		var c struct {
			Sample      *bool    `json:"do_sample"`
			Temperature *float64 `json:"temperature"`
			TopP        *float64 `json:"top_p"`
			TopK        *int     `json:"top_k"`
			MinP        *float64 `json:"min_p"`
			Repetition  *float64 `json:"repetition_penalty"`
		}
		if json.Unmarshal(b, &c) == nil {
			if c.Temperature != nil || c.TopP != nil || c.TopK != nil {
				d.minP = 0
			}
			set(&d.temperature, c.Temperature)
			set(&d.topP, c.TopP)
			set(&d.topK, c.TopK)
			set(&d.minP, c.MinP)
			set(&d.repetition, c.Repetition)
			if c.Sample != nil && !*c.Sample {
				d.temperature = 0
			}
		}
	}
	for key, v := range map[string]*float64{"temp": &d.temperature, "top_p": &d.topP, "min_p": &d.minP, "penalty_repeat": &d.repetition} {
		if x, err := f.Meta().Float("general.sampling." + key); err == nil {
			*v = x
		}
	}
	if k, err := f.Meta().Int("general.sampling.top_k"); err == nil && k >= 0 && k < 1<<30 {
		d.topK = int(k)
	}
	return d
}

func set[T any](v *T, to *T) {
	if to != nil {
		*v = *to
	}
}

// sampler chooses the tokens of one answer.
func (m *Member) sampler(r *llm.Request, p *prompt) (*engine.Sampler, error) {
	d := m.voice.defaults
	set(&d.temperature, r.Temperature)
	set(&d.topP, r.TopP)
	set(&d.minP, r.MinP)
	if r.TopK > 0 {
		d.topK = r.TopK
	}
	s := engine.Sampling{
		Temperature: d.temperature, TopK: d.topK, TopP: d.topP, MinP: d.minP, Repetition: d.repetition,
		Logprobs: r.Logprobs, TopLogprobs: r.TopLogprobs, Seed: rand.Uint64(),
	}
	if r.Seed != nil {
		s.Seed = uint64(*r.Seed)
	}
	if r.FrequencyPenalty != nil {
		s.Frequency = *r.FrequencyPenalty
	}
	if r.PresencePenalty != nil {
		s.Presence = *r.PresencePenalty
	}
	for text, b := range r.LogitBias {
		id, err := strconv.Atoi(text)
		if err != nil {
			return nil, &llm.Error{Kind: llm.Invalid, Param: "logit_bias", Message: fmt.Sprintf("logit_bias of %q, want token ids", text)}
		}
		if s.Bias == nil {
			s.Bias = map[int]float64{}
		}
		s.Bias[id] = b
	}
	limit, err := m.voice.constraint(r, p)
	if err != nil {
		return nil, err
	}
	out, err := engine.NewSampler(s, m.logits, p.ids, limit)
	if err != nil {
		return nil, &llm.Error{Kind: llm.Invalid, Message: strings.TrimPrefix(err.Error(), "engine: ")}
	}
	return out, nil
}

// constrained reports whether the answer must have a form.
func constrained(r *llm.Request) bool {
	return r.Format != nil && (r.Format.Kind == "json_object" || r.Format.Kind == "json_schema")
}

// constraint makes what keeps an answer to the request's format; nil = none.
func (v *voice) constraint(r *llm.Request, p *prompt) (engine.Constraint, error) {
	if r.Format == nil || r.Format.Kind == "" || r.Format.Kind == "text" {
		return nil, nil
	}
	var g *grammar.Grammar
	var err error
	switch r.Format.Kind {
	case "json_object":
		g, err = grammar.JSON(grammar.Limits{})
	case "json_schema":
		g, err = grammar.Schema(r.Format.Schema, grammar.Limits{})
	default:
		return nil, &llm.Error{Kind: llm.Unsupported, Param: "response_format", Message: fmt.Sprintf("response_format %q, want text, json_object or json_schema", r.Format.Kind)}
	}
	if err != nil {
		return nil, &llm.Error{Kind: llm.Invalid, Param: "response_format", Message: strings.TrimPrefix(err.Error(), "grammar: ")}
	}
	v.once.Do(func() {
		tokens := make([][]byte, v.tok.Len())
		for id := range tokens {
			if !v.tok.Special(id) {
				tokens[id] = v.tok.Bytes(id)
			}
		}
		v.vocab, v.fault = grammar.NewVocab(tokens, v.ends)
	})
	if v.fault != nil {
		return nil, v.fault
	}
	m := g.With(v.vocab).Matcher()
	if after := v.format.Closes; after != "" && (p.read.Reasoning || v.format.Opens == "") {
		return &gate{Matcher: m, voice: v, after: after, all: everything(v.tok.Len())}, nil
	}
	return m, nil
}

// gate lets everything pass until the reasoning is over, then constrains.
type gate struct {
	*grammar.Matcher
	voice *voice
	after string // what ends the reasoning
	tail  string // of the text so far
	open  bool
	all   grammar.Mask
}

func everything(n int) grammar.Mask {
	m := make(grammar.Mask, (n+63)/64)
	for i := range m {
		m[i] = ^uint64(0)
	}
	return m
}

// Mask returns the tokens that may come next.
func (g *gate) Mask() (grammar.Mask, error) {
	if !g.open {
		return g.all, nil
	}
	return g.Matcher.Mask()
}

// Accept takes the chosen token.
func (g *gate) Accept(id int) error {
	if g.open {
		return g.Matcher.Accept(id)
	}
	g.tail += string(g.voice.tok.Bytes(id))
	g.open = strings.HasSuffix(g.tail, g.after)
	if cut := len(g.tail) - len(g.after); cut > 0 {
		g.tail = g.tail[cut:]
	}
	return nil
}

// Forced returns what must follow.
func (g *gate) Forced() []int {
	if !g.open {
		return nil
	}
	return g.Matcher.Forced()
}
