package cpu

import (
	"testing"

	"summit/backend/cpu/simd"
	"summit/tensor"
	"summit/tensor/tensortest"
)

// Every operation of training, in plain Go and in each tier of this machine.
func TestTrainer(t *testing.T) {
	for _, tier := range simd.Tiers() {
		t.Run(tier.String(), func(t *testing.T) {
			tensortest.Trainer(t, func() (tensor.Backend, error) {
				return Open(tensor.Options{Threads: 1, Kernels: tier.String()})
			})
		})
	}
}
