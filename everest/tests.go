package everest

import (
	"embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Question is one question of a skill's frozen test set.
type Question struct {
	ID        string `json:"id"`
	Text      string `json:"question"`
	Reference string `json:"reference"` // the whole answer with its steps; of poems the form
	Lang      string `json:"lang"`
}

// testSize is how many questions each test set has.
const testSize = 200

//go:embed test/*.jsonl
var testFiles embed.FS

// Tests returns the skill's test set. It was made before any model was
// trained; none of its problems is in any training data, in any wording.
func Tests(skill string) ([]Question, error) {
	data, err := testFiles.ReadFile("test/" + skill + ".jsonl")
	if err != nil {
		return nil, fmt.Errorf("everest: tests of %q: %w", skill, err)
	}
	var all []Question
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var q Question
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			return nil, fmt.Errorf("everest: test/%s.jsonl:%d: %w", skill, i+1, err)
		}
		all = append(all, q)
	}
	return all, nil
}

// makeTests makes the test set of a skill: the same on every machine.
func makeTests(s *Skill) []Question {
	r := rand.New(rand.NewPCG(20261126, 0x74657374)) // "test"
	var all []Question
	seen := map[string]bool{}
	for len(all) < testSize {
		e := s.Ask(r)
		if e.Part() != Test || seen[e.Key] {
			continue
		}
		seen[e.Key] = true
		all = append(all, Question{fmt.Sprintf("%s-%03d", s.Name, len(all)+1), e.Prompt, e.Answer, e.Lang})
	}
	return all
}
