package train

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"summit/template"
	"summit/tensor"
	"summit/tokenizer"
	"summit/weights"
)

// base is a model file that a recipe goes on from.
type base struct {
	meta  *weights.Metadata
	types []tensor.DType // as stored, in the order of the parameters' tensors
}

// openBase reads a GGUF file: its numbers as float32, its vocabulary, its chat
// template, and LoRA's factors beside its matrices if the recipe has a rank.
func openBase(r *Recipe) (_ *base, _ *Model, _ *vocabulary, err error) {
	path := r.path(r.Base)
	f, err := weights.Open(path, weights.Options{})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("train: base: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Format() != "gguf" {
		return nil, nil, nil, fmt.Errorf("train: base %s: got %s, want a GGUF file", path, f.Format())
	}
	b := &base{meta: f.Meta().Clone()}
	facts := map[string]any{}
	for _, k := range b.meta.Keys() {
		facts[k], _ = b.meta.Value(k)
	}
	var tensors []tensor.Tensor
	for _, name := range f.TensorNames() {
		t, _ := f.Tensor(name)
		b.types = append(b.types, t.Type)
		tensors = append(tensors, tensor.Tensor{Name: t.Name, Shape: t.Shape})
	}
	m, err := fill(f, tensors, nil, facts, r)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("train: base %s: %w", path, err)
	}
	if r.LoRA.Rank > 0 {
		// A first binding tells which matrices there are, a second one has room for their factors.
		added := m.factors(r.LoRA.Rank)
		if m, err = fill(f, tensors, added, facts, r); err != nil {
			return nil, nil, nil, fmt.Errorf("train: base %s: %w", path, err)
		}
		m.addFactors(&r.LoRA, r.Seed)
	}
	v, err := baseVocabulary(f)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("train: base %s: %w", path, err)
	}
	return b, m, v, nil
}

func fill(f *weights.File, tensors, added []tensor.Tensor, facts map[string]any, r *Recipe) (*Model, error) {
	p, err := newParams(tensors, added, facts)
	if err != nil {
		return nil, err
	}
	for _, t := range p.tensors {
		from, _ := f.Tensor(t.Name)
		if err := tensor.Dequantize(vec{p.offsets[t.Name], t.Elements()}.of(p.values), from.Type, from.Data); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return bindModel(p, r.Context)
}

// factors lists the tensors of LoRA for every matrix of the layers.
func (m *Model) factors(rank int) []tensor.Tensor {
	var out []tensor.Tensor
	for i := range m.layers {
		for j, l := range m.layers[i].linears() {
			out = append(out,
				tensor.Tensor{Name: fmt.Sprintf("%d.%d.a", i, j), Shape: []int{rank, l.cols}},
				tensor.Tensor{Name: fmt.Sprintf("%d.%d.b", i, j), Shape: []int{l.rows, rank}})
		}
	}
	return out
}

// addFactors gives every matrix its factors: A drawn by the seed, B zero, so
// that learning begins at the base.
func (m *Model) addFactors(lora *LoRA, seed uint64) {
	for i := range m.layers {
		for j, l := range m.layers[i].linears() {
			a, b := fmt.Sprintf("%d.%d.a", i, j), fmt.Sprintf("%d.%d.b", i, j)
			l.rank, l.scale = lora.Rank, float32(lora.Alpha/float64(lora.Rank))
			l.a, l.b = vec{m.offsets[a], l.rank * l.cols}, vec{m.offsets[b], l.rows * l.rank}
			h := fnv.New64a()
			_, _ = io.WriteString(h, a) // never fails
			rng := rand.New(rand.NewPCG(seed, h.Sum64()))
			dev := 1 / math.Sqrt(float64(l.cols))
			x := l.a.of(m.values)
			for k := range x {
				x[k] = float32(dev * rng.NormFloat64())
			}
		}
	}
}

// merge adds every matrix's factors to it and tells which tensors have other
// numbers than the base.
func (m *Model) merge() map[string]bool {
	changed := map[string]bool{}
	for _, t := range m.tensors {
		changed[t.Name] = m.learn.at == 0
	}
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			if l.rank == 0 {
				continue
			}
			for _, t := range m.tensors {
				if at := m.offsets[t.Name]; l.w.at >= at && l.w.at < at+t.Elements() {
					changed[t.Name] = true
				}
			}
			w, a, b := l.w.of(m.values), l.a.of(m.values), l.b.of(m.values)
			for row := range l.rows {
				to := w[row*l.cols : (row+1)*l.cols]
				for k := range l.rank {
					f := l.scale * b[row*l.rank+k]
					for c, x := range a[k*l.cols : (k+1)*l.cols] {
						to[c] += float32(f * x)
					}
				}
			}
		}
	}
	return changed
}

// baseVocabulary reads the tokens and the chat template of a file.
func baseVocabulary(f *weights.File) (*vocabulary, error) {
	d, err := tokenizer.FromGGUF(f)
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.New(d)
	if err != nil {
		return nil, err
	}
	v := &vocabulary{data: d, tok: t, begin: -1, end: -1}
	if id, add := t.BOS(); add {
		v.begin = int32(id)
	}
	if id, _ := t.EOS(); id >= 0 {
		v.end = int32(id)
	}
	source, err := f.Meta().String("tokenizer.chat_template")
	if err != nil || source == "" {
		return v, nil // texts alone
	}
	v.chat, err = template.Parse("chat_template", source)
	return v, err
}

// converse appends a conversation as the file's own template writes it. What
// the template writes between a prompt and the end of the answer is learned.
func (v *vocabulary) converse(ids []int32, learn []bool, d *Document) ([]int32, []bool, error) {
	if v.chat == nil {
		return nil, nil, errors.New("messages: the base has no chat template, want text")
	}
	name := func(id int) string {
		if id < 0 {
			return ""
		}
		return string(v.tok.Bytes(id))
	}
	bos, _ := v.tok.BOS()
	eos, _ := v.tok.EOS()
	render := func(n int, prompt bool) (string, error) {
		list := make([]any, n)
		for i, m := range d.Messages[:n] {
			list[i] = template.NewMap("role", m.Role, "content", v.tok.Guard(m.Content))
		}
		return v.chat.Render(map[string]any{
			"messages": list, "tools": []any{}, "add_generation_prompt": prompt, "bos_token": name(bos), "eos_token": name(eos),
			"enable_thinking": false,
		}, template.Limits{})
	}
	done := ""
	put := func(text string, counts bool) {
		for _, id := range v.tok.EncodeGuarded(text) {
			if len(ids) == 0 && v.begin >= 0 && id != int(v.begin) {
				ids, learn = append(ids, v.begin), append(learn, false)
			}
			ids, learn = append(ids, int32(id)), append(learn, counts)
			counts = counts && !v.tok.End(id)
		}
	}
	for i, m := range d.Messages {
		if m.Role != "assistant" {
			continue
		}
		asked, err := render(i, true)
		if err != nil {
			return nil, nil, err
		}
		answered, err := render(i+1, false)
		if err != nil {
			return nil, nil, err
		}
		if !strings.HasPrefix(asked, done) || !strings.HasPrefix(answered, asked) {
			return nil, nil, fmt.Errorf("messages: the base's template writes the beginning of a conversation otherwise once it goes on; give it one answer a document (message %d)", i)
		}
		put(asked[len(done):], false)
		put(answered[len(asked):], true)
		done = answered
	}
	return ids, learn, nil
}
