package summit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"summit/alliance"
	"summit/gateway"
	"summit/identity"
	"summit/ledger"
	"summit/llm"
	"summit/money"
)

// routes are the books in the admin API. An admin sees and does all; a key of a
// member sees the member's own postings, totals and statements; a key of a
// customer sees what that customer pays.
func (b *booking) routes() []gateway.Extra {
	everybody := []identity.Role{identity.Admin, identity.Member, identity.User}
	admins := []identity.Role{identity.Admin}
	owners := []identity.Role{identity.Admin, identity.Member}
	return []gateway.Extra{
		{Pattern: "GET /admin/v1/books", Roles: everybody, Serve: b.showBooks},
		{Pattern: "GET /admin/v1/books/postings", Roles: everybody, Serve: b.showPostings},
		{Pattern: "GET /admin/v1/books/customers", Roles: []identity.Role{identity.Admin, identity.User}, Serve: b.showCustomers},
		{Pattern: "POST /admin/v1/books/customers", Roles: admins, Serve: changes(b, putCustomer)},
		{Pattern: "POST /admin/v1/books/deposits", Roles: admins, Serve: changes(b, deposit)},
		{Pattern: "GET /admin/v1/books/keys", Roles: admins, Serve: b.showKeys},
		{Pattern: "POST /admin/v1/books/keys", Roles: admins, Serve: changes(b, putKey)},
		{Pattern: "POST /admin/v1/books/refunds", Roles: admins, Serve: changes(b, refund)},
		{Pattern: "GET /admin/v1/books/disputes", Roles: owners, Serve: b.showDisputes},
		{Pattern: "POST /admin/v1/books/disputes", Roles: admins, Serve: changes(b, openDispute)},
		{Pattern: "POST /admin/v1/books/decisions", Roles: admins, Serve: changes(b, decide)},
		{Pattern: "POST /admin/v1/books/closes", Roles: admins, Serve: changes(b, closePeriod)},
		{Pattern: "POST /admin/v1/books/payouts", Roles: admins, Serve: changes(b, payout)},
		{Pattern: "GET /admin/v1/books/audits", Roles: admins, Serve: b.showAudits},
		{Pattern: "POST /admin/v1/books/audits", Roles: admins, Serve: changes(b, audit)},
		{Pattern: "GET /admin/v1/books/closes/{period...}", Roles: everybody, Serve: b.showClose},
		{Pattern: "GET /admin/v1/books/statements/{file...}", Roles: owners, Serve: b.showStatement},
		{Pattern: "GET /admin/v1/books/proofs/{period...}", Roles: owners, Serve: b.showProof},
		{Pattern: "GET /admin/v1/books/bills/{file...}", Roles: []identity.Role{identity.Admin, identity.User}, Serve: b.showBill},
	}
}

// changes reads a body that has the fields of T and no others.
func changes[T any](b *booking, do func(context.Context, *booking, T) (any, error)) func(context.Context, gateway.Query) (any, error) {
	return func(ctx context.Context, q gateway.Query) (any, error) {
		var v T
		d := json.NewDecoder(bytes.NewReader(q.Body))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return nil, llm.Errorf(llm.Invalid, "the body: %s", strings.TrimPrefix(err.Error(), "json: "))
		}
		out, err := do(ctx, b, v)
		return out, told(err)
	}
}

// told returns an error of the books as callers may see it.
func told(err error) error {
	if err == nil {
		return nil
	}
	var known *llm.Error
	var disk *fs.PathError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &disk) && !errors.Is(err, fs.ErrNotExist), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return llm.AsError(err) // no fault of the caller's; paths stay here
	case errors.Is(err, ledger.ErrNotFound), errors.Is(err, alliance.ErrNoCustomer), errors.Is(err, fs.ErrNotExist):
		return &llm.Error{Kind: llm.NotFound, Message: err.Error()}
	case errors.Is(err, ledger.ErrStopped), errors.Is(err, ledger.ErrUnknown):
		return &llm.Error{Kind: llm.Overloaded, Message: "the books can't be written at the moment", Err: err, RetryAfter: time.Second}
	}
	return &llm.Error{Kind: llm.Invalid, Message: err.Error()}
}

