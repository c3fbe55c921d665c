package alliance

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"summit/llm"
)

// Answer is what the wrapper saw of one request.
type Answer struct {
	ID        string
	Customer  string
	Key       string // of the customer that asked; empty = none
	Model     string // as it was asked for
	At        time.Time
	Outcome   *llm.Outcome // nil = nobody was asked
	Err       *llm.Error   // nil = it came to its end
	Input     int64        // our own count of the request
	Exact     bool         // it was counted with the model's own tokenizer
	Output    int64        // our own count of what reached the reader
	Delivered bool         // anything did
	Bound     int64        // the most output tokens that were held for

	measured *measured // what a judge found; nil = it was not asked
}

// Event is what is filed of one metered request: all that its settlement was
// computed from, and where the figures are from. It holds counts and names, no
// text.
type Event struct {
	Request   Request            `json:"request"`
	Model     string             `json:"model"`
	Key       string             `json:"key,omitempty"`
	End       End                `json:"end"`
	Delivered Delivered          `json:"delivered"`
	Held      Units              `json:"held"`
	Capped    bool               `json:"capped,omitempty"`  // the price was above what was held
	Proof     map[string]Proof   `json:"proof,omitempty"`   // of each member's use
	Claimed   map[string]Buckets `json:"claimed,omitempty"` // by members whose report is disputed
	Audit     bool               `json:"audit,omitempty"`   // drawn for the audit sample
	Judged    *Judged            `json:"judged,omitempty"`  // by whom; nil = a judge was not asked
	Wild      []string           `json:"wild,omitempty"`    // members that answered without a contract: nobody owes them anything
	Odd       map[string]string  `json:"odd,omitempty"`     // reports that can't be, by member: they count as none
}

// Meter turns what was seen into what is settled, by the abort matrix. held is
// what was put aside for it; a class is a table of what coalitions are worth in
// this kind of request, nil where there is none.
func (a *Alliance) Meter(x Answer, held Units, class map[string]int64) (*Event, error) {
	leaves := worked(x.Outcome)
	end := endOf(x.Outcome, x.Err)
	if end == EndRefused && (x.Delivered || slices.ContainsFunc(leaves, func(o *llm.Outcome) bool { return o.Err == nil && wrote(o) })) {
		end = EndFailed // it was refused in the middle: somebody had worked
	}
	row := rule(end, x.Delivered)
	e := &Event{Model: x.Model, Key: x.Key, End: end, Held: held, Proof: map[string]Proof{}}
	e.Request = Request{ID: x.ID, At: Moment{x.At}, Customer: x.Customer, Mode: mode(x.Outcome)}
	if row.Members != ByNothing {
		a.members(e, row, x, leaves)
	}
	e.Delivered = Delivered{Input: x.Input, Output: x.Output, Any: x.Delivered, From: Estimated}
	if x.Exact {
		e.Delivered.From = OwnCount
	}
	if row.Customer == ByReport && len(leaves) == 1 && len(e.Request.Members) == 1 {
		// One member answered, and nothing contradicts it: its own figures are the
		// best there are.
		m := e.Request.Members[0]
		if from := e.Proof[m.Member]; from == Upstream || from == OwnCount {
			e.Delivered = Delivered{Input: m.Buckets.Input + m.Buckets.CacheWrite, CacheRead: m.Buckets.CacheRead, Output: m.Buckets.Output + m.Buckets.Reasoning, Any: true, From: from}
		}
	}
	if row.Customer == ByNothing {
		e.Delivered = Delivered{From: e.Delivered.From}
	}
	if tariff, ok := a.Terms.Tariff(x.Model); ok {
		price, err := tariff.Price(e.Delivered)
		if err != nil {
			return nil, err
		}
		if price > held {
			price, e.Capped = held, true
		}
		e.Request.Price = price
	}
	if x.measured != nil {
		judged := x.measured.Judged
		e.Judged = &judged
		if e.Request.Mode == "fuse" && x.measured.v != nil {
			class = x.measured.v // better than what others were worth
		}
	}
	a.standby(e, x.Outcome)
	a.game(e, x.Outcome, class)
	return e, nil
}

