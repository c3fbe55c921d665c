package alliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"summit/ledger"
	"summit/llm"
	"summit/money"
)

// Journal keeps an alliance's books in a store. Every figure that a decision
// hangs on is read in the writer of the store, at the entry's turn: there is no
// other state, so nothing has to be restored at a start. It may be used by many
// goroutines.
type Journal struct {
	store    ledger.Store
	alliance atomic.Pointer[Alliance]
	now      func() time.Time
	tables   atomic.Pointer[map[string]int64] // what coalitions are worth in fused answers

	refunding sync.Mutex // one refund after the other: each looks at those before it

	refreshed atomic.Int64 // when, in nanoseconds

	mu        sync.RWMutex
	loaded    int64 // the last transaction whose documents are known
	customers map[string]Customer
	keys      map[string]KeyLimit
}

// OpenJournal keeps the alliance's books in the store. The terms and contracts
// are filed in it, so that every settlement can be computed again. now is the
// clock; nil = time.Now. The store is the caller's to close.
func OpenJournal(ctx context.Context, store ledger.Store, a *Alliance, now func() time.Time) (*Journal, error) {
	if now == nil {
		now = time.Now
	}
	j := &Journal{store: store, now: now, customers: map[string]Customer{}, keys: map[string]KeyLimit{}}
	if err := j.SetAlliance(ctx, a); err != nil {
		return nil, err
	}
	if err := j.load(ctx); err != nil {
		return nil, err
	}
	return j, j.loadTables(ctx)
}

// SetAlliance lets other terms and contracts hold from now on. The currency
// stays.
func (j *Journal) SetAlliance(ctx context.Context, a *Alliance) error {
	if old := j.alliance.Load(); old != nil && old.Terms.Currency != a.Terms.Currency {
		return fmt.Errorf("alliance: terms: currency: got %s, want %s as in the books", a.Terms.Currency, old.Terms.Currency)
	}
	entries := []ledger.Entry{document("terms", a.Terms.Hash, a.Terms.Text)}
	for _, m := range sorted(a.contracts) {
		for _, c := range a.contracts[m] {
			entries = append(entries, document("contract", c.Hash, c.Text))
		}
	}
	for batch := range slices.Chunk(entries, ledger.MaxEntries) {
		for i := range batch {
			batch[i].Effective = ledger.PeriodOf(j.now().In(a.Terms.zone))
		}
		if _, err := j.post(ctx, batch...); err != nil {
			return err
		}
	}
	j.alliance.Store(a)
	return nil
}

// document is an entry that files a text under its hash.
func document(kind, hash string, text []byte) ledger.Entry {
	return ledger.Entry{Key: kind + ":" + hash, Input: ledger.Sum(text), Kind: kind, Records: []ledger.Record{{Kind: kind, Key: hash, Body: text}}}
}

// Alliance returns the terms and contracts that hold.
func (j *Journal) Alliance() *Alliance { return j.alliance.Load() }

// Store returns the store of the books.
func (j *Journal) Store() ledger.Store { return j.store }

func (j *Journal) currency() money.Currency { return j.alliance.Load().Terms.Currency }

// month returns the period of a time, in the zone of the terms.
func (j *Journal) month(at time.Time) ledger.Period {
	return ledger.PeriodOf(at.In(j.alliance.Load().Terms.zone))
}

// post books entries. Where the outcome of a commit is unknown it asks again,
// which books nothing twice.
func (j *Journal) post(ctx context.Context, entries ...ledger.Entry) ([]ledger.Receipt, error) {
	for try := 0; ; try++ {
		r, err := j.store.Post(ctx, entries...)
		if !errors.Is(err, ledger.ErrUnknown) || try == 2 {
			return r, err
		}
	}
}

// Ask is a request that money is to be put aside for.
type Ask struct {
	ID       string
	Customer string
	Key      string // of the customer; empty = none
	Model    string
	At       time.Time
	Input    int64 // the most input tokens that it may be charged for
	Output   int64 // and output tokens
	Until    time.Time
	Hash     ledger.Hash // of the request
}

// Hold puts aside what the request may cost at most, and returns that. Nobody
// can spend it in the meantime: it is decided where it is booked. fresh is false
// where a request of that ID was booked before. The error is an *llm.Error: of
// kind QuotaExhausted where there is no money, RateLimited where it is only
// promised to requests in flight.
func (j *Journal) Hold(ctx context.Context, x Ask) (held Units, fresh bool, err error) {
	held, r, err := j.hold(ctx, x)
	return held, err == nil && !r.Replayed, err
}

