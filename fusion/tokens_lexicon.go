package fusion

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"sort"

	"summit/llm"
)

// lexicon is a vocabulary in the order of what its tokens spell: those that
// begin with the same bytes stand together, the shortest first. It is shared
// by requests and read-only.
type lexicon struct {
	ids   []int32  // tokens that add bytes to the text, by their bytes
	text  [][]byte // of ids
	ends  []int32  // tokens that end an answer
	vocab llm.Vocab
	print uint64 // equal for vocabularies with the same tokens
}

func newLexicon(v llm.Vocab) *lexicon {
	l := &lexicon{vocab: v}
	h := fnv.New64a()
	note := func(kind byte, b []byte) {
		n := len(b)
		h.Write([]byte{kind, byte(n), byte(n >> 8)})
		h.Write(b)
	}
	texts := make([][]byte, v.Len())
	for id := range v.Len() {
		b := v.Bytes(id)
		switch {
		case v.End(id):
			l.ends = append(l.ends, int32(id))
			note('e', nil)
		case v.Special(id) || len(b) == 0:
			note('s', nil)
		default:
			l.ids, texts[id] = append(l.ids, int32(id)), b
			note('t', b)
		}
	}
	slices.SortFunc(l.ids, func(a, b int32) int { return cmp.Or(bytes.Compare(texts[a], texts[b]), cmp.Compare(a, b)) })
	l.text = make([][]byte, len(l.ids))
	for i, id := range l.ids {
		l.text[i] = texts[id]
	}
	l.print = h.Sum64()
	return l
}

// span is the tokens from lo to hi, which begin with the same bytes.
type span struct{ lo, hi, depth int }

func (l *lexicon) all() span { return span{0, len(l.ids), 0} }

// sub returns the tokens of the span whose next byte is c.
func (l *lexicon) sub(s span, c byte) span {
	list := l.text[s.lo:s.hi]
	at := func(least int) int {
		return sort.Search(len(list), func(i int) bool { return len(list[i]) > s.depth && int(list[i][s.depth]) >= least })
	}
	return span{s.lo + at(int(c)), s.lo + at(int(c)+1), s.depth + 1}
}

// exact returns up to where the span's tokens spell nothing more.
func (l *lexicon) exact(s span) int {
	i := s.lo
	for i < s.hi && len(l.text[i]) == s.depth {
		i++
	}
	return i
}

// encode cuts text into the fewest bytes' worth of surprises it can without
// the model's own rules: the longest token that fits, again and again. Bytes
// that no token has are left out.
func (l *lexicon) encode(text []byte) []int {
	var ids []int
	for len(text) > 0 {
		s, best, n := l.all(), -1, 1
		for d, c := range text {
			if s = l.sub(s, c); s.lo == s.hi {
				break
			}
			if l.exact(s) > s.lo {
				best, n = int(l.ids[s.lo]), d+1
			}
		}
		if best >= 0 {
			ids = append(ids, best)
		}
		text = text[n:]
	}
	return ids
}

// row is what a model expects next, in the order of a lexicon. The tokens that
// add bytes and those that end the answer sum to 1; others don't count.
type row struct {
	p   []float64 // by place in the lexicon
	sum []float64 // of those before
	end float64   // of all tokens that end the answer
}

// mass returns the probability of the tokens from i to j.
func (r *row) mass(i, j int) float64 {
	if i >= j {
		return 0
	}
	m := r.sum[j] - r.sum[i]
	if m > 1e-6 {
		return m
	}
	// The difference of sums near 1 keeps no more than ten digits of a small one.
	m = 0
	for _, p := range r.p[i:j] {
		m += p
	}
	return m
}

// row turns logits into probabilities, with a sampler's filters if any.
func (l *lexicon) row(logits []float32, f *filter) *row {
	r := &row{p: make([]float64, len(l.ids)), sum: make([]float64, len(l.ids)+1)}
	ends := make([]float64, len(l.ends))
	of := func(id int32) float64 {
		if int(id) >= len(logits) || logits[id] != logits[id] {
			return math.Inf(-1)
		}
		return float64(logits[id])
	}
	top := math.Inf(-1)
	for i, id := range l.ids {
		r.p[i] = of(id)
		top = max(top, r.p[i])
	}
	for i, id := range l.ends {
		ends[i] = of(id)
		top = max(top, ends[i])
	}
	if math.IsInf(top, 0) { // nothing can be told
		r.end = 1
		return r
	}
	heat := 1.0
	if f != nil && f.temperature > 0 {
		heat = f.temperature
	}
	total := 0.0
	for i, v := range r.p {
		r.p[i] = math.Exp((v - top) / heat)
		total += r.p[i]
	}
	for i, v := range ends {
		ends[i] = math.Exp((v - top) / heat)
		total += ends[i]
	}
	if f != nil && f.narrows() {
		total = f.cut(r.p, ends, total)
	}
	for i := range r.p {
		r.p[i] /= total
		r.sum[i+1] = r.sum[i] + r.p[i]
	}
	for _, v := range ends {
		r.end += v / total
	}
	return r
}

// filter is how a sampler narrows a distribution.
type filter struct {
	temperature float64 // 0 = the likeliest
	topK        int     // 0 = all
	topP        float64 // 0 or 1 = all
	minP        float64 // 0 = all
}

func (f *filter) narrows() bool {
	return f.temperature > 0 && (f.topK > 0 || f.topP > 0 && f.topP < 1 || f.minP > 0)
}

// cut sets to zero what a sampler would not take and returns the sum of the
// rest: of the topK likeliest those that reach topP together, and of these the
// ones that are at least minP times as likely as the first. The weights in p
// and more sum to total.
func (f *filter) cut(p, more []float64, total float64) float64 {
	top := 0.0
	for _, list := range [][]float64{p, more} {
		for _, v := range list {
			top = max(top, v)
		}
	}
	least := top * f.minP
	if f.topK > 0 || f.topP > 0 && f.topP < 1 {
		order := make([]float64, 0, 256)
		for _, list := range [][]float64{p, more} {
			for _, v := range list {
				if v > 0 && v >= least {
					order = append(order, v)
				}
			}
		}
		slices.SortFunc(order, func(a, b float64) int { return cmp.Compare(b, a) })
		if f.topK > 0 && len(order) > f.topK {
			order = order[:f.topK]
			total = 0
			for _, v := range order {
				total += v
			}
		}
		if f.topP > 0 && f.topP < 1 {
			sum := 0.0
			for i, v := range order {
				if sum += v; sum >= f.topP*total {
					order = order[:i+1]
					break
				}
			}
		}
		if n := len(order); n > 0 {
			least = max(least, order[n-1])
		}
	}
	left := 0.0
	for _, list := range [][]float64{p, more} {
		for i, v := range list {
			if v < least {
				list[i] = 0
			}
			left += list[i]
		}
	}
	return left
}
