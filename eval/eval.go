// Package eval measures policies: on recorded answers, where strategies run
// over replayed members, and live, where a model answers the questions of a
// task file.
//
// Its nouns are Report (what `summit eval` prints), plan (one policy as it is
// run: a strategy, its members and their weights) and Task (questions with
// references and a scorer). What is measured goes through llm.Member alone:
// a strategy can't tell an evaluation from a request. Choosing a plan is
// arithmetic on tables (board.go), which a test holds against the strategies
// themselves; the figures that are reported come from the strategies.
//
// Everything is fitted on the training splits; the test split is looked at
// once, to report. To add a policy, write a family in fit.go; to add a
// scorer, an entry in scorer.go; to add an output, a function in write.go.
package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"summit/member"
	"summit/record"
)

// Options say what to measure on recorded answers.
type Options struct {
	Folder   *record.Folder
	Train    []string  // splits that everything is fitted on
	Test     string    // split that is reported
	Suites   []string  // empty = every suite with these splits, and their mix
	Pools    []string  // empty = record.Pools; all names of members among them make one pool together
	Policies []string  // empty = DefaultPolicies
	Caps     []float64 // beside the uncapped policies: mean cost as a multiple of the best single member's
	State    string    // file that keeps finished suites for a later run; empty = none
	Workers  int       // 0 = one a processor
	// AllowCommands lets the policies tool and checked run, in a sandbox on
	// this machine, the programs that questions hold.
	AllowCommands bool

	named bool // Policies were named, not the default ones
	every bool // no Suites were named: those without a pool's members are left out
	// absent is why the last suite was left out; nil = none was.
	absent error

	// Progress is told what begins, and how much of all is done by then.
	Progress func(done, total int, what string)
}

// Report is the result of measuring policies on recorded answers.
type Report struct {
	Version int           `json:"version"` // of this format: 1
	Train   []string      `json:"train"`
	Test    string        `json:"test"`
	Suites  []SuiteReport `json:"suites"`
	// Calibration is that of each policy with a confidence over all suites of
	// a pool together; suites from a state file are not in it.
	Calibration []Calibration `json:"calibration,omitempty"`
}

// SuiteReport is one suite and pool. Questions of the test split whose prompt
// also stands in a training split are no fair test; they have a SuiteReport
// of their own, with ":recurring" behind the suite's name.
type SuiteReport struct {
	Suite      string         `json:"suite"`
	Pool       string         `json:"pool"`
	N          int            `json:"n"` // questions
	Members    []MemberReport `json:"members"`
	BestSingle MemberReport   `json:"best_single"` // most accurate on the training splits
	Oracle     float64        `json:"oracle"`      // score of one who always picks the best answer
	Policies   []PolicyReport `json:"policies"`
}

// MemberReport is one member alone.
type MemberReport struct {
	Member   string  `json:"member"`
	Accuracy float64 `json:"accuracy"` // mean score, 0 to 1
	CostUSD  float64 `json:"cost_usd"` // a question
}

// PolicyReport is one policy. The interval is that of the gain over the best
// single member, question by question.
type PolicyReport struct {
	Policy   string   `json:"policy"`
	Cap      *float64 `json:"cap"` // mean cost that it was chosen under, as a multiple of the best single member's; null = none
	Accuracy float64  `json:"accuracy"`
	CostUSD  float64  `json:"cost_usd"` // a question
	CostX    float64  `json:"cost_x"`   // as a multiple of the best single member's
	Calls    float64  `json:"calls"`    // of members, a question
	N        int      `json:"n"`
	CILow    float64  `json:"ci_low"`
	CIHigh   float64  `json:"ci_high"`
	ECE      *float64 `json:"ece"` // expected calibration error of its confidence; null = it reports none
	// ECEP95 is the 95th percentile of the error of one that is perfectly
	// calibrated and as confident on as many questions: less than that is
	// chance. null = no confidence.
	ECEP95 *float64 `json:"ece_p95"`
	// Unavailable says why the policy could not be run here; its figures are
	// zero then, and so is N.
	Unavailable string   `json:"unavailable,omitempty"`
	Uses        string   `json:"uses"`    // the strategy and its settings that were chosen on the training splits
	Members     []string `json:"members"` // in the order asked
	// Weights are the members' in the strategy; none = all equal.
	Weights []float64 `json:"weights,omitempty"`

	// Confidences are the policy's own, of the questions where it had any, and
	// Scored its scores there; nil = the suite was kept in a state file.
	Confidences []float64 `json:"-"`
	Scored      []float64 `json:"-"`
}

