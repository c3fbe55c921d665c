package alliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"summit/ledger"
	"summit/money"
)

// Billing says when a customer pays.
type Billing string

// The ways of billing.
const (
	Prepaid  Billing = "prepaid"  // out of a wallet that may not be overdrawn
	Postpaid Billing = "postpaid" // later, up to a credit
)

// Customer is who pays for requests. It has the name of the tenant that its
// keys belong to.
type Customer struct {
	Name       string       `json:"name"`
	Billing    Billing      `json:"billing"`
	Credit     money.Amount `json:"credit"`                // postpaid: the most that may be owed
	MaxMonth   money.Amount `json:"max_month"`             // the most that a month's requests may cost; 0 = no bound
	MaxDay     money.Amount `json:"max_day,omitempty"`     // and a day's, counted from when it is set; 0 = no bound
	MaxRequest money.Amount `json:"max_request,omitempty"` // and one request; 0 = no bound
	Closed     bool         `json:"closed"`                // asks no more
	About      string       `json:"about,omitempty"`
}

// KeyLimit bounds what one key of a customer may spend.
type KeyLimit struct {
	Key        string       `json:"key"` // its id
	Customer   string       `json:"customer"`
	MaxMonth   money.Amount `json:"max_month"`             // 0 = no bound
	MaxTotal   money.Amount `json:"max_total"`             // ever; 0 = no bound
	MaxDay     money.Amount `json:"max_day,omitempty"`     // 0 = no bound
	MaxRequest money.Amount `json:"max_request,omitempty"` // 0 = no bound
}

// Standing is a customer with what its accounts say.
type Standing struct {
	Customer
	Currency money.Currency `json:"currency"`
	Balance  money.Amount   `json:"balance"` // prepaid: left in the wallet; postpaid: owed, as a negative number
	Held     money.Amount   `json:"held"`    // for requests in flight
	Month    ledger.Period  `json:"month"`
	Spent    money.Amount   `json:"spent"`              // in this month, with what is held
	Day      string         `json:"day,omitempty"`      // where a day is bounded
	SpentDay money.Amount   `json:"spent_day,omitzero"` // on that day, with what is held
}

func (c *Customer) check() error {
	if !ledger.ValidName(c.Name) {
		return fmt.Errorf("alliance: customer: name: got %q, want letters, digits and - _ . only, at most 64", clip(c.Name))
	}
	if c.Billing == "" {
		c.Billing = Prepaid
	}
	if c.Billing != Prepaid && c.Billing != Postpaid {
		return fmt.Errorf("alliance: customer %s: billing: got %q, want prepaid or postpaid", c.Name, clip(string(c.Billing)))
	}
	if c.Billing == Prepaid && c.Credit != 0 {
		return fmt.Errorf("alliance: customer %s: credit: got %s, want none for a prepaid customer", c.Name, c.Credit)
	}
	if len(c.About) > 200 || strings.ContainsFunc(c.About, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("alliance: customer %s: about: want at most 200 bytes on one line", c.Name)
	}
	return amounts("customer "+c.Name, map[string]money.Amount{"credit": c.Credit, "max_month": c.MaxMonth, "max_day": c.MaxDay, "max_request": c.MaxRequest})
}

func amounts(of string, all map[string]money.Amount) error {
	for _, name := range sorted(all) {
		if a := all[name]; a < 0 || Units(a) > maxAmount {
			return fmt.Errorf("alliance: %s: %s: got %s, want zero or more", of, name, a)
		}
	}
	return nil
}

// ErrNoCustomer says that nobody of that name is in the books.
var ErrNoCustomer = errors.New("no such customer")

// PutCustomer enters a customer, or changes one. Its way of billing stays.
func (j *Journal) PutCustomer(ctx context.Context, c Customer) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := j.load(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if before, ok := j.customers[c.Name]; ok && before.Billing != c.Billing {
		return fmt.Errorf("alliance: customer %s: billing: got %s, want %s as before: open another customer", c.Name, c.Billing, before.Billing)
	}
	if err := j.file(ctx, "customer", c.Name, c); err != nil {
		return err
	}
	j.customers[c.Name] = c
	return nil
}

