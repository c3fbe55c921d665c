package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/local"
)

// writeSums writes documents of both kinds that a small model can learn.
func writeSums(t testing.TB, dir string) {
	t.Helper()
	var sums, texts, held bytes.Buffer
	for i := range 60 {
		a, b := i*7%10, i*3%10
		line, err := json.Marshal(Document{Messages: []Message{{"user", fmt.Sprintf("%d+%d=?", a, b)}, {"assistant", fmt.Sprint(a + b)}}})
		if err != nil {
			t.Fatal(err)
		}
		to := &sums
		if i%10 == 0 {
			to = &held
		}
		to.Write(append(line, '\n'))
		fmt.Fprintf(&texts, `{"text": "床前明月光 %d，疑是地上霜。"}`+"\n", i)
	}
	for name, b := range map[string]*bytes.Buffer{"sums.jsonl": &sums, "texts.jsonl": &texts, "held.jsonl": &held} {
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func sumsRecipe(t testing.TB, dir, out, more string) *Recipe {
	t.Helper()
	r, err := ParseRecipe([]byte(`
name: sums
seed: 5
style: qwen3
model: {layers: 2, dim: 32, hidden: 48, heads: 2, kv_heads: 1, head_dim: 16}
context: 40
batch: 8
shards: 4
micro: 1
steps: 12
warmup: 3
learning_rate: 0.01
weight_decay: 0.1
dropout: 0.1
evaluate: 5
checkpoint: 4
sampling: {temperature: 0}
sources: [{file: sums.jsonl, weight: 2}, {file: texts.jsonl}]
held_out: [{file: held.jsonl}]
out: `+out+"\n"+more), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func trained(t testing.TB, r *Recipe, o Options) []byte {
	t.Helper()
	rep, err := Run(t.Context(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(rep.Model)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// One recipe, one file: with 1, 2 and 5 threads, and cut off twice.
func TestSameBits(t *testing.T) {
	dir := t.TempDir()
	writeSums(t, dir)
	want := trained(t, sumsRecipe(t, dir, "one", ""), Options{Threads: 1})
	for _, threads := range []int{2, 5} {
		if got := trained(t, sumsRecipe(t, dir, fmt.Sprint("threads", threads), ""), Options{Threads: threads}); !bytes.Equal(got, want) {
			t.Errorf("%d threads give another file than one", threads)
		}
	}
	r := sumsRecipe(t, dir, "resumed", "")
	for _, stop := range []int{5, 6} {
		if _, err := Run(t.Context(), r, Options{Threads: 2, Resume: true, StopAfter: stop}); !errors.Is(err, ErrStopped) {
			t.Fatalf("stopped after %d: got %v, want %v", stop, err, ErrStopped)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	if _, err := Run(cancelled, r, Options{Resume: true, Progress: func(s Status) {
		if s.Step == 9 {
			cancel()
		}
	}}); !errors.Is(err, ErrStopped) {
		t.Fatalf("cancelled: got %v, want %v", err, ErrStopped)
	}
	if got := trained(t, r, Options{Threads: 1, Resume: true}); !bytes.Equal(got, want) {
		t.Error("a run in four parts gives another file than one in one")
	}
	log, err := os.ReadFile(filepath.Join(dir, "resumed", "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(log, []byte("\n")); n != 12 {
		t.Errorf("the log of the resumed run has %d lines, want 12:\n%s", n, log)
	}
	// The same bits, not of nothing: another seed gives others.
	other := sumsRecipe(t, dir, "other", "")
	other.Seed++
	if bytes.Equal(trained(t, other, Options{}), want) {
		t.Error("another seed gives the same file")
	}
}

// A checkpoint of another recipe, a damaged one and a cut one are refused.
func TestCheckpointRefused(t *testing.T) {
	dir := t.TempDir()
	writeSums(t, dir)
	r := sumsRecipe(t, dir, "out", "")
	if _, err := Run(t.Context(), r, Options{StopAfter: 2}); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "out", "checkpoint.bin")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, r *Recipe, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), r, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	other := sumsRecipe(t, dir, "out", "")
	other.LearningRate *= 2
	f("another recipe", other, good)
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	f("checksum", r, bad)
	f("unexpected EOF", r, good[:len(good)-9])
	f("its first line", r, nil)
	f("version 7", r, []byte(`{"version": 7}`+"\n"))
}

// The file has the vocabulary, the template and the advice that a run needs,
// and any text (valid UTF-8 without U+2581) goes through the vocabulary and back.
func TestFileRuns(t *testing.T) {
	for _, vocabulary := range []string{"{}", "{kind: bpe, size: 300}"} {
		t.Run(vocabulary, func(t *testing.T) { testFileRuns(t, vocabulary) })
	}
}

func testFileRuns(t *testing.T, vocabulary string) {
	dir := t.TempDir()
	writeSums(t, dir)
	r := sumsRecipe(t, dir, "out", "type: Q8_0\nvocabulary: "+vocabulary)
	rep, err := Run(t.Context(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.HeldOut) != 1 || rep.HeldOut[0].Targets == 0 || !(rep.HeldOut[0].Perplexity > 1) {
		t.Errorf("held out: got %+v", rep.HeldOut)
	}
	tok, err := local.OpenTokenizer(rep.Model)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "1+2=?", "床前明月光，", "\n a  b\t", "\U0001f600 <s></s><|user|> é", "\x00", "<0x0A>", "unseen 字"} {
		ids := tok.Encode(text, false)
		got, err := tok.Decode(ids, true)
		if err != nil || got != text {
			t.Errorf("%q through the vocabulary is %q (%v)", text, got, err)
		}
		for _, id := range ids {
			if tok.Special(id) {
				t.Errorf("%q has the control token %q", text, tok.Bytes(id))
			}
		}
	}
	v, err := buildVocabulary(r)
	if err != nil {
		t.Fatal(err)
	}
	doc := &Document{Messages: []Message{{"system", "1"}, {"user", "2+3=?"}, {"assistant", "5"}}}
	ids, learn, err := v.encode(nil, nil, doc)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for i, id := range ids {
		text += string(tok.Bytes(int(id)))
		if learn[i] {
			text += "*"
		}
	}
	if want := "<s><|system|>1<|user|>2+3=?<|assistant|>5*</s>*"; text != want {
		t.Errorf("a conversation is %s, want %s", text, want)
	}
}
