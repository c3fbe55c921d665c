package engine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"summit/arch"
	"summit/backend/cpu"
	"summit/tensor"
	"summit/weights"
)

// fixture is a small model with the logits that an independent engine gives.
type fixture struct {
	name   string
	file   string
	Prompt []struct {
		IDs       []int     `json:"ids"`
		Positions []int     `json:"positions"`
		FirstRow  int       `json:"first_row"`
		Greedy    []int     `json:"greedy"`
		Margin    []float64 `json:"margin"`
	} `json:"prompts"`
	Weights string `json:"weights"`
	Vocab   int    `json:"n_vocab"`
	Peer    struct {
		RMS    float64 `json:"rms_err"`
		MeanKL float64 `json:"mean_kl"`
		Top1   float64 `json:"top1_agree"`
	} `json:"peer_native_path"`
	rows [][]float32
}

func (f *fixture) exact() float64 {
	if f.Weights == "F32" {
		return 2e-3
	}
	return 5e-3
}

// fixtures reads the fixtures that are here: all of them beside the
// repository, or the few in testdata.
func fixtures(t testing.TB) []*fixture {
	t.Helper()
	files, _ := filepath.Glob("../../shared/gguf-fixtures/*.gguf")
	if len(files) == 0 {
		t.Log("../shared/gguf-fixtures is not here: only the fixtures of testdata are run")
		files, _ = filepath.Glob("testdata/*.gguf")
	}
	if len(files) == 0 {
		t.Fatal("no fixtures, not even in testdata")
	}
	var out []*fixture
	for i, file := range files {
		if testing.Short() && i%4 > 0 {
			continue // one in four, under the race detector
		}
		out = append(out, readFixture(t, file))
	}
	return out
}

func readFixture(t testing.TB, file string) *fixture {
	t.Helper()
	base := strings.TrimSuffix(file, ".gguf")
	f := &fixture{name: filepath.Base(base), file: file}
	text, err := os.ReadFile(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, f); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(base + ".f32")
	if err != nil {
		t.Fatal(err)
	}
	for len(raw) >= 4*f.Vocab {
		row := make([]float32, f.Vocab)
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		f.rows = append(f.rows, row)
		raw = raw[4*f.Vocab:]
	}
	return f
}

// model opens the fixture's file for the time of the test.
func (f *fixture) model(t testing.TB) *arch.Model {
	t.Helper()
	return openFile(t, f.file)
}

