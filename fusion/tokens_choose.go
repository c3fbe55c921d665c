package fusion

import (
	"math"
	"math/rand/v2"
)

// chooser takes the next symbol from a distribution.
type chooser struct {
	filter *filter
	rng    *rand.Rand
}

// draw takes one by chance; -1 where none is possible.
func (c *chooser) draw(p []float64) int {
	total := 0.0
	for _, v := range p {
		total += v
	}
	if !(total > 0) {
		return -1
	}
	at, last := c.rng.Float64()*total, -1
	for i, v := range p {
		if v <= 0 {
			continue
		}
		if last = i; at < v {
			return i
		}
		at -= v
	}
	return last // what rounding left over
}

// likeliest returns the first of the likeliest; -1 where none is possible.
func likeliest(p []float64) int {
	best := -1
	for i, v := range p {
		if v > 0 && (best < 0 || v > p[best]) {
			best = i
		}
	}
	return best
}

// token takes a token from a mixture, which it changes.
func (c *chooser) token(p []float64) int {
	if c.filter.temperature == 0 {
		return likeliest(p)
	}
	c.filter.warm(p)
	return c.draw(p)
}

// warm makes of a distribution what a sampler draws from.
func (f *filter) warm(p []float64) {
	if f.temperature != 1 {
		for i, v := range p {
			if v > 0 {
				p[i] = math.Pow(v, 1/f.temperature)
			}
		}
	}
	if f.narrows() {
		total := 0.0
		for _, v := range p {
			total += v
		}
		f.cut(p, nil, total)
	}
	scaleTo1(p)
}

// text takes a byte or the end from a mixture, which it changes: only such as
// make UTF-8 after the begun character. At temperature 0 it takes the
// likeliest character, by what ahead knows of the bytes that may come.
func (c *chooser) text(p []float64, begun []byte, ahead func([]byte) float64) []int {
	for i := range bytesEnd {
		if !follows(begun, byte(i)) {
			p[i] = 0
		}
	}
	if len(begun) > 0 {
		p[bytesEnd] = 0
	}
	if c.filter.temperature > 0 {
		return []int{c.draw(p)}
	}
	best := likeliest(p)
	if len(begun) > 0 || ahead == nil || best < 0 {
		return []int{best}
	}
	// The byte that most characters begin with need not begin the likeliest.
	top, found := 0.0, []int{best}
	var search func(prefix []byte, mass float64)
	search = func(prefix []byte, mass float64) {
		if mass <= top {
			return
		}
		if len(prefix) > 0 && len(prefix) == length(prefix[0]) {
			top, found = mass, nil
			for _, b := range prefix {
				found = append(found, int(b))
			}
			return
		}
		for b := 0x80; b <= 0xbf; b++ {
			if follows(prefix, byte(b)) {
				next := append(prefix[:len(prefix):len(prefix)], byte(b))
				search(next, ahead(next))
			}
		}
	}
	if best == bytesEnd || best < 0x80 {
		top = p[best]
	} else {
		if search([]byte{byte(best)}, p[best]); top == 0 {
			return found // no token has a whole character that begins so
		}
	}
	for i, v := range p[:bytesEnd] {
		if i != best && v > top {
			search([]byte{byte(i)}, v)
		}
	}
	return found
}
