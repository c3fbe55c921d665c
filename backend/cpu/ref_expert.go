package cpu

import (
	"math"

	"summit/tensor"
)

type refRoute struct {
	*tensor.Route
	bias, expScale []float32
}

func (k *refRoute) units(r *run) int { return r.rows(k.Logits.Reg) }

func (k *refRoute) do(r *run, lo, hi int, s *scratch) {
	n := k.Logits.Cols
	score, choice := grow(&s.a, n), grow(&s.b, n+k.Groups)
	for i := lo; i < hi; i++ {
		k.one(r.row(k.Logits, i), score, choice[:n], choice[n:], r.ints(k.Idx, i), r.row(k.Out, i))
	}
}

// never marks an expert that may not be chosen (again).
var never = float32(math.Inf(-1))

// one routes one row. score and choice have one number an expert, worth one a
// group.
func (k *refRoute) one(logits, score, choice, worth []float32, idx []int32, out []float32) {
	copy(score, logits)
	switch k.Score {
	case tensor.Softmax:
		softmax(score)
	case tensor.Sigmoid:
		for j, v := range score {
			score[j] = sigmoid(v)
		}
	}
	copy(choice, score)
	if k.bias != nil {
		for j, b := range k.bias {
			choice[j] += b
		}
	}
	size := len(choice)
	if k.Groups > 1 {
		size /= k.Groups
	}
	if k.Groups > 1 && k.PerGroup > 0 {
		for g := range k.Groups {
			take(choice[g*size:(g+1)*size], idx[g*k.PerGroup:(g+1)*k.PerGroup], g*size)
		}
		byScore(idx, score, k.bias)
	} else {
		if k.Groups > 1 {
			k.dropGroups(choice, worth, size)
		}
		take(choice, idx, 0)
	}
	for j, e := range idx {
		out[j] = score[e]
	}
	if k.Score == tensor.SoftmaxChosen {
		softmax(out)
	}
	scale := k.Scale
	if k.Renorm {
		var sum float32
		for _, w := range out {
			sum += w
		}
		sum = max(sum, k.RenormMin)
		for j := range out {
			out[j] /= sum
		}
	}
	for j, e := range idx {
		out[j] *= scale
		if k.expScale != nil {
			out[j] *= k.expScale[e]
		}
	}
}

// dropGroups leaves the TopGroups best groups eligible.
func (k *refRoute) dropGroups(choice, worth []float32, size int) {
	for g := range worth {
		var sum float32
		part := choice[g*size : (g+1)*size]
		// The GroupTop best, without disturbing choice: each pass finds the
		// next one below the last in (value, index) order.
		lastV, lastJ := float32(math.Inf(1)), -1
		for range k.GroupTop {
			best := -1
			for j, v := range part {
				below := v < lastV || v == lastV && j > lastJ
				if below && (best < 0 || v > part[best]) {
					best = j
				}
			}
			if best < 0 {
				break
			}
			sum += part[best]
			lastV, lastJ = part[best], best
		}
		worth[g] = sum
	}
	for range k.TopGroups {
		best := argmax(worth)
		worth[best] = never
	}
	for g, v := range worth {
		if v != never {
			for j := g * size; j < (g+1)*size; j++ {
				choice[j] = never
			}
		}
	}
}

// take fills idx with the best of choice, best first, and marks them.
func take(choice []float32, idx []int32, base int) {
	for j := range idx {
		best := argmax(choice)
		choice[best] = never
		idx[j] = int32(base + best)
	}
}

// byScore puts chosen experts in descending order of score and bias: the same
// order that an ungrouped choice has. Insertion sort: K is small.
func byScore(idx []int32, score, bias []float32) {
	value := func(e int32) float32 {
		if bias != nil {
			return score[e] + bias[e]
		}
		return score[e]
	}
	for i := 1; i < len(idx); i++ {
		for j := i; j > 0 && value(idx[j]) > value(idx[j-1]); j-- {
			idx[j], idx[j-1] = idx[j-1], idx[j]
		}
	}
}