// Recurring ends the name of a suite whose questions also stand in a training
// split.
const Recurring = ":recurring"

// Recorded measures policies on recorded answers. Equal options and files
// give equal reports.
func Recorded(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var policies []policy
	for _, name := range o.Policies {
		p, err := parsePolicy(name)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	state, err := openState(o.State)
	if err != nil {
		return nil, err
	}
	report := &Report{Version: 1, Train: o.Train, Test: o.Test}
	splits := append(slices.Clone(o.Train), o.Test)
	for i, name := range o.Suites {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		step := func(pool int, what string) {
			if o.Progress != nil {
				o.Progress(i*len(o.Pools)+pool, len(o.Suites)*len(o.Pools), what)
			}
		}
		step(0, name)
		key, err := o.key(name, splits)
		if err != nil {
			return nil, err
		}
		done, known := state.get(key)
		if !known {
			if done, err = o.suite(ctx, name, splits, policies, step); err != nil {
				return nil, err
			}
			if err := state.put(key, done); err != nil {
				return nil, err
			}
		}
		report.Suites = append(report.Suites, done...)
	}
	report.calibrate()
	if len(report.Suites) == 0 && o.absent != nil {
		return nil, fmt.Errorf("eval: no suite has the members of a pool: %w", o.absent)
	}
	if len(report.Suites) == 0 {
		return nil, fmt.Errorf("eval: no suite of %s has members of the pools %s", o.Folder.Name(), strings.Join(o.Pools, ", "))
	}
	if o.Progress != nil {
		all := len(o.Suites) * len(o.Pools)
		o.Progress(all, all, "done")
	}
	return report, nil
}

// check fills in the defaults and refuses what makes no sense.
func (o *Options) check() error {
	if o.Folder == nil {
		return fmt.Errorf("eval: no folder of recorded outcomes")
	}
	if len(o.Train) == 0 || o.Test == "" {
		return fmt.Errorf("eval: training splits %q and test split %q, want at least one and one", o.Train, o.Test)
	}
	if slices.Contains(o.Train, o.Test) {
		return fmt.Errorf("eval: split %q is both fitted on and reported, want another one", o.Test)
	}
	o.every = len(o.Suites) == 0
	if o.every {
		splits := append(slices.Clone(o.Train), o.Test)
		all, err := o.Folder.Suites(splits...)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("eval: %s holds no suite with the splits %s", o.Folder.Name(), strings.Join(splits, ", "))
		}
		mix, err := o.Folder.Splits(record.MixName)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(splits, func(s string) bool { return !slices.Contains(mix, s) }) {
			all = append(all, record.MixName)
		}
		o.Suites = all
	}
	if len(o.Pools) == 0 {
		o.Pools = record.Pools
	}
	o.Pools = joined(o.Pools)
	o.named = len(o.Policies) > 0
	if !o.named {
		o.Policies = DefaultPolicies
	}
	for i, c := range o.Caps {
		if !(c > 0) || math.IsInf(c, 0) {
			return fmt.Errorf("eval: cap %v, want a multiple above zero of the best single member's cost", c)
		}
		if slices.Contains(o.Caps[:i], c) {
			return fmt.Errorf("eval: cap %v twice", c)
		}
	}
	for _, list := range []struct {
		what   string
		values []string
	}{{"suite", o.Suites}, {"pool", o.Pools}, {"policy", o.Policies}} {
		for i, v := range list.values {
			if slices.Contains(list.values[:i], v) {
				return fmt.Errorf("eval: %s %q twice", list.what, v)
			}
		}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return nil
}

// joined makes one pool of the names of members: "all,a,b" is all, and a with b.
func joined(pools []string) []string {
	var all, members []string
	at := 0
	for _, p := range pools {
		if slices.Contains(record.Pools, p) || strings.Contains(p, "+") || p == "" {
			all = append(all, p)
			continue
		}
		if len(members) == 0 {
			at = len(all)
		}
		members = append(members, p)
	}
	if len(members) > 0 {
		all = slices.Insert(all, at, strings.Join(members, "+"))
	}
	return all
}

// suite measures one suite, pool after pool.
func (o *Options) suite(ctx context.Context, name string, splits []string, policies []policy, step func(int, string)) ([]SuiteReport, error) {
	s, err := o.Folder.Read(name, splits...)
	if err != nil {
		return nil, err
	}
	b := newBoard(s)
	train, test := s.In(o.Train...), s.In(o.Test)
	if len(train) == 0 || len(test) == 0 {
		return nil, fmt.Errorf("eval: %s: %d questions to fit on and %d to report, want some of both", name, len(train), len(test))
	}
	if !slices.ContainsFunc(test, func(q int) bool {
		return slices.ContainsFunc(indicesOf(len(s.Members)), func(m int) bool { return s.Cell(q, m).Asked })
	}) {
		return nil, fmt.Errorf("eval: %s: split %q has %d questions and no outcomes: there is nothing to report", name, o.Test, len(test))
	}
	fresh, again := divide(s, train, test)
	m := &measurer{
		board: b, recording: member.NewRecording(s), questions: test, workers: o.Workers,
		members: map[int]*member.Replay{}, known: map[string][]result{}, tool: openTool(o.AllowCommands),
	}
	groups := []group{{name, fresh, newBootstrap(len(fresh))}}
	if len(again) > 0 {
		groups = append(groups, group{name + Recurring, again, newBootstrap(len(again))})
	}
	var reports []SuiteReport
	for i, pool := range o.Pools {
		step(i, name+"/"+pool)
		members, err := s.Pool(pool, train, test)
		if o.every && errors.Is(err, record.ErrNoMember) {
			o.absent = err
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(members) == 0 {
			continue
		}
		f := newFitter(b, members, train, o.Workers)
		var rows []row
		for _, limit := range append([]float64{0}, o.Caps...) {
			for _, p := range policies {
				plan, ok, err := f.fit(ctx, p, limit)
				if err != nil {
					return nil, err
				}
				if ok && plan.missing == "" && plan.tooled {
					plan.missing = m.tool.missing(ctx)
				}
				if !ok || plan.missing != "" && !o.named {
					continue
				}
				if plan.missing != "" {
					rows = append(rows, row{p.name, limit, plan, nil})
					continue
				}
				results, err := m.measure(ctx, plan)
				if err != nil {
					return nil, fmt.Errorf("eval: %s/%s: %s: %w", name, pool, p.name, err)
				}
				rows = append(rows, row{p.name, limit, plan, results})
			}
		}
		best, err := m.measure(ctx, f.single(f.best))
		if err != nil {
			return nil, fmt.Errorf("eval: %s/%s: best single member: %w", name, pool, err)
		}
		for _, g := range groups {
			if len(g.questions) > 0 {
				reports = append(reports, g.report(m, pool, members, f.best, best, rows))
			}
		}
	}
	return reports, nil
}

// divide sets the test questions apart whose prompt stands in a training
// split word for word.
func divide(s *record.Suite, train, test []int) (fresh, again []int) {
	seen := map[string]bool{}
	for _, q := range train {
		if text := s.Questions[q].Text(); text != "" {
			seen[text] = true
		}
	}
	for _, q := range test {
		if seen[s.Questions[q].Text()] {
			again = append(again, q)
		} else {
			fresh = append(fresh, q)
		}
	}
	return fresh, again
}

// group is questions that are reported together.
type group struct {
	suite     string
	questions []int
	boot      *bootstrap
}

// row is one policy with what it did, question by question.
type row struct {
	policy  string
	limit   float64 // 0 = none
	plan    *plan
	results []result // of measurer.questions
}

func (g *group) report(m *measurer, pool string, members []int, best int, bestResults []result, rows []row) SuiteReport {
	b := m.board
	r := SuiteReport{Suite: g.suite, Pool: pool, N: len(g.questions)}
	for _, j := range members {
		asked, score, cost := 0, 0.0, 0.0
		for _, q := range g.questions {
			if c := b.suite.Cell(q, j); c.Asked {
				asked++
				score += c.Score
				cost += c.CostUSD
			}
		}
		n := math.Max(float64(asked), 1)
		r.Members = append(r.Members, MemberReport{b.suite.Members[j].Name, score / n, cost / n})
	}
	for _, q := range g.questions {
		top := 0.0
		for _, j := range members {
			top = max(top, b.suite.Cell(q, j).Score)
		}
		r.Oracle += top
	}
	r.Oracle /= float64(len(g.questions))
	base := m.pick(bestResults, g.questions)
	r.BestSingle = MemberReport{b.suite.Members[best].Name, mean(scores(base)), mean(costs(base))}
	for _, w := range rows {
		if w.plan.missing != "" {
			p := PolicyReport{Policy: w.policy, Unavailable: w.plan.missing, Uses: w.plan.describe(), Members: w.plan.Members}
			if w.limit > 0 {
				p.Cap = &w.limit
			}
			r.Policies = append(r.Policies, p)
			continue
		}
		r.Policies = append(r.Policies, g.policy(w, m.pick(w.results, g.questions), base))
	}
	return r
}

func (g *group) policy(w row, results, base []result) PolicyReport {
	p := PolicyReport{Policy: w.policy, N: len(results), Uses: w.plan.describe(), Members: w.plan.Members, Weights: w.plan.Weights}
	if w.limit > 0 {
		p.Cap = &w.limit
	}
	p.Accuracy, p.CostUSD = mean(scores(results)), mean(costs(results))
	if c := mean(costs(base)); c > 0 {
		p.CostX = p.CostUSD / c
	}
	diffs := make([]float64, len(results))
	var confidences, scored []float64
	for i, r := range results {
		p.Calls += float64(r.calls)
		diffs[i] = r.score - base[i].score
		if r.confidence > 0 {
			confidences, scored = append(confidences, r.confidence), append(scored, r.score)
		}
	}
	p.Calls /= float64(len(results))
	p.CILow, p.CIHigh = g.boot.interval(diffs)
	if len(confidences) > 0 {
		bins := widthBins
		if w.plan.Use == useAuto {
			bins = massBins
		}
		ece, bound := binnedError(bins(confidences), confidences, scored), errorBound(bins(confidences), confidences)
		p.ECE, p.ECEP95 = &ece, &bound
		p.Confidences, p.Scored = confidences, scored
	}
	return p
}

// policy is what a name of the --policy list stands for.
type policy struct {
	name   string
	family string // single, majority, weighted, cascade, threshold, auto, checked, tool, judged, chosen
	k      int    // 0 = chosen on the training splits
	all    bool   // the whole pool
	member string // single: this one; empty = the best
}

// DefaultPolicies are measured where none are named.
var DefaultPolicies = []string{
	"single", "majority@3", "majority@5", "majority@7", "majority@all",
	"weighted@3", "weighted@5", "weighted@7", "weighted@all", "cascade@3", "cascade@5", "threshold@3", "threshold@5", "checked", "tool", "judged", "chosen",
}

// maxCommittee is the largest committee that is searched for. Three to five
// members hold nearly all of a committee's gain; more than nine were never
// chosen by cross-validation on any suite while this was built.
const maxCommittee = 9

func parsePolicy(name string) (policy, error) {
	p := policy{name: name, family: name}
	bad := fmt.Errorf("eval: policy %q, want single, single:MEMBER, majority, weighted, cascade or threshold (with @2 to @%d; majority and weighted also @all), auto, checked, tool, judged or chosen", name, maxCommittee)
	if member, ok := strings.CutPrefix(name, "single:"); ok {
		if member == "" {
			return p, bad
		}
		p.family, p.member = "single", member
		return p, nil
	}
	family, k, sized := strings.Cut(name, "@")
	p.family = family
	switch family {
	case "single", "chosen", useAuto, "checked", "tool", "judged":
		if sized {
			return p, bad
		}
		return p, nil
	case "majority", "weighted", "cascade", "threshold":
	default:
		return p, bad
	}
	if k == "all" && (family == "majority" || family == "weighted") {
		p.all = true
		return p, nil
	}
	if sized {
		n, err := strconv.Atoi(k)
		if err != nil || n < 2 || n > maxCommittee || k != strconv.Itoa(n) {
			return p, bad
		}
		p.k = n
	}
	return p, nil
}
