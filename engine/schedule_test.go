package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"summit/backend/null"
	"summit/tensor"
)

// slow is a backend whose every step takes a second, or fails.
type slow struct {
	tensor.Backend
	step time.Duration
	fail error
	runs []tensor.Batch // what ran: shapes only
}

type slowExe struct {
	tensor.Executable
	s *slow
}

func (s *slow) Compile(p *tensor.Program, w []tensor.Weight, b []tensor.Buffer, lim tensor.Limits) (tensor.Executable, error) {
	exe, err := s.Backend.Compile(p, w, b, lim)
	return slowExe{exe, s}, err
}

func (e slowExe) Run(b *tensor.Batch) error {
	time.Sleep(e.s.step)
	e.s.runs = append(e.s.runs, tensor.Batch{IDs: slices.Clone(b.IDs), Seqs: slices.Clone(b.Seqs), Outputs: slices.Clone(b.Outputs)})
	if e.s.fail != nil {
		return e.s.fail
	}
	return e.Executable.Run(b)
}

func small(t testing.TB) *fixture { return readFixture(t, "testdata/qwen2-f32.gguf") }

func openSlow(t testing.TB, step time.Duration, o Options) (*Engine, *slow) {
	t.Helper()
	s := &slow{Backend: null.New(), step: step}
	e, err := Open(small(t).model(t), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func ids(n, from int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = (from + i*7) % 320
	}
	return out
}

func all(Token) bool { return true }

// TestCancel: work ends with the step in which its caller leaves, and its
// blocks are free.
func TestCancel(t *testing.T) {
	f := func(name string, call func(ctx context.Context, e *Engine) error) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, _ := openSlow(t, time.Second, Options{CacheTokens: 512, StepTokens: 32})
				defer e.Close()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2500*time.Millisecond, cancel)
				start := time.Now()
				err := call(ctx, e)
				if took := time.Since(start); !errors.Is(err, context.Canceled) || took != 3*time.Second {
					t.Errorf("ended after %v with %v, want 3s: the step at work", took, err)
				}
				synctest.Wait()
				if s := e.Stats(); s.UsedBlocks != 0 || s.Running != 0 || s.Waiting != 0 {
					t.Errorf("afterwards: %+v, want nothing in use", s)
				}
			})
		})
	}
	f("decoding", func(ctx context.Context, e *Engine) error {
		_, err := e.Generate(ctx, Request{Prompt: ids(5, 0)}, all)
		return err
	})
	f("in a prompt", func(ctx context.Context, e *Engine) error {
		_, err := e.Generate(ctx, Request{Prompt: ids(300, 0)}, all)
		return err
	})
	f("in a session", func(ctx context.Context, e *Engine) error {
		s, err := e.NewSession("")
		if err != nil {
			return err
		}
		_, err = s.Append(ctx, ids(300, 0))
		return err
	})
	f("in an embedding", func(ctx context.Context, e *Engine) error {
		_, err := e.Embed(ctx, ids(300, 0), Mean, "")
		return err
	})
}

// TestSteps: one token of each sequence that decodes and a piece of a prompt
// share a step, within the budget.
func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := openSlow(t, time.Second, Options{CacheTokens: 1024, StepTokens: 20, Batch: 4})
		defer e.Close()
		var all3 sync.WaitGroup
		for k := range 3 {
			all3.Go(func() {
				time.Sleep(time.Duration(k) * time.Millisecond)
				if _, err := e.Generate(t.Context(), Request{Prompt: ids(3+30*k, 50*k), MaxTokens: 8}, all); err != nil {
					t.Error(err)
				}
			})
		}
		all3.Wait()
		var got []string
		for _, b := range s.runs {
			line := ""
			for _, q := range b.Seqs {
				line += fmt.Sprintf("%d@%d ", q.N, q.Pos)
			}
			got = append(got, fmt.Sprintf("%s> %d", line, len(b.Outputs)))
			if len(b.IDs) > 20 {
				t.Errorf("a step of %d tokens, want at most 20", len(b.IDs))
			}
		}
		want := []string{
			"3@0 > 1",            // the first prompt
			"1@3 19@0 > 1",       // it decodes; a piece of the second
			"1@4 14@19 5@0 > 2",  // the rest of the second, a piece of the third
			"1@5 1@33 18@5 > 2",  // both decode
			"1@6 1@34 18@23 > 2", //
			"1@7 1@35 18@41 > 2",
			"1@8 1@36 4@59 > 3",
			"1@9 1@37 1@63 > 3",
			"1@38 1@64 > 2", // the first has its eight tokens
			"1@39 1@65 > 2",
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("steps:\n%q\nwant:\n%q", got, want)
		}
	})
}