// hold is Hold with the receipt of the transaction.
func (j *Journal) hold(ctx context.Context, x Ask) (held Units, r ledger.Receipt, err error) {
	a := j.alliance.Load()
	if err := j.refresh(ctx); err != nil {
		return 0, r, &llm.Error{Kind: llm.Overloaded, Message: "the books can't be read at the moment", RetryAfter: time.Second, Err: err}
	}
	j.mu.RLock()
	c, known := j.customers[x.Customer]
	limit := j.keys[x.Key]
	j.mu.RUnlock()
	switch {
	case !known:
		return 0, r, llm.Errorf(llm.QuotaExhausted, "%q is no customer of the books: want one made by \"summit customer create\", with the name of the key's tenant", clip(x.Customer))
	case c.Closed:
		return 0, r, llm.Errorf(llm.QuotaExhausted, "the customer %s is closed", c.Name)
	}
	tariff, ok := a.Terms.Tariff(x.Model)
	if !ok {
		e := llm.Errorf(llm.Unsupported, "the model %q has no price in the alliance's terms, so it can't be sold", clip(x.Model))
		e.Param = "model"
		return 0, r, e
	}
	price, err := tariff.Price(Delivered{Input: x.Input, Output: x.Output, Any: true})
	if err != nil {
		return 0, r, llm.Errorf(llm.QuotaExhausted, "the request may cost more than can be counted")
	}
	at := x.At.In(a.Terms.zone)
	month := ledger.PeriodOf(at)
	e := ledger.Entry{Key: "hold:" + x.ID, Input: x.Hash, Kind: "hold", Currency: a.Terms.Currency, Effective: month, Expires: x.Until}
	if price > 0 {
		e.Postings = []ledger.Posting{{Account: c.account(), Amount: price}, {Account: hold(c.Name), Amount: -price}}
		e.Postings = append(e.Postings, metered(&c, limit, at, price)...)
		e.Decide = func(v ledger.View, e *ledger.Entry) error { return c.allows(v, limit, at, price, a.Terms) }
	}
	receipts, err := j.post(ctx, e)
	switch {
	case err == nil:
		return price, receipts[0], nil
	case errors.Is(err, ledger.ErrOverdrawn):
		return 0, r, j.short(ctx, &c, price)
	case errors.Is(err, ledger.ErrConflict):
		return 0, r, llm.Errorf(llm.Invalid, "the Idempotency-Key was used with another request")
	}
	var told *llm.Error
	if errors.As(err, &told) {
		return 0, r, told
	}
	return 0, r, &llm.Error{Kind: llm.Overloaded, Message: "the books can't be written at the moment", RetryAfter: time.Second, Err: err}
}

// short says why a wallet is not enough: it is empty, or others have it for
// the moment.
func (j *Journal) short(ctx context.Context, c *Customer, price Units) error {
	s, err := j.standing(ctx, *c)
	if err != nil {
		return &llm.Error{Kind: llm.QuotaExhausted, Message: "the wallet is empty"}
	}
	e := llm.Errorf(llm.QuotaExhausted, "the wallet of %s has %s %s, and this request may cost %s: top it up, or ask for fewer tokens with max_tokens", c.Name, s.Balance, s.Currency, money.Amount(price))
	if s.Balance+s.Held >= money.Amount(price) {
		e.Kind, e.RetryAfter = llm.RateLimited, time.Second
		e.Message += fmt.Sprintf("; %s are promised to requests in flight", s.Held)
	}
	return e
}

// Void takes a hold back: nothing is charged.
func (j *Journal) Void(ctx context.Context, id, reason string) error {
	_, err := j.post(ctx, ledger.Entry{Key: "void:" + id, Kind: "void", Ends: "hold:" + id, Effective: j.month(j.now()), Reason: clip(reason)})
	return err
}

