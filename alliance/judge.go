package alliance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"summit/ledger"
	"summit/llm"
)

// JudgeTerms say who measures fused answers, and how many.
type JudgeTerms struct {
	Member   string `yaml:"member"`    // who says which proposals the statements of a fused answer are from; empty = nobody is asked
	SampleBP int64  `yaml:"sample_bp"` // at least so many of 10000 fused answers are measured; contracts may want more
	Seconds  int64  `yaml:"seconds"`   // how long the last event of a drawn answer waits for it; 0 = 20
}

func (t *JudgeTerms) check() error {
	if t.Member == "" && *t != (JudgeTerms{}) {
		return fmt.Errorf("member: missing, want the member that judges")
	}
	if t.SampleBP < 0 || t.SampleBP > 10_000 {
		return fmt.Errorf("sample_bp: got %d, want 0 to 10000", t.SampleBP)
	}
	if t.Seconds < 0 || t.Seconds > 600 {
		return fmt.Errorf("seconds: got %d, want 0 to 600", t.Seconds)
	}
	if t.Member != "" && t.Seconds == 0 {
		t.Seconds = 20
	}
	return nil
}

// Opinion is what a judge says of one statement of a fused answer.
type Opinion struct {
	Worth int64 // zero or more: how much the answer owes to it
	By    []int // the proposals that say it, by their number; nil = none: who wrote the answer added it
}

// Judge asks the named member which proposals the statements of an answer are
// from. The Outcome is the judge's and may come beside an error.
type Judge func(ctx context.Context, judge string, r *llm.Request, answer string, proposals []string) ([]Opinion, *llm.Outcome, error)

// Judged says in an event that a judge was to measure who contributed what.
type Judged struct {
	Judge      string `json:"judge"`
	Statements int    `json:"statements,omitempty"` // that it told apart
	Failed     string `json:"failed,omitempty"`     // why the answer is shared by the rule for those that nobody measured; empty = by what the judge said
}

// measured is what a judge found, and what that took.
type measured struct {
	Judged
	v   map[string]int64 // what each coalition of those that worked is worth; nil = it failed
	use *Member          // of the judge; nil = it was not asked, or failed without use
}

// judgeTokens is the most that a judge's reply is believed to have, four times
// over, where nobody counts its thoughts. A guess.
const judgeTokens = 8192

// maxMeasured is how many members' coalitions are filed with a request.
const maxMeasured = 8

// worths returns what each coalition of the members is worth: the share of the
// answer's statements, weighed by their worth, that its own proposals hold.
// What no proposal holds is the writer's own. by names each proposal's member.
func worths(members, by []string, writer string, all []Opinion) (map[string]int64, bool) {
	total := int64(0)
	for _, o := range all {
		total += o.Worth
	}
	if total <= 0 {
		return nil, false
	}
	g := game{players: members}
	v := map[string]int64{}
	for set := 1; set < 1<<len(members); set++ {
		names := g.names(set)
		held := int64(0)
		for _, o := range all {
			says := len(o.By) == 0 && slices.Contains(names, writer)
			for _, p := range o.By {
				says = says || slices.Contains(names, by[p])
			}
			if says {
				held += o.Worth
			}
		}
		v[coalition(names)] = held * maxWorth / total // a judge's worths are digits
	}
	return v, true
}

// sampleBP is how many of 10,000 fused answers of the members are measured: as
// many as the one wants whose contract wants most, or the terms.
func (a *Alliance) sampleBP(members []string, at time.Time) int64 {
	most := a.Terms.Judge.SampleBP
	for _, m := range members {
		if c, err := a.contract(m, at); err == nil {
			most = max(most, c.Audit.SampleBP)
		}
	}
	return most
}

