package engine

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"summit/arch"
	"summit/tensor"
)

// mix makes models of random switches and random weights.
type mix struct {
	*rand.Rand
	n int
}

func (r *mix) coin() bool { return r.IntN(2) == 0 }

// tensor is of numbers with a mean and a deviation.
func (r *mix) tensor(mean, dev float64, shape ...int) *tensor.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]byte, 4*n)
	for i := range n {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(float32(mean+dev*r.NormFloat64())))
	}
	r.n++
	return &tensor.Tensor{Name: fmt.Sprintf("w%d", r.n), Type: tensor.F32, Shape: shape, Data: data}
}

func (r *mix) linear(out, in int, bias bool) arch.Linear {
	l := arch.Linear{Weight: r.tensor(0, 1.5/math.Sqrt(float64(in)), out, in)}
	if bias {
		l.Bias = r.tensor(0, 0.3, out)
	}
	return l
}

func (r *mix) stack(n, out, in int, bias bool) arch.Stack {
	s := arch.Stack{}
	for range n {
		s.Weight = append(s.Weight, *r.tensor(0, 1.5/math.Sqrt(float64(in)), out, in))
	}
	if bias {
		s.Bias = r.tensor(0, 0.3, n, out)
	}
	return s
}

func (r *mix) norm(m *arch.Model) arch.NormWeights {
	w := arch.NormWeights{Weight: r.tensor(1, 0.2, m.Dim)}
	if m.Norm == arch.LayerNorm && r.coin() {
		w.Bias = r.tensor(0, 0.2, m.Dim)
	}
	return w
}

func (r *mix) rope(dim int) arch.Rope {
	t := arch.Rope{Kind: arch.RopeKind(r.IntN(3)), Dim: dim, Magnitude: 1}
	for i := range dim / 2 {
		t.Freqs = append(t.Freqs, math.Pow(500, -2*float64(i)/float64(dim)))
	}
	if r.coin() {
		t.Magnitude = 1.1
	}
	return t
}

// model draws one.
func (r *mix) model() *arch.Model {
	m := &arch.Model{Config: arch.Config{
		Arch: "summit", Vocab: 101, Dim: 64, WindowTokens: 4096, Eps: 1e-5, Norm: arch.NormKind(r.IntN(2)),
		EmbedScale: 1, ResidualScale: 1, LogitScale: 1, TiedHead: r.coin(),
	}}
	if r.coin() {
		m.EmbedScale, m.ResidualScale, m.LogitScale, m.LogitCap = 3, 0.6, 0.7, 20
	}
	m.Embed = r.tensor(0, 0.5, m.Vocab, m.Dim)
	m.Head = m.Embed
	if !m.TiedHead {
		m.Head = r.tensor(0, 0.3, m.Vocab, m.Dim)
		if r.coin() {
			m.HeadBias = r.tensor(0, 0.5, m.Vocab)
		}
	}
	m.OutputNorm = r.norm(m)
	placement := arch.Placement(r.IntN(4))
	lastGQA := -1
	for l := range 2 + r.IntN(3) {
		c := arch.LayerConfig{Placement: placement, Mixer: arch.Mixer(r.IntN(4))}
		w := arch.Layer{}
		switch c.Mixer {
		case arch.GQA:
			r.gqa(m, l, lastGQA, &c.Attn, &w)
			if c.Attn.KVLayer == l {
				lastGQA = l
			}
		case arch.MLA:
			r.mla(m, &c.MLA, &w)
		case arch.DeltaNet:
			r.delta(m, &c.Delta, &w)
		}
		r.ffn(m, &c.FFN, &w)
		if placement != arch.Post {
			if c.Mixer != arch.NoMixer || placement == arch.Parallel {
				w.AttnNorm = r.norm(m)
			}
			w.FFNNorm = r.norm(m)
			if placement == arch.Parallel && r.coin() {
				w.FFNNorm = w.AttnNorm
			}
		}
		if placement == arch.Post || placement == arch.Sandwich {
			if c.Mixer != arch.NoMixer {
				w.AttnPostNorm = r.norm(m)
			}
			w.FFNPostNorm = r.norm(m)
		}
		m.Layers, m.Weights = append(m.Layers, c), append(m.Weights, w)
	}
	return m
}

