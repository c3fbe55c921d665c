package eval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"

	"summit/member"
	"summit/record"
)

// HonestyReport is what comes of looking whether the evaluation could fool
// itself.
type HonestyReport struct {
	Version int             `json:"version"` // of this format: 1
	Train   []string        `json:"train"`
	Test    string          `json:"test"`
	Suites  []HonestySuite  `json:"suites"`
	Passed  bool            `json:"passed"` // all of them
	Skipped []HonestyExcuse `json:"skipped"`
}

// HonestySuite is the two checks on one suite and pool.
type HonestySuite struct {
	Suite string `json:"suite"`
	Pool  string `json:"pool"`
	N     int    `json:"n"` // questions of the test split
	// With the labels permuted over all rows there is nothing to learn: what
	// auto gains then over an unweighted majority of the pool is chance, so
	// its 95 % interval begins at most at zero.
	Permuted struct {
		Auto     float64 `json:"auto"`
		Majority float64 `json:"majority"`
		CILow    float64 `json:"ci_low"` // of the gain
		CIHigh   float64 `json:"ci_high"`
		Passed   bool    `json:"passed"`
	} `json:"permuted"`
	// With every label of the test split turned around the brain is the same,
	// to the byte, and so is what is chosen.
	Corrupted struct {
		Brain  string `json:"brain"` // SHA-256 of its file
		Passed bool   `json:"passed"`
	} `json:"corrupted"`
}

// HonestyExcuse is a suite that was not looked at.
type HonestyExcuse struct {
	Suite string `json:"suite"`
	Pool  string `json:"pool"`
	Why   string `json:"why"`
}

// honestySeed is any fixed number.
const honestySeed = 20_260_102

// Honesty looks whether a brain learns from noise, or sees what it is measured
// on. Of the options, Folder, Train, Test, Suites, Pools and Workers count.
func Honesty(ctx context.Context, o Options) (*HonestyReport, error) {
	if len(o.Pools) == 0 {
		o.Pools = []string{"all"}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &HonestyReport{Version: 1, Train: o.Train, Test: o.Test, Suites: []HonestySuite{}, Skipped: []HonestyExcuse{}, Passed: true}
	for i, name := range o.Suites {
		for j, pool := range o.Pools {
			if o.Progress != nil {
				o.Progress(i*len(o.Pools)+j, len(o.Suites)*len(o.Pools), name+"/"+pool)
			}
			s, why, err := o.honesty(ctx, name, pool)
			if err != nil {
				return nil, fmt.Errorf("eval: honesty: %s/%s: %w", name, pool, err)
			}
			if why != "" {
				r.Skipped = append(r.Skipped, HonestyExcuse{name, pool, why})
				continue
			}
			r.Suites = append(r.Suites, *s)
			r.Passed = r.Passed && s.Permuted.Passed && s.Corrupted.Passed
		}
	}
	return r, nil
}

// honesty checks one suite and pool; why says why it can't be.
func (o *Options) honesty(ctx context.Context, name, pool string) (r *HonestySuite, why string, err error) {
	suite, err := o.Folder.Read(name, append(slices.Clone(o.Train), o.Test)...)
	if err != nil {
		return nil, "", err
	}
	train, test := suite.In(o.Train...), suite.In(o.Test)
	members, err := suite.Pool(pool, train, test)
	switch {
	case err != nil:
		return nil, "", err
	case len(members) < 2 || len(train) == 0 || len(test) == 0:
		return nil, "too few members or questions", nil
	}
	first := newFitter(newBoard(suite), members, train, o.Workers)
	if !first.votes {
		return nil, "answers can't be compared, so there is no vote to learn", nil
	}
	r = &HonestySuite{Suite: name, Pool: pool, N: len(test)}

	before, err := brainFile(first)
	if err != nil {
		return nil, "", err
	}
	for _, q := range test {
		for m := range suite.Members {
			c := suite.Cell(q, m)
			c.Score = 1 - c.Score
		}
	}
	after, err := brainFile(newFitter(newBoard(suite), members, train, o.Workers))
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(before)
	r.Corrupted.Brain, r.Corrupted.Passed = hex.EncodeToString(sum[:]), bytes.Equal(before, after)
	for _, q := range test {
		for m := range suite.Members {
			c := suite.Cell(q, m)
			c.Score = 1 - c.Score
		}
	}

	permute(suite, members)
	f := newFitter(newBoard(suite), members, train, o.Workers)
	fresh, _ := divide(suite, train, test)
	m := &measurer{
		board: f.b, recording: member.NewRecording(suite), questions: fresh, workers: o.Workers,
		members: map[int]*member.Replay{}, known: map[string][]result{}, tool: openTool(false),
	}
	var scored [2][]float64
	for i, p := range []policy{{name: useAuto, family: useAuto}, {name: "majority@all", family: "majority", all: true}} {
		limit := 0.0
		if p.family == useAuto {
			limit = 1
		}
		plan, ok, err := f.fit(ctx, p, limit)
		if err != nil || !ok {
			return nil, "there is no plan for " + p.name, err
		}
		results, err := m.measure(ctx, plan)
		if err != nil {
			return nil, "", err
		}
		scored[i] = scores(results)
	}
	r.Permuted.Auto, r.Permuted.Majority = mean(scored[0]), mean(scored[1])
	diffs := make([]float64, len(fresh))
	for i := range diffs {
		diffs[i] = scored[0][i] - scored[1][i]
	}
	r.Permuted.CILow, r.Permuted.CIHigh = newBootstrap(len(fresh)).interval(diffs)
	r.Permuted.Passed = r.Permuted.CILow <= 0
	return r, "", nil
}

// brainFile is the brain that is learned, as its file has it.
func brainFile(f *fitter) ([]byte, error) {
	b, err := f.learn()
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if err := b.Write(&file); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// permute exchanges the scores of all rows of the members at random.
func permute(s *record.Suite, members []int) {
	var cells []*record.Cell
	for q := range s.Questions {
		for _, m := range members {
			if c := s.Cell(q, m); c.Asked {
				cells = append(cells, c)
			}
		}
	}
	random := rand.New(rand.NewPCG(honestySeed, uint64(len(cells))))
	random.Shuffle(len(cells), func(i, j int) { cells[i].Score, cells[j].Score = cells[j].Score, cells[i].Score })
}

// WriteTable writes the report for people.
func (r *HonestyReport) WriteTable(w io.Writer) error {
	out := &printer{w: w}
	t := tabwriter.NewWriter(out, 2, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "suite / pool\tquestions\tauto\tmajority\tgain\t95 % interval\tlabels permuted\ttest labels turned\t")
	word := map[bool]string{true: "passed", false: "FAILED"}
	for i := range r.Suites {
		s := &r.Suites[i]
		p := &s.Permuted
		fmt.Fprintf(t, "%s / %s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Suite, s.Pool, s.N, percent(p.Auto), percent(p.Majority),
			signed(p.Auto-p.Majority), interval(p.CILow, p.CIHigh), word[p.Passed], word[s.Corrupted.Passed])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Skipped {
		out.line("%s / %s: left out: %s", s.Suite, s.Pool, s.Why)
	}
	return out.err
}
