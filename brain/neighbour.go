package brain

import (
	"math"
	"math/bits"
)

// near is one training prompt that is like the asked one.
type near struct {
	example int32
	cosine  float32
}

const (
	// maxNear is how many neighbours are found, and heard for what they said:
	// an answer is given again more seldom than members are right.
	maxNear = 100
	// maxLooked is how many of them say how reliable members are.
	maxLooked = 40
)

// half is how much of a sketch is looked at first.
const half = dims / 2

// same is the cosine from which two sketches are of the same text, which is
// no neighbour while training: what is asked later isn't in the store either.
const same = 0.999

// maxCompared is about how many prompts are compared number by number. Of more,
// those are whose signs differ least: of 18,000 prompts of eleven suites a
// quarter so chosen held 98.5 % of the forty nearest, and 99.7 % of their weight.
const maxCompared = 4096

// signs are the signs of a sketch's numbers, one bit each: how many differ
// tells of the angle between two sketches, give or take a tenth.
type signs [dims / 64]uint64

func signsOf(sketch []int8) (s signs) {
	for k, v := range sketch {
		if v > 0 {
			s[k/64] |= 1 << (k % 64)
		}
	}
	return s
}

func (s *signs) differ(t *signs) int {
	n := 0
	for k := range s {
		n += bits.OnesCount64(s[k] ^ t[k])
	}
	return n
}

// within returns by how many signs a prompt may differ to be compared.
func (s *store) within(own *signs) int {
	if len(s.signs) <= maxCompared {
		return dims
	}
	var count [dims + 1]int
	for i := range s.signs {
		count[own.differ(&s.signs[i])]++
	}
	most := 0
	for sum := count[0]; most < dims && sum < maxCompared; sum += count[most] {
		most++
	}
	return most
}

// nearest writes the training prompts most like the sketch, best first, to
// dst, and returns them. Ties go to the earlier example. Prompts that are the
// same text are left out with skipSame.
func (s *store) nearest(sketch []int8, skipSame bool, dst []near) []near {
	dst = dst[:0]
	own := dot(sketch, sketch)
	if own == 0 {
		return dst
	}
	least := float32(0)
	inverse := 1 / math.Sqrt(float64(own))
	tail := float32(math.Sqrt(float64(dot(sketch[half:], sketch[half:]))) * inverse)
	mine := signsOf(sketch)
	within := s.within(&mine)
	for i := range s.norms {
		if s.norms[i] == 0 || mine.differ(&s.signs[i]) > within {
			continue
		}
		v := s.sketches[i*dims : (i+1)*dims]
		d := dot(sketch[:half], v[:half])
		// What the second halves can add at most, by Cauchy and Schwarz, often
		// isn't enough.
		if float32(float64(d)*inverse*float64(s.norms[i]))+tail*s.tails[i] < least-1e-5 {
			continue
		}
		c := float32(float64(d+dot(sketch[half:], v[half:])) * inverse * float64(s.norms[i]))
		if c <= least || (skipSame && c > same) {
			continue
		}
		if len(dst) < maxNear {
			dst = append(dst, near{})
		}
		at := len(dst) - 1
		for ; at > 0 && dst[at-1].cosine < c; at-- {
			dst[at] = dst[at-1]
		}
		dst[at] = near{int32(i), c}
		if len(dst) == maxNear {
			least = dst[maxNear-1].cosine
		}
	}
	return dst
}

// store is what is kept of the training examples.
type store struct {
	n, members int
	sketches   []int8   // [example][dims]
	scores     []uint8  // [example][member]; unasked = no row
	costs      []uint8  // [example][member]; see costOf
	lengths    []uint8  // [example][member]; see lengthOf
	keys       []uint16 // [example][member]; the answer's mark, zero = none
	forms      []uint16 // [example][member]; likewise

	norms []float32 // 1/|sketch|, by example; zero = it has no features
	tails []float32 // |second half of the sketch| / |sketch|
	signs []signs
}

// unasked is the score of a member that has no row for an example.
const unasked = math.MaxUint8

func (s *store) index() {
	s.norms, s.tails, s.signs = make([]float32, s.n), make([]float32, s.n), make([]signs, s.n)
	for i := range s.norms {
		v := s.sketches[i*dims : (i+1)*dims]
		s.signs[i] = signsOf(v)
		if q := dot(v, v); q > 0 {
			s.norms[i] = float32(1 / math.Sqrt(float64(q)))
			s.tails[i] = float32(math.Sqrt(float64(dot(v[half:], v[half:])) / float64(q)))
		}
	}
}

func (s *store) at(example, member int) int { return example*s.members + member }

// Bytes hold scores in steps of 1/254, costs in steps of 1/16 of a natural
// logarithm around the unit, and lengths in steps of 1/20 of one. Zero is a
// cost of nothing and an unknown length.
const (
	scoreUnit, costUnit, lengthUnit = 254, 16, 20
	costMiddle                      = 128
)

func scoreCode(score float64) uint8 {
	return uint8(math.Round(scoreUnit * min(max(score, 0), 1)))
}

func costCode(multiple float64) uint8 {
	if !(multiple > 0) {
		return 0
	}
	return uint8(min(max(math.Round(costUnit*math.Log(multiple))+costMiddle, 1), math.MaxUint8))
}

func costOf(code uint8) float64 { return costTable[code] }

func lengthCode(tokens float64) uint8 {
	if !(tokens > 0) {
		return 0
	}
	return uint8(min(max(math.Round(lengthUnit*logLength(tokens)), 1), math.MaxUint8))
}

// logLength is the logarithm of a reply's length; short ones are much alike.
func logLength(tokens float64) float64 { return math.Log(tokens + 3) }

var costTable = func() (t [256]float64) {
	for i := 1; i < len(t); i++ {
		t[i] = math.Exp((float64(i) - costMiddle) / costUnit)
	}
	return t
}()
