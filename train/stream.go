package train

import "math/rand/v2"

// place is how far a source has been read; with the recipe it says everything.
type place struct {
	Epoch  int   `json:"epoch"`
	At     int   `json:"at"`     // documents of this epoch
	Tokens int64 `json:"tokens"` // inputs of all epochs
}

// stream deals documents of several sources by their weights, endlessly. The
// next one comes from the source that is furthest behind its share.
type stream struct {
	sources []*corpus
	weights []float64
	seed    uint64
	places  []place
	orders  [][]int32 // of each source's epoch; nil = not drawn yet
}

func newStream(sources []*corpus, weights []float64, seed uint64) *stream {
	return &stream{sources: sources, weights: weights, seed: seed, places: make([]place, len(sources)), orders: make([][]int32, len(sources))}
}

// next is the source whose turn it is.
func (s *stream) next() int {
	best, least := 0, 0.0
	for i := range s.places {
		behind := float64(s.places[i].Tokens) / s.weights[i]
		if i == 0 || behind < least {
			best, least = i, behind
		}
	}
	return best
}

// peek returns the document whose turn it is; take goes on to the next.
func (s *stream) peek() ([]int32, []bool, int) {
	i := s.next()
	p := &s.places[i]
	if s.orders[i] == nil {
		s.orders[i] = shuffled(s.sources[i].len(), s.seed, uint64(i)<<32|uint64(p.Epoch))
	}
	ids, learn := s.sources[i].document(int(s.orders[i][p.At]))
	return ids, learn, i
}

func (s *stream) take(i, tokens int) {
	p := &s.places[i]
	p.Tokens += int64(tokens)
	if p.At++; p.At == s.sources[i].len() {
		p.At, s.orders[i] = 0, nil
		p.Epoch++
	}
}

func shuffled(n int, seed, which uint64) []int32 {
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	rng := rand.New(rand.NewPCG(seed, which))
	rng.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// document is one that a step learns.
type document struct {
	ids   []int32
	learn []bool
}

// sequences takes documents for n sequences of at most context inputs each.
func (s *stream) sequences(n, context int) [][]document {
	out := make([][]document, n)
	for i := range out {
		left := context
		for {
			ids, learn, source := s.peek()
			tokens := len(ids) - 1
			if tokens > left {
				break
			}
			out[i] = append(out[i], document{ids, learn})
			s.take(source, tokens)
			left -= tokens
		}
	}
	return out
}

// learned counts the targets that count.
func learned(sequences [][]document) int {
	n := 0
	for _, s := range sequences {
		for _, d := range s {
			for _, l := range d.learn[1:] {
				if l {
					n++
				}
			}
		}
	}
	return n
}
