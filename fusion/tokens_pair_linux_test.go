package fusion

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"summit/arch"
	"summit/engine"
	"summit/llm"
	"summit/llm/llmtest"
	"summit/tensor"
	"summit/weights"

	_ "summit/backend/cpu"
)

// counted is a model file as a Stepper whose tokens are spelled as numbers:
// files of random weights have no vocabulary. script, if set, is what its
// logits say comes next, after the same computing, with this reliability.
type counted struct {
	*llmtest.Null
	name   string
	e      *engine.Engine
	script []int
	right  float64
	prompt int
}

func (n *counted) Card() *llm.Card    { return &llm.Card{Name: n.name} }
func (n *counted) Len() int           { return n.e.Model().Vocab }
func (n *counted) Bytes(i int) []byte { return fmt.Appendf(nil, " %d", i) }
func (n *counted) Special(int) bool   { return false }
func (n *counted) End(int) bool       { return false }

func (n *counted) Open(ctx context.Context, _ *llm.Request) (llm.Session, error) {
	in, err := n.e.NewSession("")
	if err != nil {
		return nil, err
	}
	ids := make([]int, n.prompt)
	for i := range ids {
		ids[i] = (i*7919 + 13) % n.Len()
	}
	s := &countedSession{n: n, Session: in, rng: rand.New(rand.NewPCG(7, 11))}
	row, err := in.AppendLast(ctx, ids)
	s.row = s.said(row, n.prompt-1)
	return s, err
}

type countedSession struct {
	n *counted
	*engine.Session
	row []float32
	rng *rand.Rand
}

// said puts the script in the place of a row of logits.
func (s *countedSession) said(row []float32, at int) []float32 {
	if next := at - s.n.prompt + 1; s.n.script != nil && next < len(s.n.script) {
		id := s.n.script[next]
		if s.rng.Float64() >= s.n.right {
			id = (id + 1) % s.n.Len()
		}
		row[id] = 1e4
	}
	return row
}

func (s *countedSession) Vocab() llm.Vocab  { return s.n }
func (s *countedSession) Logits() []float32 { return s.row }
func (s *countedSession) Truncate(n int)    { _ = s.Session.Truncate(min(n, s.Len())) }
func (s *countedSession) Close()            { _ = s.Session.Close() }
func (s *countedSession) Append(ctx context.Context, ids []int) ([][]float32, error) {
	from := s.Len()
	rows, err := s.Session.Append(ctx, ids)
	for i := range rows {
		rows[i] = s.said(rows[i], from+i)
	}
	return rows, err
}

// busy is the processor time that the process has used: with one thread that
// is what a run takes on an idle machine, whatever else runs on this one.
func busy(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestSpeculationSpeed measures a pair of model files that SUMMIT_PAIR names,
// the big one first: the big one alone and with the other's proposals, one run
// after the other so that both meet the same machine, in processor time of one
// thread. How often proposals are right is set, for random weights agree on
// nothing; the computing is real.
//
//	summit weights synth big.gguf --shape qwen3-0.6b
//	summit weights synth small.gguf --shape qwen3-0.6b --layers 4 --dim 512 --ffn 1536 --heads 8 --kv-heads 4
//	SUMMIT_PAIR=big.gguf,small.gguf go test ./fusion -run SpeculationSpeed -v
func TestSpeculationSpeed(t *testing.T) {
	big, small, ok := strings.Cut(os.Getenv("SUMMIT_PAIR"), ",")
	if !ok {
		t.Skip("SUMMIT_PAIR names no pair of model files")
	}
	const tokens, pairs = 48, 3
	open := func(name, path string) *counted {
		f, err := weights.Open(path, weights.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := arch.Load(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := tensor.Open("cpu", tensor.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		e, err := engine.Open(m, b, engine.Options{CacheTokens: 512, Batch: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(e.Close(), f.Close()); err != nil {
				t.Error(err)
			}
		})
		return &counted{name: name, e: e, prompt: 16}
	}
	g, d := open("big", big), open("small", small)
	ask := func(m llm.Member) (time.Duration, *llm.Reply) {
		r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "q")}, Temperature: new(0.0), MaxTokens: tokens}
		start := busy(t)
		reply, err := llm.Collect(m.Generate(t.Context(), r))
		if err != nil {
			t.Fatal(err)
		}
		return busy(t) - start, reply
	}
	alone := build(t, "tokens", nil, g)
	_, text := ask(alone)
	for word := range strings.FieldsSeq(text.Text) {
		var id int
		fmt.Sscan(word, &id)
		d.script = append(d.script, id)
	}
	for _, k := range []int{2, 4, 8} {
		both := build(t, "tokens", TokensParams{Draft: "small", DraftTokens: k}, g, d)
		for _, right := range []float64{0.6, 0.8, 1} {
			d.right = right
			var ratios, plain []float64
			why := ""
			for range pairs {
				a, _ := ask(alone)
				b, reply := ask(both)
				if reply.Text != text.Text {
					t.Errorf("with proposals it says %q, alone %q", reply.Text, text.Text)
				}
				ratios, plain = append(ratios, a.Seconds()/b.Seconds()), append(plain, tokens/a.Seconds())
				why = reply.Outcome.Reason
			}
			slices.Sort(ratios)
			slices.Sort(plain)
			t.Logf("%d proposed at a time, right %.1f: %.2f times as fast (%.2f to %.2f), alone %.1f tokens/s; %s", k, right, ratios[pairs/2], ratios[0], ratios[pairs-1], plain[pairs/2], why)
		}
	}
}
