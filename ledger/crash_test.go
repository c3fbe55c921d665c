package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"summit/ledger"
	"summit/ledger/ledgertest"
)

func TestMain(m *testing.M) {
	if where := os.Getenv("SUMMIT_TEST_CRASH_CHILD"); where != "" {
		if err := crashChild(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		return
	}
	os.Exit(m.Run())
}

// openAt opens the books of a crash test: a file, or a schema of a server.
func openAt(ctx context.Context, where string) (ledger.Store, error) {
	if schema, ok := strings.CutPrefix(where, "postgres:"); ok {
		return ledger.OpenPostgres(ctx, os.Getenv("SUMMIT_TEST_POSTGRES"), ledger.PostgresOptions{Schema: schema})
	}
	return ledger.OpenSQLite(ctx, where, ledger.SQLiteOptions{})
}

// crashChild posts until it is killed. Each line that it writes is a key that
// was acknowledged with its number and hash.
func crashChild(where string) error {
	ctx := context.Background()
	s, err := openAt(ctx, where)
	if err != nil {
		return err
	}
	round, err := strconv.Atoi(os.Getenv("SUMMIT_TEST_CRASH_ROUND"))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	ack := func(r ledger.Receipt) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(r.Key, r.Seq, r.Hash) // one write, straight to the pipe
	}
	post := func(e ledger.Entry) error {
		r, err := s.Post(ctx, e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Key, err)
		}
		ack(r[0])
		return nil
	}
	l := ledgertest.Load{Customers: 10}
	if err := l.Fund(ctx, s); err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 16 {
		go func() {
			// The last numbers of the round before come again, as a client
			// asks again whose answer was lost.
			for i := max(round*1_000_000-20, 0); ; i++ {
				n := i*16 + w
				if h := l.Hold(n); i < round*1_000_000 {
					if _, err := s.Find(ctx, h.Key); err != nil {
						continue
					}
				}
				hold := l.Hold(n)
				if err := post(hold); err != nil {
					failed <- err
				}
				if err := post(l.Settle(n)); err != nil {
					failed <- err
				}
				if n%5 > 0 {
					continue
				}
				// Every reversal is submitted twice: one succeeds.
				for _, twin := range []string{"a", "b"} {
					err := post(ledger.Entry{Key: fmt.Sprintf("reverse:%s:%d", twin, n), Kind: "reverse", Reverses: fmt.Sprint("settle:", n)})
					if err != nil && !errors.Is(err, ledger.ErrReversed) {
						failed <- err
					}
				}
			}
		}()
	}
	go func() { // months go by quickly
		for {
			head, err := s.Head(ctx)
			if err != nil {
				failed <- err
			}
			p := max(head.Closed.Next(), "2026-11")
			if head.Closed == "" {
				p = "2026-11"
			}
			if err := post(ledger.Entry{Key: "close:" + string(p), Kind: "close", Closes: p, Currency: "CNY", Decide: func(v ledger.View, e *ledger.Entry) error {
				x, err := v.Balance("member:qwen:payable", "CNY")
				e.Postings = []ledger.Posting{{Account: "member:qwen:payable", Amount: -x}, {Account: "member:qwen:approved", Amount: x}}
				return err
			}}); err != nil && !errors.Is(err, ledger.ErrClosed) {
				failed <- err
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	go func() { // somebody exports all the time
		for {
			for _, err := range s.Txns(ctx, ledger.Filter{}) {
				if err != nil {
					failed <- err
				}
			}
		}
	}()
	return <-failed
}

// TestCrash kills a process that posts, again and again: what it acknowledged
// is there, nothing is there twice, and the books are right.
func TestCrash(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("SUMMIT_TEST_CRASHES"))
	if err != nil {
		kills = 5
	}
	if testing.Short() {
		kills = 2
	}
	t.Run("SQLite", func(t *testing.T) {
		crash(t, kills, func() string { return filepath.Join(t.TempDir(), "books.db") })
	})
	t.Run("Postgres", func(t *testing.T) {
		if os.Getenv("SUMMIT_TEST_POSTGRES") == "" {
			t.Skip("SUMMIT_TEST_POSTGRES names no server: PostgreSQL is not tested")
		}
		crash(t, kills, func() string { return fmt.Sprintf("postgres:crash_%d_%d", os.Getpid(), schemas.Add(1)) })
	})
}

func crash(t *testing.T, kills int, fresh func() string) {
	const perBooks = 10 // books begin anew, so that the check of all of them stays quick
	var where string
	acked := map[string]string{}
	total, txns := 0, int64(0)
	for kill := range kills {
		if kill%perBooks == 0 {
			where = fresh()
			clear(acked)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SUMMIT_TEST_CRASH_CHILD="+where, fmt.Sprintf("SUMMIT_TEST_CRASH_ROUND=%d", kill%perBooks))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var complaints strings.Builder
		cmd.Stderr = &complaints
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		var die <-chan time.Time
		died := make(chan struct{})
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				break // a line without its end was not acknowledged
			}
			if die == nil { // the first acknowledgement starts the clock
				die = time.After(time.Duration(50+rand.IntN(300)) * time.Millisecond)
				go func() {
					defer close(died)
					<-die
					_ = cmd.Process.Kill()
				}()
			}
			key, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if before, ok := acked[key]; ok && before != rest {
				t.Errorf("kill %d: %s was acknowledged as %s, then as %s", kill, key, before, rest)
			}
			acked[key] = rest
			total++
		}
		if die != nil {
			<-died
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() == 3 || die == nil {
			t.Fatalf("kill %d: the process ended by itself: %v: %s", kill, err, complaints.String())
		}

		s, err := openAt(t.Context(), where)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Damages {
			t.Errorf("kill %d: %v", kill, d)
		}
		there := map[string]string{}
		counts := map[string]int64{}
		for x, err := range s.Txns(t.Context(), ledger.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if _, twice := there[x.Key]; twice {
				t.Errorf("kill %d: %s was booked twice", kill, x.Key)
			}
			there[x.Key] = fmt.Sprint(x.Seq, " ", x.Hash)
			counts[x.Kind]++
			if x.Reverses != 0 {
				counts[fmt.Sprint("of ", x.Reverses)]++
				if counts[fmt.Sprint("of ", x.Reverses)] > 1 {
					t.Errorf("kill %d: %d was reversed twice", kill, x.Reverses)
				}
			}
		}
		for key, want := range acked {
			if got := there[key]; got != want {
				t.Errorf("kill %d: %s was acknowledged as %q, and is there as %q", kill, key, want, got)
			}
		}
		if x, err := s.Balance(t.Context(), "tax:vat", "CNY"); err != nil || x != ledger.Units(-2_830*(counts["settle"]-counts["reverse"])) {
			t.Errorf("kill %d: the tax is %d, %v, after %d settlements and %d reversals", kill, x, err, counts["settle"], counts["reverse"])
		}
		txns = max(txns, r.Txns)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d acknowledged, none lost or doubled; the longest books had %d transactions", kills, total, txns)
}
