package eval

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"summit/record"
)

func TestBinnedError(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	confidences, scores := make([]float64, 997), make([]float64, 997)
	for i := range confidences {
		confidences[i] = random.Float64()
		scores[i] = float64(random.IntN(2))
	}
	if got, want := binnedError(widthBins(confidences), confidences, scores), calibrationError(confidences, scores); math.Abs(got-want) > 1e-12 {
		t.Errorf("bins of equal width: %v, want %v", got, want)
	}
	if got, want := binnedError(massBins(confidences), confidences, scores), massError(confidences, scores); math.Abs(got-want) > 1e-12 {
		t.Errorf("bins of equal mass: %v, want %v", got, want)
	}
	if got := binnedError(nil, nil, nil); got != 0 {
		t.Errorf("no confidence: %v, want 0", got)
	}
}

// TestErrorBound: of policies that are perfectly calibrated, about one of
// twenty is above it, and it falls with the root of the number of questions.
func TestErrorBound(t *testing.T) {
	bound := func(n int) (float64, []float64) {
		confidences := make([]float64, n)
		for i := range confidences {
			confidences[i] = 0.5 + 0.5*float64(i)/float64(n)
		}
		return errorBound(massBins(confidences), confidences), confidences
	}
	small, confidences := bound(200)
	above := 0
	random := rand.New(rand.NewPCG(2, 2))
	const tries = 2000
	for range tries {
		scores := make([]float64, len(confidences))
		for i, c := range confidences {
			if random.Float64() < c {
				scores[i] = 1
			}
		}
		if massError(confidences, scores) > small {
			above++
		}
	}
	if share := float64(above) / tries; share < 0.03 || share > 0.075 {
		t.Errorf("%.3f of calibrated policies are above the bound, want 0.05", share)
	}
	if large, _ := bound(20_000); math.Abs(small/large-10) > 1.5 {
		t.Errorf("bounds %v and %v of a hundred times the questions, want a tenth", small, large)
	}
}

// TestCalibration: suites of a pool are taken together, those that recur left out.
func TestCalibration(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	more := three()
	more.suite = "more"
	more.write(t, dir)
	r := recorded(t, dir, func(o *Options) { o.Policies = []string{"single", "majority@3"} })
	if len(r.Calibration) != 1 || r.Calibration[0].Suites != 2 || r.Calibration[0].N != 40 || r.Calibration[0].Policy != "majority@3" {
		t.Errorf("%+v, want one of the majority over two suites of 20", r.Calibration)
	}
}

// TestPoolOfMembers: names of members are one pool together, and suites that
// don't have them are left out where none was named.
func TestPoolOfMembers(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	other := noisy(50, 20)
	other.members = []string{"v", "w", "x", "y", "z"}
	other.write(t, dir)
	r := recorded(t, dir, func(o *Options) { o.Policies, o.Pools = []string{"single"}, []string{"a", "all", "c"} })
	var got []string
	for _, s := range r.Suites {
		got = append(got, s.Suite+"/"+s.Pool)
	}
	if want := "noisy/all sums/a+c sums/all"; strings.Join(got, " ") != want {
		t.Errorf("suites %q, want %q", strings.Join(got, " "), want)
	}
	if len(r.Suites[1].Members) != 2 {
		t.Errorf("members %+v, want a and c", r.Suites[1].Members)
	}
}

func TestSplitWithoutOutcomes(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	if err := record.WriteSplit(dir, "sums", "later", []record.Question{{Suite: "sums", ID: "x", Lang: "en", Kind: "open-answer"}}, nil); err != nil {
		t.Fatal(err)
	}
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Recorded(t.Context(), Options{Folder: folder, Train: []string{"train", "dev"}, Test: "later"})
	if err == nil || !strings.Contains(err.Error(), `split "later" has 1 questions and no outcomes`) {
		t.Errorf("error %v, want one that says what is missing", err)
	}
}

// calibrationError returns the expected calibration error of confidences
// against scores: the mean distance between the two over bins of equal width,
// each weighted by its questions. Source: Naeini et al. 2015, AAAI.
func calibrationError(confidences, scores []float64) float64 {
	var sums [binCount]float64 // of confidence minus score
	for i, c := range confidences {
		bin := min(int(c*binCount), binCount-1)
		sums[bin] += c - scores[i]
	}
	total := 0.0
	for _, s := range sums {
		total += math.Abs(s)
	}
	if len(confidences) == 0 {
		return 0
	}
	return total / float64(len(confidences))
}

// massError is the expected calibration error over bins of equal mass, with
// which confidences that crowd together are told apart too.
// Source: Nguyen & O'Connor 2015, EMNLP.
func massError(confidences, scores []float64) float64 {
	n := len(confidences)
	if n == 0 {
		return 0
	}
	order := indicesOf(n)
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(confidences[x], confidences[y]) })
	total := 0.0
	for bin := range binCount {
		sum := 0.0
		for _, i := range order[bin*n/binCount : (bin+1)*n/binCount] {
			sum += confidences[i] - scores[i]
		}
		total += math.Abs(sum)
	}
	return total / float64(n)
}
