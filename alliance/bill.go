package alliance

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"summit/ledger"
)

// The kinds of rows of a bill that are not called as their transactions are.
const kindCharge = "charge" // for a request

// Bill is a customer's statement of a month: what it was charged, what came
// back and what it paid in. Amounts are as its balance changed: a charge is
// negative. Its postings are in the CSV file alone.
type Bill struct {
	Customer string        `json:"customer"`
	Period   ledger.Period `json:"period"`
	Currency string        `json:"currency"`
	Zone     string        `json:"zone"`
	Billing  Billing       `json:"billing"`
	Terms    string        `json:"terms"`  // hash of those that hold now
	Closed   bool          `json:"closed"` // the month is: nothing more comes
	Opening  Units         `json:"opening"`
	Lines    []BillLine    `json:"lines"`
	Charged  Units         `json:"charged"`  // for requests
	Tax      Units         `json:"tax"`      // in what was charged and not refunded
	Refunded Units         `json:"refunded"` // of requests
	Paid     Units         `json:"paid"`     // in
	Other    Units         `json:"other"`    // whatever else
	Closing  Units         `json:"closing"`  // with what is held
	Held     Units         `json:"held"`     // of Closing, for requests in flight
	CSV      ledger.Hash   `json:"csv_sha256"`
}

// BillLine is the sum of a bill's postings of one day, model and kind.
type BillLine struct {
	Day       string `json:"day"`
	Model     string `json:"model"`
	Kind      string `json:"kind"`
	Count     int64  `json:"count"`
	Input     int64  `json:"input"` // delivered tokens
	CacheRead int64  `json:"cache_read"`
	Output    int64  `json:"output"`
	Tax       Units  `json:"tax"` // inside the amount
	Amount    Units  `json:"amount"`
}

// BillRow is one posting of a bill.
type BillRow struct {
	Day, Model, Kind, Request, Key, Note string
	Delivered                            Delivered
	Tax, Amount                          Units
}

// billColumns are those of the CSV file, the canonical form of a bill. They are
// only ever added to.
var billColumns = []string{"record", "day", "model", "kind", "request", "key", "count", "input", "cache_read", "output", "tax", "amount", "note"}

// Bill writes a customer's statement of a month in CSV and returns it without
// its postings. It reads the customer's transactions alone, one by one. The same
// books give the same bytes; of a month that is not closed more may come.
func (j *Journal) Bill(ctx context.Context, customer string, period ledger.Period, w io.Writer) (*Bill, error) {
	named := func(err error) error {
		return fmt.Errorf("alliance: bill of %s for %s: %w", clip(customer), clip(string(period)), err)
	}
	if err := period.Valid(); err != nil {
		return nil, named(err)
	}
	if err := j.load(ctx); err != nil {
		return nil, named(err)
	}
	j.mu.RLock()
	c, known := j.customers[customer]
	j.mu.RUnlock()
	if !known {
		return nil, named(ErrNoCustomer)
	}
	head, err := j.store.Head(ctx)
	if err != nil {
		return nil, named(err)
	}
	a := j.alliance.Load()
	b := &Bill{Customer: customer, Period: period, Currency: string(a.Terms.Currency), Zone: a.Terms.zone.String(), Billing: c.Billing, Terms: a.Terms.Hash, Closed: head.Closed >= period}
	accounts := CustomerAccounts(customer)
	for x, err := range j.store.Balances(ctx, ledger.BalanceFilter{Prefix: "customer:" + customer + ":", Turnovers: true}) {
		if err != nil {
			return nil, named(err)
		}
		if x.Currency != a.Terms.Currency || !slices.Contains(accounts, x.Account) || x.Period > period {
			continue
		}
		if x.Period < period {
			b.Opening -= x.Amount
		}
		if x.Account == hold(customer) {
			b.Held -= x.Amount
		}
	}
	out, err := newBillWriter(w, b)
	if err != nil {
		return nil, named(err)
	}
	for t, err := range j.store.Txns(ctx, ledger.Filter{Period: period, Accounts: accounts, Until: max(head.Seq, 1)}) {
		if err != nil {
			return nil, named(err)
		}
		row, some, err := billed(t, accounts, a.Terms)
		if err != nil {
			return nil, named(err)
		}
		if !some {
			continue
		}
		if err := out.add(row); err != nil {
			return nil, named(err)
		}
	}
	if err := out.end(); err != nil {
		return nil, named(err)
	}
	return b, nil
}

// billed returns what a transaction is to a customer. What is put aside and
// given back is nothing.
func billed(t *ledger.Txn, accounts []ledger.Account, terms *Terms) (*BillRow, bool, error) {
	r := &BillRow{Day: t.BookedAt.In(terms.zone).Format(time.DateOnly), Kind: t.Kind, Note: clip(t.Reason)}
	foreign := false
	for i, p := range t.Postings {
		own := slices.Contains(accounts, p.Account)
		switch {
		case own && p.Currency != terms.Currency:
			foreign = true
			r.Note = strings.TrimSpace(fmt.Sprintf("%s %s %s", Decimal(-p.Amount), p.Currency, r.Note))
		case own:
			r.Amount -= p.Amount // a transaction's sums fit
		case p.Account == "tax:vat" && i >= t.Released:
			r.Tax -= p.Amount
		}
	}
	if r.Amount == 0 && !foreign {
		return nil, false, nil
	}
	switch t.Kind {
	case "settle":
		event, _, err := opened(t)
		if err != nil {
			return nil, false, err
		}
		r.Kind, r.Day, r.Model, r.Request, r.Key, r.Delivered = kindCharge, event.Request.At.In(terms.zone).Format(time.DateOnly), event.Model, event.Request.ID, event.Key, event.Delivered
		r.Note = ""
		if event.End != EndWhole {
			r.Note = string(event.End)
		}
	case "refund":
		r.Request = strings.TrimPrefix(t.Links[0], "settle:")
		r.Note = strings.TrimPrefix(t.Key, "refund:")
	default:
		r.Note = strings.TrimSpace(t.Key + " " + r.Note)
	}
	return r, true, nil
}

