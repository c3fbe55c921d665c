package engine

import (
	"encoding/json"
	"os"
	"testing"

	"summit/tensor"
)

// TestStories: a model that was trained tells its stories token for token.
func TestStories(t *testing.T) {
	text, err := os.ReadFile("../../shared/weights/stories260K.json")
	if err != nil {
		t.Skip("../shared/weights is not here")
	}
	var stories struct {
		Cases []struct {
			IDs    []int     `json:"ids"`
			Greedy []int     `json:"greedy"`
			Margin []float64 `json:"margin"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &stories); err != nil {
		t.Fatal(err)
	}
	m := openFile(t, "../../shared/weights/stories260K.gguf")
	for _, exact := range []bool{true, false} {
		e := openModel(t, m, tensor.Options{Exact: exact, Threads: 1}, Options{})
		for _, c := range stories.Cases {
			if len(c.Greedy) < 100 || len(c.Margin) != len(c.Greedy) {
				t.Fatalf("a story of %d tokens with %d margins, want 100 or more", len(c.Greedy), len(c.Margin))
			}
			checkGreedy(t, e, c.IDs, c.Greedy, c.Margin, 0.01)
		}
	}
}