func (r *mix) gqa(m *arch.Model, l, last int, c *arch.AttnConfig, w *arch.Layer) {
	*c = arch.AttnConfig{
		Heads: 4, KVHeads: []int{1, 2, 4}[r.IntN(3)], KeyDim: 32, ValueDim: []int{32, 48}[r.IntN(2)],
		Rope: r.rope([]int{32, 16}[r.IntN(2)]), Scale: 0.2, QKNorm: arch.QKNorm(r.IntN(3)), QKNormAfterRope: r.coin(), QKEps: 1e-6,
		Sinks: r.coin(), Gate: arch.OutputGate(r.IntN(3)), KVLayer: l,
	}
	if r.coin() {
		c.WindowTokens = 1 + r.IntN(40)
	}
	if r.coin() {
		c.ScoreCap = 5
	}
	bias := r.coin()
	if last >= 0 && r.coin() {
		other := m.Layers[last].Attn
		c.KVLayer, c.KVHeads, c.KeyDim, c.ValueDim = last, other.KVHeads, other.KeyDim, other.ValueDim
	} else {
		w.K, w.V = r.linear(c.KVHeads*c.KeyDim, m.Dim, bias), r.linear(c.KVHeads*c.ValueDim, m.Dim, bias)
	}
	w.Q, w.Out = r.linear(c.Heads*c.KeyDim, m.Dim, bias), r.linear(m.Dim, c.Heads*c.ValueDim, r.coin())
	switch c.QKNorm {
	case arch.PerHead:
		w.QNorm, w.KNorm = r.tensor(1, 0.2, c.KeyDim), r.tensor(1, 0.2, c.KeyDim)
	case arch.FullNorm:
		w.QNorm, w.KNorm = r.tensor(1, 0.2, c.Heads*c.KeyDim), r.tensor(1, 0.2, c.KVHeads*c.KeyDim)
	}
	if c.Sinks {
		w.Sinks = r.tensor(0, 1, c.Heads)
	}
	switch c.Gate {
	case arch.ElementGate:
		w.OutGate = r.linear(c.Heads*c.ValueDim, m.Dim, false)
	case arch.HeadGate:
		w.OutGate = r.linear(c.Heads, m.Dim, false)
	}
}

func (r *mix) mla(m *arch.Model, c *arch.MLAConfig, w *arch.Layer) {
	*c = arch.MLAConfig{Heads: 3, KVRank: 32, NopeDim: 16, RopeDim: 8, ValueDim: 24, Scale: 0.2, Eps: 1e-6, Rope: r.rope(8)}
	qdim := c.Heads * (c.NopeDim + c.RopeDim)
	if r.coin() {
		c.QRank = 48
		w.QA, w.QANorm, w.QB = r.linear(c.QRank, m.Dim, false), r.tensor(1, 0.2, c.QRank), r.linear(qdim, c.QRank, false)
	} else {
		w.Q = r.linear(qdim, m.Dim, false)
	}
	w.KVA, w.KVANorm = r.linear(c.KVRank+c.RopeDim, m.Dim, false), r.tensor(1, 0.2, c.KVRank)
	w.KB, w.VB = r.tensor(0, 0.25, c.Heads, c.KVRank, c.NopeDim), r.tensor(0, 0.2, c.Heads, c.ValueDim, c.KVRank)
	w.Out = r.linear(m.Dim, c.Heads*c.ValueDim, false)
}

