package cpu

import (
	"fmt"
	"testing"

	"summit/backend/cpu/simd"
	"summit/tensor"
	"summit/tensor/tensortest"
)

// Every fast tier of this machine against the reference, on one and on three
// workers: more than there may be cores, so that they are often late.
func TestFast(t *testing.T) {
	for _, tier := range simd.Tiers()[1:] {
		for _, threads := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s on %d", tier, threads), func(t *testing.T) {
				open := func() (tensor.Backend, error) {
					return Open(tensor.Options{Threads: threads, Kernels: tier.String()})
				}
				tensortest.Suite(t, open, plain, tensortest.Bounds{})
			})
		}
	}
}
