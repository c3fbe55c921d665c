package local

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"summit/engine"
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
func (m *Member) sampler(r *llm.Request, p *prompt, limit engine.Constraint) (*engine.Sampler, error) {
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
	out, err := engine.NewSampler(s, m.logits, p.ids, limit)
	if err != nil {
		return nil, &llm.Error{Kind: llm.Invalid, Message: strings.TrimPrefix(err.Error(), "engine: ")}
	}
	return out, nil
}
