package cpu

import (
	"testing"

	"summit/tensor"
	"summit/tensor/tensortest"
)

func plain() (tensor.Backend, error) {
	return Open(tensor.Options{Exact: true, Threads: 1, Kernels: "plain"})
}

func TestReference(t *testing.T) {
	tensortest.Suite(t, plain, plain, tensortest.Bounds{})
}
