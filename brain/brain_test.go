package brain

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// world is made-up examples: sums and words, three members that are good at
// one or the other, and one that is dear and good at both.
func world(n int, seed uint64) ([]Example, Options) {
	random := rand.New(rand.NewPCG(seed, 2))
	o := Options{Members: []Member{
		{Name: "sums", Vendor: "a"}, {Name: "words", Vendor: "b"}, {Name: "dear", Vendor: "c"}, {Name: "guess", Vendor: "a"},
	}}
	var all []Example
	for i := range n {
		e := Example{Prompt: fmt.Sprintf("What is %d plus %d times %d? Give a number.", random.IntN(90), random.IntN(90), i)}
		able := []float64{0.9, 0.4, 0.92, 0.3}
		if i%2 == 1 {
			e.Prompt = fmt.Sprintf("请问“%c%c”这个词是什么意思？请用一个词回答。", '一'+rune(random.IntN(900)), '丁'+rune(i))
			able = []float64{0.35, 0.88, 0.92, 0.3}
		}
		for j, p := range able {
			r := Reply{Member: j, Cost: []float64{1, 1, 10, 0.2}[j], Tokens: 20 + 30*random.Float64()}
			if random.Float64() < p {
				r.Key, r.Score = said(i, seed, 0), 1
			} else {
				r.Key = said(i, seed, 1+random.IntN(4))
				r.Tokens += 40
			}
			e.Replies = append(e.Replies, r)
		}
		all = append(all, e)
	}
	return all, o
}

// said is an answer to question i that isn't given to any other; the right
// one is kind 0.
func said(i int, seed uint64, kind int) string {
	return fmt.Sprint(1000000 + (i*7919+int(seed)*104729)%90000*10 + kind)
}

