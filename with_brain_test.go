package summit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/brain"
	"summit/llm"
)

// trained writes a brain that saw one member always right and one always
// wrong, at the same cost.
func trained(t *testing.T, right, wrong string) string {
	t.Helper()
	return trainedWith(t, 1, right, 0, wrong)
}

// trainedWith writes a brain that saw two members right on such shares of the
// questions, at the same cost.
func trainedWith(t *testing.T, first float64, one string, second float64, two string) string {
	t.Helper()
	score := func(i int, share float64) (string, float64) {
		if float64(i*37%80) < 80*share {
			return fmt.Sprint(1000 + 4*i), 1
		}
		return fmt.Sprint(1001 + 4*i), 0
	}
	var examples []brain.Example
	for i := range 80 {
		key, right := score(i, first)
		other, too := score(79-i, second)
		if too == 1 {
			other = fmt.Sprint(1000 + 4*i)
		}
		examples = append(examples, brain.Example{
			Prompt: fmt.Sprintf("What is %d plus %d?", i, 3*i),
			Replies: []brain.Reply{
				{Member: 0, Key: key, Score: right, Cost: 1, Tokens: 10},
				{Member: 1, Key: other, Score: too, Cost: 1, Tokens: 10},
			},
		})
	}
	b, err := brain.Train(examples, brain.Options{Members: []brain.Member{{Name: one}, {Name: two}}})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := b.Write(&file); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "summit.brain")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBrainLeadsAuto(t *testing.T) {
	f := func(file, want string) *Summit {
		t.Helper()
		s := open(t, Config{
			Members: map[string]Member{"one": says("The answer is 1."), "two": says("The answer is 2.")},
			Brain:   Brain{File: file},
		})
		if got := said(t, s, "summit"); got != want {
			t.Errorf("led by %s summit said %q, want %q", filepath.Base(file), got, want)
		}
		return s
	}
	f(trained(t, "one", "two"), "The answer is 1.")
	s := f(trained(t, "two", "one"), "The answer is 2.")

	// A reload takes another brain, and says so.
	changes, err := s.Reload(t.Context(), Config{
		Members: map[string]Member{"one": says("The answer is 1."), "two": says("The answer is 2.")},
		Brain:   Brain{File: trained(t, "one", "two")},
	})
	if err != nil || changes.String() != "changed brain" {
		t.Errorf("changes %q, %v, want the brain's alone", changes, err)
	}
	if got := said(t, s, "summit"); got != "The answer is 1." {
		t.Errorf("after the reload summit said %q", got)
	}
	m, err := s.Model("summit")
	if err != nil {
		t.Fatal(err)
	}
	reply, err := llm.Collect(m.Generate(t.Context(), ask("What is 5 plus 6?")))
	if err != nil || len(reply.Outcome.Parts) != 1 || reply.Outcome.ConfidencePPM == 0 {
		t.Errorf("parts %d, confidence %d, %v, want one member asked and a confidence", len(reply.Outcome.Parts), reply.Outcome.ConfidencePPM, err)
	}
}

func TestBrainThatCantBeRead(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("no brain"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{broken, filepath.Join(t.TempDir(), "missing")} {
		_, err := Open(t.Context(), Config{Ephemeral: true, Members: map[string]Member{"a": says("x")}, Brain: Brain{File: file}})
		var not *NotReadyError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), "brain.file") || not.Next == "" {
			t.Errorf("%s: %v, want what is missing and a next step", filepath.Base(file), err)
		}
	}
}