// showBooks shows where the books stand: all of it, a member's own, or a
// customer's own.
func (b *booking) showBooks(ctx context.Context, q gateway.Query) (any, error) {
	if q.Who.Role == identity.User {
		c, err := b.Journal.Customer(ctx, q.Who.Tenant)
		return c, told(err)
	}
	t, err := b.Journal.Totals(ctx)
	if err != nil {
		return nil, err
	}
	if q.Who.Role == identity.Member {
		for _, m := range t.Members {
			if m.Member == q.Who.Tenant {
				return m, nil
			}
		}
		return nil, llm.Errorf(llm.NotFound, "the books know no member %q", clip(q.Who.Tenant))
	}
	return t, nil
}

// showPostings shows postings, the oldest first: after=SEQ goes on.
func (b *booking) showPostings(ctx context.Context, q gateway.Query) (any, error) {
	after, most := int64(0), 1000
	if text := q.Get("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, llm.Errorf(llm.Invalid, "after %q, want the number of a transaction", clip(text))
		}
		after = n
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return nil, llm.Errorf(llm.Invalid, "limit %q, want 1 to 10000", clip(text))
		}
		most = n
	}
	var accounts []ledger.Account
	switch q.Who.Role {
	case identity.Member:
		accounts = alliance.MemberAccounts(q.Who.Tenant)
	case identity.User:
		accounts = alliance.CustomerAccounts(q.Who.Tenant)
	default:
		if m := q.Get("member"); m != "" {
			accounts = append(accounts, alliance.MemberAccounts(m)...)
		}
		if c := q.Get("customer"); c != "" {
			accounts = append(accounts, alliance.CustomerAccounts(c)...)
		}
	}
	legs, err := b.Journal.Legs(ctx, accounts, after, most)
	return struct {
		Object string         `json:"object"`
		Data   []alliance.Leg `json:"data"`
	}{"list", legs}, err
}

func (b *booking) showCustomers(ctx context.Context, q gateway.Query) (any, error) {
	if q.Who.Role == identity.User {
		c, err := b.Journal.Customer(ctx, q.Who.Tenant)
		if err != nil {
			return nil, told(err)
		}
		return []*alliance.Standing{c}, nil
	}
	return b.Journal.Customers(ctx)
}

func putCustomer(ctx context.Context, b *booking, c alliance.Customer) (any, error) {
	if err := b.Journal.PutCustomer(ctx, c); err != nil {
		return nil, err
	}
	return b.Journal.Customer(ctx, c.Name)
}

type depositBody struct {
	Customer  string       `json:"customer"`
	Amount    money.Amount `json:"amount"`
	Reference string       `json:"reference"`
}

func deposit(ctx context.Context, b *booking, v depositBody) (any, error) {
	if err := b.Journal.Deposit(ctx, v.Customer, v.Amount, v.Reference, time.Now()); err != nil {
		return nil, err
	}
	return b.Journal.Customer(ctx, v.Customer)
}

func (b *booking) showKeys(_ context.Context, q gateway.Query) (any, error) {
	return append([]alliance.KeyLimit{}, b.Journal.Keys(q.Get("customer"))...), nil
}

func putKey(ctx context.Context, b *booking, k alliance.KeyLimit) (any, error) {
	return k, b.Journal.PutKey(ctx, k)
}

func refund(ctx context.Context, b *booking, r alliance.Refund) (any, error) {
	return b.Journal.Refund(ctx, &r)
}

func (b *booking) showDisputes(ctx context.Context, q gateway.Query) (any, error) {
	all, err := b.Journal.Disputes(ctx)
	own := []alliance.Dispute{}
	for _, d := range all {
		if q.Who.Role == identity.Admin || d.Member == q.Who.Tenant {
			own = append(own, d)
		}
	}
	return own, err
}

type disputeBody struct {
	ID      string       `json:"id"`
	Member  string       `json:"member"`
	Request string       `json:"request"`
	Amount  money.Amount `json:"amount"`
	Reason  string       `json:"reason"`
}

func openDispute(ctx context.Context, b *booking, v disputeBody) (any, error) {
	return b.Journal.OpenDispute(ctx, alliance.Dispute{ID: v.ID, Member: v.Member, Request: v.Request, Amount: v.Amount, Reason: v.Reason})
}