// TestBusy: a queue has an end.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := openSlow(t, time.Second, Options{CacheTokens: 128, Batch: 1, Queue: 2})
		defer e.Close()
		var wait sync.WaitGroup
		var busy atomic.Int32
		for k := range 5 {
			wait.Go(func() {
				time.Sleep(time.Duration(k) * 10 * time.Millisecond)
				_, err := e.Generate(t.Context(), Request{Prompt: ids(4, k), MaxTokens: 3}, all)
				if errors.Is(err, ErrBusy) {
					busy.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if n := busy.Load(); n != 2 { // one at work, two in the queue
			t.Errorf("%d of 5 were refused, want 2", n)
		}
	})
}

func TestBackendFails(t *testing.T) {
	e, s := openSlow(t, 0, Options{CacheTokens: 128})
	defer e.Close()
	s.fail = errors.New("out of order")
	if _, err := e.Generate(t.Context(), Request{Prompt: ids(4, 0)}, all); !errors.Is(err, s.fail) {
		t.Errorf("error %v, want the backend's", err)
	}
	s.fail = nil
	if r, err := e.Generate(t.Context(), Request{Prompt: ids(4, 0), MaxTokens: 2}, all); err != nil || r.Tokens != 2 {
		t.Errorf("afterwards: %+v, %v, want 2 tokens", r, err)
	}
}

// TestHostile: requests that make no sense get errors, and do no harm.
func TestHostile(t *testing.T) {
	e, _ := openSlow(t, 0, Options{CacheTokens: 64, WindowTokens: 40})
	f := func(name string, want error, err error) {
		t.Helper()
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: error %v, want one (%v)", name, err, want)
		}
	}
	ctx := t.Context()
	gen := func(r Request) error { _, err := e.Generate(ctx, r, all); return err }
	f("no prompt", nil, gen(Request{}))
	f("negative id", ErrToken, gen(Request{Prompt: []int{1, -1}}))
	f("id beyond the vocabulary", ErrToken, gen(Request{Prompt: []int{320}}))
	f("id beyond 32 bits", ErrToken, gen(Request{Prompt: []int{1 << 40}}))
	f("prompt that fills the window", ErrLong, gen(Request{Prompt: ids(40, 0)}))
	f("negative limit", nil, gen(Request{Prompt: ids(2, 0), MaxTokens: -1}))
	_, err := e.Embed(ctx, ids(41, 0), Mean, "")
	f("long text", ErrLong, err)
	_, err = e.Embed(ctx, nil, Mean, "")
	f("empty text", nil, err)
	_, err = e.Embed(ctx, ids(2, 0), "sum", "")
	f("unknown pooling", nil, err)
	s, err := e.NewSession("")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(ctx, nil)
	f("append of nothing", nil, err)
	_, err = s.Append(ctx, []int{5, 400})
	f("append of a bad id", ErrToken, err)
	_, err = s.Append(ctx, ids(41, 0))
	f("append beyond the window", ErrLong, err)
	f("truncate beyond", nil, s.Truncate(1))
	f("truncate below", nil, s.Truncate(-1))
	if rows, err := s.Append(ctx, ids(40, 0)); err != nil || len(rows) != 40 {
		t.Errorf("append up to the window: %d rows, %v", len(rows), err)
	}
	dead, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Append(dead, ids(1, 0))
	f("append beyond the window by one", ErrLong, err)
	if err := s.Truncate(39); err != nil {
		t.Error(err)
	}
	_, err = s.Append(dead, ids(1, 0))
	f("append of one who has left", context.Canceled, err)
	if s.Len() != 39 {
		t.Errorf("length %d after a failed append, want 39", s.Len())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	_, err = s.Append(ctx, ids(1, 0))
	f("append after closing", ErrClosed, err)
	if r, err := e.Generate(ctx, Request{Prompt: ids(39, 0), MaxTokens: math.MaxInt}, all); err != nil || r.Tokens != 1 || r.Reason != Length {
		t.Errorf("an answer into the end of the window: %+v, %v, want 1 token", r, err)
	}
	e.Close()
	f("after closing", ErrClosed, gen(Request{Prompt: ids(2, 0)}))
	_, err = e.NewSession("")
	f("session after closing", ErrClosed, err)
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{CacheTokens: -1}, {CacheTokens: 8}, {BlockTokens: -3}, {Batch: -1}, {StepTokens: -1}, {Queue: -1}, {WindowTokens: -1},
		{Snapshots: -2}, {SnapshotTokens: 100}, {Cache: "F17"}, {Cache: "I32"}, {CacheTokens: 1 << 40}, {Cache: "Q8_0"}, // heads of 16
	} {
		e, err := Open(small(t).model(t), null.New(), o)
		if err == nil {
			e.Close()
			t.Errorf("%+v: no error", o)
		}
	}
}

