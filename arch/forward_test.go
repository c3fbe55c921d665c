package arch

import (
	"math"
	"sort"
	"testing"

	"summit/tensor"
)

// plain runs a Model by the letter of the comments in config.go, slowly and all tokens at once. It shows that the
// facts which Load finds are the right ones, and it is what the comments promise to whoever compiles plans.
type plain struct {
	t      *testing.T
	m      *Model
	floats map[*tensor.Tensor][]float32
	k, v   map[int][][]float32 // per layer, per token
}

func newPlain(t *testing.T, m *Model) *plain {
	return &plain{t: t, m: m, floats: map[*tensor.Tensor][]float32{}, k: map[int][][]float32{}, v: map[int][][]float32{}}
}

func (p *plain) f(t *tensor.Tensor) []float32 {
	if t == nil {
		p.t.Fatal("a weight is missing")
	}
	if x, ok := p.floats[t]; ok {
		return x
	}
	x, err := t.Float32s()
	if err != nil {
		p.t.Fatal(err)
	}
	p.floats[t] = x
	return x
}

func (p *plain) mul(t *tensor.Tensor, x []float32) []float32 { return matvec(p.f(t), x) }

func matvec(w, x []float32) []float32 {
	y := make([]float32, len(w)/len(x))
	for r := range y {
		var s float64
		for c, v := range w[r*len(x) : (r+1)*len(x)] {
			s += float64(v) * float64(x[c])
		}
		y[r] = float32(s)
	}
	return y
}

func (p *plain) linear(l Linear, x []float32) []float32 {
	y := p.mul(l.Weight, x)
	if l.Bias != nil {
		for i, b := range p.f(l.Bias) {
			y[i] += b
		}
	}
	return y
}

func rms(x, w []float32, eps float32) []float32 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	scale := 1 / math.Sqrt(s/float64(len(x))+float64(eps))
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(float64(v)*scale) * w[i]
	}
	return y
}

func (p *plain) norm(n NormWeights, x []float32) []float32 {
	if n.Weight == nil {
		return append([]float32(nil), x...)
	}
	w := p.f(n.Weight)
	if p.m.Norm == RMS {
		return rms(x, w, p.m.Eps)
	}
	var mean, vari float64
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		vari += (float64(v) - mean) * (float64(v) - mean)
	}
	scale := 1 / math.Sqrt(vari/float64(len(x))+float64(p.m.Eps))
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32((float64(v)-mean)*scale) * w[i]
		if n.Bias != nil {
			y[i] += p.f(n.Bias)[i]
		}
	}
	return y
}

