package train

import (
	"math"
	"sync"
	"sync/atomic"

	"summit/tensor"
)

// learner does steps: shards over threads, sums in the recipe's order, AdamW.
type learner struct {
	m       *Model
	recipe  *Recipe
	passes  []*pass // one a thread
	batches []batch // one a thread
	grads   [][]float32
	moment1 []float32
	moment2 []float32
	squares []float64
}

func newLearner(m *Model, r *Recipe, t tensor.Trainer, threads int) *learner {
	shards := min(r.Shards, r.Batch)
	l := &learner{
		m: m, recipe: r, moment1: make([]float32, m.learn.n), moment2: make([]float32, m.learn.n),
		grads: make([][]float32, shards),
	}
	for range max(1, min(threads, 1024)) {
		l.passes = append(l.passes, newPass(m, t, r.Dropout))
	}
	l.batches = make([]batch, len(l.passes))
	return l
}

// each calls f for 0 to n-1, shared by the threads in whatever order.
func (l *learner) each(n int, f func(thread, i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for t := range min(len(l.passes), n) {
		work := func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(t, i)
			}
		}
		if t+1 == min(len(l.passes), n) {
			work()
			continue
		}
		wg.Go(work)
	}
	wg.Wait()
}

// pack brings the matrices into the form that products take, after they changed.
func (l *learner) pack() {
	all := l.m.products()
	l.each(len(all), func(t, i int) {
		w, lane, values := all[i], l.passes[t].lane, l.m.values
		if w.packed == nil || l.m.learn.at == 0 {
			w.packed = lane.Pack(w.packed, w.w.of(values), w.rows, w.cols)
		}
		if w.rank > 0 {
			w.packedA = lane.Pack(w.packedA, w.a.of(values), w.rank, w.cols)
			w.packedB = lane.Pack(w.packedB, w.b.of(values), w.rows, w.rank)
		}
	})
}

// stepResult is what one step tells.
type stepResult struct {
	result
	norm  float64 // of the gradient, before clipping
	flops float64
}

// step learns sequences. number counts from 1.
func (l *learner) step(number int, sequences [][]document, rate float64) stepResult {
	l.pack()
	targets := learned(sequences)
	weight := float32(1 / math.Max(1, float64(targets)))
	shards := len(l.grads)
	results := make([]stepResult, shards)
	l.each(shards, func(t, s int) {
		if l.grads[s] == nil {
			l.grads[s] = make([]float32, l.m.learn.n)
		} else {
			clear(l.grads[s])
		}
		lo, hi := s*len(sequences)/shards, (s+1)*len(sequences)/shards
		for ; lo < hi; lo += l.recipe.Micro {
			b := &l.batches[t]
			b.reset()
			for _, docs := range sequences[lo:min(lo+l.recipe.Micro, hi)] {
				for _, d := range docs {
					b.add(d.ids, d.learn, weight)
				}
			}
			b.key = l.recipe.Seed ^ uint64(number)<<24 ^ uint64(lo)<<1 | 1
			results[s].add(l.passes[t].run(b, l.grads[s]))
			results[s].flops += l.m.flops(b)
		}
	})
	total := stepResult{}
	for _, r := range results {
		total.add(r.result)
		total.flops += r.flops
	}
	total.norm = l.reduce()
	l.update(number, total.norm, rate)
	return total
}

// stretch is how many parameters are summed and stepped at once: a few tens of
// kilobytes of each array.
const stretch = 1 << 13

// reduce adds the shards' gradients into the first and returns its length.
func (l *learner) reduce() float64 {
	n := (l.m.learn.n + stretch - 1) / stretch
	if len(l.squares) < n {
		l.squares = make([]float64, n)
	}
	l.each(n, func(t, i int) {
		lo, hi := i*stretch, min((i+1)*stretch, l.m.learn.n)
		to, lane := l.grads[0][lo:hi], l.passes[t].lane
		for _, g := range l.grads[1:] {
			lane.Add(to, g[lo:hi], 1)
		}
		l.squares[i] = float64(lane.SumSquares(to))
	})
	sum := 0.0
	for _, s := range l.squares[:n] {
		sum += s
	}
	return math.Sqrt(sum)
}

// update does the step of AdamW.
func (l *learner) update(number int, norm, rate float64) {
	r := l.recipe
	p := tensor.AdamW{Step: number, Scale: 1, Rate: rate, Beta1: r.Beta1, Beta2: r.Beta2, Epsilon: r.Epsilon}
	if r.Clip > 0 && norm > r.Clip {
		p.Scale = r.Clip / norm
	}
	values := l.m.learn.of(l.m.values)
	n, m := len(values), l.m.matrices-l.m.learn.at
	matrices := (m + stretch - 1) / stretch
	l.each(matrices+(n-m+stretch-1)/stretch, func(t, i int) {
		lo, hi, q := i*stretch, min((i+1)*stretch, m), p
		q.Decay = r.WeightDecay
		if i >= matrices {
			lo = m + (i-matrices)*stretch
			hi, q.Decay = min(lo+stretch, n), 0
		}
		l.passes[t].lane.AdamW(values[lo:hi], l.moment1[lo:hi], l.moment2[lo:hi], l.grads[0][lo:hi], q)
	})
}

// rate is the learning rate of a step: a linear rise, then half a cosine.
func (r *Recipe) rate(number int) float64 {
	if number <= r.Warmup {
		return r.LearningRate * float64(number) / float64(r.Warmup)
	}
	done := float64(number-r.Warmup) / math.Max(1, float64(r.Steps-r.Warmup))
	return r.LearningRate * (r.FinalRate + (1-r.FinalRate)*(1+math.Cos(math.Pi*done))/2)
}

// evaluate computes the mean loss per target of all documents of a corpus, in
// nats, and the share of targets that were the likeliest.
func (l *learner) evaluate(c *corpus) (loss, accuracy float64, targets int) {
	l.pack()
	context := l.recipe.Context
	var groups [][2]int
	tokens, from := 0, 0
	for i := range c.len() {
		n := c.starts[i+1] - c.starts[i] - 1
		if tokens > 0 && tokens+n > max(context, 512) {
			groups = append(groups, [2]int{from, i})
			tokens, from = 0, i
		}
		tokens += n
	}
	groups = append(groups, [2]int{from, c.len()})
	results := make([]result, len(groups))
	l.each(len(groups), func(t, g int) {
		b := &l.batches[t]
		b.reset()
		for i := groups[g][0]; i < groups[g][1]; i++ {
			ids, learn := c.document(i)
			b.add(ids, learn, 1)
		}
		results[g] = l.passes[t].run(b, nil)
	})
	var sum result
	for _, r := range results {
		sum.add(r)
	}
	n := math.Max(1, float64(sum.learn))
	return sum.loss / n, float64(sum.right) / n, sum.learn
}
