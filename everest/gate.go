package everest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Gate knows which skill a text asks for. It is a linear classifier over
// hashed runs of one to three characters, learned from the prompts that the
// models are trained on and from prompts that none is for.
type Gate struct {
	names   []string // of the skills; the last class is none of them
	weights []int8   // [buckets][classes]
	scale   []float32
	bias    []float32
	least   float32 // probability below which nobody is chosen
}

const (
	buckets = 1 << 13
	// longestAsked is how many characters of a text are looked at: its
	// beginning, several times the longest prompt that was learned.
	longestAsked = 400
)

// features returns the buckets of a text's runs of characters, sorted, each
// once. Digits are all alike, letters small.
func features(text string) []uint16 {
	var rs []rune
	rs = append(rs, 0)
	for _, c := range text {
		switch {
		case unicode.IsDigit(c):
			c = '0'
		case unicode.IsSpace(c):
			c = ' '
		default:
			c = unicode.ToLower(c)
		}
		if c == ' ' && rs[len(rs)-1] == ' ' {
			continue
		}
		if rs = append(rs, c); len(rs) > longestAsked {
			break
		}
	}
	rs = append(rs, 0)
	var all []uint16
	for i := range rs {
		h := uint32(2166136261) // FNV-1a
		for n := 0; n < 3 && i+n < len(rs); n++ {
			h = (h ^ uint32(rs[i+n])) * 16777619
			x := h ^ h>>15
			x = (x ^ uint32(n)*0x9E3779B9) * 0x85EBCA6B
			all = append(all, uint16((x^x>>13)%buckets))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Probabilities returns how likely each skill is meant, and last that none is.
func (g *Gate) Probabilities(text string) (names []string, p []float32) {
	f := features(text)
	k := len(g.names) + 1
	p = make([]float32, k)
	for _, b := range f {
		row := g.weights[int(b)*k:][:k]
		for c, w := range row {
			p[c] += float32(w)
		}
	}
	norm := float32(1 / math.Sqrt(float64(len(f))))
	for c := range p {
		p[c] = p[c]*g.scale[c]*norm + g.bias[c]
	}
	softmax(p)
	return g.names, p
}

func softmax(p []float32) {
	most, sum := slices.Max(p), float32(0)
	for i := range p {
		p[i] = float32(math.Exp(float64(p[i] - most)))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

// Choose returns the member that a text is for and how surely; empty where it
// is for none, with how surely that is so.
func (g *Gate) Choose(text string) (member string, confidence float64) {
	names, p := g.Probabilities(text)
	best := 0
	for c := range names {
		if p[c] > p[best] {
			best = c
		}
	}
	if p[best] < g.least || p[best] < p[len(names)] {
		return "", float64(1 - p[best])
	}
	return "everest-" + names[best], float64(p[best])
}

// GateOptions say how a gate is learned. The zero value is that of the one in
// the binary.
type GateOptions struct {
	Seed   uint64
	N      int // prompts of each class; 0 = 20000
	Epochs int // 0 = 4
}

// trainPrompt makes a prompt of the class for learning: never one whose
// problem, or whose words, are for tests.
func trainPrompt(r *rand.Rand, class int, test bool) string {
	for {
		var e Example
		held := false
		free := r.IntN(2) == 0
		switch {
		case class == len(skills):
			if e = Other(r); free {
				e = Near(r)
			}
			held = heldOutOther(e.Key)
		default:
			if e = skills[class].Ask(r); free {
				e = skills[class].Free(r)
			}
			held = e.Part() == Test
		}
		if held == test {
			return e.Prompt
		}
	}
}

// heldOutOther reports whether a template of Other is for tests.
func heldOutOther(template string) bool {
	const share = 40 // of 256, above heldOutBelow: there are few templates
	return sha256.Sum256([]byte(template))[0] < share
}

// LearnGate learns a gate from the prompts of all skills, by stochastic
// gradient descent on the cross-entropy. The result is decided by the options.
func LearnGate(o GateOptions) *Gate {
	if o.N == 0 {
		o.N = 20000
	}
	if o.Epochs == 0 {
		o.Epochs = 4
	}
	r := rand.New(rand.NewPCG(o.Seed, 0x67617465)) // "gate"
	k := len(skills) + 1
	type sample struct {
		f     []uint16
		class int
	}
	var all []sample
	for class := range k {
		n := o.N
		if class == k-1 {
			n *= 2 // what is not meant is wider than what is
		}
		for range n {
			all = append(all, sample{features(trainPrompt(r, class, false)), class})
		}
	}
	w := make([]float32, buckets*k)
	bias := make([]float32, k)
	p := make([]float32, k)
	const rate, decay = 0.5, 1e-6
	for epoch := range o.Epochs {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i, s := range all {
			step := float32(rate * (1 - float64(epoch*len(all)+i)/float64(o.Epochs*len(all))))
			norm := float32(1 / math.Sqrt(float64(len(s.f))))
			copy(p, bias)
			for _, b := range s.f {
				for c, x := range w[int(b)*k:][:k] {
					p[c] += x * norm
				}
			}
			softmax(p)
			p[s.class]--
			for c := range p {
				bias[c] -= step * 0.1 * p[c]
			}
			for _, b := range s.f {
				row := w[int(b)*k:][:k]
				for c := range row {
					row[c] -= step * (p[c]*norm + decay*row[c])
				}
			}
		}
	}
	g := &Gate{weights: make([]int8, len(w)), scale: make([]float32, k), bias: bias}
	for _, s := range skills {
		g.names = append(g.names, s.Name)
	}
	for c := range k {
		most := float32(0)
		for i := c; i < len(w); i += k {
			most = max(most, w[i], -w[i])
		}
		g.scale[c] = most / 127
		for i := c; i < len(w) && most > 0; i += k {
			g.weights[i] = int8(math.Round(float64(w[i] / g.scale[c])))
		}
	}
	g.least = 0.8 // a guess between losing questions and answering what was not asked
	return g
}

// gateMagic begins the file of a gate.
const gateMagic = "SUMMITGATE1\n"

// Bytes is the gate as a file.
func (g *Gate) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(gateMagic + strings.Join(g.names, " ") + "\n")
	for _, v := range [][]float32{g.scale, g.bias, {g.least}} {
		for _, x := range v {
			b.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		}
	}
	for _, x := range g.weights {
		b.WriteByte(byte(x))
	}
	return b.Bytes()
}

// ParseGate reads the file of a gate.
func ParseGate(data []byte) (*Gate, error) {
	rest, ok := bytes.CutPrefix(data, []byte(gateMagic))
	line, rest, whole := bytes.Cut(rest, []byte("\n"))
	g := &Gate{names: strings.Fields(string(line))}
	k := len(g.names) + 1
	if !ok || !whole || k < 2 || len(rest) != 4*(2*k+1)+buckets*k {
		return nil, errors.New("everest: gate: not the file of a gate")
	}
	number := func() float32 {
		x := math.Float32frombits(binary.LittleEndian.Uint32(rest))
		rest = rest[4:]
		return x
	}
	for range k {
		g.scale = append(g.scale, number())
	}
	for range k {
		g.bias = append(g.bias, number())
	}
	g.least = number()
	for _, x := range append(slices.Concat(g.scale, g.bias), g.least) {
		if x-x != 0 {
			return nil, fmt.Errorf("everest: gate: got a weight of %v, want a finite one", x)
		}
	}
	g.weights = make([]int8, len(rest))
	for i, b := range rest {
		g.weights[i] = int8(b)
	}
	return g, nil
}

//go:embed weights/gate.bin
var gateFile []byte

// TheGate is the gate in the binary.
var TheGate = sync.OnceValues(func() (*Gate, error) { return ParseGate(gateFile) })