func turn(r *Rope, x []float32, pos int) {
	for i, f := range r.Freqs {
		a, b := 2*i, 2*i+1
		switch r.Kind {
		case NoRope:
			return
		case RopeNeoX:
			a, b = i, i+r.Dim/2
		}
		sin, cos := math.Sincos(float64(pos) * f)
		s, c := float32(sin)*r.Magnitude, float32(cos)*r.Magnitude
		x[a], x[b] = x[a]*c-x[b]*s, x[a]*s+x[b]*c
	}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func softmax(s []float32) {
	top := float32(math.Inf(-1))
	for _, v := range s {
		top = max(top, v)
	}
	var sum float64
	for i, v := range s {
		s[i] = float32(math.Exp(float64(v - top)))
		sum += float64(s[i])
	}
	for i := range s {
		s[i] /= float32(sum)
	}
}

func (p *plain) attention(i int, hs [][]float32) [][]float32 {
	a, w := &p.m.Layers[i].Attn, &p.m.Weights[i]
	heads := func(x []float32, n, dim int, norm *tensor.Tensor, pos int) {
		qk := func() {
			switch a.QKNorm {
			case PerHead:
				for h := range n {
					copy(x[h*dim:], rms(x[h*dim:(h+1)*dim], p.f(norm), a.QKEps))
				}
			case FullNorm:
				copy(x, rms(x, p.f(norm), a.QKEps))
			}
		}
		if !a.QKNormAfterRope {
			qk()
		}
		for h := range n {
			turn(&a.Rope, x[h*dim:(h+1)*dim], pos)
		}
		if a.QKNormAfterRope {
			qk()
		}
	}
	if a.KVLayer == i {
		for pos, h := range hs {
			k := p.linear(w.K, h)
			heads(k, a.KVHeads, a.KeyDim, w.KNorm, pos)
			p.k[i] = append(p.k[i], k)
			p.v[i] = append(p.v[i], p.linear(w.V, h))
		}
	}
	ks, vs := p.k[a.KVLayer], p.v[a.KVLayer]
	out := make([][]float32, len(hs))
	for pos, h := range hs {
		q := p.linear(w.Q, h)
		heads(q, a.Heads, a.KeyDim, w.QNorm, pos)
		o := make([]float32, a.Heads*a.ValueDim)
		for hd := range a.Heads {
			kv := hd / (a.Heads / a.KVHeads)
			first := 0
			if a.WindowTokens > 0 {
				first = max(0, pos-a.WindowTokens+1)
			}
			var s []float32
			for t := first; t <= pos; t++ {
				var dot float64
				for d := range a.KeyDim {
					dot += float64(q[hd*a.KeyDim+d]) * float64(ks[t][kv*a.KeyDim+d])
				}
				score := float32(dot) * a.Scale
				if a.ScoreCap > 0 {
					score = a.ScoreCap * float32(math.Tanh(float64(score/a.ScoreCap)))
				}
				s = append(s, score)
			}
			if a.Sinks {
				s = append(s, p.f(w.Sinks)[hd])
			}
			softmax(s)
			for t := first; t <= pos; t++ {
				for d := range a.ValueDim {
					o[hd*a.ValueDim+d] += s[t-first] * vs[t][kv*a.ValueDim+d]
				}
			}
		}
		switch a.Gate {
		case ElementGate:
			for j, g := range p.linear(w.OutGate, h) {
				o[j] *= sigmoid(g)
			}
		case HeadGate:
			for hd, g := range p.linear(w.OutGate, h) {
				for d := range a.ValueDim {
					o[hd*a.ValueDim+d] *= sigmoid(g)
				}
			}
		}
		out[pos] = p.linear(w.Out, o)
	}
	return out
}

func (p *plain) latent(i int, hs [][]float32) [][]float32 {
	a, w := &p.m.Layers[i].MLA, &p.m.Weights[i]
	key := a.NopeDim + a.RopeDim
	var cs, krs [][]float32
	out := make([][]float32, len(hs))
	for pos, h := range hs {
		c := p.linear(w.KVA, h)
		kr := c[a.KVRank:]
		turn(&a.Rope, kr, pos)
		cs, krs = append(cs, rms(c[:a.KVRank], p.f(w.KVANorm), a.Eps)), append(krs, kr)
		var q []float32
		if a.QRank > 0 {
			q = p.linear(w.QB, rms(p.linear(w.QA, h), p.f(w.QANorm), a.Eps))
		} else {
			q = p.linear(w.Q, h)
		}
		kb, vb := p.f(w.KB), p.f(w.VB)
		var o []float32
		for hd := range a.Heads {
			qh := q[hd*key : (hd+1)*key]
			turn(&a.Rope, qh[a.NopeDim:], pos)
			qa := matvec(kb[hd*a.KVRank*a.NopeDim:(hd+1)*a.KVRank*a.NopeDim], qh[:a.NopeDim])
			s := make([]float32, pos+1)
			for t := range s {
				var dot float64
				for d := range qa {
					dot += float64(qa[d]) * float64(cs[t][d])
				}
				for d := range a.RopeDim {
					dot += float64(qh[a.NopeDim+d]) * float64(krs[t][d])
				}
				s[t] = float32(dot) * a.Scale
			}
			softmax(s)
			ctx := make([]float32, a.KVRank)
			for t, pr := range s {
				for d := range ctx {
					ctx[d] += pr * cs[t][d]
				}
			}
			o = append(o, matvec(vb[hd*a.ValueDim*a.KVRank:(hd+1)*a.ValueDim*a.KVRank], ctx)...)
		}
		out[pos] = p.linear(w.Out, o)
	}
	return out
}

func (p *plain) delta(i int, hs [][]float32) [][]float32 {
	d, w := &p.m.Layers[i].Delta, &p.m.Weights[i]
	keys := d.KeyHeads * d.KeyDim
	state := make([][]float64, d.ValueHeads)
	for j := range state {
		state[j] = make([]float64, d.KeyDim*d.ValueDim)
	}
	conv, dt, av := p.f(w.Conv), p.f(w.DtBias), p.f(w.A)
	var us, out [][]float32
	for pos, h := range hs {
		us = append(us, p.linear(w.QKV, h))
		u := make([]float32, len(us[pos]))
		for c := range u {
			for j := range d.ConvWidth {
				if t := pos - d.ConvWidth + 1 + j; t >= 0 {
					u[c] += conv[c*d.ConvWidth+j] * us[t][c]
				}
			}
			u[c] *= sigmoid(u[c])
		}
		l2 := func(x []float32) {
			var s float64
			for _, v := range x {
				s += float64(v) * float64(v)
			}
			scale := 1 / max(math.Sqrt(s), float64(d.Eps))
			for i := range x {
				x[i] = float32(float64(x[i]) * scale)
			}
		}
		for hd := range 2 * d.KeyHeads {
			l2(u[hd*d.KeyDim : (hd+1)*d.KeyDim])
		}
		beta, alpha, z := p.linear(w.Beta, h), p.linear(w.Alpha, h), p.linear(w.Z, h)
		o := make([]float32, 0, d.ValueHeads*d.ValueDim)
		for j := range d.ValueHeads {
			kh := j / (d.ValueHeads / d.KeyHeads)
			if d.Tiled {
				kh = j % d.KeyHeads
			}
			q, k := u[kh*d.KeyDim:(kh+1)*d.KeyDim], u[keys+kh*d.KeyDim:keys+(kh+1)*d.KeyDim]
			v := u[2*keys+j*d.ValueDim : 2*keys+(j+1)*d.ValueDim]
			decay := math.Exp(float64(av[j]) * math.Log1p(math.Exp(float64(alpha[j]+dt[j]))))
			s := state[j]
			b := float64(sigmoid(beta[j]))
			row := make([]float32, d.ValueDim)
			for c := range d.ValueDim {
				var kv float64
				for r := range d.KeyDim {
					s[r*d.ValueDim+c] *= decay
					kv += float64(k[r]) * s[r*d.ValueDim+c]
				}
				var sum float64
				for r := range d.KeyDim {
					s[r*d.ValueDim+c] += float64(k[r]) * b * (float64(v[c]) - kv)
					sum += float64(q[r]) * s[r*d.ValueDim+c]
				}
				row[c] = float32(sum / math.Sqrt(float64(d.KeyDim)))
			}
			row = rms(row, p.f(w.DeltaNorm), d.Eps)
			for c := range row {
				g := z[j*d.ValueDim+c]
				row[c] *= g * sigmoid(g)
			}
			o = append(o, row...)
		}
		out = append(out, p.linear(w.Out, o))
	}
	return out
}

func (a Activation) apply(g, u float32) float32 {
	switch a.Kind {
	case SiLU:
		return g * sigmoid(g) * u
	case GELU:
		return float32(0.5*float64(g)*(1+math.Erf(float64(g)/math.Sqrt2))) * u
	case GELUTanh:
		x := float64(g)
		return float32(0.5*x*(1+math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))) * u
	case ClampedSwiGLU:
		g, u = min(g, a.Limit), max(-a.Limit, min(u, a.Limit))
		return g * sigmoid(a.Alpha*g) * (u + 1)
	default:
		g, u = min(g, a.Limit), max(-a.Limit, min(u, a.Limit))
		return g * sigmoid(g) * u
	}
}