// PutKey bounds a key.
func (j *Journal) PutKey(ctx context.Context, k KeyLimit) error {
	if !ledger.ValidName(k.Key) {
		return fmt.Errorf("alliance: key: got %q, want a key's id", clip(k.Key))
	}
	if err := amounts("key "+k.Key, map[string]money.Amount{"max_month": k.MaxMonth, "max_total": k.MaxTotal, "max_day": k.MaxDay, "max_request": k.MaxRequest}); err != nil {
		return err
	}
	if err := j.load(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.customers[k.Customer]; !ok {
		return fmt.Errorf("alliance: customer %q: %w", clip(k.Customer), ErrNoCustomer)
	}
	if err := j.file(ctx, "key", k.Key, k); err != nil {
		return err
	}
	j.keys[k.Key] = k
	return nil
}

// file keeps a document in the books: the newest of its kind and key counts.
func (j *Journal) file(ctx context.Context, kind, key string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	head, err := j.store.Head(ctx)
	if err != nil {
		return err
	}
	_, err = j.post(ctx, ledger.Entry{Key: fmt.Sprintf("%s:%s:%d", kind, key, head.Seq+1), Input: ledger.Sum(body), Kind: kind, Effective: j.month(j.now()),
		Records: []ledger.Record{{Kind: kind, Key: key, Body: body}}})
	return err
}

// freshFor is how long what another process filed may be unknown here.
const freshFor = time.Second

// load reads the customers and the limits of keys that were filed since the
// last time, be it by another process.
func (j *Journal) load(ctx context.Context) error {
	head, err := j.store.Head(ctx)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if head.Seq == j.loaded {
		return nil
	}
	after := ledger.RecordFilter{Kind: "customer", After: j.loaded, Until: head.Seq}
	for f, err := range j.store.Records(ctx, after) {
		if err != nil {
			return err
		}
		var c Customer
		if err := json.Unmarshal(f.Body, &c); err != nil {
			return fmt.Errorf("alliance: customer %s in transaction %d: %w", clip(f.Key), f.Seq, err)
		}
		j.customers[c.Name] = c
	}
	after.Kind = "key"
	for f, err := range j.store.Records(ctx, after) {
		if err != nil {
			return err
		}
		var k KeyLimit
		if err := json.Unmarshal(f.Body, &k); err != nil {
			return fmt.Errorf("alliance: key %s in transaction %d: %w", clip(f.Key), f.Seq, err)
		}
		j.keys[k.Key] = k
	}
	j.loaded = head.Seq
	return nil
}

// refresh loads what is new, at most once in a while.
func (j *Journal) refresh(ctx context.Context) error {
	now := time.Now().UnixNano()
	last := j.refreshed.Load()
	if now-last < int64(freshFor) || !j.refreshed.CompareAndSwap(last, now) {
		return nil
	}
	return j.load(ctx)
}

// Customer returns a customer and where it stands.
func (j *Journal) Customer(ctx context.Context, name string) (*Standing, error) {
	if err := j.load(ctx); err != nil {
		return nil, err
	}
	j.mu.RLock()
	c, ok := j.customers[name]
	j.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("alliance: customer %q: %w", clip(name), ErrNoCustomer)
	}
	return j.standing(ctx, c)
}

func (j *Journal) standing(ctx context.Context, c Customer) (*Standing, error) {
	s := &Standing{Customer: c, Currency: j.currency(), Month: j.month(j.now())}
	balance, err := j.store.Balance(ctx, c.account(), s.Currency)
	if err != nil {
		return nil, err
	}
	held, err := j.store.Balance(ctx, hold(c.Name), s.Currency)
	if err != nil {
		return nil, err
	}
	s.Balance, s.Held = money.Amount(-balance), money.Amount(-held)
	for b, err := range j.store.Balances(ctx, ledger.BalanceFilter{Prefix: "meter:spent:" + c.Name, Period: s.Month}) {
		if err != nil {
			return nil, err
		}
		if b.Account == spent(c.Name) {
			s.Spent = money.Amount(b.Amount)
		}
	}
	if c.MaxDay > 0 {
		today := j.now().In(j.alliance.Load().Terms.zone)
		sum, err := j.store.Balance(ctx, spentOn(c.Name, today), s.Currency)
		if err != nil {
			return nil, err
		}
		s.Day, s.SpentDay = today.Format(time.DateOnly), money.Amount(sum)
	}
	return s, nil
}

// Customers returns all customers, by name.
func (j *Journal) Customers(ctx context.Context) ([]*Standing, error) {
	if err := j.load(ctx); err != nil {
		return nil, err
	}
	j.mu.RLock()
	var all []Customer
	for _, name := range sorted(j.customers) {
		all = append(all, j.customers[name])
	}
	j.mu.RUnlock()
	out := make([]*Standing, len(all))
	for i, c := range all {
		var err error
		if out[i], err = j.standing(ctx, c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Keys returns the limits of a customer's keys, or of all.
func (j *Journal) Keys(customer string) []KeyLimit {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var all []KeyLimit
	for _, k := range j.keys {
		if customer == "" || k.Customer == customer {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b KeyLimit) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// Deposit books money that a customer brought. The reference, such as the
// bank's, is booked once.
func (j *Journal) Deposit(ctx context.Context, customer string, a money.Amount, reference string, at time.Time) error {
	j.mu.RLock()
	c, ok := j.customers[customer]
	j.mu.RUnlock()
	switch {
	case !ok:
		return fmt.Errorf("alliance: customer %q: %w", clip(customer), ErrNoCustomer)
	case a <= 0 || Units(a) > maxAmount:
		return fmt.Errorf("alliance: deposit of %s: got %s, want above zero", customer, a)
	case reference == "" || len(reference) > 120:
		return fmt.Errorf("alliance: deposit of %s: reference: want 1 to 120 bytes, such as the bank's number", customer)
	}
	ccy := j.currency()
	_, err := j.post(ctx, ledger.Entry{Key: "deposit:" + reference, Input: ledger.Sum([]byte(fmt.Sprint(customer, " ", int64(a)))), Kind: "deposit", Currency: ccy, Effective: j.month(at),
		Postings: []ledger.Posting{{Account: ledger.Account("bank:" + string(ccy)), Amount: Units(a)}, {Account: c.account(), Amount: -Units(a)}}})
	return err
}

// account is where the customer's money stands.
func (c *Customer) account() ledger.Account {
	if c.Billing == Postpaid {
		return ledger.Account("customer:" + c.Name + ":receivable")
	}
	return ledger.Account("customer:" + c.Name + ":wallet")
}