func (r *mix) delta(m *arch.Model, c *arch.DeltaConfig, w *arch.Layer) {
	*c = arch.DeltaConfig{KeyHeads: 2, ValueHeads: 4, KeyDim: 16, ValueDim: 24, ConvWidth: 2 + r.IntN(3), Tiled: r.coin(), Eps: 1e-6}
	values := c.ValueHeads * c.ValueDim
	channels := 2*c.KeyHeads*c.KeyDim + values
	w.QKV, w.Z = r.linear(channels, m.Dim, false), r.linear(values, m.Dim, false)
	w.Beta, w.Alpha = r.linear(c.ValueHeads, m.Dim, false), r.linear(c.ValueHeads, m.Dim, false)
	w.Conv, w.DtBias, w.A = r.tensor(0, 0.5, channels, c.ConvWidth), r.tensor(0, 0.3, c.ValueHeads), r.tensor(-0.8, 0.2, c.ValueHeads)
	w.DeltaNorm, w.Out = r.tensor(1, 0.2, c.ValueDim), r.linear(m.Dim, values, false)
}

func (r *mix) ffn(m *arch.Model, c *arch.FFNConfig, w *arch.Layer) {
	c.Activation = arch.Activation{Kind: arch.ActivationKind(r.IntN(5)), Alpha: 1.7, Limit: 1.5}
	bias := r.coin()
	if r.coin() {
		c.Hidden = 96
		w.Gate, w.Up, w.Down = r.linear(96, m.Dim, bias), r.linear(96, m.Dim, bias), r.linear(m.Dim, 96, bias)
		return
	}
	c.Router = arch.Router{
		Experts: 8, Used: 2 + 2*r.IntN(2), Hidden: 32, Score: arch.Score(r.IntN(3)), Choice: arch.Choice(r.IntN(3)),
		Groups: 2, GroupsUsed: 1, GroupTop: 1 + r.IntN(2), Renormalise: r.coin(), MinSum: 6.1e-5, Scale: 1.3,
	}
	if c.Router.Score == arch.SoftmaxChosen {
		c.Router.Choice = arch.TopK
	}
	w.Router = r.linear(8, m.Dim, bias)
	if r.coin() {
		w.ChoiceBias, w.ExpertScale = r.tensor(0, 0.3, 8), r.tensor(1, 0.2, 8)
	}
	w.GateExps, w.UpExps, w.DownExps = r.stack(8, 32, m.Dim, bias), r.stack(8, 32, m.Dim, bias), r.stack(8, m.Dim, 32, bias)
	if r.coin() {
		c.SharedHidden, c.SharedGated = 64, r.coin()
		w.SharedGateProj, w.SharedUp, w.SharedDown = r.linear(64, m.Dim, false), r.linear(64, m.Dim, false), r.linear(m.Dim, 64, false)
		if c.SharedGated {
			w.SharedGate = r.tensor(0, 0.2, m.Dim)
		}
	}
}

// TestMixes runs models of random switches: whatever the mix, logits are
// finite and do not depend on how they are computed.
func TestMixes(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := (&mix{Rand: rand.New(rand.NewPCG(seed, 1))}).model()
			invariance(t, m, seed%2 == 0, "")
		})
	}
}

var update = flag.Bool("update", false, "rewrite golden files")

// TestMixesGolden holds the logits of random mixes. When they were written,
// they were those of a plain forward pass by the letter of arch.Config.
func TestMixesGolden(t *testing.T) {
	const file, each = "testdata/mixes.golden", 6
	var text strings.Builder
	want, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	lines := strings.Split(string(want), "\n")
	for seed := range uint64(48) {
		m := (&mix{Rand: rand.New(rand.NewPCG(seed, 1))}).model()
		e := openModel(t, m, tensor.Options{Exact: true, Threads: 1}, Options{})
		prompt := make([]int, 50)
		for i := range prompt {
			prompt[i] = (i*37 + i*i) % m.Vocab
		}
		got := logits(t, e, prompt)[len(prompt)-1][:each]
		e.Close()
		for _, v := range got {
			fmt.Fprintf(&text, "%.4f ", v)
		}
		text.WriteString("\n")
		if *update {
			continue
		}
		for i, word := range strings.Fields(lines[seed])[:each] {
			v, err := strconv.ParseFloat(word, 64)
			if err != nil {
				t.Fatal(err)
			}
			if d := math.Abs(v - float64(got[i])); !(d <= 1e-3) {
				t.Errorf("mix %d: logits %v, want %s", seed, got, lines[seed])
				break
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