func (p *plain) ffn(i int, h []float32) []float32 {
	f, w := &p.m.Layers[i].FFN, &p.m.Weights[i]
	gated := func(gate, up, down Linear) []float32 {
		g, u := p.linear(gate, h), p.linear(up, h)
		for i := range g {
			g[i] = f.Activation.apply(g[i], u[i])
		}
		return p.linear(down, g)
	}
	if f.Hidden > 0 {
		return gated(w.Gate, w.Up, w.Down)
	}
	r := &f.Router
	s := p.linear(w.Router, h)
	pr := append([]float32(nil), s...)
	switch r.Score {
	case Softmax:
		softmax(pr)
	case Sigmoid:
		for e := range pr {
			pr[e] = sigmoid(pr[e])
		}
	}
	c := append([]float32(nil), pr...)
	if w.ChoiceBias != nil {
		for e, b := range p.f(w.ChoiceBias) {
			c[e] += b
		}
	}
	best := func(from []int, n int) []int {
		sort.SliceStable(from, func(a, b int) bool { return c[from[a]] > c[from[b]] })
		return from[:n]
	}
	span := func(lo, hi int) (out []int) {
		for e := lo; e < hi; e++ {
			out = append(out, e)
		}
		return out
	}
	var chosen []int
	switch r.Choice {
	case TopK:
		chosen = best(span(0, r.Experts), r.Used)
	case OnePerGroup:
		size := r.Experts / r.Groups
		for g := range r.Groups {
			chosen = append(chosen, best(span(g*size, (g+1)*size), r.Used/r.Groups)...)
		}
	case GroupLimited:
		size := r.Experts / r.Groups
		scores := make([]float32, r.Groups)
		for g := range scores {
			for _, e := range best(span(g*size, (g+1)*size), r.GroupTop) {
				scores[g] += c[e]
			}
		}
		order := span(0, r.Groups)
		sort.SliceStable(order, func(a, b int) bool { return scores[order[a]] > scores[order[b]] })
		var pool []int
		for _, g := range order[:r.GroupsUsed] {
			pool = append(pool, span(g*size, (g+1)*size)...)
		}
		sort.Ints(pool)
		chosen = best(pool, r.Used)
	}
	ws := make([]float32, len(chosen))
	for j, e := range chosen {
		ws[j] = pr[e]
	}
	if r.Score == SoftmaxChosen {
		softmax(ws)
	}
	if r.Renormalise {
		var sum float32
		for _, x := range ws {
			sum += x
		}
		for j := range ws {
			ws[j] /= max(sum, r.MinSum)
		}
	}
	out := make([]float32, p.m.Dim)
	for j, e := range chosen {
		one := func(s Stack) Linear {
			l := Linear{Weight: &s.Weight[e]}
			if s.Bias != nil {
				b, _ := s.Bias.At(e)
				l.Bias = &b
			}
			return l
		}
		weight := ws[j] * r.Scale
		if w.ExpertScale != nil {
			weight *= p.f(w.ExpertScale)[e]
		}
		for d, v := range gated(one(w.GateExps), one(w.UpExps), one(w.DownExps)) {
			out[d] += weight * v
		}
	}
	if f.SharedHidden > 0 {
		scale := float32(1)
		if f.SharedGated {
			scale = sigmoid(p.mul(w.SharedGate, h)[0])
		}
		for d, v := range gated(w.SharedGateProj, w.SharedUp, w.SharedDown) {
			out[d] += scale * v
		}
	}
	return out
}

