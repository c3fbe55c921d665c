package arch

import "testing"

// PlainLogits runs a model by the letter of config.go, for tests outside the package.
func PlainLogits(t *testing.T, m *Model, ids []int) [][]float32 { return newPlain(t, m).logits(ids) }
