package run_test

import (
	"database/sql"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"summit/llm"
	"summit/run"
	"summit/run/runtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMemory(t *testing.T) {
	runtest.Run(t, func(*testing.T) run.Store { return run.NewMemory() })
}

func TestSQLite(t *testing.T) {
	runtest.Run(t, func(t *testing.T) run.Store { return open(t, filepath.Join(t.TempDir(), "run.db")) })
}

func open(t testing.TB, path string) *run.SQLite {
	t.Helper()
	s, err := run.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLiteKeepsEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.db")
	s := open(t, path)
	if err := s.Append(t.Context(), []run.Entry{{ID: "a"}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, path)
	defer s.Close()
	if _, err := s.Get(t.Context(), "a"); err != nil {
		t.Errorf("opened again: %v", err)
	}
}

// A file of the first schema is brought up to date with what is in it.
func TestSQLiteOpensVersion1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.db")
	script, err := os.ReadFile(filepath.Join("testdata", "version1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.ExecContext(t.Context(), string(script)); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	want := []run.Entry{
		{ID: "run-b", RequestID: "req-b", At: time.UnixMilli(1795161600001).UTC(), Tenant: "default", Protocol: "openai", Model: "summit",
			Status: 502, Error: llm.Cut, Took: time.Millisecond},
		{ID: "run-a", RequestID: "req-a", At: time.UnixMilli(1795161600000).UTC(), Tenant: "lab", KeyID: "key_x", Protocol: "openai", Model: "summit",
			Stream: true, Status: 200, TTFT: 1500 * time.Microsecond, Took: 2 * time.Second, Outcome: json.RawMessage(`{"member":"summit"}`)},
	}
	opinion := run.Feedback{Run: "run-a", At: time.UnixMilli(1795161700000).UTC(), Score: 0.7, Source: run.SourceUser, KeyID: "key_x", Tenant: "lab"}
	for range 2 { // the second time it is up to date
		s := open(t, path)
		if got, err := s.Latest(t.Context(), 10); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("entries %+v, %v, want %+v", got, err, want)
		}
		if err := s.AddFeedback(t.Context(), opinion); err != nil {
			t.Error(err)
		}
		want[1].Feedback = []run.Feedback{opinion}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What people and programs read of an entry.
func TestEntryJSON(t *testing.T) {
	e := run.Entry{
		ID: "a", RequestID: "b", At: time.Date(2026, 11, 20, 16, 0, 0, 0, time.FixedZone("CST", 8*3600)), Tenant: "lab", KeyID: "key_x",
		Protocol: "openai", Model: "summit", Stream: true, Status: 200, Error: llm.Cut, TTFT: 1500 * time.Microsecond, Took: 2 * time.Second,
		Outcome: json.RawMessage(`{"member":"summit"}`),
		Feedback: []run.Feedback{
			{Run: "a", At: time.Date(2026, 11, 20, 16, 5, 0, 0, time.FixedZone("CST", 8*3600)), Score: 0.7, Source: run.SourceUser, KeyID: "key_x", Tenant: "lab"},
			{Run: "a", Source: run.SourceRetry},
		},
	}
	got, err := json.MarshalIndent([]run.Entry{e, {}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "entry.json", string(got)+"\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func BenchmarkAppend(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "run.db"))
	defer s.Close()
	batch := make([]run.Entry, 512)
	n := 0
	for b.Loop() {
		for i := range batch {
			batch[i] = run.Entry{ID: time.Duration(n).String(), RequestID: "r", Tenant: "default", Protocol: "openai", Model: "summit",
				Status: 200, At: time.Now(), Outcome: []byte(`{"member":"summit","usage":{},"cost":null,"ttft_ms":0,"took_ms":0,"weight_ppm":0}`)}
			n++
		}
		if err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/entry")
}

func TestTextsStayShort(t *testing.T) {
	_, err := run.NewMemory().Get(t.Context(), strings.Repeat("x", 1<<20))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}