// members puts in those who are to be paid for the request.
func (a *Alliance) members(e *Event, row Rule, x Answer, leaves []*llm.Outcome) {
	uses := map[string]Use{}
	cards := map[string]int64{}
	for _, o := range leaves {
		alone := len(leaves) == 1
		c, err := a.contract(o.Member, x.At)
		drained := err == nil && e.End == EndGone && c.OnAbort == "drain" && o.Usage.Known() && wrote(o)
		switch {
		case drained: // it was read to its end for the sake of these figures
		case o.Err != nil && !(alone && x.Delivered) && !(row.Members == ByDelivery && wrote(o)):
			continue // it failed, and nothing of it was used
		case row.Members == ByDone && (o.Err != nil || !wrote(o)):
			continue
		}
		if err != nil {
			if !slices.Contains(e.Wild, o.Member) {
				e.Wild = append(e.Wild, o.Member)
			}
			continue
		}
		own := Count{Input: x.Input, Output: x.Output, Exact: x.Exact, Known: true}
		if !alone {
			// A member of a council reads what others wrote, and what it writes does
			// not pass by us: it can have used no more than all of that.
			own = Count{Input: x.Input + int64(len(leaves))*max(x.Bound, x.Output), Output: max(x.Bound, x.Output), Known: true}
			if !o.Usage.Known() {
				own = Count{Input: x.Input, Output: x.Output, Known: true}
			}
		}
		if drained {
			own.Output, own.Exact = max(own.Output, x.Bound), false
		}
		use, err := NewUse(o.Usage, own, c.Cost.ToleranceBP)
		if err != nil {
			// Negative or absurd: it counts as no report.
			if e.Odd == nil {
				e.Odd = map[string]string{}
			}
			e.Odd[o.Member] = clip(err.Error())
			use = Use{Buckets: Buckets{Input: x.Input, Output: x.Output, Calls: 1}, From: Disputed}
		}
		if use.Buckets.Calls == 0 {
			use.Buckets.Calls = 1
		}
		if before, ok := uses[o.Member]; ok {
			use = before.add(use)
		}
		uses[o.Member] = use
		if c.Cost.Model == "self_hosted" {
			cards[o.Member] += max(o.Took.Milliseconds(), 0)
		}
	}
	for _, m := range sorted(uses) {
		use := uses[m]
		e.Request.Members = append(e.Request.Members, Member{Member: m, Used: true, Buckets: use.Buckets, CardMS: min(cards[m], maxUnits)})
		e.Proof[m] = use.From
		if use.Claimed != nil {
			if e.Claimed == nil {
				e.Claimed = map[string]Buckets{}
			}
			e.Claimed[m] = *use.Claimed
		}
	}
}

// wrote reports whether a member wrote anything, as far as it says.
func wrote(o *llm.Outcome) bool {
	return o.Usage.Output.N > 0 || o.Usage.Reasoning.N > 0 || (o.Err == nil && o.TTFT > 0)
}

// worked returns the members that were asked.
func worked(o *llm.Outcome) []*llm.Outcome {
	var all []*llm.Outcome
	for _, leaf := range o.Leaves() {
		if leaf != nil && leaf.Member != "" && leaf.Strategy == "" {
			all = append(all, leaf)
		}
	}
	return all
}

// standby adds the members that could have been asked, with a fresh score, and
// have a contract. They take part in the surplus of a request that was routed.
func (a *Alliance) standby(e *Event, o *llm.Outcome) {
	if o == nil || len(e.Request.Members) == 0 {
		return
	}
	for _, u := range unasked(o) {
		known := slices.ContainsFunc(e.Request.Members, func(m Member) bool { return m.Member == u.Member })
		if _, err := a.contract(u.Member, e.Request.At.Time); err != nil || known || u.RightPPM <= 0 || u.RightPPM > maxWorth {
			continue
		}
		e.Request.Members = append(e.Request.Members, Member{Member: u.Member})
	}
}

// unasked returns who might have been asked, over the whole tree.
func unasked(o *llm.Outcome) []llm.Unasked {
	all := slices.Clone(o.Unasked)
	for _, p := range o.Parts {
		if p != nil {
			all = append(all, unasked(p)...)
		}
	}
	return all
}

