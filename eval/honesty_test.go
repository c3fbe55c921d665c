package eval

import (
	"strings"
	"testing"

	"summit/record"
)

func TestHonesty(t *testing.T) {
	dir := t.TempDir()
	noisy(200, 200).write(t, dir)
	programs().write(t, dir)
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Honesty(t.Context(), Options{Folder: folder, Train: []string{"train"}, Test: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed || len(r.Suites) != 1 || len(r.Skipped) != 1 || len(r.Suites[0].Corrupted.Brain) != 64 {
		t.Errorf("%+v, want one suite that passed and one without votes", r)
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil || strings.Count(table.String(), "passed") != 2 || !strings.Contains(table.String(), "left out") {
		t.Errorf("table %q, %v", table.String(), err)
	}
	if _, err := Honesty(t.Context(), Options{Folder: folder, Train: []string{"train"}, Test: "train"}); err == nil {
		t.Error("the same split to fit on and to report is no error")
	}
}

// TestPermute: all labels are still there, and at other places.
func TestPermute(t *testing.T) {
	dir := t.TempDir()
	noisy(100, 100).write(t, dir)
	folder, _ := record.OpenDir(dir)
	s, err := folder.Read("noisy", "train", "dev")
	if err != nil {
		t.Fatal(err)
	}
	var before []float64
	sum := func() (total float64) {
		for q := range s.Questions {
			for m := range s.Members {
				total += s.Cell(q, m).Score
			}
		}
		return total
	}
	for q := range s.Questions {
		before = append(before, s.Cell(q, 0).Score)
	}
	want := sum()
	permute(s, indices(len(s.Members)))
	moved := 0
	for q := range s.Questions {
		if s.Cell(q, 0).Score != before[q] {
			moved++
		}
	}
	if got := sum(); got != want || moved < len(before)/10 {
		t.Errorf("sum %v, want %v; %d of %d labels moved", got, want, moved, len(before))
	}
}

// TestHonestyShared holds the checks on one suite of the recordings.
func TestHonestyShared(t *testing.T) {
	folder := sharedFolder(t)
	r, err := Honesty(t.Context(), Options{Folder: folder, Train: []string{"train"}, Test: "dev", Suites: []string{"mathl5"}, Pools: []string{"domestic"}})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Passed || len(r.Suites) != 1 {
		t.Errorf("%+v, want it passed", r)
	}
}