func openFile(t testing.TB, file string) *arch.Model {
	t.Helper()
	w, err := weights.Open(file, weights.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	m, err := arch.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (f *fixture) open(t testing.TB, b tensor.Options, o Options) *Engine {
	t.Helper()
	return openModel(t, f.model(t), b, o)
}

func openModel(t testing.TB, m *arch.Model, b tensor.Options, o Options) *Engine {
	t.Helper()
	if o.CacheTokens == 0 {
		o.CacheTokens = 512
	}
	back, err := cpu.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(m, back, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// logits computes all rows of a prompt in a new session.
func logits(t testing.TB, e *Engine, ids []int) [][]float32 {
	t.Helper()
	s, err := e.NewSession("")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.Append(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestFixturesExact(t *testing.T) {
	for _, f := range fixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			e := f.open(t, tensor.Options{Exact: true, Threads: 1}, Options{})
			worst := 0.0
			for _, p := range f.Prompt {
				got := logits(t, e, p.IDs)
				for i, pos := range p.Positions {
					for j, want := range f.rows[p.FirstRow+i] {
						d := math.Abs(float64(got[pos][j] - want))
						if !(d <= worst) {
							worst = d
						}
					}
				}
			}
			if !(worst <= f.exact()) {
				t.Errorf("largest difference %.3g, want at most %.3g", worst, f.exact())
			}
			t.Logf("largest difference %.3g", worst)
			for _, p := range f.Prompt {
				checkGreedy(t, e, p.IDs, p.Greedy, p.Margin, 0.02)
			}
		})
	}
}

// checkGreedy compares greedy answers up to the first choice that is too close
// to call, of a margin below least.
func checkGreedy(t *testing.T, e *Engine, ids, want []int, margin []float64, least float64) {
	t.Helper()
	var got []int
	_, err := e.Generate(t.Context(), Request{Prompt: ids, MaxTokens: len(want)}, func(tok Token) bool {
		got = append(got, tok.ID)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range want {
		if margin[i] < least {
			break
		}
		if i >= len(got) || got[i] != id {
			t.Fatalf("greedy answer to %d tokens: %v, want %v (margin %v at %d)", len(ids), got, want, margin[i], i)
		}
	}
}

// TestFixturesDefaultCache runs the F32 files with a float16 cache, as the
// peer did on its fast path.
func TestFixturesDefaultCache(t *testing.T) {
	for _, f := range fixtures(t) {
		if f.Weights != "F32" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			e := f.open(t, tensor.Options{Exact: true, Threads: 1}, Options{Cache: "F16"})
			var sum float64
			n := 0
			for _, p := range f.Prompt {
				got := logits(t, e, p.IDs)
				for i, pos := range p.Positions {
					for j, want := range f.rows[p.FirstRow+i] {
						d := float64(got[pos][j] - want)
						sum += d * d
						n++
					}
				}
			}
			rms := math.Sqrt(sum / float64(n))
			if !(rms <= 1.5*f.Peer.RMS) {
				t.Errorf("RMS error %.3g, want at most 1.5 times the peer's %.3g", rms, f.Peer.RMS)
			}
			t.Logf("RMS error %.3g, the peer's %.3g", rms, f.Peer.RMS)
		})
	}
}

// TestFixturesFast runs the quantised files as they are run by default.
func TestFixturesFast(t *testing.T) {
	for _, f := range fixtures(t) {
		if f.Weights == "F32" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			e := f.open(t, tensor.Options{}, Options{})
			var kls []float64
			top1 := 0
			for _, p := range f.Prompt {
				got := logits(t, e, p.IDs)
				for i, pos := range p.Positions {
					want := f.rows[p.FirstRow+i]
					kls = append(kls, kl(want, got[pos]))
					if (Greedy{}).Next(want) == (Greedy{}).Next(got[pos]) {
						top1++
					}
				}
			}
			slices.Sort(kls)
			median, share := kls[len(kls)/2], float64(top1)/float64(len(kls))
			if limit := max(1e-3, 1.5*f.Peer.MeanKL); !(median <= limit) {
				t.Errorf("median KL of a row %.3g, want at most %.3g", median, limit)
			}
			if share < f.Peer.Top1-0.05 {
				t.Errorf("%.3f of the rows agree on the first token, want %.3f as the peer's less 0.05", share, f.Peer.Top1)
			}
			t.Logf("median KL %.3g, the peer's mean %.3g; agreement %.3f, the peer's %.3f", median, f.Peer.MeanKL, share, f.Peer.Top1)
		})
	}
}

// kl is the Kullback-Leibler divergence of the second row's distribution from
// the first's, in nats.
func kl(want, got []float32) float64 {
	norm := func(x []float32) float64 {
		top := float64(slices.Max(x))
		sum := 0.0
		for _, v := range x {
			sum += math.Exp(float64(v) - top)
		}
		return top + math.Log(sum)
	}
	a, b := norm(want), norm(got)
	sum := 0.0
	for i, v := range want {
		p := float64(v) - a
		sum += math.Exp(p) * (p - float64(got[i]) + b)
	}
	return sum
}

// same fails unless two sets of rows are equal bit for bit.
func same(t testing.TB, what string, got, want [][]float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s: row %d has %d numbers, want %d", what, i, len(got[i]), len(want[i]))
		}
		for j := range want[i] {
			if math.Float32bits(got[i][j]) != math.Float32bits(want[i][j]) {
				t.Fatalf("%s: row %d number %d: %v, want %v", what, i, j, got[i][j], want[i][j])
			}
		}
	}
}