// TestCloseEndsAll: whoever waits gets an error, nobody hangs.
func TestCloseEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := openSlow(t, time.Second, Options{CacheTokens: 256, Batch: 2})
		var wait sync.WaitGroup
		for k := range 4 {
			wait.Go(func() {
				if _, err := e.Generate(t.Context(), Request{Prompt: ids(5, k)}, all); !errors.Is(err, ErrClosed) {
					t.Errorf("error %v, want closed", err)
				}
			})
		}
		time.Sleep(3500 * time.Millisecond)
		e.Close()
		wait.Wait()
	})
}

// TestPreemption: more is asked than there are blocks for; everybody gets the
// answer that they would get alone.
func TestPreemption(t *testing.T) {
	m := small(t).model(t)
	answer := func(e *Engine, k int) []int {
		var out []int
		_, err := e.Generate(t.Context(), Request{Prompt: ids(20+k, 31*k), MaxTokens: 70}, func(tok Token) bool {
			out = append(out, tok.ID)
			return true
		})
		if err != nil {
			t.Error(err)
		}
		return out
	}
	options := Options{CacheTokens: 160, WindowTokens: 128, StepTokens: 32}
	alone := openModel(t, m, tensor.Options{Threads: 1}, options)
	crowd := openModel(t, m, tensor.Options{Threads: 1}, options)
	var wait sync.WaitGroup
	got := make([][]int, 5)
	start := make(chan bool)
	crowd.call(func() { <-start }) // hold the loop until all are there
	for k := range got {
		wait.Go(func() { got[k] = answer(crowd, k) })
	}
	for waiting := 0; waiting < len(got); time.Sleep(time.Millisecond) {
		crowd.mu.Lock()
		waiting = crowd.waiting
		crowd.mu.Unlock()
	}
	close(start)
	wait.Wait()
	for k := range got {
		if want := answer(alone, k); !slices.Equal(got[k], want) {
			t.Errorf("answer %d in a crowd: %v, want %v", k, got[k], want)
		}
	}
	if s := settled(crowd); s.Preempted == 0 || s.UsedBlocks != 0 {
		t.Errorf("%+v, want some preempted and no block in use", s)
	}
}

// settled returns the statistics once nothing is at work.
func settled(e *Engine) Stats {
	for range 1000 {
		if s := e.Stats(); s.Running == 0 && s.Waiting == 0 && s.Idle == 0 && s.UsedBlocks == 0 {
			return s
		}
		time.Sleep(time.Millisecond)
	}
	return e.Stats()
}

