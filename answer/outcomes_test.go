package answer

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// outcomes is where the recorded answers of many models lie beside the
// repository. They are third-party data and not part of it.
const outcomes = "../../shared/outcomes"

// TestOutcomes measures the package on recorded answers, which are normalised
// already: equal strings mean the same, and other strings mean something else,
// but for how they are written. Every answer must be found in itself, and
// answers that end up with one key should be both right or both wrong.
//
// rows, covered: answers and the share that Final takes.
// merged: rows whose answer another spelling of the question shares.
// disagree: of those, rows that were marked unlike the most frequent spelling.
// apart: of those, rows whose spelling differs in more than marks around the
// answer, the form of quotes and numbers and the order in a set, for which
// sources mark an answer down (2.0 for 2, $\boxed{c}$ for c).
// agree: share of the rows that gave their question's most frequent answer.
// same: pairs of answers to one question with one class and two keys, and the
// share of them that were marked alike. Sources mark by the text: korbench
// takes 3/4 and not \frac{3}{4}, so the figure is a lower bound.
// reference: share of the right rows with the key of the reference, and of the
// wrong ones. The source of cruxeval compared the text of dictionaries, for
// which the order counts, and of strings, whose line breaks were escaped.
func TestOutcomes(t *testing.T) {
	if _, err := os.Stat(outcomes); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no recorded outcomes beside the repository: nothing to measure on")
	}
	fmt.Fprintf(t.Output(), "%-9s %7s %8s %7s %9s %7s %7s %18s %14s\n", "suite", "rows", "covered", "merged", "disagree", "apart", "agree", "reference", "same")
	for _, c := range []struct {
		suite     string
		reference bool    // references are written like the answers
		same      float64 // at least so many pairs of one class are marked alike
	}{
		{"gsm8k", true, 1}, {"cruxeval", true, 0.99}, {"mathl5", true, 0.6}, {"korbench", false, 0.75}, {"rgym", false, 0.97}, {"mmlupro", true, 1}, {"lawbench", true, 1}, {"theme", true, 1},
	} {
		t.Run(c.suite, func(t *testing.T) {
			m := measure(t, c.suite)
			share := func(part, whole int) float64 { return float64(part) / float64(max(whole, 1)) }
			fmt.Fprintf(t.Output(), "%-9s %7d %7.2f%% %6.2f%% %8.3f%% %6.3f%% %6.1f%% %8.2f%% %8.2f%% %6d %6.2f%%\n", c.suite, m.rows,
				100*share(m.covered, m.rows), 100*share(m.merged, m.rows), 100*share(m.disagree, m.rows), 100*share(m.apart, m.rows),
				100*share(m.agree, m.rows), 100*share(m.rightAsReference, m.right), 100*share(m.wrongAsReference, m.rows-m.right), m.pairs, 100*share(m.alike, m.pairs))
			if m.pairs > 0 && share(m.alike, m.pairs) < c.same {
				t.Errorf("%.2f%% of %d pairs of one class are marked alike, want at least %.0f%%", 100*share(m.alike, m.pairs), m.pairs, 100*c.same)
			}
			if got := share(m.covered, m.rows); got < 0.995 {
				t.Errorf("%.2f%% of %d answers are found, want at least 99.5%%", 100*got, m.rows)
			}
			if got := share(m.apart, m.rows); got >= 0.001 {
				t.Errorf("%.3f%% of %d answers are counted as one with an answer that was marked otherwise, want less than 0.1%%", 100*got, m.rows)
			}
			if got := share(m.disagree, m.rows); got >= 0.005 {
				t.Errorf("%.3f%% of %d answers are counted as one with another spelling that was marked otherwise, want less than 0.5%%", 100*got, m.rows)
			}
			if !c.reference {
				return
			}
			if got := share(m.rightAsReference, m.right); got < 0.99 {
				t.Errorf("%.2f%% of %d right answers have the key of the reference, want at least 99%%", 100*got, m.right)
			}
			if got := share(m.wrongAsReference, m.rows-m.right); got > 0.02 {
				t.Errorf("%.2f%% of %d wrong answers have the key of the reference, want at most 2%%", 100*got, m.rows-m.right)
			}
		})
	}
}

type measured struct {
	rows, covered, merged, disagree, apart, agree int
	right, rightAsReference, wrongAsReference     int
	pairs, alike                                  int // of one class and two keys
}

