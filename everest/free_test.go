package everest

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFree: questions in free words have an answer that the skill accepts, or
// one that says that they are beyond it; of both there are some.
func TestFree(t *testing.T) {
	for _, s := range Skills() {
		r := rand.New(rand.NewPCG(1, 2))
		beyond := 0
		n := 3000
		if testing.Short() {
			n = 500
		}
		for range n {
			e := s.Free(r)
			if e.Prompt == "" || strings.Contains(e.Prompt, "%!") || strings.Contains(e.Answer, "%!") || e.Key == "" || e.Lang != "zh" && e.Lang != "en" {
				t.Fatalf("%s: %+v", s.Name, e)
			}
			if s.Make == nil { // the answer is a form
				if _, ok := FormNamed(e.Answer); !ok {
					t.Fatalf("%s: %+v", s.Name, e)
				}
				continue
			}
			if Refused(e.Answer) {
				beyond++
			} else if !s.Right(e.Answer, e.Answer) || strings.HasPrefix(e.Key, "beyond") {
				t.Fatalf("%s does not accept its own %+v", s.Name, e)
			}
			if s.Right(s.Beyond(e.Lang), "→1") {
				t.Fatalf("%s takes %q for an answer", s.Name, s.Beyond(e.Lang))
			}
		}
		if s.Make != nil && (beyond < n/10 || beyond > n/2) {
			t.Errorf("%s: %d of %d are beyond it, want 10 to 50 %%", s.Name, beyond, n)
		}
	}
}

// TestFreeAnswersAreRight computes sums and dates in another way.
func TestFreeAnswersAreRight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		e := freeSum(r)
		i := strings.IndexAny(e.Key[1:], "+-*/") + 1
		if strings.HasPrefix(e.Key, "beyond") || e.Key[i] == '/' {
			continue
		}
		a, _ := strconv.Atoi(e.Key[:i])
		b, _ := strconv.Atoi(e.Key[i+1:])
		want := map[byte]int{'+': a + b, '-': a - b, '*': a * b}[e.Key[i]]
		if c := conclusion(e.Answer); c != strconv.Itoa(want) {
			t.Fatalf("%q is %s, want %d", e.Prompt, c, want)
		}
	}
	for range 3000 {
		e := freeDays(r)
		f := strings.Fields(e.Key)
		at, _ := time.Parse("2006-01-02", f[1])
		n, _ := strconv.Atoi(f[2])
		if f[3] == "true" {
			n = -n
		}
		if c, want := conclusion(e.Answer), at.AddDate(0, 0, n).Format("2006-01-02"); c != want {
			t.Fatalf("%q is %s, want %s", e.Prompt, c, want)
		}
	}
	if got := simplify("not (true or false)"); got != "not true = false = →false" {
		t.Errorf("got %q", got)
	}
}

// TestFreeData: the share is kept, the bytes are decided by the options, and
// no problem of the tests is in it, whatever its wording.
func TestFreeData(t *testing.T) {
	for _, s := range Skills() {
		if s.Make == nil {
			continue
		}
		held := map[string]bool{}
		questions, err := Tests(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			held[q.Text] = true
		}
		var a, b bytes.Buffer
		o := DataOptions{Skill: s.Name, N: 2000, Seed: 7, Refusals: 0.15, Free: 0.5}
		if testing.Short() {
			o.N = 400
		}
		if err := Data(&a, o); err != nil {
			t.Fatal(err)
		}
		if err := Data(&b, o); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: the data is not decided by its options: %v", s.Name, err)
		}
		beyond := 0
		for line := range strings.Lines(a.String()) {
			var d struct{ Messages []message }
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatal(err)
			}
			if held[d.Messages[0].Content] {
				t.Errorf("%s trains on %q of the tests", s.Name, d.Messages[0].Content)
			}
			if a := d.Messages[1].Content; a == s.Beyond("zh") || a == s.Beyond("en") {
				beyond++
			}
		}
		if beyond < o.N/20 || beyond > o.N*3/10 {
			t.Errorf("%s: %d of %d are beyond it", s.Name, beyond, o.N)
		}
	}
	for _, o := range []DataOptions{{Skill: "sum", N: 1, Free: 1.5}, {Skill: "sum", N: 1, Free: -0.1}, {Skill: "poem", Free: 0.5, Corpus: "poems"}} {
		if err := Data(io.Discard, o); err == nil || !strings.Contains(err.Error(), "free wordings") {
			t.Errorf("%+v: %v, want an error about free wordings", o, err)
		}
	}
}

// TestNear: such prompts have no form of a pattern left, and other keys than
// the held-out ones.
func TestNear(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		e := Near(r)
		if e.Prompt == "" || strings.ContainsAny(e.Prompt, "%\n") || e.Key == "" {
			t.Fatalf("%+v", e)
		}
	}
}

// TestInAForm: the poet is always asked for one of its forms.
func TestInAForm(t *testing.T) {
	f := func(prompt, want string) {
		t.Helper()
		if got := inAForm(prompt); got != want {
			t.Errorf("%q is put as %q, want %q", prompt, got, want)
		}
	}
	f("写一首咏月的七言绝句", "写一首咏月的七言绝句")
	f("来首五律，写雪", "来首五律，写雪")
	f("写一首诗咏梅花", "写一首七言绝句咏梅花")
	f("写一首关于春天的古诗", "写一首关于春天的七言绝句")
	f("写一首律诗，题为《诗人》", "写一首七言律诗，题为《诗人》")
	f("写一首五言诗咏雪", "写一首五言绝句咏雪")
	f("咏柳", "写一首咏柳的七言绝句")
	f("Write a classical Chinese poem about the moon.", "Write a classical Chinese seven-character quatrain about the moon.")
	f("Write a Chinese five-character octet about rain", "Write a Chinese five-character octet about rain")
	f("37*48=?", "37*48=?")
	f("", "")
}
