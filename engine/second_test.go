package engine

import (
	"math"
	"testing"

	"summit/arch"
	"summit/arch/archtest"
	"summit/tensor"
)

// TestSecondOpinion runs the models that no reference engine knows and compares with the decoders that archtest has
// written a second time, in one go and token by token.
func TestSecondOpinion(t *testing.T) {
	for _, c := range archtest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			m, err := arch.Load(c)
			if err != nil {
				t.Fatal(err)
			}
			e := openModel(t, m, tensor.Options{Exact: true, Threads: 1}, Options{})
			want, got := c.Logits(c.Prompt), logits(t, e, c.Prompt)
			worst := 0.0
			for i := range want {
				for j := range want[i] {
					if d := math.Abs(float64(got[i][j] - want[i][j])); !(d <= worst) {
						worst = d
					}
				}
			}
			if !(worst <= 1e-4) {
				t.Errorf("logits are %.3g away from the second implementation, want at most 1e-4", worst)
			}
			s, err := e.NewSession("alone")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var rows [][]float32
			for _, id := range c.Prompt {
				row, err := s.Append(t.Context(), []int{id})
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, row...)
			}
			same(t, "token by token", rows, got)
		})
	}
}
