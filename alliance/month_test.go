package alliance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"summit/ledger"
	"summit/llm"
)

// counter counts and hashes what is written.
type counter struct {
	hash.Hash
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}
func (*counter) Close() error { return nil }

// A month of many requests, in a file, is closed and stated twice with the same
// bytes. SUMMIT_MONTH says how many requests ("make bench-close": a million);
// the log says how long each step took.
func TestMonth(t *testing.T) {
	requests := 1_000
	if text := os.Getenv("SUMMIT_MONTH"); text != "" {
		var err error
		if requests, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		t.Skip("a file on the disk")
	}
	file := filepath.Join(t.TempDir(), "books.db")
	c := &clock{}
	c.set(mustTime("2026-12-01T00:00:00Z"))
	store, err := ledger.OpenSQLite(t.Context(), file, ledger.SQLiteOptions{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	j, err := OpenJournal(t.Context(), store, liveAlliance(t, liveTerms), c.now)
	if err != nil {
		t.Fatal(err)
	}
	customer(t, j, "default", 1<<50)
	start := time.Now()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(512, requests) {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(requests); i = next.Add(1) {
				if err := settleOne(t.Context(), j, i, requests); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d requests held and settled in %v, %.0f a second", requests, time.Since(start).Round(time.Millisecond), float64(requests)/time.Since(start).Seconds())
	c.set(mustTime("2027-01-01T00:00:00Z"))
	start = time.Now()
	if _, err := j.Close(t.Context(), "2026-12"); err != nil {
		t.Fatal(err)
	}
	closed := time.Since(start)
	state := func() (ledger.Hash, int64) {
		files := map[string]*counter{}
		record, all, err := j.Statements(t.Context(), "2026-12", func(m string) (io.WriteCloser, error) {
			files[m] = &counter{Hash: sha256.New()}
			return files[m], nil
		})
		if err != nil {
			t.Fatal(err)
		}
		_, key, _ := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
		record.Sign(key)
		total := int64(0)
		for _, s := range all {
			total += files[s.Member].n
			if string(files[s.Member].Sum(nil)) != string(s.CSV[:]) {
				t.Errorf("%s: the hash of its statement is not that of its bytes", s.Member)
			}
		}
		return record.Hash(), total
	}
	start = time.Now()
	one, size := state()
	stated := time.Since(start)
	two, _ := state()
	if one != two {
		t.Error("two runs differ")
	}
	start = time.Now()
	report, err := ledger.Verify(t.Context(), store, ledger.VerifyOptions{})
	if err != nil || len(report.Damages) > 0 {
		t.Fatalf("verify: %v, %v", err, report)
	}
	info, _ := os.Stat(file)
	t.Logf("closed in %v, stated in %v (%.1f MB of CSV), verified in %v; the file has %.1f MB", closed.Round(time.Millisecond), stated.Round(time.Millisecond), float64(size)/1e6, time.Since(start).Round(time.Millisecond), float64(info.Size())/1e6)
}

// settleOne books one of so many requests of a month: routed ones, votes and
// fused ones, at prices below and above their costs.
func settleOne(ctx context.Context, j *Journal, i int64, of int) error {
	at := mustTime("2026-12-01T00:00:00Z").Add(time.Duration(i) * 30 * 24 * time.Hour / time.Duration(of+1))
	id := fmt.Sprint("run-", i)
	model := []string{"summit", "summit-max", "tokens", "fast"}[i%4]
	out := 50 + i*7919%900
	held, _, err := j.Hold(ctx, Ask{ID: id, Customer: "default", Model: model, At: at, Input: 1500, Output: 1000, Until: at.AddDate(0, 2, 0)})
	if err != nil {
		return err
	}
	members := [][]string{{"glm"}, {"qwen", "glm", "everest"}, {"qwen", "zhinao"}, {"hunyuan"}}[i%4]
	o := &llm.Outcome{Member: model, Strategy: []string{"", "fuse", "vote", ""}[i%4], Answer: "7", Finish: llm.FinishStop, Usage: used(900, 100, out), RightPPM: 700_000}
	if len(members) == 1 {
		o.Member, o.Strategy = members[0], ""
		o.Unasked = []llm.Unasked{{Member: "spark", RightPPM: 500_000}}
	}
	for k, m := range members {
		if len(members) > 1 {
			o.Parts = append(o.Parts, &llm.Outcome{Member: m, Usage: used(900, 100, out/int64(k+1)), Answer: "7", WeightPPM: 1_000_000 / int64(len(members))})
		}
	}
	_, _, err = j.Settle(ctx, Answer{ID: id, Customer: "default", Model: model, At: at, Outcome: o, Input: 1000, Output: out, Delivered: true, Bound: 1000}, held)
	return err
}
