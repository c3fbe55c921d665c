package alliance

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"summit/ledger"
)

// Close ends a period: fees and idle cards that the period's calls did not
// cover, guarantees, and what each member is owed, in whole fen.
type Close struct {
	ID     string `json:"id"`
	At     Moment `json:"at"`
	Period string `json:"period"` // such as 2026-12, in each contract's own zone
}

// Statement is what a member is owed at the end of a period.
type Statement struct {
	Accrued Units `json:"accrued"` // with what was carried before
	Fen     int64 `json:"fen"`     // hundredths of the currency, to be paid
	Carried Units `json:"carried"` // below one fen
}

// fenUnits is how many units are one hundredth of a currency.
const fenUnits = 10_000

// CloseResult is the end of one period. Maps have only the members to whom
// something happened.
type CloseResult struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Period string `json:"period"`

	Uncovered   map[string]Units     `json:"uncovered"` // fees and idle cards beyond what calls absorbed
	Sacrifice   map[string]Units     `json:"sacrifice"`
	FromReserve Units                `json:"from_reserve"` // for what was uncovered
	Deferred    map[string]Units     `json:"deferred"`
	Guarantees  map[string]Units     `json:"guarantees"` // paid on top
	Repaid      map[string]Units     `json:"repaid"`     // of earlier guarantees
	Statements  map[string]Statement `json:"statements"`
	Postings    []ledger.Posting     `json:"postings"`
	Memo        []ledger.Posting     `json:"memo,omitempty"`
}

// closes carries out a close.
func (a *Alliance) closes(c *Close, books *Books) (*CloseResult, error) {
	month, err := time.Parse("2006-01", c.Period)
	if err != nil {
		return nil, fmt.Errorf("period: got %q, want a month such as 2026-12", clip(c.Period))
	}
	res := &CloseResult{ID: c.ID, Kind: "close", Period: c.Period, Uncovered: map[string]Units{}, Sacrifice: map[string]Units{},
		Deferred: map[string]Units{}, Guarantees: map[string]Units{}, Repaid: map[string]Units{}, Statements: map[string]Statement{}, Postings: []ledger.Posting{}}
	held := map[string][]*Contract{} // by member, in order of their days
	for _, name := range a.names {
		for _, k := range a.contracts[name] {
			if days, _ := k.days(month); days > 0 {
				held[name] = append(held[name], k)
			}
		}
		slices.SortStableFunc(held[name], func(x, y *Contract) int { return x.Effective.from.Compare(y.Effective.from) })
	}
	if err := res.trueUp(a, held, month, books); err != nil {
		return nil, err
	}
	if err := res.guarantee(a, held, books); err != nil {
		return nil, err
	}
	res.approve(books)
	clear(books.CapsLeft)
	clear(books.Absorbed)
	clear(books.CardMS)
	for _, m := range []map[string]Units{books.Deferred, books.Advanced, books.Residue, books.Payable} {
		without(m)
	}
	return res, ledger.Balanced(slices.Concat(res.Postings, res.Memo))
}

// begin returns when the month begins for the contract.
func (c *Contract) begin(month time.Time) time.Time {
	return time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, c.Effective.zone)
}

// days returns on how many days of the month the contract holds, and how many it
// has.
func (c *Contract) days(month time.Time) (held, of int64) {
	begin := c.begin(month)
	end := begin.AddDate(0, 1, 0)
	of = int64(end.AddDate(0, 0, -1).Day())
	if c.Effective.from.After(begin) {
		begin = c.Effective.from
	}
	if until := c.Effective.until; !until.IsZero() && until.Before(end) {
		end = until
	}
	if !begin.Before(end) {
		return 0, of
	}
	day := func(t time.Time) int64 { // a day may have 23 hours
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
	}
	return day(end) - day(begin), of
}

// covering is what of a period's calls is left to cover fees and idle cards.
type covering struct {
	absorbed Units
	cardMS   int64
}

// uncovered returns what a period cost the member by the contract beyond what
// its calls absorbed, and the base of the share of it that the member bears
// itself. A contract that holds for a part of the month counts for its days.
func (c *Contract) uncovered(month time.Time, calls *covering) (under, base Units, err error) {
	days, of := c.days(month)
	switch c.Cost.Model {
	case "subscription":
		if base, err = divide(big.NewInt(int64(c.Cost.Fee)), big.NewInt(days), big.NewInt(of)); err != nil {
			return 0, 0, err
		}
		taken := min(calls.absorbed, base)
		calls.absorbed -= taken
		return base - taken, base, nil
	case "self_hosted":
		begin := c.begin(month)
		if c.Effective.from.After(begin) {
			begin = c.Effective.from
		}
		hours := begin.AddDate(0, 0, int(days)).Sub(begin).Milliseconds()
		idle := new(big.Int).Mul(big.NewInt(hours), big.NewInt(c.Cost.Cards))
		taken := calls.cardMS
		if idle.IsInt64() {
			taken = min(taken, idle.Int64())
		}
		calls.cardMS -= taken
		idle.Sub(idle, big.NewInt(taken))
		price := new(big.Int).Mul(big.NewInt(int64(c.Cost.CardHour)), big.NewInt(c.Cost.IdleCoverBP))
		under, err = divide(idle, price, big.NewInt(hour*10_000))
		return under, under, err
	}
	return 0, 0, nil
}