func trained(t testing.TB, examples []Example, o Options) *Brain {
	t.Helper()
	b, err := Train(examples, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func file(t testing.TB, b *Brain) []byte {
	t.Helper()
	var w bytes.Buffer
	if err := b.Write(&w); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

func seatsOf(o Options) []Seat {
	var all []Seat
	for _, m := range o.Members {
		all = append(all, Seat{Name: m.Name, Vendor: m.Vendor})
	}
	return all
}

// play decides on an example, and returns score, cost and confidence.
func play(b *Brain, e *Example, seats []Seat, p Policy) (score, cost, confidence float64) {
	c := b.Case(e.Prompt, seats)
	for {
		s := c.Next(p)
		if s.Seat < 0 {
			break
		}
		r := e.Replies[s.Seat]
		cost += r.Cost
		c.Answer(s.Seat, r.Key, r.Tokens)
	}
	v := c.Verdict()
	if len(v.Supporters) > 0 {
		score = e.Replies[v.Supporters[0].Seat].Score
	}
	return score, cost, v.Confidence
}

func TestFusionBeatsTheBestMemberAtLessCost(t *testing.T) {
	examples, o := world(600, 1)
	fresh, _ := world(600, 7)
	b := trained(t, examples, o)
	if b.Best() != "dear" {
		t.Fatalf("best is %s, want dear", b.Best())
	}
	p, err := b.Spend(0.5)
	if err != nil {
		t.Fatal(err)
	}
	score, cost, base, sure := 0.0, 0.0, 0.0, 0.0
	for i := range fresh {
		s, c, f := play(b, &fresh[i], seatsOf(o), p)
		score, cost, sure = score+s, cost+c, sure+f
		base += fresh[i].Replies[2].Score
	}
	if n := float64(len(fresh)); score < base+0.005*n || cost > 0.5*10*n {
		t.Errorf("score %.3f at %.2fx, want above %.3f at no more than 0.5x", score/n, cost/n/10, base/n)
	} else if math.Abs(sure-score) > 0.04*n {
		t.Errorf("confidence %.3f on average, score %.3f, want about the same", sure/n, score/n)
	}
}

func TestAsksWhoIsGoodAtThisKindOfQuestion(t *testing.T) {
	examples, o := world(600, 1)
	b := trained(t, examples, o)
	f := func(prompt string, want int) {
		t.Helper()
		s := b.Case(prompt, seatsOf(o)[:2]).Next(Policy{Price: 0.1})
		if s.Seat != want || s.Why == "" {
			t.Errorf("%s: asks %d first (%q), want %d", prompt, s.Seat, s.Why, want)
		}
	}
	f("What is 12 plus 7 times 3? Give a number.", 0)
	f("请问“山水”这个词是什么意思？请用一个词回答。", 1)
}

// Equal input gives an equal file, whatever the number of workers; and what
// isn't in the input, such as the answers of another split, can't be in it.
func TestTrainIsDeterministic(t *testing.T) {
	examples, o := world(200, 3)
	want := file(t, trained(t, examples, o))
	for _, workers := range []int{1, 3} {
		o.Workers = workers
		if !bytes.Equal(want, file(t, trained(t, examples, o))) {
			t.Errorf("another file with %d workers", workers)
		}
	}
	examples[0].Replies[0].Score = 1 - examples[0].Replies[0].Score
	if bytes.Equal(want, file(t, trained(t, examples, o))) {
		t.Error("another label gives the same file, want another one")
	}
}

func TestFileRoundTrip(t *testing.T) {
	examples, o := world(120, 4)
	b := trained(t, examples, o)
	data := file(t, b)
	if perThousand := len(data) * 1000 / 120; perThousand > 1<<20 {
		t.Errorf("%d bytes per thousand prompts, want at most 1 MB", perThousand)
	}
	back, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if again := file(t, back); !bytes.Equal(data, again) {
		t.Error("read and written again it is another file")
	}
	if d := Diff(b, back); len(d) > 0 {
		t.Errorf("differs from itself: %v", d)
	}
	for i := range examples[:20] {
		s1, c1, f1 := play(b, &examples[i], seatsOf(o), Policy{Price: 0.05})
		s2, c2, f2 := play(back, &examples[i], seatsOf(o), Policy{Price: 0.05})
		if s1 != s2 || c1 != c2 || f1 != f2 {
			t.Errorf("example %d: %v %v %v, read back %v %v %v", i, s1, c1, f1, s2, c2, f2)
		}
	}
	for _, e := range examples {
		if bytes.Contains(data, []byte(e.Prompt[:12])) {
			t.Errorf("the file holds a piece of a prompt: %q", e.Prompt[:12])
		}
	}
	for cut := range 40 {
		if _, err := Read(bytes.NewReader(data[:len(data)*cut/40])); err == nil {
			t.Errorf("a file cut to %d/40 reads", cut)
		}
	}
	if _, err := Read(strings.NewReader(magic + `{"version":`)); err == nil || !strings.Contains(err.Error(), "within its header") {
		t.Errorf("cut within the header: %v, want it told", err)
	}
	data[len(data)/2] ^= 1
	if _, err := Read(bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a flipped bit: %v, want an error that says so", err)
	}
}

func TestTrainRefuses(t *testing.T) {
	f := func(want string, spoil func(e []Example, o *Options)) {
		t.Helper()
		examples, o := world(20, 5)
		spoil(examples, &o)
		if _, err := Train(examples, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("0 members", func(_ []Example, o *Options) { o.Members = nil })
	f("a name of its own", func(_ []Example, o *Options) { o.Members[1].Name = o.Members[0].Name })
	f("reply of member 9", func(e []Example, _ *Options) { e[3].Replies[0].Member = 9 })
	f("two replies", func(e []Example, _ *Options) { e[3].Replies[0].Member = 1 })
	f("scores NaN", func(e []Example, _ *Options) { e[3].Replies[0].Score = math.NaN() })
	f("costs +Inf", func(e []Example, _ *Options) { e[3].Replies[0].Cost = math.Inf(1) })
	if _, err := Train(nil, Options{Members: []Member{{Name: "a"}}}); err == nil || !strings.Contains(err.Error(), "0 examples") {
		t.Errorf("no examples: %v, want an error", err)
	}
	b := trained(t, func() []Example { e, _ := world(20, 5); return e }(), func() Options { _, o := world(20, 5); return o }())
	for _, x := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := b.Spend(x); err == nil {
			t.Errorf("Spend(%v) is fine, want an error", x)
		}
	}
}

// What a member alone, no answers, no prompts and no costs come to.
func TestPoorExamples(t *testing.T) {
	f := func(name string, change func(e []Example, o *Options)) {
		t.Helper()
		examples, o := world(12, 6)
		change(examples, &o)
		b := trained(t, examples, o)
		if _, err := Read(bytes.NewReader(file(t, b))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		score, cost, sure := play(b, &examples[0], seatsOf(o), Policy{Price: 0.01})
		if math.IsNaN(score+cost+sure) || sure < 0 || sure > 1 {
			t.Errorf("%s: score %v, cost %v, confidence %v", name, score, cost, sure)
		}
	}
	every := func(e []Example, do func(r *Reply)) {
		for i := range e {
			for k := range e[i].Replies {
				do(&e[i].Replies[k])
			}
		}
	}
	f("no prompts", func(e []Example, _ *Options) {
		for i := range e {
			e[i].Prompt = ""
		}
	})
	f("no keys", func(e []Example, _ *Options) { every(e, func(r *Reply) { r.Key = "" }) })
	f("no costs", func(e []Example, _ *Options) { every(e, func(r *Reply) { r.Cost = 0 }) })
	f("no lengths", func(e []Example, _ *Options) { every(e, func(r *Reply) { r.Tokens = 0 }) })
	f("all right", func(e []Example, _ *Options) { every(e, func(r *Reply) { r.Key, r.Score = "x", 1 }) })
	f("all wrong", func(e []Example, _ *Options) { every(e, func(r *Reply) { r.Score = 0 }) })
	f("one member", func(e []Example, o *Options) {
		o.Members = o.Members[:1]
		for i := range e {
			e[i].Replies = e[i].Replies[:1]
		}
	})
	f("no replies", func(e []Example, _ *Options) {
		for i := range e[1:] {
			e[i+1].Replies = nil
		}
	})
}

func TestCase(t *testing.T) {
	examples, o := world(400, 1)
	b := trained(t, examples, o)
	c := b.Case(examples[0].Prompt, seatsOf(o))
	if v := c.Verdict(); v.Key != "" || v.Supporters != nil {
		t.Errorf("before any answer: %+v, want none", v)
	}
	c.Answer(0, "4", 30)
	one := c.Verdict()
	c.Answer(1, "4", 30)
	two := c.Verdict()
	if one.Key != "4" || two.Confidence <= one.Confidence || len(two.Supporters) != 2 || two.Supporters[0].Seat != 0 {
		t.Errorf("one %+v, then two of one mind %+v: want 4, surer, the good one at sums first", one, two)
	}
	c.Answer(3, "5", 30)
	if v := c.Verdict(); v.Key != "4" || v.Confidence >= two.Confidence {
		t.Errorf("after another answer %+v, want 4, less sure than %v", v, two.Confidence)
	}
	for range 40 { // more kinds than are told apart
		c.Answer(2, fmt.Sprint(rand.Int()), 30)
	}
	if s := c.Next(Policy{}); s.Seat >= 0 {
		t.Errorf("asks %d after all were asked", s.Seat)
	}
}

func TestPolicies(t *testing.T) {
	examples, o := world(400, 1)
	b := trained(t, examples, o)
	c := b.Case(examples[0].Prompt, seatsOf(o))
	alone := Policy{Price: 0.001, Alone: "guess"}
	if s := c.Next(alone); s.Seat != 3 {
		t.Fatalf("asks %d first, want 3, who is to answer alone", s.Seat)
	}
	c.Answer(3, "x", 10)
	if s := c.Next(alone); s.Seat >= 0 {
		t.Errorf("asks %d too, want nobody", s.Seat)
	}
	c = b.Case(examples[0].Prompt, seatsOf(o))
	c.Off(3)
	if s := c.Next(alone); s.Seat < 0 || s.Seat == 3 {
		t.Errorf("asks %d where the one that is to answer failed, want another", s.Seat)
	}
	c = b.Case(examples[0].Prompt, seatsOf(o)[:2])
	calls := 0
	for s := c.Next(Policy{Calls: 1}); s.Seat >= 0; s = c.Next(Policy{Calls: 1}) {
		calls++
		c.Answer(s.Seat, fmt.Sprint(calls), 30)
	}
	if calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

// Of three members alike no one is worth much, and two more are: they are
// asked together where that is wished.
func TestTogether(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	o := Options{Members: []Member{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	var examples []Example
	for i := range 300 {
		e := Example{Prompt: "What is it?"}
		for j := range o.Members {
			// Neither an answer nor its form says anything.
			r := Reply{Member: j, Key: fmt.Sprint(1000 + 10*i + random.IntN(9)), Cost: 1}
			if random.Float64() < 0.55 {
				r.Key, r.Score = fmt.Sprint(1000+10*i+9), 1
			}
			e.Replies = append(e.Replies, r)
		}
		examples = append(examples, e)
	}
	c := trained(t, examples, o).Case("What is it?", seatsOf(o))
	p := Policy{Price: 0.001}
	first := c.Next(p).Seat
	got := c.Together(first, p, 3)
	if len(got) != 3 || got[0] != first || got[1] == first || got[1] == got[2] || got[2] == first {
		t.Errorf("together: %v, want %d and the two others", got, first)
	}
	if again := c.Next(p).Seat; again != first {
		t.Errorf("looking ahead changed the case: asks %d, want %d", again, first)
	}
	if got := c.Together(first, p, 1); len(got) != 1 {
		t.Errorf("at most one: %v", got)
	}
}

// A member that the brain doesn't know is trusted less than known ones of its
// cost, and can still be asked.
func TestNewcomer(t *testing.T) {
	examples, o := world(400, 1)
	b := trained(t, examples, o)
	c := b.Case(examples[0].Prompt, []Seat{{Name: "sums"}, {Name: "new", CostX: 0.1}, {Name: "unpriced"}})
	known, _ := c.Expect(0)
	for i := 1; i < 3; i++ {
		right, cost := c.Expect(i)
		if right >= known || !(right > 0.05) || !(cost > 0) {
			t.Errorf("seat %d is right with %.2f at %.2f, want below %.2f", i, right, cost, known)
		}
	}
	if s := b.Case("?", []Seat{{Name: "new"}}).Next(Policy{Price: 1}); s.Seat != 0 || !strings.Contains(s.Why, "not known") {
		t.Errorf("%+v, want seat 0, not known yet", s)
	}
	if s := b.Case("?", nil).Next(Policy{}); s.Seat >= 0 {
		t.Errorf("%+v without members, want to stop", s)
	}
}

func TestSketch(t *testing.T) {
	flat := make([]float32, buckets)
	for i := range flat {
		flat[i] = 1
	}
	cosine := func(a, b string) float64 {
		var x, y [dims]int8
		sketch(a, flat, x[:])
		sketch(b, flat, y[:])
		return float64(dot(x[:], y[:])) / math.Sqrt(float64(dot(x[:], x[:]))*float64(dot(y[:], y[:]))+1e-9)
	}
	sum, other, word := "What is 12 plus 30?", "What is 99 plus 41?", "请解释民法典第三条的含义。"
	if near, far := cosine(sum, other), cosine(sum, word); near < 0.6 || far > 0.4 {
		t.Errorf("cosine of two sums %.2f, of a sum and a law %.2f, want above 0.6 and below 0.4", near, far)
	}
	if c := cosine(sum, "  What is 12\n plus 30? "); c < 0.9 {
		t.Errorf("cosine of the same with blanks %.2f, want about 1", c)
	}
	var empty [dims]int8
	sketch("", flat, empty[:])
	if empty != [dims]int8{} {
		t.Error("no prompt has a sketch, want zeros")
	}
	long := strings.Repeat("字\xff", 1<<20)
	sketch(long, flat, empty[:])
}

func TestStructure(t *testing.T) {
	f := func(prompt string, want int) {
		t.Helper()
		if got := options(prompt); got != want {
			t.Errorf("%q offers %d options, want %d", prompt, got, want)
		}
	}
	f("Pick one. A. red B. blue C. green", 3)
	f("选一个：A：红 B：蓝", 2)
	f("How many?", 0)
	if reflect.DeepEqual(structure("def f(x):\n  return x"), structure("Say a poem now, please")) {
		t.Error("code and a sentence have the same structure")
	}
}

func TestDiff(t *testing.T) {
	examples, o := world(300, 1)
	old := trained(t, examples, o)
	for i := range examples {
		examples[i].Replies[0].Score = 0
	}
	o.Members[3].Name = "later"
	said := fmt.Sprint(Diff(old, trained(t, examples, o)))
	for _, want := range []string{"sums: accuracy", "{guess ", "{later "} {
		if !strings.Contains(said, want) {
			t.Errorf("diff lacks %q: %s", want, said)
		}
	}
}

// FuzzRead: an error or a brain that decides; never a panic.
func FuzzRead(f *testing.F) {
	examples, o := world(16, 1)
	f.Add(file(f, trained(f, examples, o)))
	f.Add([]byte(magic + "{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		again := file(t, b)
		if _, err := Read(bytes.NewReader(again)); err != nil {
			t.Fatalf("written again: %v", err)
		}
		c := b.Case("What is 3?", []Seat{{Name: b.Best()}, {Name: "other"}})
		for s := c.Next(Policy{Price: 0.01}); s.Seat >= 0; s = c.Next(Policy{Price: 0.01}) {
			c.Answer(s.Seat, "1", 5)
		}
		if v := c.Verdict().Confidence; !(v >= 0 && v <= 1) {
			t.Fatalf("confidence %v", v)
		}
	})
}

// FuzzHeader reaches behind the checksum: whatever a header that is accepted
// says, the brain decides.
func FuzzHeader(f *testing.F) {
	f.Add(0.9, 1.0, 0.5, 1.5, 0.3, 2.0, 1.0)
	f.Add(1.0, 1e9, 100.0, 6.0, 0.9, 100.0, 1e-3)
	f.Fuzz(func(t *testing.T, accuracy, cost, length, spread, hint, power, prior float64) {
		h := header{Version: version, Members: []Member{{Name: "a", Accuracy: accuracy, CostX: cost, Length: length, Spread: spread}, {Name: "b"}}, Unit: 1}
		h.Model = model{Base: 5, Overall: 5, Length: -2, Length2: spread, Count: hint}
		h.Shape = shape{power, prior}
		if h.valid() != nil {
			return
		}
		b := &Brain{header: h, store: store{members: 2}}
		b.finish(make([]uint8, buckets))
		c := b.Case("x", []Seat{{Name: "a"}, {Name: "b"}, {Name: "c", CostX: cost}})
		for i := range 3 {
			c.Answer(i, fmt.Sprint(i%2), 1e6)
			c.Next(Policy{})
		}
		if v := c.Verdict().Confidence; !(v >= 0 && v <= 1) {
			t.Fatalf("confidence %v", v)
		}
	})
}

// A decision for a prompt of 2,000 characters among 40 members and 4,000
// examples: sketch, neighbours, and four steps of planning.
func BenchmarkDecide(b *testing.B) {
	examples, o := world(4000, 1)
	for len(o.Members) < 40 {
		o.Members = append(o.Members, Member{Name: fmt.Sprint("m", len(o.Members)), Vendor: fmt.Sprint("v", len(o.Members)%12)})
	}
	random := rand.New(rand.NewPCG(5, 5))
	for i := range examples {
		for j := 4; j < 40; j++ {
			r := Reply{Member: j, Key: fmt.Sprint(random.IntN(5)), Cost: float64(j), Tokens: 50}
			if random.Float64() < 0.5+float64(j)/100 {
				r.Key, r.Score = "right", 1
			}
			examples[i].Replies = append(examples[i].Replies, r)
		}
	}
	brain := trained(b, examples, o)
	prompt := strings.Repeat(examples[0].Prompt+" "+examples[1].Prompt, 2000/60)
	seats := seatsOf(o)
	for b.Loop() {
		c := brain.Case(prompt, seats)
		for k := range 4 {
			s := c.Next(Policy{Price: 0.0001})
			if s.Seat < 0 {
				break
			}
			c.Answer(s.Seat, fmt.Sprint(k), 50)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms/prompt")
}
