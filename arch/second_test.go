package arch

import (
	"math"
	"strings"
	"testing"

	"summit/arch/archtest"
)

// TestPlainStyle shows on a fixture that a decoder written in archtest's plain style gives the reference's logits.
func TestPlainStyle(t *testing.T) {
	fixtures(t)
	const path = "../../shared/gguf-fixtures/qwen3-f32.gguf"
	src := readGGUF(t, path)
	w := map[string][]float32{}
	for name, x := range src.tensors {
		f, err := x.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		w[strings.TrimSuffix(name, ".weight")] = f
	}
	m := loaded(t, src)
	a := m.Layers[0].Attn
	for _, c := range answers(t, path) {
		rows := archtest.Qwen3(w, len(m.Layers), m.Dim, a.Heads, a.KVHeads, a.KeyDim, a.Rope.Base, m.Eps, c.IDs)
		for i, pos := range c.Positions {
			if d := apart(rows[pos:pos+1], [][]float32{c.rows[i]}); !(d <= 2e-3) {
				t.Fatalf("logits at %d are %.3g away from the reference, want at most 2e-3", pos, d)
			}
		}
	}
}

// TestSecondOpinion compares what Load makes of the published configurations that no reference engine knows with the
// decoders written from them a second time.
func TestSecondOpinion(t *testing.T) {
	for _, c := range archtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			m := loaded(t, c)
			if m.Arch != c.Name || m.Unverified == "" {
				t.Errorf("loaded as %q, unverified %q; want %q, with a word about it", m.Arch, m.Unverified, c.Name)
			}
			got, want := newPlain(t, m).logits(c.Prompt), c.Logits(c.Prompt)
			if d := apart(got, want); !(d <= 1e-4) {
				t.Errorf("logits are %.3g away from the second implementation, want at most 1e-4", d)
			}
			if spread(want) < 0.3 {
				t.Errorf("the logits' spread is %.3g: this compares next to nothing", spread(want))
			}
		})
	}
}

// apart is the largest difference of two tables of logits.
func apart(a, b [][]float32) float64 {
	worst := 0.0
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		for j := range a[i] {
			worst = math.Max(worst, math.Abs(float64(a[i][j]-b[i][j])))
		}
	}
	return worst
}

func spread(rows [][]float32) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		for _, v := range r {
			lo, hi = math.Min(lo, float64(v)), math.Max(hi, float64(v))
		}
	}
	return hi - lo
}
