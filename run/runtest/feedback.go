package runtest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"summit/llm"
	"summit/run"
)

// opinion returns what a key says of the i-th entry, a second after it.
func opinion(i int, key string, score float64) run.Feedback {
	e := entry(i)
	return run.Feedback{Run: e.ID, At: e.At.Add(time.Second), Score: score, Source: run.SourceUser, KeyID: key, Tenant: e.Tenant}
}

func rate(t *testing.T, s run.Store, all ...run.Feedback) {
	t.Helper()
	for _, f := range all {
		if err := s.AddFeedback(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

// rates fails unless the i-th entry has exactly that feedback, in Get and in
// Latest.
func rates(t *testing.T, s run.Store, i int, want ...run.Feedback) {
	t.Helper()
	one, err := s.Get(t.Context(), entry(i).ID)
	if err != nil || !reflect.DeepEqual(one.Feedback, want) {
		t.Errorf("get: feedback %+v, %v, want %+v", one.Feedback, err, want)
	}
	all, err := s.Latest(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.ID == one.ID && !reflect.DeepEqual(e.Feedback, want) {
			t.Errorf("latest: feedback %+v, want %+v", e.Feedback, want)
		}
	}
}

func feedback(t *testing.T, s run.Store) {
	add(t, s, 0, 3)
	a, b, checked := opinion(1, "key_a", 0.7), opinion(1, "key_b", 0), opinion(1, "key_a", 1)
	b.At = b.At.Add(-time.Millisecond)
	checked.Source = run.SourceVerified
	fine := opinion(2, "", 1.0/3)
	fine.At = fine.At.Add(1234567).In(time.FixedZone("CST", 8*3600))
	rate(t, s, a, b, fine, checked)
	rates(t, s, 0)
	rates(t, s, 1, b, a, checked)
	fine.At, fine.Score = entry(2).At.Add(1001*time.Millisecond), 0.333333
	rates(t, s, 2, fine)
	has(t, s, 2, 1, 0)
}

func feedbackTwice(t *testing.T, s run.Store) {
	add(t, s, 0, 2)
	first, other, second := opinion(0, "key_a", 1), opinion(0, "key_b", 1), opinion(0, "key_a", 0.2)
	second.At = second.At.Add(time.Minute)
	rate(t, s, first, other)
	before, err := s.Get(t.Context(), first.Run)
	if err != nil {
		t.Fatal(err)
	}
	rate(t, s, second, opinion(1, "key_a", 1))
	rates(t, s, 0, other, second)
	rates(t, s, 1, opinion(1, "key_a", 1))
	if want := []run.Feedback{first, other}; !reflect.DeepEqual(before.Feedback, want) {
		t.Errorf("an entry that was handed out has now feedback %+v, want %+v", before.Feedback, want)
	}
}

func feedbackWithoutRun(t *testing.T, s run.Store) {
	add(t, s, 0, 1)
	unknown, foreign := opinion(5, "key_a", 1), opinion(0, "key_a", 1)
	foreign.Tenant = "lab"
	for _, f := range []run.Feedback{unknown, foreign, {Source: run.SourceUser}} {
		err := s.AddFeedback(t.Context(), f)
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.NotFound || !strings.Contains(e.Message, f.Run) {
			t.Errorf("run %q of tenant %q: %v, want kind not_found and the id", f.Run, f.Tenant, err)
		}
	}
	rates(t, s, 0)
}

func feedbackInvalid(t *testing.T, s run.Store) {
	add(t, s, 0, 1)
	f := func(score float64, source run.Source, param string) {
		t.Helper()
		wrong := opinion(0, "key_a", score)
		wrong.Source = source
		var e *llm.Error
		if err := s.AddFeedback(t.Context(), wrong); !errors.As(err, &e) || e.Kind != llm.Invalid || e.Param != param {
			t.Errorf("score %v from %q: %v, want kind invalid and param %q", score, source, err, param)
		}
	}
	f(-0.001, run.SourceUser, "score")
	f(1.001, run.SourceUser, "score")
	f(math.NaN(), run.SourceUser, "score")
	f(math.Inf(1), run.SourceUser, "score")
	f(1, "", "source")
	f(1, run.Source(strings.Repeat("gossip", 1000)), "source")
	rates(t, s, 0)
}

func feedbackByMany(t *testing.T, s run.Store) {
	const most = 64
	add(t, s, 0, 1)
	var all []run.Feedback
	for i := range most + 3 {
		f := opinion(0, fmt.Sprintf("key_%03d", i), 1)
		f.At = f.At.Add(time.Duration(i) * time.Second)
		all = append(all, f)
	}
	rate(t, s, all...)
	rates(t, s, 0, all[3:]...)
}

func feedbackGoes(t *testing.T, s run.Store) {
	add(t, s, 0, 2)
	rate(t, s, opinion(0, "key_a", 1), opinion(1, "key_a", 1), opinion(1, "key_b", 1))
	prune(t, s, start, 1, 10, 1) // feedback that goes too is not counted
	rates(t, s, 1, opinion(1, "key_a", 1), opinion(1, "key_b", 1))
	prune(t, s, start, 0, 10, 1)
	add(t, s, 0, 2) // whatever number a store gives them
	rates(t, s, 0)
	rates(t, s, 1)
}