// Settle meters an answer and books what it costs whom, in one commit, in the
// place of its hold. An answer that nobody is paid for and that costs nothing
// gives its hold back.
func (j *Journal) Settle(ctx context.Context, x Answer, held Units) (*Event, *Result, error) {
	a := j.alliance.Load()
	event, err := a.Meter(x, held, j.table())
	if err != nil {
		return nil, nil, err
	}
	month := ledger.PeriodOf(x.At.In(a.Terms.zone))
	var entries []ledger.Entry
	if x.measured != nil {
		e, err := j.judgeEntry(a, &x, month)
		if err != nil {
			return nil, nil, err
		}
		if e != nil {
			entries = append(entries, *e)
		}
	}
	if len(event.Request.Members) == 0 {
		return event, nil, j.Void(ctx, x.ID, string(event.End))
	}
	if a.sampleBP(leafNames(worked(x.Outcome)), x.At) > 0 && event.Request.Mode == "fuse" {
		hold, err := j.store.Find(ctx, "hold:"+x.ID)
		if err != nil {
			return nil, nil, fmt.Errorf("alliance: request %q: its hold: %w", clip(x.ID), err)
		}
		event.Audit = a.drawn(hold.Hash, &x)
	}
	rated, err := a.prepare(&event.Request)
	if err != nil {
		return nil, nil, fmt.Errorf("alliance: request %q: %w", clip(x.ID), err)
	}
	j.mu.RLock()
	c, limit := j.customers[x.Customer], j.keys[x.Key]
	j.mu.RUnlock()
	input, err := json.Marshal(event)
	if err != nil {
		return nil, nil, err
	}
	var res *Result
	settle := ledger.Entry{Key: "settle:" + x.ID, Input: ledger.Sum(input), Kind: "settle", Ends: "hold:" + x.ID, Currency: a.Terms.Currency, Effective: month,
		Decide: func(v ledger.View, e *ledger.Entry) error {
			books, err := a.before(v, rated, v.Open(month))
			if err != nil {
				return err
			}
			if res, err = a.apply(rated, books); err != nil {
				return err
			}
			e.Postings = res.entries(&c, rated)
			if event.Request.Price > 0 {
				e.Postings = append(e.Postings, metered(&c, limit, x.At.In(a.Terms.zone), event.Request.Price)...)
			}
			e.Records, err = filed(x.ID, event, res)
			return err
		}}
	if _, err = j.post(ctx, append([]ledger.Entry{settle}, entries...)...); err != nil {
		return nil, nil, err
	}
	return event, res, nil
}

// filed returns what is kept of a settlement beside its postings.
func filed(id string, event *Event, res *Result) ([]ledger.Record, error) {
	own := *res
	own.Postings, own.Memo = nil, nil // they are in the books
	one, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	two, err := json.Marshal(&own)
	if err != nil {
		return nil, err
	}
	return []ledger.Record{{Kind: "event", Key: id, Body: one}, {Kind: "result", Key: id, Body: two}}, nil
}

// entries returns the postings of a settlement as they are booked: the price
// out of the customer's own account, the loss book, and the meters that a close
// reads.
func (res *Result) entries(c *Customer, rated *prepared) []ledger.Posting {
	list := bill(slices.Concat(res.Postings, res.Memo), c)
	var sum Units
	meter := func(name, member string, x Units) {
		list = post(list, "meter:"+name+":"+member, x)
		sum += x
	}
	for i := range rated.players {
		p := &rated.players[i]
		m := p.Contract.Member
		meter("sacrifice", m, res.Sacrifice[m])
		if p.Used && p.absorbs() {
			meter("absorbed", m, p.cost)
			meter("card_ms", m, Units(p.CardMS))
		}
	}
	return post(list, "meter:sum", -sum)
}

// bill puts a customer's own account in the place of its wallet.
func bill(list []ledger.Posting, c *Customer) []ledger.Posting {
	for i, p := range list {
		if strings.HasPrefix(string(p.Account), "customer:") && strings.HasSuffix(string(p.Account), ":wallet") {
			list[i].Account = c.account()
		}
	}
	return list
}

// before returns where the books stand, as far as a settlement looks.
func (a *Alliance) before(v ledger.View, rated *prepared, month ledger.Period) (*Books, error) {
	b := (&Books{}).clone()
	ccy := a.Terms.Currency
	reserve, err := v.Balance("reserve", ccy)
	if err != nil {
		return nil, err
	}
	b.Reserve = -reserve
	if rated.pool() >= rated.costs {
		return b, a.claims(v, b)
	}
	for i := range rated.players {
		p := &rated.players[i]
		if !p.Used || p.Sacrifice.PerRequestBP == 0 {
			continue
		}
		borne, err := v.Turnover(month, ledger.Account("meter:sacrifice:"+p.Contract.Member), ccy)
		if err != nil {
			return nil, err
		}
		b.CapsLeft[p.Contract.Member] = max(Units(p.Sacrifice.PerPeriod)-borne, 0)
	}
	return b, nil
}

// claims reads what is owed for costs that were put off.
func (a *Alliance) claims(v ledger.View, b *Books) error {
	for _, m := range a.names {
		claim, err := v.Balance(ledger.Account("cost:deferred:"+m), a.Terms.Currency)
		if err != nil {
			return err
		}
		if claim < 0 {
			b.Deferred[m] = -claim
		}
	}
	return nil
}

// opened reads what was filed with a settlement.
func opened(t *ledger.Txn) (*Event, *Result, error) {
	var event *Event
	var res *Result
	for _, r := range t.Records {
		var err error
		switch r.Kind {
		case "event":
			event = &Event{}
			err = json.Unmarshal(r.Body, event)
		case "result":
			res = &Result{}
			err = json.Unmarshal(r.Body, res)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("alliance: transaction %d: %s: %w", t.Seq, r.Kind, err)
		}
	}
	if event == nil || res == nil {
		return nil, nil, fmt.Errorf("alliance: transaction %d: no event and result are filed with it", t.Seq)
	}
	return event, res, nil
}
