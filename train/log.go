package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// entry is a line of log.jsonl.
type entry struct {
	Step            int          `json:"step"`
	Loss            float64      `json:"loss"`
	Rate            float64      `json:"rate"`
	Norm            float64      `json:"norm"`
	Tokens          int64        `json:"tokens"`
	TokensPerSecond float64      `json:"tokens_per_second"`
	FlopsPerSecond  float64      `json:"flops_per_second"`
	Seconds         float64      `json:"seconds"`
	HeldOut         []Evaluation `json:"held_out,omitempty"`
}

func (s *run) file(name string) string { return filepath.Join(s.recipe.path(s.recipe.Out), name) }

// openLog begins a new log, or goes on with the one of a resumed run after
// what the checkpoint knows.
func (s *run) openLog() error {
	var kept bytes.Buffer
	if s.done > 0 {
		b, err := os.ReadFile(s.file("log.jsonl"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("train: log: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(b))
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			var e entry
			if json.Unmarshal(lines.Bytes(), &e) != nil || e.Step > s.done {
				break
			}
			kept.Write(append(lines.Bytes(), '\n'))
			s.curve = append(s.curve, point{e.Step, e.Loss})
			if len(e.HeldOut) > 0 {
				s.evals = append(s.evals, point{e.Step, e.HeldOut[0].Loss})
			}
		}
	}
	f, err := os.Create(s.file("log.jsonl"))
	if err != nil {
		return fmt.Errorf("train: log: %w", err)
	}
	s.log = f
	if _, err := f.Write(kept.Bytes()); err != nil {
		return fmt.Errorf("train: log: %w", err)
	}
	return nil
}

func (s *run) record(st Status) error {
	b, err := json.Marshal(entry{st.Step, st.Loss, st.Rate, st.Norm, st.Tokens, st.TokensPerSecond, st.FlopsPerSecond, st.Took.Seconds(), st.HeldOut})
	if err == nil {
		_, err = s.log.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("train: log: %w", err)
	}
	return nil
}
