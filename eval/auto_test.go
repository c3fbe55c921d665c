package eval

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/record"
)

// noisy is five members of which the dear one is best, and that err mostly on
// different questions.
func noisy(train, test int) synthetic {
	able := []float64{0.6, 0.66, 0.7, 0.72, 0.84}
	return synthetic{
		suite: "noisy", train: train, test: test, members: []string{"a", "b", "c", "d", "e"}, price: []float64{1, 1, 2, 2, 20},
		right: func(m, i int) bool {
			return rand.New(rand.NewPCG(uint64(m), uint64(i))).Float64() < able[m]
		},
	}
}

func autoRow(t *testing.T, r *Report, limit float64) PolicyReport {
	t.Helper()
	for _, p := range r.Suites[0].Policies {
		if p.Policy == useAuto && p.Cap != nil && *p.Cap == limit {
			return p
		}
	}
	t.Fatalf("no row of auto at %gx", limit)
	return PolicyReport{}
}

func withAuto(o *Options) {
	o.Policies = []string{"auto", "majority@all"}
	o.Caps = []float64{0.5, 1}
}

func TestAuto(t *testing.T) {
	dir := t.TempDir()
	noisy(400, 400).write(t, dir)
	r := recorded(t, dir, withAuto)
	for _, limit := range []float64{0.5, 1} {
		p := autoRow(t, r, limit)
		if p.CILow <= 0 || p.CostX > limit {
			t.Errorf("at %gx: gain from %.3f at %.2fx (%s), want above zero at no more", limit, p.CILow, p.CostX, p.Uses)
		}
		if p.ECE == nil || *p.ECE > 0.08 {
			t.Errorf("at %gx: calibration error %v, want at most 0.08", limit, p.ECE)
		}
	}
	if d := cmp.Diff(r, recorded(t, dir, withAuto)); d != "" {
		t.Errorf("measured again (-first +second):\n%s", d)
	}
}

// Where one member is beyond reach of the others, it answers alone: no harm.
func TestAutoDoesNoHarm(t *testing.T) {
	s := noisy(200, 200)
	right := s.right
	s.right = func(m, i int) bool { return m == 4 || m < 4 && i%3 == 0 && right(m, i) }
	dir := t.TempDir()
	s.write(t, dir)
	if p := autoRow(t, recorded(t, dir, withAuto), 1); p.CILow < 0 {
		t.Errorf("gain from %.3f at %.2fx (%s), want no harm", p.CILow, p.CostX, p.Uses)
	}
}

// With the labels permuted over all rows there is nothing to learn: then no
// brain beats an unweighted majority by more than its interval.
func TestAutoLearnsNothingFromPermutedLabels(t *testing.T) {
	s := noisy(300, 300)
	labels := make([]bool, 600*5)
	for i := range labels {
		labels[i] = s.right(i%5, i/5)
	}
	rand.New(rand.NewPCG(3, 3)).Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	s.right = func(m, i int) bool { return labels[i*5+m] }
	dir := t.TempDir()
	s.write(t, dir)
	r := recorded(t, dir, withAuto)
	auto, majority := autoRow(t, r, 1), PolicyReport{}
	for _, p := range r.Suites[0].Policies {
		if p.Policy == "majority@all" {
			majority = p
		}
	}
	if half := (majority.CIHigh - majority.CILow) / 2; auto.Accuracy > majority.Accuracy+half {
		t.Errorf("auto %.3f, majority %.3f ± %.3f: it learned from noise", auto.Accuracy, majority.Accuracy, half)
	}
}

// What is in the test split can't be in the brain: with every label there
// turned around it is the same, to the byte, and so is the plan.
func TestAutoDoesNotSeeTheTestSplit(t *testing.T) {
	learned := func(s synthetic) ([]byte, string) {
		dir := t.TempDir()
		s.write(t, dir)
		folder, err := record.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Learn(LearnOptions{Folder: folder, Splits: []string{"train"}})
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := b.Write(&file); err != nil {
			t.Fatal(err)
		}
		return file.Bytes(), autoRow(t, recorded(t, dir, withAuto), 1).Uses
	}
	s := noisy(200, 200)
	file, uses := learned(s)
	right := s.right
	s.right = func(m, i int) bool { return right(m, i) != (i >= 200) }
	again, usesAgain := learned(s)
	if !bytes.Equal(file, again) || uses != usesAgain {
		t.Errorf("another brain, or another plan: %q, then %q", uses, usesAgain)
	}
	s.right = func(m, i int) bool { return right(m, i) != (i == 7) }
	if other, _ := learned(s); bytes.Equal(file, other) {
		t.Error("another label of the training split gives the same brain")
	}
}

func TestMassError(t *testing.T) {
	f := func(want float64, confidences, scores []float64) {
		t.Helper()
		if got := massError(confidences, scores); math.Abs(got-want) > 1e-9 {
			t.Errorf("massError(%v, %v) = %v, want %v", confidences, scores, got, want)
		}
	}
	f(0, nil, nil)
	f(0.1, []float64{0.9}, []float64{1})
	even := make([]float64, 20)
	right := make([]float64, 20)
	for i := range even {
		even[i], right[i] = 0.5, float64(i%2)
	}
	f(0, even, right)
	f(0.5, even[:10], []float64{1, 0, 1, 0, 1, 0, 1, 0, 1, 0})
}

// What is spent on a question doesn't depend on the order in which a recording
// lists them, though there is a running balance.
func TestAutoAsksInAnOrderOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	noisy(200, 200).write(t, dir)
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Read("noisy", "train", "dev")
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := newFitter(newBoard(s), []int{0, 1, 2, 3, 4}, s.In("train"), 1).auto(0.4)
	if err != nil {
		t.Fatal(err)
	}
	var measured [2][]float64 // costs
	for way := range measured {
		m := newMeasurer(s)
		if way == 1 {
			slices.Reverse(m.questions)
		}
		results, err := m.measure(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			measured[way] = append(measured[way], r.cost)
		}
	}
	slices.Reverse(measured[1])
	if d := cmp.Diff(measured[0], measured[1]); d != "" {
		t.Errorf("listed the other way round (-first +second):\n%s", d)
	}
}
