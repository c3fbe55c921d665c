// Package simd has the inner loops of the fast CPU engine: packed weights
// times quantised activations, attention, norms, activations of the network,
// conversions. Its nouns are the Tier (which instructions are used), the Form
// (how a quantised matrix is packed) and the Matrix (packed weights).
//
// Amd64 has two tiers in assembly, AVX-512 with VNNI and AVX2 with FMA and
// F16C; every other machine, and the tests, use plain Go. The assembly is
// written by internal/simdgen and committed.
//
// Within a tier a result does not depend on what is computed beside it: each
// output element is one fixed sequence of operations, whatever the number of
// tokens or threads. Every function checks its lengths before assembly
// touches memory, and one call of assembly stays below 100 microseconds,
// since the scheduler cannot interrupt it.
//
// One more quantised form is one file form_<name>.go here and one in
// internal/simdgen.
package simd

//go:generate go run summit/internal/simdgen -o .

import "fmt"

// Tier is a set of instructions.
type Tier uint8

// The tiers, slowest first.
const (
	Plain Tier = iota
	AVX2
	AVX512
	tiers
)

var tierNames = [tiers]string{"plain", "avx2", "avx512"}

// String is the tier's name: plain, avx2 or avx512.
func (t Tier) String() string {
	if t < tiers {
		return tierNames[t]
	}
	return fmt.Sprintf("tier %d", uint8(t))
}

// best is what the processor and the operating system allow.
var best = detect()

// Best is the fastest tier of this machine.
func Best() Tier { return best }

// Tiers lists what this machine can run, slowest first.
func Tiers() []Tier {
	var list []Tier
	for t := Plain; t <= best; t++ {
		list = append(list, t)
	}
	return list
}
