package tensor

// Decompose takes a fused step apart into steps that give the same: several
// matrices on one input become one each, a norm with a residual add becomes an
// add and a norm. Other steps come back as they are.
func Decompose(s Instr) []Instr {
	switch i := s.(type) {
	case *MatMul:
		if len(i.W) == 1 {
			break
		}
		out := make([]Instr, len(i.W))
		for k := range i.W {
			m := &MatMul{X: i.X, Out: i.Out[k : k+1], W: i.W[k : k+1], Precise: i.Precise}
			if i.Bias != nil {
				m.Bias = i.Bias[k : k+1]
			}
			out[k] = m
		}
		return out
	case *ExpertMatMul:
		if len(i.W) == 1 {
			break
		}
		out := make([]Instr, len(i.W))
		for k := range i.W {
			m := &ExpertMatMul{X: i.X, Idx: i.Idx, K: i.K, Out: i.Out[k : k+1], W: i.W[k : k+1]}
			if i.Bias != nil {
				m.Bias = i.Bias[k : k+1]
			}
			out[k] = m
		}
		return out
	case *Norm:
		if !i.Add.Ok() {
			break
		}
		norm := *i
		norm.Add = None
		return []Instr{&Add{X: i.X, Y: i.Add, Out: i.X, XScale: 1, YScale: i.AddScale}, &norm}
	}
	return []Instr{s}
}
