package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"summit/llm"
)

// Source says how an opinion about an answer came to be.
type Source string

// The sources. The first is told by somebody; the others are seen in what is
// done with an answer.
const (
	SourceUser     Source = "user"     // said so, through the feedback endpoint
	SourceVerified Source = "verified" // a check of the answer passed or failed
	SourceRetry    Source = "retry"    // the same was asked again soon
	SourceEdit     Source = "edit"     // the conversation was asked again with its last question changed
	SourceAbort    Source = "abort"    // the client left in the middle of the answer
)

var sources = []Source{SourceUser, SourceVerified, SourceRetry, SourceEdit, SourceAbort}

// Weight says how much a label of this source counts beside what a person
// said: for how many words of people it stands. All but the first two are
// guesses. Somebody who asks again, or asks otherwise, often liked the answer
// well and wanted another one; somebody who leaves may have had enough of it.
func (s Source) Weight() float64 {
	switch s {
	case SourceUser:
		return 1
	case SourceVerified:
		return 1
	case SourceRetry:
		return 0.25
	case SourceEdit:
		return 0.15
	case SourceAbort:
		return 0.1
	}
	return 0
}

// Feedback is an opinion about one answer: a number and where it is from, no
// text. A key has one of each source on a run: a later one takes the place of
// the earlier.
type Feedback struct {
	Run    string // the Entry's ID
	At     time.Time
	Score  float64 // 0 = bad, 1 = good; kept to the millionth
	Source Source
	KeyID  string // whose it is; empty = given without a key
	Tenant string // of the key and of the run
}

// MarshalJSON writes what an entry in the admin API does not say itself.
func (f Feedback) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		At     time.Time `json:"at"`
		Score  float64   `json:"score"`
		Source Source    `json:"source"`
		Weight float64   `json:"weight"`
		KeyID  string    `json:"key_id,omitempty"`
	}{f.At.UTC(), f.Score, f.Source, f.Source.Weight(), f.KeyID})
}

// maxFeedback is the most that is kept of one run: a figure for people who
// share a run, not a sample to count. Beyond it the oldest goes.
const maxFeedback = 64

// perOne is the grain of scores.
const perOne = 1_000_000

// check refuses what no store may keep.
func (f Feedback) check() error {
	wrong := func(param, format string, args ...any) error {
		e := llm.Errorf(llm.Invalid, format, args...)
		e.Param = param
		return e
	}
	switch {
	case !(f.Score >= 0 && f.Score <= 1): // written so that NaN is refused too
		return wrong("score", "score is %v, want 0 (bad) to 1 (good)", f.Score)
	case !slices.Contains(sources, f.Source):
		return wrong("source", "source is %q, want one of %v", clip(string(f.Source), 60), sources)
	}
	return nil
}

// ppm returns the score as stores keep it.
func (f Feedback) ppm() int64 { return int64(math.Round(f.Score * perOne)) }

// grain returns the feedback as every store keeps it.
func (f Feedback) grain() Feedback {
	f.At = f.At.UTC().Truncate(time.Millisecond)
	f.Score = float64(f.ppm()) / perOne
	return f
}

// inOrder sorts feedback as entries show it: the oldest first.
func inOrder(a, b Feedback) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.KeyID, b.KeyID), cmp.Compare(a.Source, b.Source))
}

// addTo returns the feedback of a run with f among it, in a slice of its own.
func (f Feedback) addTo(all []Feedback) []Feedback {
	all = slices.DeleteFunc(slices.Clone(all), func(g Feedback) bool { return g.KeyID == f.KeyID && g.Source == f.Source })
	all = append(all, f)
	slices.SortFunc(all, inOrder)
	return all[max(len(all)-maxFeedback, 0):]
}

// feedbackOf reads what SQLite's aggregate wrote of one run: a list of
// [at, score in millionths, source, key].
func feedbackOf(e Entry, text string) ([]Feedback, error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	all := make([]Feedback, 0, len(rows))
	for _, r := range rows {
		f := Feedback{Run: e.ID, Tenant: e.Tenant}
		var at, ppm int64
		into := []any{&at, &ppm, &f.Source, &f.KeyID}
		if len(r) != len(into) {
			return nil, fmt.Errorf("feedback with %d columns, want %d", len(r), len(into))
		}
		for i, column := range r {
			if err := json.Unmarshal(column, into[i]); err != nil {
				return nil, err
			}
		}
		f.At, f.Score = time.UnixMilli(at).UTC(), float64(ppm)/perOne
		all = append(all, f)
	}
	slices.SortFunc(all, inOrder)
	return all, nil
}
