package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"summit/tensor"
)

// style is one architecture that can be trained from nothing: the metadata and
// tensors of a GGUF file of it.
type style struct {
	about string
	arch  string // general.architecture
	build func(d *decoder)
}

var styles = map[string]style{}

// register adds a style; each file of one calls it once, from init.
func register(name string, s style) {
	if _, taken := styles[name]; taken {
		panic("train: style " + name + " is registered twice")
	}
	styles[name] = s
}

// Styles lists the names that a recipe's style may have.
func Styles() []string { return slices.Sorted(maps.Keys(styles)) }

// fact is one pair of metadata.
type fact struct {
	key   string
	value any
}

// decoder collects what a file of a recipe's model has. Switches are set by a
// style before it calls plain.
type decoder struct {
	Shape
	context, vocab int
	prefix         string
	facts          []fact
	tensors        []tensor.Tensor // F32, without data

	qkNorm, qkvBias, outBias, postNorms, gateInUp, headGate bool
	ropeDim                                                 int // numbers of a head that are turned; 0 = all
}

func newDecoder(r *Recipe, vocab int) (*decoder, error) {
	s, ok := styles[r.Style]
	if !ok {
		return nil, fmt.Errorf("train: style: got %q, want one of %s", r.Style, strings.Join(Styles(), ", "))
	}
	d := &decoder{Shape: r.Model, context: r.Context, vocab: vocab, prefix: s.arch + "."}
	d.facts = append(d.facts, fact{"general.architecture", s.arch}, fact{"general.name", r.Name})
	if r.About != "" {
		d.facts = append(d.facts, fact{"general.description", r.About})
	}
	d.facts = append(d.facts, fact{"general.quantization_version", uint32(2)})
	d.facts = append(d.facts, r.Sampling.facts()...)
	s.build(d)
	return d, nil
}

// facts are GGUF's keys for advice on sampling.
func (s *Sampling) facts() []fact {
	var out []fact
	for _, f := range []struct {
		key   string
		value *float64
	}{{"temp", s.Temperature}, {"top_p", s.TopP}, {"min_p", s.MinP}} {
		if f.value != nil {
			out = append(out, fact{"general.sampling." + f.key, float32(*f.value)})
		}
	}
	if s.TopK != nil {
		out = append(out, fact{"general.sampling.top_k", int32(*s.TopK)})
	}
	return out
}

// fact adds metadata under the architecture's prefix.
func (d *decoder) fact(key string, value any) { d.facts = append(d.facts, fact{d.prefix + key, value}) }

func (d *decoder) add(name string, shape ...int) {
	d.tensors = append(d.tensors, tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape})
}

// plain adds what dense decoders have in common, and what the switches say.
func (d *decoder) plain() {
	u := func(n int) uint32 { return uint32(n) }
	rope := d.ropeDim
	if rope == 0 {
		rope = d.HeadDim
	}
	for _, f := range []fact{
		{"vocab_size", u(d.vocab)}, {"context_length", u(d.context)}, {"embedding_length", u(d.Dim)},
		{"block_count", u(d.Layers)}, {"feed_forward_length", u(d.Hidden)},
		{"attention.head_count", u(d.Heads)}, {"attention.head_count_kv", u(d.KVHeads)},
		{"attention.key_length", u(d.HeadDim)}, {"attention.value_length", u(d.HeadDim)},
		{"attention.layer_norm_rms_epsilon", float32(d.Eps)},
		{"rope.dimension_count", u(rope)}, {"rope.freq_base", float32(d.RopeBase)},
	} {
		d.fact(f.key, f.value)
	}
	q, kv := d.Heads*d.HeadDim, d.KVHeads*d.HeadDim
	d.add("token_embd.weight", d.vocab, d.Dim)
	for i := range d.Layers {
		add := func(name string, shape ...int) { d.add(fmt.Sprintf("blk.%d.%s", i, name), shape...) }
		add("attn_norm.weight", d.Dim)
		for _, m := range []struct {
			name string
			rows int
		}{{"attn_q", q}, {"attn_k", kv}, {"attn_v", kv}} {
			add(m.name+".weight", m.rows, d.Dim)
			if d.qkvBias {
				add(m.name+".bias", m.rows)
			}
		}
		if d.qkNorm {
			add("attn_q_norm.weight", d.HeadDim)
			add("attn_k_norm.weight", d.HeadDim)
		}
		if d.headGate {
			add("attn_gate.weight", d.Heads, d.Dim)
		}
		add("attn_output.weight", d.Dim, q)
		if d.outBias {
			add("attn_output.bias", d.Dim)
		}
		if d.postNorms {
			add("post_attention_norm.weight", d.Dim)
			add("post_ffw_norm.weight", d.Dim)
		}
		add("ffn_norm.weight", d.Dim)
		if d.gateInUp {
			add("ffn_up.weight", 2*d.Hidden, d.Dim)
		} else {
			add("ffn_gate.weight", d.Hidden, d.Dim)
			add("ffn_up.weight", d.Hidden, d.Dim)
		}
		add("ffn_down.weight", d.Dim, d.Hidden)
	}
	d.add("output_norm.weight", d.Dim)
	if d.Untied {
		d.add("output.weight", d.vocab, d.Dim)
	}
}
