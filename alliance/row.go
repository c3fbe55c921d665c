package alliance

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"summit/ledger"
)

// The kinds of rows of a statement.
const (
	kindCost      = "cost"      // what a request cost the member, and what of it was recovered
	kindDividend  = "dividend"  // of a surplus, by contribution
	kindRecoup    = "recoup"    // of costs that were put off before
	kindTrueUp    = "true_up"   // of a fee or of idle cards that calls did not cover
	kindGuarantee = "guarantee" // filled up at the month's end
	kindRepaid    = "repaid"    // of guarantees of earlier periods
	kindJudge     = "judge"     // for judging who contributed what to an answer
)

// takeApart returns a transaction as statements show it. Other kinds than those
// of settlements and closes are shown as they are called: refund, fault,
// dispute, decision.
func takeApart(t *ledger.Txn, zone *time.Location) (taken, error) {
	out := taken{seq: t.Seq, hash: t.Hash}
	switch t.Kind {
	case "settle":
		return out, out.settled(t, zone)
	case "close":
		return out, out.closed(t, zone)
	case "judge":
		return out, out.judged(t, zone)
	}
	for _, p := range t.Postings {
		if kind, m := split(p.Account); kind == "payable" {
			out.add(m, Row{Day: t.BookedAt.In(zone).Format(time.DateOnly), Kind: t.Kind, Request: t.Key, To: -p.Amount, Note: clip(t.Reason)})
		}
	}
	return out, nil
}

func (o *taken) add(member string, r Row) {
	o.members, o.rows = append(o.members, member), append(o.rows, r)
}

func (o *taken) settled(t *ledger.Txn, zone *time.Location) error {
	event, res, err := opened(t)
	if err != nil {
		return err
	}
	r := &event.Request
	row := Row{Day: r.At.In(zone).Format(time.DateOnly), Model: event.Model, Mode: r.Mode, Request: r.ID}
	got := map[string]Units{}
	for _, m := range r.Members {
		name := m.Member
		if m.Used {
			x := row
			x.Kind, x.Buckets, x.CardMS, x.Note = kindCost, m.Buckets, m.CardMS, res.Contracts[name]
			x.Buckets.Calls = m.calls()
			x.Declared, x.Sacrificed, x.Deferred, x.To = res.Costs[name], res.Sacrifice[name], res.Deferred[name], res.Recovered[name]
			o.add(name, x)
			got[name] += x.To
		}
		if d := res.Dividends[name]; d != 0 {
			x := row
			x.Kind, x.To, x.Note = kindDividend, d, res.Phi[name]
			o.add(name, x)
			got[name] += d
		}
	}
	for _, name := range sorted(res.Recouped) {
		x := row
		x.Kind, x.To = kindRecoup, res.Recouped[name]
		o.add(name, x)
		got[name] += x.To
	}
	for _, p := range t.Postings[t.Released:] {
		if kind, m := split(p.Account); kind == "payable" {
			got[m] += p.Amount
		}
	}
	for m, x := range got {
		if x != 0 {
			return fmt.Errorf("transaction %d: request %q: member %s: its result and its postings differ by %d", t.Seq, clip(r.ID), m, int64(x))
		}
	}
	return nil
}

// calls is how many calls of the member the request is rated with.
func (m *Member) calls() int64 {
	switch {
	case m.Calls != nil:
		return *m.Calls
	case m.Buckets.Calls != 0:
		return m.Buckets.Calls
	}
	return 1
}

func (o *taken) closed(t *ledger.Txn, zone *time.Location) error {
	at := slices.IndexFunc(t.Records, func(r ledger.Record) bool { return r.Kind == "close" })
	if at < 0 {
		return fmt.Errorf("transaction %d: nothing is filed with the close", t.Seq)
	}
	res := &CloseResult{}
	if err := json.Unmarshal(t.Records[at].Body, res); err != nil {
		return fmt.Errorf("transaction %d: close: %w", t.Seq, err)
	}
	end, err := time.ParseInLocation("2006-01", string(t.Closes.Next()), zone)
	if err != nil {
		return fmt.Errorf("transaction %d: close: %w", t.Seq, err)
	}
	row := Row{Day: end.AddDate(0, 0, -1).Format(time.DateOnly), Request: t.Key}
	for _, m := range sorted(res.Uncovered) {
		x := row
		x.Kind, x.Declared, x.Sacrificed, x.Deferred = kindTrueUp, res.Uncovered[m], res.Sacrifice[m], res.Deferred[m]
		x.To = x.Declared - x.Sacrificed - x.Deferred
		o.add(m, x)
	}
	for _, m := range sorted(res.Guarantees) {
		x := row
		x.Kind, x.To = kindGuarantee, res.Guarantees[m]
		o.add(m, x)
	}
	for _, m := range sorted(res.Repaid) {
		x := row
		x.Kind, x.To = kindRepaid, -res.Repaid[m]
		o.add(m, x)
	}
	return nil
}
