// Package archtest has decoders written a second time, from the published configurations and nothing else: one plain
// function each, without arch's Config, without a plan, without a backend. Their random little models (Cases) show
// that arch and the engine read a configuration as its publisher means it, where no other engine can be asked.
//
// To add one, write <name>.go with a function that makes a Case, and list it in Cases.
package archtest

import (
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"summit/tensor"
)

// Case is a little model with random weights, in the form of a folder with config.json, and the logits it must give.
// It is a Source for arch.Load.
type Case struct {
	Name    string
	Config  map[string]any
	Weights map[string]tensor.Tensor
	Prompt  []int

	// Logits runs the plain decoder: one row of logits per position.
	Logits func(ids []int) [][]float32
}

// Cases makes all models. They are the same at every call.
func Cases() []Case { return []Case{Spark3(), PanguProMoE(), HunyuanLarge(), Zhinao()} }

// Value returns a value of config.json.
func (c Case) Value(key string) (any, bool) { v, ok := c.Config[key]; return v, ok }

// Tensor returns a weight by its name.
func (c Case) Tensor(name string) (tensor.Tensor, bool) { t, ok := c.Weights[name]; return t, ok }

// TensorNames lists the weights.
func (c Case) TensorNames() []string { return slices.Sorted(maps.Keys(c.Weights)) }

// maker makes random weights and remembers them as numbers too.
type maker struct {
	rng     *rand.Rand
	weights map[string]tensor.Tensor
	numbers map[string][]float32
}

func newMaker(seed uint64) *maker {
	return &maker{rand.New(rand.NewPCG(seed, 1)), map[string]tensor.Tensor{}, map[string][]float32{}}
}

// matrix makes [out, in], so scaled that outputs are about as large as inputs.
func (m *maker) matrix(name string, out, in int) {
	m.fill(name, func() float32 { return float32(m.rng.NormFloat64() / math.Sqrt(float64(in))) }, out, in)
}

// vector makes [n] numbers around a middle.
func (m *maker) vector(name string, middle, spread float64, shape ...int) {
	m.fill(name, func() float32 { return float32(middle + spread*m.rng.NormFloat64()) }, shape...)
}

func (m *maker) fill(name string, next func() float32, shape ...int) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x, data := make([]float32, n), make([]byte, 0, 4*n)
	for i := range x {
		x[i] = next()
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x[i]))
	}
	m.numbers[name] = x
	m.weights[name] = tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape, Data: data}
}

func (m *maker) prompt(n, vocab int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = m.rng.IntN(vocab)
	}
	return ids
}

// matVec is W·x; the rows of w have the length of x.
func matVec(w, x []float32) []float32 {
	y := make([]float32, len(w)/len(x))
	for r := range y {
		for c := range x {
			y[r] += w[r*len(x)+c] * x[c]
		}
	}
	return y
}

func plus(x, y []float32) []float32 {
	z := make([]float32, len(x))
	for i := range x {
		z[i] = x[i] + y[i]
	}
	return z
}

// rmsNorm is x / sqrt(mean(x²) + eps) · w.
func rmsNorm(x, w []float32, eps float32) []float32 {
	var sum float32
	for _, v := range x {
		sum += v * v
	}
	scale := 1 / float32(math.Sqrt(float64(sum/float32(len(x))+eps)))
	y := make([]float32, len(x))
	for i := range x {
		y[i] = x[i] * scale * w[i]
	}
	return y
}

// rotateHalves turns the first dim numbers of a head: number i with number i + dim/2.
func rotateHalves(head []float32, dim, pos int, base float64) {
	for i := range dim / 2 {
		angle := float64(pos) * math.Pow(base, -2*float64(i)/float64(dim))
		sin, cos := float32(math.Sin(angle)), float32(math.Cos(angle))
		a, b := head[i], head[i+dim/2]
		head[i], head[i+dim/2] = a*cos-b*sin, b*cos+a*sin
	}
}

func softMax(s []float32) {
	top := slices.Max(s)
	var sum float32
	for i := range s {
		s[i] = float32(math.Exp(float64(s[i] - top)))
		sum += s[i]
	}
	for i := range s {
		s[i] /= sum
	}
}

func sigma(x float32) float32 { return 1 / (1 + float32(math.Exp(float64(-x)))) }

func silu(x float32) float32 { return x * sigma(x) }

func gelu(x float32) float32 { return 0.5 * x * (1 + float32(math.Erf(float64(x)/math.Sqrt2))) }

// attend gives the attention of one query head at position pos over keys and values of one KV head, of which it sees
// the last window ones (0 = all). keys[t] and values[t] are rows of that head.
func attend(q []float32, keys, values [][]float32, pos, window int) []float32 {
	first := 0
	if window > 0 && pos-window+1 > 0 {
		first = pos - window + 1
	}
	scores := make([]float32, pos-first+1)
	for t := range scores {
		for d := range q {
			scores[t] += q[d] * keys[first+t][d]
		}
		scores[t] /= float32(math.Sqrt(float64(len(q))))
	}
	softMax(scores)
	out := make([]float32, len(values[0]))
	for t, p := range scores {
		for d := range out {
			out[d] += p * values[first+t][d]
		}
	}
	return out
}