func measure(t *testing.T, suite string) measured {
	references := map[string]string{}
	readLines(t, suite+".questions.train.jsonl.gz", func(line []byte) error {
		var q struct {
			ID        string  `json:"question_id"`
			Reference *string `json:"reference"`
		}
		if err := json.Unmarshal(line, &q); err != nil {
			return err
		}
		if q.Reference != nil {
			a, _ := Normalize(*q.Reference)
			references[q.ID] = a.Key
		}
		return nil
	})

	var m measured
	clusters := map[string]map[string]marksOf{} // by question and key
	type marked struct {
		key   string
		score float64
	}
	classes := map[[2]string][]marked{} // by question and class
	readLines(t, suite+".outcomes.train.jsonl.gz", func(line []byte) error {
		var r struct {
			Question string   `json:"question_id"`
			Answer   *string  `json:"answer"`
			Correct  float64  `json:"correct"`
			Score    *float64 `json:"score"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		if r.Answer == nil || strings.HasPrefix(*r.Answer, "tie:") {
			return nil
		}
		m.rows++
		score := r.Correct
		if r.Score != nil {
			score = *r.Score
		}
		if r.Correct == 1 {
			m.right++
		}
		a, ok := Final(written(*r.Answer))
		if !ok {
			return nil
		}
		m.covered++
		at := [2]string{r.Question, a.Class()}
		for _, other := range classes[at] {
			if other.key != a.Key {
				m.pairs++
				if math.Abs(other.score-score) <= 0.02 { // some sources give a little for the form
					m.alike++
				}
			}
		}
		classes[at] = append(classes[at], marked{a.Key, score})
		if a.Key == references[r.Question] {
			if r.Correct == 1 {
				m.rightAsReference++
			} else {
				m.wrongAsReference++
			}
		}
		if clusters[r.Question] == nil {
			clusters[r.Question] = map[string]marksOf{}
		}
		if clusters[r.Question][a.Key] == nil {
			clusters[r.Question][a.Key] = marksOf{}
		}
		spellings := clusters[r.Question][a.Key]
		if spellings[*r.Answer] == nil {
			spellings[*r.Answer] = map[float64]int{}
		}
		spellings[*r.Answer][score]++
		return nil
	})
	for _, keys := range clusters {
		top := 0
		for _, spellings := range keys {
			rows, main, mainRows, mainScore := 0, "", 0, 0.0
			for s := range spellings {
				score, n := spellings.usual(s)
				rows += n
				if n > mainRows || n == mainRows && s < main {
					main, mainRows, mainScore = s, n, score
				}
			}
			top = max(top, rows)
			m.merged += rows - mainRows
			for s := range spellings {
				if score, n := spellings.usual(s); score != mainScore {
					m.disagree += n
					if bones(s) != bones(main) {
						m.apart += n
						t.Logf("%q is %v, %q is %v", s, score, main, mainScore)
					}
				}
			}
		}
		m.agree += top
	}
	return m
}

// marksOf holds the scores of each spelling: score to rows.
type marksOf map[string]map[float64]int

// usual returns the score that most rows of the spelling have, and how many
// rows it has: some sources mark the reasoning too, so that equal answers
// differ.
func (m marksOf) usual(spelling string) (score float64, rows int) {
	most := 0
	for s, n := range m[spelling] {
		rows += n
		if n > most || n == most && s > score {
			score, most = s, n
		}
	}
	return score, rows
}

// written is the reply that stands for a recorded answer: the answer, in
// quotes where blanks at its ends or line breaks are part of it.
func written(answer string) string {
	if answer == "" || trim(answer) != answer || strings.ContainsAny(answer, "\n\r") {
		return strconv.Quote(answer)
	}
	return answer
}

// bones is a spelling without what its writing adds.
func bones(s string) string {
	if inner, ok := strings.CutPrefix(strings.Trim(s, "$"), `\boxed{`); ok {
		s = strings.TrimSuffix(inner, "}")
	}
	unordered := strings.HasPrefix(s, "{")
	s = strings.NewReplacer(`\dfrac`, "", `\frac`, "", "}{", "/", "**", "", "$", "", "'", "", `"`, "",
		"[", "", "]", "", "{", "", "}", "", ", ", ",", ": ", ":", " - ", "-", " + ", "+").Replace(s)
	s = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s, "%"), "."), ".0")
	if unordered {
		parts := strings.Split(s, ",")
		slices.Sort(parts)
		s = strings.Join(parts, ",")
	}
	return s
}

func readLines(t *testing.T, name string, do func([]byte) error) {
	t.Helper()
	f, err := os.Open(filepath.Join(outcomes, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 4<<20)
	for n := 1; lines.Scan(); n++ {
		if err := do(lines.Bytes()); err != nil {
			t.Fatalf("%s: line %d: %v", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