// TestLeaks: after many requests that end in all ways, nothing is held.
func TestLeaks(t *testing.T) {
	for _, file := range []string{"testdata/qwen2-f32.gguf", "../../shared/gguf-fixtures/qwen35-f32.gguf"} {
		if file != "testdata/qwen2-f32.gguf" && len(fixtures(t)) < 2 {
			t.Log("skipped the recurrent model")
			continue
		}
		m := openFile(t, file)
		e, err := Open(m, null.New(), Options{CacheTokens: 320, Batch: 5, StepTokens: 24, SnapshotTokens: 32, Snapshots: 3})
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for k := range 12 {
			wait.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(k), 3))
				for range 25 {
					ctx, cancel := context.WithCancel(t.Context())
					left := 1 + rng.IntN(60)
					emit := func(Token) bool {
						left--
						if left == 5 && rng.IntN(3) == 0 {
							cancel()
						}
						return left > 0
					}
					switch rng.IntN(4) {
					case 0:
						e.Embed(ctx, ids(1+rng.IntN(90), rng.IntN(3)), Last, "")
					case 1:
						s, err := e.NewSession([]string{"", "other"}[rng.IntN(2)])
						if err != nil {
							t.Error(err)
							break
						}
						for range 4 {
							if _, err := s.AppendLast(ctx, ids(1+rng.IntN(40), rng.IntN(3))); err != nil {
								t.Error(err)
							}
							if err := s.Truncate(rng.IntN(s.Len() + 1)); err != nil {
								t.Error(err)
							}
						}
						s.Close()
					default:
						e.Generate(ctx, Request{Prompt: ids(1+rng.IntN(100), rng.IntN(3)), MaxTokens: 1 + rng.IntN(80)}, emit)
					}
					cancel()
				}
			})
		}
		wait.Wait()
		if s := settled(e); s.UsedBlocks != 0 || s.Running+s.Waiting+s.Idle != 0 || s.CachedTokens == 0 {
			t.Errorf("%s: %+v, want nothing held and some tokens found in the cache", file, s)
		}
		e.Close()
		l := &e.loop
		if len(l.slots) != 5 {
			t.Errorf("%s: %d slots free, want 5", file, len(l.slots))
		}
		l.blocks.clear()
		if len(l.blocks.free) != 20 {
			t.Errorf("%s: %d blocks free, want 20", file, len(l.blocks.free))
		}
	}
}

// TestPrefix: a prompt that was there before costs its last tokens only.
func TestPrefix(t *testing.T) {
	e, _ := openSlow(t, 0, Options{CacheTokens: 4096})
	defer e.Close()
	ask := func(prompt []int, salt string) (computed int64, cached int) {
		before := e.Stats().Tokens
		r, err := e.Generate(t.Context(), Request{Prompt: prompt, MaxTokens: 1, Salt: salt}, all)
		if err != nil {
			t.Fatal(err)
		}
		return e.Stats().Tokens - before, r.CachedTokens
	}
	prompt := ids(1000, 0)
	if n, cached := ask(prompt, ""); n != 1000 || cached != 0 {
		t.Errorf("cold: %d tokens computed, %d found, want 1000 and 0", n, cached)
	}
	if n, cached := ask(prompt, ""); n != 8 || cached != 992 { // at most 5 % of 1000
		t.Errorf("again: %d tokens computed, %d found, want 8 and 992", n, cached)
	}
	if n, cached := ask(append(ids(1000, 0), 5, 6, 7), ""); n != 11 || cached != 992 {
		t.Errorf("and three more: %d tokens computed, %d found, want 11 and 992", n, cached)
	}
	if n, cached := ask(prompt[1:], ""); n != 999 || cached != 0 {
		t.Errorf("shifted by one: %d tokens computed, %d found, want 999 and 0", n, cached)
	}
	if n, cached := ask(prompt, "somebody else"); n != 1000 || cached != 0 {
		t.Errorf("of another salt: %d tokens computed, %d found, want 1000 and 0", n, cached)
	}
}