type decisionBody struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`
	To       string `json:"to"`
}

func decide(ctx context.Context, b *booking, v decisionBody) (any, error) {
	return b.Journal.DecideDispute(ctx, v.ID, v.Decision, v.To)
}

type payoutBody struct {
	Member    string       `json:"member"`
	Amount    money.Amount `json:"amount"`
	Reference string       `json:"reference"`
}

func payout(ctx context.Context, b *booking, v payoutBody) (any, error) {
	return v, b.Journal.Pay(ctx, v.Member, v.Amount, v.Reference)
}

// showAudits shows the requests of a month that are to be measured.
func (b *booking) showAudits(ctx context.Context, q gateway.Query) (any, error) {
	all, err := b.Journal.ToMeasure(ctx, ledger.Period(q.Get("period")))
	return all, told(err)
}

func audit(ctx context.Context, b *booking, v alliance.Audited) (any, error) {
	return v, b.Journal.Audit(ctx, v)
}

type closeBody struct {
	Period ledger.Period `json:"period"`
}

func closePeriod(ctx context.Context, b *booking, v closeBody) (any, error) {
	record, _, err := b.ClosePeriod(ctx, v.Period)
	return record, err
}

// showClose shows the signed record of a closed month, which says of all members
// what they are owed in all.
func (b *booking) showClose(ctx context.Context, q gateway.Query) (any, error) {
	r, err := b.Journal.Record(ctx, ledger.Period(q.Path))
	if err != nil {
		return nil, told(err)
	}
	if q.Who.Role != identity.Admin { // who is not an admin sees no other's figures
		own := *r
		own.Statements = nil
		for _, s := range r.Statements {
			if q.Who.Role == identity.Member && s.Member == q.Who.Tenant {
				own.Statements = append(own.Statements, s)
			}
		}
		return &own, nil
	}
	return r, nil
}

// statementTypes are the forms of statements by the ends of their names.
var statementTypes = map[string]string{".csv": "text/csv; charset=utf-8", ".html": "text/html; charset=utf-8", ".pdf": "application/pdf", ".json": "application/json"}

// maxBillBytes bounds a bill that is sent: it is put together in memory.
const maxBillBytes = 64 << 20

// bounded takes so many bytes and no more.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, llm.Errorf(llm.TooLong, "the statement has more than %d bytes: \"summit statement --customer\" writes it to a file", b.most)
	}
	return b.Buffer.Write(p)
}

// showBill sends a customer's statement: PERIOD/CUSTOMER.csv, or .html, .pdf, .json.
func (b *booking) showBill(ctx context.Context, q gateway.Query) (any, error) {
	period, name, _ := strings.Cut(q.Path, "/")
	ext := path.Ext(name)
	customer, kind := strings.TrimSuffix(name, ext), statementTypes[ext]
	if kind == "" || !ledger.ValidName(customer) {
		return nil, llm.Errorf(llm.NotFound, "no statement %q, want PERIOD/CUSTOMER.csv, .html, .pdf or .json", clip(q.Path))
	}
	if q.Who.Role == identity.User && customer != q.Who.Tenant {
		return nil, llm.Errorf(llm.Forbidden, "the key is of the customer %s", clip(q.Who.Tenant))
	}
	out := &bounded{most: maxBillBytes}
	if err := b.Bill(ctx, customer, ledger.Period(period), strings.TrimPrefix(ext, "."), out); err != nil {
		return nil, told(err)
	}
	return gateway.Raw{ContentType: kind, Name: period + "-" + name, Body: out.Bytes()}, nil
}

// showStatement sends a file: PERIOD/MEMBER.csv, or .html, .pdf, .json.
func (b *booking) showStatement(_ context.Context, q gateway.Query) (any, error) {
	period, name, _ := strings.Cut(q.Path, "/")
	member := strings.TrimSuffix(name, path.Ext(name))
	kind, ok := statementTypes[path.Ext(name)]
	if !ok || !ledger.ValidName(member) {
		return nil, llm.Errorf(llm.NotFound, "no statement %q, want PERIOD/MEMBER.csv, .html, .pdf or .json", clip(q.Path))
	}
	if q.Who.Role == identity.Member && member != q.Who.Tenant {
		return nil, llm.Errorf(llm.Forbidden, "the key is of the member %s", clip(q.Who.Tenant))
	}
	text, err := Statement(b.folder, ledger.Period(period), name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, llm.Errorf(llm.NotFound, "no statement %s: is the month closed?", clip(q.Path))
		}
		return nil, told(err)
	}
	return gateway.Raw{ContentType: kind, Name: period + "-" + name, Body: text}, nil
}

// showProof shows that a member's statement is in a signed record, without
// showing the others.
func (b *booking) showProof(ctx context.Context, q gateway.Query) (any, error) {
	member := q.Get("member")
	if q.Who.Role == identity.Member {
		member = q.Who.Tenant
	}
	r, err := b.Journal.Record(ctx, ledger.Period(q.Path))
	if err != nil {
		return nil, told(err)
	}
	p, err := r.Prove(member)
	return p, told(err)
}