// trueUp books what the period's calls did not cover: what the member agreed
// to bear, then the reserve, then what is put off.
func (res *CloseResult) trueUp(a *Alliance, held map[string][]*Contract, month time.Time, books *Books) error {
	var names []string
	var needs []*big.Int
	var all Units
	for _, m := range sorted(held) {
		calls := &covering{books.Absorbed[m], books.CardMS[m]}
		for _, c := range held[m] {
			under, base, err := c.uncovered(month, calls)
			if err == nil {
				err = add(res.Uncovered, m, under)
			}
			if err != nil {
				return fmt.Errorf("member %s: %w", m, err)
			}
			if under == 0 {
				continue
			}
			left := books.capLeft(c)
			s := min(under, basisPoints(base, c.Sacrifice.PerRequestBP), left)
			if s > 0 {
				books.CapsLeft[m] = left - s
				res.Sacrifice[m] += s
			}
		}
		need := res.Uncovered[m] - res.Sacrifice[m]
		if res.Uncovered[m] == 0 {
			delete(res.Uncovered, m)
			continue
		}
		names, needs = append(names, m), append(needs, big.NewInt(int64(need)))
		var err error
		if all, err = all.Add(need); err != nil {
			return fmt.Errorf("member %s: %w", m, err)
		}
	}
	res.FromReserve = min(all, books.Reserve)
	books.Reserve -= res.FromReserve
	for i, paid := range share(res.FromReserve, needs, a.Terms.TieBreak.among(res.ID, names)) {
		m := names[i]
		deferred := res.Uncovered[m] - res.Sacrifice[m] - paid
		res.Deferred[m] = deferred
		books.Deferred[m] += deferred
		if err := add(books.Payable, m, paid); err != nil {
			return err
		}
		res.Postings = post(res.Postings, "member:"+m+":payable", -paid)
		res.Memo = post(res.Memo, "cost:declared:"+m, res.Uncovered[m])
		res.Memo = post(res.Memo, "cost:recovered:"+m, -paid)
		res.Memo = post(res.Memo, "cost:sacrifice:"+m, -res.Sacrifice[m])
		res.Memo = post(res.Memo, "cost:deferred:"+m, -deferred)
	}
	res.Postings = post(res.Postings, "reserve", res.FromReserve)
	without(res.Sacrifice)
	without(res.Deferred)
	return nil
}

// guarantee fills up what members earned to what they were promised, out of
// the reserve, in proportion where it is short. Before that, members that
// earned more pay back what they were given on top in earlier periods. The last
// contract of the month counts.
func (res *CloseResult) guarantee(a *Alliance, held map[string][]*Contract, books *Books) error {
	var names []string
	var needs []*big.Int
	var all, back Units
	for _, m := range sorted(held) {
		c := held[m][len(held[m])-1]
		promised := Units(c.Guarantee.PerPeriod)
		if promised == 0 {
			continue
		}
		earned := books.Payable[c.Member]
		if over := earned - promised; over >= 0 {
			if x := min(over, books.Advanced[c.Member]); x > 0 {
				res.Repaid[c.Member] = x
				books.Advanced[c.Member] -= x
				books.Payable[c.Member] -= x
				res.Postings = post(res.Postings, "member:"+c.Member+":payable", x)
				back += x
			}
			continue
		}
		names, needs = append(names, c.Member), append(needs, big.NewInt(int64(promised-earned)))
		var err error
		if all, err = all.Add(promised - earned); err != nil {
			return fmt.Errorf("member %s: %w", c.Member, err)
		}
	}
	books.Reserve += back
	paid := min(all, books.Reserve)
	books.Reserve -= paid
	for i, x := range share(paid, needs, a.Terms.TieBreak.among(res.ID, names)) {
		if x == 0 {
			continue
		}
		m := names[i]
		res.Guarantees[m] = x
		if err := add(books.Payable, m, x); err != nil {
			return err
		}
		res.Postings = post(res.Postings, "member:"+m+":payable", -x)
		if held[m][len(held[m])-1].Guarantee.Recoup {
			books.Advanced[m] += x
		}
	}
	res.Postings = post(res.Postings, "reserve", paid-back)
	return nil
}

// approve moves what each member is owed to its statement in whole fen and
// carries the rest. A member that owes the alliance keeps its balance.
func (res *CloseResult) approve(books *Books) {
	owed := map[string]bool{}
	for m := range books.Payable {
		owed[m] = true
	}
	for m := range books.Residue {
		owed[m] = true
	}
	for _, m := range sorted(owed) {
		payable, carried := books.Payable[m], books.Residue[m]
		total := payable + carried
		if total < 0 {
			continue
		}
		s := Statement{Accrued: total, Fen: int64(total / fenUnits), Carried: total % fenUnits}
		res.Statements[m] = s
		res.Postings = post(res.Postings, "member:"+m+":payable", payable)
		res.Postings = post(res.Postings, "rounding:"+m, carried-s.Carried)
		res.Postings = post(res.Postings, "member:"+m+":approved", -Units(s.Fen*fenUnits))
		books.Payable[m], books.Residue[m] = 0, s.Carried
	}
}
