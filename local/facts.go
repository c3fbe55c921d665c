package local

import (
	"math"

	"summit/arch"
	"summit/weights"
)

// facts are what a card tells of a file.
type facts struct {
	name, architecture string
	windowTokens       int
	vocab              int
	unverified         bool
}

func factsOf(f *weights.File) (facts, error) {
	m, err := arch.Load(f)
	if err != nil {
		return facts{}, err
	}
	return facts{name: m.Name, architecture: m.Arch, windowTokens: m.WindowTokens, vocab: m.Vocab, unverified: m.Unverified != ""}, nil
}

// unit scales a vector to length 1.
func unit(v []float32) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return v
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
	return v
}