// TestInvariance holds logits equal bit for bit however they are computed.
func TestInvariance(t *testing.T) {
	for _, f := range fixtures(t) {
		for _, exact := range []bool{true, false} {
			if exact && f.Weights != "F32" {
				continue // decoded, it is a matrix like any other
			}
			t.Run(fmt.Sprintf("%s exact %v", f.name, exact), func(t *testing.T) {
				t.Parallel()
				invariance(t, f.model(t), exact, "")
			})
		}
		if f.name == "qwen3-f32" || f.name == "minimax-m2-f32" { // heads of whole blocks
			t.Run(f.name+" cache Q8_0", func(t *testing.T) {
				t.Parallel()
				invariance(t, f.model(t), false, "Q8_0")
			})
		}
	}
}

func invariance(t *testing.T, m *arch.Model, exact bool, cache string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(len(m.Layers))))
	ids := make([]int, 75)
	for i := range ids {
		ids[i] = rng.IntN(m.Vocab)
	}
	others := func(n int) []int {
		out := make([]int, n)
		for i := range out {
			out[i] = rng.IntN(m.Vocab)
		}
		return out
	}
	o := Options{Cache: cache, BlockTokens: 16, SnapshotTokens: 32, CacheTokens: 1024, Batch: 4}
	open := func(threads int) *Engine {
		return openModel(t, m, tensor.Options{Exact: exact, Threads: threads}, o)
	}
	session := func(e *Engine) *Session {
		s, err := e.NewSession("")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	add := func(s *Session, ids []int) [][]float32 {
		rows, err := s.Append(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	e := open(1)
	first := session(e)
	whole := add(first, ids)

	same(t, "two threads", logits(t, open(2), ids), whole)

	e2s := session(open(1))
	s := e2s
	var got [][]float32
	for i := range ids {
		got = append(got, add(s, ids[i:i+1])...)
	}
	same(t, "token by token", got, whole)

	e3 := open(2)
	s = session(e3)
	got = nil
	for at := 0; at < len(ids); {
		n := min(1+rng.IntN(19), len(ids)-at)
		got = append(got, add(s, ids[at:at+n])...)
		at += n
	}
	same(t, "in pieces", got, whole)

	// After a prefix hit: another session has gone the same way before.
	hits := e.Stats().CachedTokens
	s = session(e)
	last, err := s.AppendLast(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "after a prefix hit", [][]float32{last}, whole[len(ids)-1:])
	if n := e.Stats().CachedTokens - hits; n < 32 {
		t.Errorf("prefix hit of %d tokens, want 32 or more", n)
	}

	// After going back: cut within a shared block, go elsewhere, come back.
	for _, cut := range []int{70, 41, 16, 0} {
		if err := s.Truncate(cut); err != nil {
			t.Fatal(err)
		}
		add(s, others(9))
		if err := s.Truncate(cut); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("after going back to %d", cut), add(s, ids[cut:]), whole[cut:])
	}

	// Whoever shares blocks with one that went elsewhere sees nothing of it.
	s = session(e)
	if _, err := s.AppendLast(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	if err := s.Truncate(41); err != nil {
		t.Fatal(err)
	}
	add(s, others(30))
	more := others(4)
	want := add(e2s, more)
	same(t, "after another of the same blocks went elsewhere", add(first, more), want)

	// Beside others, which begin and end as they like.
	e4 := open(2)
	done := make(chan bool)
	for k := range 3 {
		prompt := others(5 + 20*k)
		go func() {
			_, err := e4.Generate(t.Context(), Request{Prompt: prompt, MaxTokens: 30}, func(Token) bool { return true })
			if err != nil {
				t.Error(err)
			}
			done <- true
		}()
	}
	s = session(e4)
	got = nil
	for at := 0; at < len(ids); {
		n := min(1+rng.IntN(30), len(ids)-at)
		got = append(got, add(s, ids[at:at+n])...)
		at += n
	}
	for range 3 {
		<-done
	}
	same(t, "beside others", got, whole)
}