// leafNames returns the members of outcomes, each once, in order.
func leafNames(leaves []*llm.Outcome) []string {
	var all []string
	for _, o := range leaves {
		all = append(all, o.Member)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// drawn reports whether the answer is in the audit sample. seed is the hash of
// the transaction that holds its price.
func (a *Alliance) drawn(seed ledger.Hash, x *Answer) bool {
	return mode(x.Outcome) == "fuse" && Drawn(seed, x.ID, a.sampleBP(leafNames(worked(x.Outcome)), x.At))
}

// listening reports whether an answer may be in the sample, whoever gives it:
// then its proposals are kept until it is judged.
func (m *Metered) listening(a *Alliance, seed ledger.Hash, id string, r *llm.Request, at time.Time) bool {
	return m.Judge != nil && a.Terms.Judge.Member != "" && !r.Summit.Unlearned && Drawn(seed, id, a.sampleBP(a.names, at))
}

// measure lets a judge say who contributed what to a drawn answer. Nothing of
// the texts outlives it. It never fails: what can't be measured says why.
func (m *Metered) measure(ctx context.Context, a *Alliance, r *llm.Request, x *Answer, text string) (out *measured) {
	out = &measured{Judged: Judged{Judge: a.Terms.Judge.Member}}
	leaves := worked(x.Outcome)
	members := leafNames(leaves)
	failed := func(format string, args ...any) *measured {
		out.v, out.Failed = nil, fmt.Sprintf(format, args...)
		return out
	}
	if len(members) > maxMeasured {
		return failed("%d members took part, want at most %d", len(members), maxMeasured)
	}
	contract, err := a.contract(a.Terms.Judge.Member, x.At)
	if err != nil {
		return failed("the judge has no contract that holds")
	}
	for _, name := range members {
		if c, err := a.contract(name, x.At); name == contract.Member || err == nil && c.Owner == contract.Owner {
			return failed("the judge is of the same owner as %s", name)
		}
	}
	// The last proposal of each counts: it saw the rounds before.
	last := map[string]string{}
	writer := ""
	for _, o := range leaves {
		switch {
		case o.Err != nil:
		case o.Proposal != "":
			last[o.Member] = o.Proposal
		case o.WeightPPM > 0:
			writer = o.Member
		}
	}
	if len(last) == 0 {
		return failed("no proposal of a member by itself was heard")
	}
	// In an order that says nothing of who they are by.
	by := sorted(last)
	tie := ByRequestHash.among(x.ID, by)
	order := make([]int, len(by))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, tie)
	proposals, authors := make([]string, len(by)), make([]string, len(by))
	for i, at := range order {
		authors[i], proposals[i] = by[at], last[by[at]]
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(a.Terms.Judge.Seconds)*time.Second)
	defer stop()
	start := m.Journal.now()
	defer func() {
		if p := recover(); p != nil {
			failed("the judge broke down")
		}
	}()
	opinions, done, err := m.Judge(ctx, a.Terms.Judge.Member, r, text, proposals)
	if done != nil {
		out.use = judgeUse(contract, done, r, text, proposals, m.Journal.now().Sub(start))
	}
	if err != nil {
		return failed("the judge failed: %s", llm.AsError(err).Kind)
	}
	out.Statements = len(opinions)
	for _, o := range opinions {
		if o.Worth < 0 || o.Worth > maxWorth || slices.ContainsFunc(o.By, func(p int) bool { return p < 0 || p >= len(proposals) }) {
			return failed("the judge's verdict is none")
		}
	}
	v, ok := worths(members, authors, writer, opinions)
	if !ok {
		return failed("the judge found no statement to be of worth")
	}
	out.v = v
	return out
}

// judgeUse meters the judge as any member: what it reported, held against our
// own count of what it read.
func judgeUse(c *Contract, o *llm.Outcome, r *llm.Request, text string, proposals []string, took time.Duration) *Member {
	if o.Err != nil && !wrote(o) {
		return nil
	}
	var t llm.Tally
	t.Add(text)
	for _, p := range proposals {
		t.Add(p)
	}
	own := Count{Input: llm.EstimateInput(r).N + t.Count().N, Output: judgeTokens, Known: true}
	use, err := NewUse(o.Usage, own, c.Cost.ToleranceBP)
	if err != nil || !o.Usage.Known() {
		use = Use{Buckets: Buckets{Input: own.Input}}
	}
	use.Buckets.Calls = max(use.Buckets.Calls, 1)
	m := &Member{Member: c.Member, Used: true, Buckets: use.Buckets}
	if c.Cost.Model == "self_hosted" {
		if o.Took > 0 {
			took = o.Took
		}
		m.CardMS = max(took.Milliseconds(), 0)
	}
	return m
}

// forget drops the proposals that an Outcome kept.
func forget(o *llm.Outcome) {
	if o == nil {
		return
	}
	o.Proposal = ""
	for _, p := range o.Parts {
		forget(p)
	}
}

// Judging is what it took to judge an answer: the alliance's own cost.
type Judging struct {
	ID     string `json:"id"`
	At     Moment `json:"at"`
	Of     string `json:"of"` // the request
	Member Member `json:"member"`
}

// JudgingResult is the cost of one judging.
type JudgingResult struct {
	ID          string           `json:"id"`
	Kind        string           `json:"kind"`
	Of          string           `json:"of"`
	Member      Member           `json:"member"`
	Contract    string           `json:"contract"` // the hash that the judge was rated with
	Cost        Units            `json:"cost"`
	FromReserve Units            `json:"from_reserve"`
	Deferred    Units            `json:"deferred"`
	Postings    []ledger.Posting `json:"postings"`
	Memo        []ledger.Posting `json:"memo,omitempty"`
}

// judging books what a judge's work cost: the reserve pays, and what it lacks is
// put off. Nobody else bears a part of it.
func (a *Alliance) judging(x *Judging, books *Books) (*JudgingResult, error) {
	c, err := a.contract(x.Member.Member, x.At.Time)
	if err != nil {
		return nil, err
	}
	res := &JudgingResult{ID: x.ID, Kind: "judge", Of: x.Of, Member: x.Member, Contract: c.Hash}
	if res.Cost, err = c.Cost.rate(x.Member.Buckets, x.Member.calls(), x.Member.CardMS); err != nil {
		return nil, fmt.Errorf("member %s: %w", c.Member, err)
	}
	m := c.Member
	res.FromReserve = min(res.Cost, books.Reserve)
	res.Deferred = res.Cost - res.FromReserve
	books.Reserve -= res.FromReserve
	for _, x := range []struct {
		to map[string]Units
		by Units
	}{{books.Payable, res.FromReserve}, {books.Deferred, res.Deferred}} {
		if err := add(x.to, m, x.by); err != nil {
			return nil, err
		}
	}
	if c.absorbs() {
		if err := add(books.Absorbed, m, res.Cost); err != nil {
			return nil, err
		}
		books.CardMS[m] += x.Member.CardMS
	}
	res.Postings = post(post([]ledger.Posting{}, "member:"+m+":payable", -res.FromReserve), "reserve", res.FromReserve)
	res.Memo = post(res.Memo, "cost:declared:"+m, res.Cost)
	res.Memo = post(res.Memo, "cost:recovered:"+m, -res.FromReserve)
	res.Memo = post(res.Memo, "cost:deferred:"+m, -res.Deferred)
	for _, x := range []map[string]Units{books.Deferred, books.Payable, books.Absorbed} {
		without(x)
	}
	return res, ledger.Balanced(slices.Concat(res.Postings, res.Memo))
}

// Posted returns the record's id, its kind and its postings.
func (res *JudgingResult) Posted() (id, kind string, postings []ledger.Posting) {
	return res.ID, res.Kind, res.Postings
}

// judgeEntry is the entry that books a judging beside the settlement that it
// was for, and files what was measured for the tables of the next period.
func (j *Journal) judgeEntry(a *Alliance, x *Answer, month ledger.Period) (*ledger.Entry, error) {
	id := "judge:" + x.ID
	e := &ledger.Entry{Key: id, Kind: "judge", Currency: a.Terms.Currency, Effective: month, Links: []string{"settle:" + x.ID}}
	if x.measured.v != nil {
		body, err := json.Marshal(Audited{Request: x.ID, V: x.measured.v})
		if err != nil {
			return nil, err
		}
		e.Records = []ledger.Record{{Kind: "table", Key: string(j.month(j.now())), Body: body}}
	}
	if x.measured.use == nil {
		if e.Records == nil {
			return nil, nil
		}
		return e, nil
	}
	what := &Judging{ID: id, At: Moment{x.At}, Of: x.ID, Member: *x.measured.use}
	if _, err := a.judging(what, (&Books{}).clone()); err != nil {
		x.measured.use = nil // what a judge says that it used is no reason to book nothing
		return j.judgeEntry(a, x, month)
	}
	input, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	e.Input = ledger.Sum(input)
	table := e.Records
	e.Decide = func(v ledger.View, e *ledger.Entry) error {
		books := (&Books{}).clone()
		reserve, err := v.Balance("reserve", a.Terms.Currency)
		if err != nil {
			return err
		}
		books.Reserve = -reserve
		res, err := a.judging(what, books)
		if err != nil {
			return err
		}
		e.Postings = slices.Concat(res.Postings, res.Memo)
		if absorbed, ms := books.Absorbed[what.Member.Member], books.CardMS[what.Member.Member]; absorbed != 0 || ms != 0 {
			e.Postings = post(e.Postings, "meter:absorbed:"+what.Member.Member, absorbed)
			e.Postings = post(e.Postings, "meter:card_ms:"+what.Member.Member, Units(ms))
			e.Postings = post(e.Postings, "meter:sum", -absorbed-Units(ms))
		}
		own := *res
		own.Postings, own.Memo = nil, nil
		body, err := json.Marshal(&own)
		e.Records = append(slices.Clip(table), ledger.Record{Kind: "judge", Key: x.ID, Body: body})
		return err
	}
	return e, nil
}

// judgedRow returns a judging as a statement shows it.
func (o *taken) judged(t *ledger.Txn, zone *time.Location) error {
	at := slices.IndexFunc(t.Records, func(r ledger.Record) bool { return r.Kind == "judge" })
	if at < 0 {
		return nil // it cost nothing
	}
	res := &JudgingResult{}
	if err := json.Unmarshal(t.Records[at].Body, res); err != nil {
		return fmt.Errorf("transaction %d: judge: %w", t.Seq, err)
	}
	row := Row{Day: t.BookedAt.In(zone).Format(time.DateOnly), Kind: kindJudge, Request: strings.TrimPrefix(res.ID, "judge:"), Buckets: res.Member.Buckets, CardMS: res.Member.CardMS,
		Declared: res.Cost, Deferred: res.Deferred, To: res.FromReserve, Note: res.Contract}
	row.Buckets.Calls = res.Member.calls()
	o.add(res.Member.Member, row)
	return nil
}
