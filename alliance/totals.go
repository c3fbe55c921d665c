package alliance

import (
	"context"
	"strings"
	"time"

	"summit/ledger"
)

// Totals is what the books say in all, by one query, so that it adds up.
type Totals struct {
	Currency string          `json:"currency"`
	Reserve  Units           `json:"reserve"`
	Tax      Units           `json:"tax"`
	Fee      Units           `json:"fee"`
	Wallets  Units           `json:"wallets"` // what customers have
	Owed     Units           `json:"owed"`    // what customers owe
	Held     Units           `json:"held"`    // for requests in flight
	Disputed Units           `json:"disputed"`
	Spent    Units           `json:"spent"` // by customers in all, with what is held
	Members  []*MemberTotals `json:"members"`
}

// MemberTotals is what the books say of one member.
type MemberTotals struct {
	Member     string `json:"member"`
	Payable    Units  `json:"payable"`    // earned and not closed
	Approved   Units  `json:"approved"`   // closed and not paid
	Residue    Units  `json:"residue"`    // below one fen, carried
	Declared   Units  `json:"declared"`   // costs, ever
	Recovered  Units  `json:"recovered"`  // of them
	Sacrificed Units  `json:"sacrificed"` // of them
	Deferred   Units  `json:"deferred"`   // of them, waiting to be repaid
	Advanced   Units  `json:"advanced"`   // guarantees that are to be paid back
}

// Earned is what the member got in all: in cash.
func (m *MemberTotals) Earned() Units { return m.Payable + m.Approved + m.Residue }

// Totals reads them. Amounts are millionths of the currency, as in the books;
// what is owed to somebody is positive.
func (j *Journal) Totals(ctx context.Context) (*Totals, error) {
	ccy := j.currency()
	t := &Totals{Currency: string(ccy), Members: []*MemberTotals{}}
	members := map[string]*MemberTotals{}
	member := func(name string) *MemberTotals {
		if members[name] == nil {
			members[name] = &MemberTotals{Member: name}
		}
		return members[name]
	}
	for _, name := range j.alliance.Load().names {
		member(name)
	}
	for b, err := range j.store.Balances(ctx, ledger.BalanceFilter{}) {
		if err != nil {
			return nil, err
		}
		if b.Currency != ccy {
			continue
		}
		parts := strings.Split(string(b.Account), ":")
		switch {
		case b.Account == "reserve":
			t.Reserve = -b.Amount
		case b.Account == "tax:vat":
			t.Tax = -b.Amount
		case b.Account == "operator:fee":
			t.Fee = -b.Amount
		case parts[0] == "dispute":
			t.Disputed -= b.Amount
		case parts[0] == "rounding":
			member(parts[1]).Residue = -b.Amount
		case parts[0] == "customer" && parts[2] == "wallet":
			t.Wallets -= b.Amount
		case parts[0] == "customer" && parts[2] == "receivable":
			t.Owed += b.Amount
		case parts[0] == "customer" && parts[2] == "hold":
			t.Held -= b.Amount
		case parts[0] == "member" && parts[2] == "payable":
			member(parts[1]).Payable = -b.Amount
		case parts[0] == "member" && parts[2] == "approved":
			member(parts[1]).Approved = -b.Amount
		case parts[0] == "meter" && parts[1] == "spent":
			t.Spent += b.Amount
		case parts[0] == "meter" && parts[1] == "advanced":
			member(parts[2]).Advanced = b.Amount
		case parts[0] == "cost":
			m := member(parts[2])
			switch parts[1] {
			case "declared":
				m.Declared = b.Amount
			case "recovered":
				m.Recovered = -b.Amount
			case "sacrifice":
				m.Sacrificed = -b.Amount
			case "deferred":
				m.Deferred = -b.Amount
			}
		}
	}
	for _, name := range sorted(members) {
		t.Members = append(t.Members, members[name])
	}
	return t, nil
}

// Leg is one posting as the API shows it.
type Leg struct {
	Seq       int64         `json:"seq"`
	Key       string        `json:"key"`
	Kind      string        `json:"kind"`
	At        time.Time     `json:"at"`
	Period    ledger.Period `json:"period"`
	Effective ledger.Period `json:"effective"`
	ledger.Posting
	Hash ledger.Hash `json:"hash"` // of the transaction
}

// MemberAccounts are the accounts whose postings a member may see.
func MemberAccounts(m string) []ledger.Account {
	var all []ledger.Account
	for _, f := range []string{"member:*:payable", "member:*:approved", "rounding:*", "cost:declared:*", "cost:recovered:*", "cost:sacrifice:*", "cost:deferred:*"} {
		all = append(all, ledger.Account(strings.Replace(f, "*", m, 1)))
	}
	return all
}

// CustomerAccounts are the accounts whose postings a customer may see.
func CustomerAccounts(c string) []ledger.Account {
	return []ledger.Account{ledger.Account("customer:" + c + ":wallet"), ledger.Account("customer:" + c + ":receivable"), hold(c)}
}

// Legs returns postings of the accounts, or of all, after a transaction: so many
// at most, whole transactions at a time.
func (j *Journal) Legs(ctx context.Context, accounts []ledger.Account, after int64, most int) ([]Leg, error) {
	allowed := map[ledger.Account]bool{}
	for _, a := range accounts {
		allowed[a] = true
	}
	all := []Leg{}
	for t, err := range j.store.Txns(ctx, ledger.Filter{After: after, Accounts: accounts}) {
		if err != nil {
			return nil, err
		}
		if len(all) >= most {
			break
		}
		for _, p := range t.Postings {
			if len(accounts) == 0 || allowed[p.Account] {
				all = append(all, Leg{t.Seq, t.Key, t.Kind, t.BookedAt, t.Period, t.Effective, p, t.Hash})
			}
		}
	}
	return all, nil
}
