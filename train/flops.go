package train

import "math"

// flops counts the multiply-adds of a batch's products, times two: forward, and
// backward twice as many, as if every matrix learned. Norms, activations and the optimiser are not counted.
func (m *Model) flops(b *batch) float64 {
	n, heads := float64(len(b.ids)), 0
	for _, w := range b.weights {
		if w != 0 {
			heads++
		}
	}
	sum := float64(heads) * float64(m.head.rows*m.head.cols)
	for i := range m.layers {
		l := &m.layers[i]
		for _, w := range l.linears() {
			sum += n * float64(w.rows*w.cols)
		}
		for _, s := range b.spans {
			seen := 0.0
			for r := 1; r <= s.To-s.From; r++ {
				if w := l.Attn.WindowTokens; w > 0 {
					seen += math.Min(float64(r), float64(w))
				} else {
					seen += float64(r)
				}
			}
			sum += seen * float64(l.Attn.Heads*(l.Attn.KeyDim+l.Attn.ValueDim))
		}
	}
	return 6 * sum
}