// TestPrefixOfStates: recurrent models find prefixes too, where a state was
// kept: at the last full block of a prompt and every SnapshotTokens.
func TestPrefixOfStates(t *testing.T) {
	if len(fixtures(t)) < 2 {
		t.Skip("the recurrent fixtures are not here")
	}
	m := openFile(t, "../../shared/gguf-fixtures/qwen35-f32.gguf")
	e, err := Open(m, null.New(), Options{CacheTokens: 1024, SnapshotTokens: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, c := range []struct{ n, want int }{{200, 0}, {200, 192}, {230, 192}, {100, 64}, {40, 0}} {
		r, err := e.Generate(t.Context(), Request{Prompt: ids(c.n, 0), MaxTokens: 1}, all)
		if err != nil || r.CachedTokens != c.want {
			t.Errorf("prompt of %d: %d tokens found, %v, want %d", c.n, r.CachedTokens, err, c.want)
		}
	}
}

// TestNamesAfterTruncate: blocks that were written again have new names.
func TestNamesAfterTruncate(t *testing.T) {
	m := small(t).model(t)
	x, y := ids(70, 1), ids(50, 100)
	both := append(ids(70, 1)[:16], y...)
	plain := func() *Engine {
		return openModel(t, m, tensor.Options{Exact: true, Threads: 1}, Options{CacheTokens: 112})
	} // the old blocks give way
	wantX, wantBoth := logits(t, plain(), x)[69], logits(t, plain(), both)[65]
	e := plain()
	s, err := e.NewSession("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if err := s.Truncate(16); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), y); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for name, c := range map[string]struct {
		ids  []int
		want []float32
	}{"the old way": {x, wantX}, "the new way": {both, wantBoth}} {
		s, err := e.NewSession("")
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.AppendLast(t.Context(), c.ids)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name, [][]float32{got}, [][]float32{c.want})
		s.Close()
	}
}

// TestEmbed: the last row is what the head is applied to, and pieces of a
// text add up to the same mean.
func TestEmbed(t *testing.T) {
	m := small(t).model(t)
	text := ids(70, 3)
	e := openModel(t, m, tensor.Options{Exact: true, Threads: 1}, Options{})
	got, err := e.Embed(t.Context(), text, Last, "")
	if err != nil {
		t.Fatal(err)
	}
	want := logits(t, e, text)[len(text)-1]
	head, err := m.Head.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	for id, w := range want {
		var sum float64
		for j, v := range got {
			sum += float64(v) * float64(head[id*m.Dim+j])
		}
		if math.Abs(sum-float64(w)) > 1e-3 {
			t.Fatalf("head times the embedding gives %v for token %d, want the logit %v", sum, id, w)
		}
	}
	whole, err := e.Embed(t.Context(), text, Mean, "")
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := openModel(t, m, tensor.Options{Exact: true, Threads: 1}, Options{StepTokens: 16}).Embed(t.Context(), text, Mean, "")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "in pieces", [][]float32{pieces}, [][]float32{whole})
}

// forcing answers with a fixed run of tokens, half of them forced.
type forcing struct{ rest []int }

func (f *forcing) Next([]float32) int {
	if len(f.rest) == 0 {
		return -1
	}
	id := f.rest[0]
	f.rest = f.rest[1:]
	return id
}

func (f *forcing) Forced() []int {
	n := min(2, len(f.rest))
	out := f.rest[:n]
	f.rest = f.rest[n:]
	return out
}

func (f *forcing) Explain() (float32, []Logprob) { return -0.5, []Logprob{{ID: 7, Logprob: -0.5}} }

func TestPicker(t *testing.T) {
	e, s := openSlow(t, 0, Options{CacheTokens: 128})
	defer e.Close()
	f := func(rest []int, limit int, stop []int, want []int, reason Reason, steps int) {
		t.Helper()
		s.runs = nil
		var got []int
		r, err := e.Generate(t.Context(), Request{Prompt: ids(4, 0), Picker: &forcing{rest}, MaxTokens: limit, Stop: stop}, func(tok Token) bool {
			if (tok.Top == nil) != (len(got)%3 != 0) { // every third was chosen, the rest forced
				t.Errorf("token %d: explained %v", len(got), tok.Top)
			}
			got = append(got, tok.ID)
			return true
		})
		if err != nil || !slices.Equal(got, want) || r.Reason != reason || r.Tokens != len(want) || len(s.runs) != steps {
			t.Errorf("got %v, %+v, %v in %d steps, want %v, %s in %d", got, r, err, len(s.runs), want, reason, steps)
		}
	}
	f([]int{1, 2, 3, 4, 5, 6}, 0, nil, []int{1, 2, 3, 4, 5, 6}, Blocked, 3)
	f([]int{1, 2, 3, 4, 5, 6}, 5, nil, []int{1, 2, 3, 4, 5}, Length, 2)
	f([]int{1, 2, 3, 4, 5, 6}, 0, []int{2}, []int{1, 2}, Stopped, 1)
	f([]int{1, 2, 3, 4}, 0, []int{4}, []int{1, 2, 3, 4}, Stopped, 2)
	f([]int{1, 999}, 0, nil, []int{1}, Blocked, 1)
}

// TestAllocations: what a token costs in garbage, scheduler and all.
func TestAllocations(t *testing.T) {
	e, err := Open(small(t).model(t), null.New(), Options{CacheTokens: 8192})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const tokens = 2000
	n := testing.AllocsPerRun(3, func() {
		if _, err := e.Generate(t.Context(), Request{Prompt: ids(3, 0), MaxTokens: tokens}, all); err != nil {
			t.Fatal(err)
		}
	})
	if each := n / tokens; each > 0.1 {
		t.Errorf("%.2f allocations a token, want at most 0.1", each)
	}
}