// billWriter writes a bill row by row.
type billWriter struct {
	bill  *Bill
	to    *bufio.Writer
	csv   *csv.Writer
	sum   hash.Hash
	lines map[[3]string]*BillLine
}

func newBillWriter(w io.Writer, b *Bill) (*billWriter, error) {
	s := &billWriter{bill: b, sum: sha256.New(), lines: map[[3]string]*BillLine{}}
	s.to = bufio.NewWriterSize(io.MultiWriter(w, s.sum), 1<<16)
	if _, err := s.to.WriteString(bom); err != nil {
		return nil, err
	}
	s.csv = csv.NewWriter(s.to)
	s.csv.UseCRLF = true
	if err := s.csv.Write(billColumns); err != nil {
		return nil, err
	}
	state := "open"
	if b.Closed {
		state = "closed"
	}
	for _, f := range [][2]string{{"version", "1"}, {"customer", b.Customer}, {"period", string(b.Period)}, {"state", state}, {"currency", b.Currency}, {"zone", b.Zone}, {"billing", string(b.Billing)}, {"terms", b.Terms}} {
		if err := s.write("head", &BillRow{Kind: f[0], Note: f[1]}, nil); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add writes one posting and adds it up.
func (s *billWriter) add(r *BillRow) error {
	key := [3]string{r.Day, r.Model, r.Kind}
	l := s.lines[key]
	if l == nil {
		l = &BillLine{Day: r.Day, Model: r.Model, Kind: r.Kind}
		s.lines[key] = l
	}
	l.Count++
	for _, x := range []struct {
		to *int64
		by int64
	}{{&l.Input, r.Delivered.Input}, {&l.CacheRead, r.Delivered.CacheRead}, {&l.Output, r.Delivered.Output}} {
		if *x.to += x.by; x.by < 0 || *x.to < 0 {
			return fmt.Errorf("%s %s: %w", l.Day, l.Kind, ledger.ErrOverflow)
		}
	}
	to := &s.bill.Other
	switch r.Kind {
	case kindCharge:
		to = &s.bill.Charged
	case "refund":
		to = &s.bill.Refunded
	case "deposit":
		to = &s.bill.Paid
	}
	for _, x := range []struct {
		to *Units
		by Units
	}{{&l.Amount, r.Amount}, {&l.Tax, r.Tax}, {to, r.Amount}, {&s.bill.Tax, r.Tax}} {
		sum, err := x.to.Add(x.by)
		if err != nil {
			return fmt.Errorf("%s %s: %w", l.Day, l.Kind, err)
		}
		*x.to = sum
	}
	return s.write("posting", r, nil)
}

// end writes the lines and the totals.
func (s *billWriter) end() error {
	b := s.bill
	b.Lines = make([]BillLine, 0, len(s.lines))
	for _, l := range s.lines {
		b.Lines = append(b.Lines, *l)
	}
	slices.SortFunc(b.Lines, func(x, y BillLine) int {
		return slices.Compare([]string{x.Day, x.Model, x.Kind}, []string{y.Day, y.Model, y.Kind})
	})
	for _, l := range b.Lines {
		r := &BillRow{Day: l.Day, Model: l.Model, Kind: l.Kind, Delivered: Delivered{Input: l.Input, CacheRead: l.CacheRead, Output: l.Output}, Tax: l.Tax, Amount: l.Amount}
		if err := s.write("line", r, &l.Count); err != nil {
			return err
		}
	}
	b.Closing = b.Opening
	for _, x := range []Units{b.Charged, b.Refunded, b.Paid, b.Other} {
		sum, err := b.Closing.Add(x)
		if err != nil {
			return err
		}
		b.Closing = sum
	}
	for _, t := range []struct {
		kind string
		x    Units
	}{{"opening", b.Opening}, {"charged", b.Charged}, {"tax", b.Tax}, {"refunded", b.Refunded}, {"paid", b.Paid}, {"other", b.Other}, {"closing", b.Closing}, {"held", b.Held}} {
		if err := s.write("total", &BillRow{Kind: t.kind, Amount: t.x}, nil); err != nil {
			return err
		}
	}
	s.csv.Flush()
	if err := s.csv.Error(); err != nil {
		return err
	}
	if err := s.to.Flush(); err != nil {
		return err
	}
	s.sum.Sum(b.CSV[:0])
	return nil
}

// write writes one row; count is nil where the column is empty.
func (s *billWriter) write(record string, r *BillRow, count *int64) error {
	n, tax, x := "", "", ""
	if count != nil {
		n = strconv.FormatInt(*count, 10)
	}
	if record != "head" {
		x = Decimal(r.Amount)
	}
	if record != "total" {
		if tax = amountCell(r.Tax); record == "line" {
			tax = Decimal(r.Tax)
		}
	}
	return s.csv.Write([]string{record, r.Day, guard(r.Model), r.Kind, guard(r.Request), r.Key, n, numberCell(r.Delivered.Input), numberCell(r.Delivered.CacheRead), numberCell(r.Delivered.Output), tax, x, guard(r.Note)})
}