// argmax returns the index of the first greatest number that is not NaN, 0 if
// there is none.
func argmax(x []float32) int {
	best := 0
	for j, v := range x {
		if v > x[best] || x[best] != x[best] {
			best = j
		}
	}
	return best
}

func softmax(x []float32) {
	top := x[argmax(x)]
	var sum float32
	for j, v := range x {
		x[j] = exp(v - top)
		sum += x[j]
	}
	for j := range x {
		x[j] /= sum
	}
}

// visits lists, for every expert, which (token, k) chose it. It is worked out
// once for all stacks of a step.
type visits struct {
	idx    tensor.Ref
	k      int
	start  []int32 // [experts+1] into list
	list   []int32 // token*k + which
	active []int32 // experts that anybody chose, ascending
	fill   []int32
}

func newVisits(x *compiler, i *tensor.ExpertMatMul) *visits {
	n := len(x.prog.Weights[i.W[0]].Parts)
	return &visits{
		idx: i.Idx, k: i.K,
		start: make([]int32, n+1), list: make([]int32, x.lim.Tokens*i.K),
		active: make([]int32, 0, n), fill: make([]int32, n),
	}
}

func (v *visits) units(*run) int { return 1 }

func (v *visits) do(r *run, _, _ int, _ *scratch) {
	clear(v.start)
	n := r.rows(v.idx.Reg)
	for t := range n {
		for _, e := range r.ints(v.idx, t) {
			v.start[e+1]++
		}
	}
	v.active = v.active[:0]
	for e := range v.fill {
		if v.start[e+1] > 0 {
			v.active = append(v.active, int32(e))
		}
		v.start[e+1] += v.start[e]
		v.fill[e] = v.start[e]
	}
	for t := range n {
		for j, e := range r.ints(v.idx, t) {
			v.list[v.fill[e]] = int32(t*v.k + j)
			v.fill[e]++
		}
	}
}

// refExpert multiplies one stack: a unit is a row of a chosen expert.
type refExpert struct {
	*visits
	x, out tensor.Ref
	w      *weight
	bias   []float32
}

func refExperts(x *compiler, i *tensor.ExpertMatMul) []phase {
	v := newVisits(x, i)
	out := []phase{v}
	for k, w := range i.W {
		m := &refExpert{visits: v, x: i.X, out: i.Out[k], w: x.weights[w]}
		if i.Bias != nil {
			m.bias = x.vec(i.Bias[k])
		}
		out = append(out, m)
	}
	return out
}

func (k *refExpert) units(*run) int { return len(k.active) * k.w.spec.Rows() }

func (k *refExpert) do(r *run, lo, hi int, s *scratch) {
	rows, cols := k.w.spec.Rows(), k.w.spec.Cols()
	buf := grow(&s.a, cols)
	shared := k.x.Cols == cols
	for u := lo; u < hi; u++ {
		e, o := int(k.active[u/rows]), u%rows
		w := k.w.row(e, o, buf)
		var b float32
		if k.bias != nil {
			b = k.bias[e*rows+o]
		}
		for _, at := range k.list[k.start[e]:k.start[e+1]] {
			t, j := int(at)/k.k, int(at)%k.k
			x := r.row(k.x, t)
			if !shared {
				x = x[j*cols : (j+1)*cols]
			}
			r.row(k.out, t)[j*rows+o] = dot(w, x) + b
		}
	}
}

type refCombine struct{ *tensor.Combine }

func (k *refCombine) units(r *run) int { return r.rows(k.X.Reg) }

func (k *refCombine) do(r *run, lo, hi int, _ *scratch) {
	n := k.Out.Cols
	for i := lo; i < hi; i++ {
		x, out := r.row(k.X, i), r.row(k.Out, i)
		clear(out)
		for e, w := range r.row(k.Weight, i) {
			for j, v := range x[e*n : (e+1)*n] {
				out[j] += w * v
			}
		}
	}
}
