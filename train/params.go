package train

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"unsafe"

	"summit/tensor"
)

// params are all numbers of a model in one piece: matrices first, then
// vectors, each tensor at a multiple of 16 numbers.
type params struct {
	values   []float32
	tensors  []tensor.Tensor // views of values, as bytes
	offsets  map[string]int
	matrices int             // where the vectors begin: what is before it decays
	learn    vec             // what learns
	added    []tensor.Tensor // LoRA's factors, behind everything
	facts    map[string]any
	order    []string
}

// maxParams is 4 GiB of parameters; gradients and moments take several times that.
const maxParams = 1 << 30

// newParams lays out tensors, all zero.
func newParams(tensors, added []tensor.Tensor, facts map[string]any) (*params, error) {
	if bigEndian {
		return nil, errors.New("train: this machine is big-endian, which model files are not")
	}
	p := &params{offsets: map[string]int{}, facts: facts, added: added}
	total, base := 0, 0
	for pass, list := range [][]tensor.Tensor{tensors, tensors, added} {
		for _, t := range list {
			if pass < 2 && (len(t.Shape) > 1) != (pass == 0) {
				continue
			}
			if _, err := tensor.ByteSize(tensor.F32, t.Shape); err != nil || t.Elements() > maxParams {
				return nil, fmt.Errorf("train: tensor %q: shape %v, want at most %d numbers", t.Name, t.Shape, maxParams)
			}
			p.offsets[t.Name] = total
			total += (t.Elements() + 15) / 16 * 16
			if total > maxParams {
				return nil, fmt.Errorf("train: model: more than %d parameters", maxParams)
			}
		}
		if pass == 0 {
			p.matrices = total
		}
		if pass == 1 {
			base = total
		}
	}
	p.values, p.learn = make([]float32, total), vec{0, total}
	if len(added) > 0 {
		p.learn, p.matrices = vec{base, total - base}, total
	}
	for _, t := range tensors {
		at := p.offsets[t.Name]
		v := p.values[at : at+t.Elements()]
		t.Type, t.Data = tensor.F32, unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*len(v))
		p.tensors = append(p.tensors, t)
		p.order = append(p.order, t.Name)
	}
	return p, nil
}

// Value, Tensor and TensorNames make params an arch.Source.
func (p *params) Value(key string) (any, bool) { v, ok := p.facts[key]; return v, ok }
func (p *params) TensorNames() []string        { return p.order }
func (p *params) Tensor(name string) (tensor.Tensor, bool) {
	for _, t := range p.tensors {
		if t.Name == name {
			return t, true
		}
	}
	return tensor.Tensor{}, false
}

// at returns where a tensor that arch has bound lies in values: a view, never
// a copy, or else what is learned would not reach it.
func (p *params) at(t *tensor.Tensor) (vec, error) {
	base, first := uintptr(unsafe.Pointer(&p.values[0])), uintptr(unsafe.Pointer(&t.Data[0]))
	if first < base || first >= base+uintptr(4*len(p.values)) {
		return vec{}, fmt.Errorf("train: tensor %q: this architecture stores it in another form than it computes with, which is not trained", t.Name)
	}
	return vec{int(first-base) / 4, t.Elements()}, nil
}

// vec is a stretch of params.
type vec struct{ at, n int }

func (v vec) of(x []float32) []float32 { return x[v.at : v.at+v.n] }

// of returns v's part of an array of what learns, nil if v does not learn.
func (p *params) of(v vec, x []float32) []float32 {
	at := v.at - p.learn.at
	if at < 0 || at+v.n > p.learn.n {
		return nil
	}
	return x[at : at+v.n]
}

func factMap(facts []fact) map[string]any {
	m := map[string]any{}
	for _, f := range facts {
		m[f.key] = f.value
	}
	return m
}

// count is the number of parameters, without padding and what was added.
func (p *params) count() int {
	n := 0
	for i := range p.tensors {
		n += p.tensors[i].Elements()
	}
	return n
}

// initialise draws matrices from normal distributions by seed and name, and
// sets norms to one. What is added to the residual stream begins smaller, by
// the number of additions. Source of the latter: Radford et al. 2019, GPT-2.
func (p *params) initialise(seed uint64, layers int) {
	for i := range p.tensors {
		t := &p.tensors[i]
		v := vec{p.offsets[t.Name], t.Elements()}.of(p.values)
		if len(t.Shape) == 1 {
			if strings.HasSuffix(t.Name, "norm.weight") {
				for j := range v {
					v[j] = 1
				}
			}
			continue
		}
		h := fnv.New64a()
		_, _ = io.WriteString(h, t.Name) // never fails
		rng := rand.New(rand.NewPCG(seed, h.Sum64()))
		dev := 1 / math.Sqrt(float64(t.Cols()))
		switch {
		case t.Name == "token_embd.weight":
			dev *= 0.5
		case strings.HasSuffix(t.Name, "attn_output.weight") || strings.HasSuffix(t.Name, "ffn_down.weight"):
			dev /= math.Sqrt(float64(2 * layers))
		}
		for j := range v {
			v[j] = float32(dev * rng.NormFloat64())
		}
	}
}