// mode says by which game the answer is shared.
func mode(o *llm.Outcome) string {
	if o == nil || len(worked(o)) <= 1 {
		return "route"
	}
	switch o.Strategy {
	case "cascade", "verify", "auto":
		return "cascade"
	case "vote", "rank":
		return "vote"
	case "tokens":
		return "tokens"
	case "fuse":
		return "fuse"
	}
	return "vote"
}

// game fills in what the coalitions were worth, by what was recorded.
func (a *Alliance) game(e *Event, o *llm.Outcome, class map[string]int64) {
	r := &e.Request
	if o == nil || len(r.Members) == 0 {
		return
	}
	var used []string
	for _, m := range r.Members {
		if m.Used {
			used = append(used, m.Member)
		}
	}
	leaves := worked(o)
	if len(used) == 1 && (r.Mode == "route" || len(leaves) == 1) {
		right := leaves[slices.IndexFunc(leaves, func(l *llm.Outcome) bool { return l.Member == used[0] })].RightPPM
		r.Predicted = map[string]int64{used[0]: right}
		if right <= 0 || right > maxWorth {
			// Without a score of its own nobody can be held against it.
			r.Members = slices.DeleteFunc(r.Members, func(m Member) bool { return !m.Used })
			r.Predicted[used[0]] = maxWorth
		}
		for _, u := range unasked(o) {
			if slices.ContainsFunc(r.Members, func(m Member) bool { return m.Member == u.Member && !m.Used }) {
				r.Predicted[u.Member] = u.RightPPM
			}
		}
		return
	}
	// Who stands by has no ballot and no share: it takes no part here.
	r.Members = slices.DeleteFunc(r.Members, func(m Member) bool { return !m.Used })
	if r.Mode == "fuse" && len(class) > 0 && covers(class, used) {
		r.V = restrict(class, used)
		return
	}
	if r.Mode == "tokens" && covers(o.Coalitions, used) {
		r.V = restrict(o.Coalitions, used)
		return
	}
	if b := ballots(o, used, leaves); b != nil && (r.Mode == "vote" || r.Mode == "cascade") && len(used) <= maxPlayers {
		if r.Mode == "cascade" {
			b.Delay = a.Terms.DelayPPM
		}
		g, err := ballotGame(used, used, b)
		if err == nil && g.value[len(g.value)-1].Sign() > 0 { // the ballots explain the answer
			r.Ballots = b
			return
		}
	}
	shares := map[string]int64{}
	weigh(o, maxWorth, shares)
	for _, m := range sorted(shares) {
		if !slices.Contains(used, m) {
			delete(shares, m)
		}
	}
	if len(shares) > 0 {
		r.Weights = shares
	}
}

// ballots returns who answered what; nil where nothing can be compared.
func ballots(o *llm.Outcome, used []string, leaves []*llm.Outcome) *Ballots {
	if o.Answer == "" {
		return nil
	}
	b := &Ballots{Answer: map[string]string{}, Winner: letter(o.Answer)}
	for _, l := range leaves {
		if !slices.Contains(used, l.Member) || slices.Contains(b.Order, l.Member) {
			continue
		}
		b.Order = append(b.Order, l.Member)
		if l.Answer != "" {
			b.Answer[l.Member] = letter(l.Answer)
		}
	}
	return b
}

// letter stands for an answer in the books, which hold no text: four bytes of a
// hash tell whether two answers to one request are the same.
func letter(answer string) string {
	sum := sha256.Sum256([]byte(answer))
	return hex.EncodeToString(sum[:4])
}

// weigh adds up each member's share in the answer, in millionths of the whole.
func weigh(o *llm.Outcome, whole int64, shares map[string]int64) {
	if len(o.Parts) == 0 {
		if o.Member != "" && whole > 0 {
			shares[o.Member] += whole
		}
		return
	}
	left := maxWorth
	for _, p := range o.Parts {
		if p == nil || p.WeightPPM <= 0 {
			continue
		}
		w := min(p.WeightPPM, int64(left))
		left -= int(w)
		weigh(p, whole*w/maxWorth, shares)
	}
}
