package record

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzReadLines: whatever comes, an error or rows that are valid and read
// back the same; never a panic, never more rows than lines.
func FuzzReadLines(f *testing.F) {
	f.Add([]byte(row("s", "1", "a", `"answer":"1","correct":1,"out_chars":3`)))
	f.Add([]byte(row("s", "1", "a", `"answer":null,"correct":0,"score":0.5,"out_chars":null,"option_scores":[1,2]`) + "\n\n{}"))
	f.Add([]byte(`{"suite":"s","question_id":"1","member":"a","stars_human":{"x":1},"score_gpt4_judge":1}`))
	f.Add([]byte("\xff\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows []Row
		err := readLines(bytes.NewReader(data), "fuzz", func(_ int, r *Row) error {
			if err := r.valid("s"); err != nil {
				return err
			}
			rows = append(rows, *r)
			return nil
		})
		if n := bytes.Count(data, []byte("\n")) + 1; len(rows) > n {
			t.Fatalf("%d rows of %d lines", len(rows), n)
		}
		if err != nil {
			return
		}
		for _, r := range rows {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back []Row
			if err := readLines(bytes.NewReader(line), "fuzz", func(_ int, r *Row) error { back = append(back, *r); return nil }); err != nil {
				t.Fatal(err)
			}
			// Empty lists and maps are not written.
			if len(r.OptionScores) == 0 {
				r.OptionScores = nil
			}
			if len(r.StarsHuman) == 0 {
				r.StarsHuman = nil
			}
			if len(r.StarsGPT4) == 0 {
				r.StarsGPT4 = nil
			}
			if d := cmp.Diff([]Row{r}, back); d != "" {
				t.Fatalf("read back (-want +got):\n%s", d)
			}
		}
	})
}