// logits runs a prompt and returns one row per position.
func (p *plain) logits(ids []int) [][]float32 {
	c := &p.m.Config
	xs := make([][]float32, len(ids))
	for i, id := range ids {
		xs[i] = append([]float32(nil), p.f(p.m.Embed)[id*c.Dim:(id+1)*c.Dim]...)
		for d := range xs[i] {
			xs[i][d] *= c.EmbedScale
		}
	}
	add := func(x, y []float32) {
		for d := range x {
			x[d] += y[d] * c.ResidualScale
		}
	}
	for i := range c.Layers {
		l, w := &c.Layers[i], &p.m.Weights[i]
		hs := make([][]float32, len(xs))
		for t := range xs {
			hs[t] = p.norm(w.AttnNorm, xs[t])
		}
		var mixed [][]float32
		switch l.Mixer {
		case GQA:
			mixed = p.attention(i, hs)
		case MLA:
			mixed = p.latent(i, hs)
		case DeltaNet:
			mixed = p.delta(i, hs)
		}
		for t := range xs {
			if l.Placement == Parallel {
				f := p.ffn(i, p.norm(w.FFNNorm, xs[t]))
				if mixed != nil {
					add(xs[t], mixed[t])
				}
				add(xs[t], f)
				continue
			}
			if mixed != nil {
				add(xs[t], p.norm(w.AttnPostNorm, mixed[t]))
			}
			add(xs[t], p.norm(w.FFNPostNorm, p.ffn(i, p.norm(w.FFNNorm, xs[t]))))
		}
	}
	out := make([][]float32, len(xs))
	for t := range xs {
		out[t] = p.mul(p.m.Head, p.norm(p.m.OutputNorm, xs[t]))
		for j := range out[t] {
			if p.m.HeadBias != nil {
				out[t][j] += p.f(p.m.HeadBias)[j]
			}
			out[t][j] *= c.LogitScale
			if c.LogitCap > 0 {
				out[t][j] = c.LogitCap * float32(math.Tanh(float64(out[t][j]/c.LogitCap)))
			}
		}
	}
	return out
}
