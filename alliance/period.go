package alliance

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"summit/ledger"
)

// CloseRecord is what is signed of a closed period: who is owed what, the hashes
// of the statements, and where the chain of the books stood. Whoever has it can
// prove that a statement, or a transaction, was part of it.
type CloseRecord struct {
	Version      int               `json:"version"`
	Period       ledger.Period     `json:"period"`
	Currency     string            `json:"currency"`
	Terms        string            `json:"terms"`     // the hash of its text
	Contracts    map[string]string `json:"contracts"` // the hash that each member was closed with
	Head         ledger.Hash       `json:"head"`      // of the chain, with the close's own transaction
	Seq          int64             `json:"seq"`
	Transactions int64             `json:"transactions"` // that the period took
	Root         ledger.Hash       `json:"root"`         // of their hashes: RFC 6962
	Statements   []Signed          `json:"statements"`   // by member; whoever is no admin sees its own alone
	Members      int64             `json:"members"`      // so many statements there are
	Sheets       ledger.Hash       `json:"sheets"`       // root of the statements, through which they are signed
	Before       ledger.Hash       `json:"before"`       // hash of the record of the period before; zero = it is the first
	Key          []byte            `json:"key,omitempty"`
	Signature    []byte            `json:"signature,omitempty"` // Ed25519, of the record in JSON without it and without the statements
}

// Signed is one statement in a close record.
type Signed struct {
	Member string      `json:"member"`
	Total  Units       `json:"accrued"`
	Fen    int64       `json:"fen"`
	Rest   Units       `json:"carried"`
	CSV    ledger.Hash `json:"csv_sha256"`
}

// leaf is what a statement is in the tree of statements.
func (s *Signed) leaf() []byte {
	text, _ := json.Marshal(s) // plain figures and texts: it can't fail
	return text
}

// text is what is signed.
func (r *CloseRecord) text() []byte {
	own := *r
	own.Signature, own.Statements = nil, nil
	text, _ := json.Marshal(&own) // plain figures and texts: it can't fail
	return text
}

// Hash returns the hash of the signed record.
func (r *CloseRecord) Hash() ledger.Hash { return ledger.Sum(r.text(), r.Signature) }

// Sign signs the record.
func (r *CloseRecord) Sign(key ed25519.PrivateKey) {
	r.Key = key.Public().(ed25519.PublicKey)
	r.Signature = ed25519.Sign(key, r.text())
}

// Verify checks the signature and, where all are there, that the statements are
// those that were signed. Whose the key is has to be known from elsewhere.
func (r *CloseRecord) Verify() error {
	if len(r.Key) != ed25519.PublicKeySize || !ed25519.Verify(r.Key, r.text(), r.Signature) {
		return fmt.Errorf("alliance: close record of %s: the signature does not hold", clip(string(r.Period)))
	}
	if int64(len(r.Statements)) == r.Members && r.sheets() != r.Sheets {
		return fmt.Errorf("alliance: close record of %s: the statements are not those of its root", clip(string(r.Period)))
	}
	return nil
}

func (r *CloseRecord) sheets() ledger.Hash {
	var t Tree
	for i := range r.Statements {
		t.Add(r.Statements[i].leaf())
	}
	return t.Root()
}

// Holds reports whether the record is about the statement with that hash.
func (r *CloseRecord) Holds(member string, csv ledger.Hash) bool {
	return slices.ContainsFunc(r.Statements, func(s Signed) bool { return s.Member == member && s.CSV == csv })
}

// SheetProof shows that a statement is one of those of a signed record.
type SheetProof struct {
	Period    ledger.Period `json:"period"`
	Statement Signed        `json:"statement"`
	Path      Path          `json:"path"`
	Sheets    ledger.Hash   `json:"sheets"` // the root, which is in the signed record
}

// Prove returns the proof for a member's statement.
func (r *CloseRecord) Prove(member string) (*SheetProof, error) {
	at := slices.IndexFunc(r.Statements, func(s Signed) bool { return s.Member == member })
	if at < 0 {
		return nil, fmt.Errorf("alliance: close record of %s: member %q: %w", r.Period, clip(member), ledger.ErrNotFound)
	}
	leaves := make([][]byte, len(r.Statements))
	for i := range r.Statements {
		leaves[i] = r.Statements[i].leaf()
	}
	return &SheetProof{Period: r.Period, Statement: r.Statements[at], Path: Prove(leaves, at), Sheets: r.Sheets}, nil
}

// Holds reports whether the proof leads to its root.
func (p *SheetProof) Holds() bool { return p.Path.Leads(p.Statement.leaf(), p.Sheets) }

// Close ends a period: nothing more goes into it. Fees and idle cards that the
// calls did not cover are trued up, guarantees filled, and what members are owed
// is moved to approved in whole hundredths. Closed again, it stays as it is.
func (j *Journal) Close(ctx context.Context, period ledger.Period) (*CloseResult, error) {
	named := func(err error) error { return fmt.Errorf("alliance: close %s: %w", clip(string(period)), err) }
	if err := period.Valid(); err != nil {
		return nil, named(err)
	}
	a := j.alliance.Load()
	end, _ := time.ParseInLocation("2006-01", string(period.Next()), a.Terms.zone)
	if now := j.now(); now.Before(end) {
		return nil, named(fmt.Errorf("it is %s, want %s or later: the period is not over", now.Format(time.RFC3339), end.Format(time.RFC3339)))
	}
	head, err := j.store.Head(ctx)
	if err != nil {
		return nil, named(err)
	}
	if head.Closed != "" && period > head.Closed.Next() {
		return nil, named(fmt.Errorf("%s is open, want it closed before", head.Closed.Next()))
	}
	if head.Closed == "" {
		for b, err := range j.store.Balances(ctx, ledger.BalanceFilter{Prefix: "member:", Turnovers: true}) {
			if err != nil {
				return nil, named(err)
			}
			if b.Period < period {
				return nil, named(fmt.Errorf("%s is open, want it closed before", b.Period))
			}
		}
	}
	var res *CloseResult
	_, err = j.post(ctx, ledger.Entry{Key: "close:" + string(period), Kind: "close", Currency: a.Terms.Currency, Effective: period, Closes: period,
		Decide: func(v ledger.View, e *ledger.Entry) error {
			books, err := a.whole(v, period)
			if err != nil {
				return err
			}
			advanced := maps.Clone(books.Advanced)
			if res, err = a.closes(&Close{ID: "close:" + string(period), At: Moment{end}, Period: string(period)}, books); err != nil {
				return err
			}
			e.Postings = slices.Concat(res.Postings, res.Memo)
			var sum Units
			for _, m := range a.names {
				x := books.Advanced[m] - advanced[m]
				e.Postings = post(e.Postings, "meter:advanced:"+m, x)
				sum += x
			}
			e.Postings = post(e.Postings, "meter:sum", -sum)
			own := *res
			own.Postings, own.Memo = nil, nil
			body, err := json.Marshal(&own)
			e.Records = []ledger.Record{{Kind: "close", Key: string(period), Body: body}}
			return err
		}})
	if err != nil {
		return nil, named(err)
	}
	if err := j.loadTables(ctx); err != nil { // the month's audits count from now on
		return nil, named(err)
	}
	return j.closed(ctx, period)
}

// closed reads how a period was closed.
func (j *Journal) closed(ctx context.Context, period ledger.Period) (*CloseResult, error) {
	t, err := j.store.Find(ctx, "close:"+string(period))
	if err != nil {
		return nil, fmt.Errorf("alliance: close %s: %w", clip(string(period)), err)
	}
	for _, r := range t.Records {
		if r.Kind == "close" {
			res := &CloseResult{}
			if err := json.Unmarshal(r.Body, res); err != nil {
				return nil, fmt.Errorf("alliance: close %s: transaction %d: %w", period, t.Seq, err)
			}
			res.Postings = t.Postings
			return res, nil
		}
	}
	return nil, fmt.Errorf("alliance: close %s: transaction %d: nothing is filed with it", period, t.Seq)
}

// Statements writes the statements of a closed period, one a member, and returns
// them with the record to be signed. It reads the period once, row by row; the
// same books give the same bytes.
func (j *Journal) Statements(ctx context.Context, period ledger.Period, create func(member string) (io.WriteCloser, error)) (record *CloseRecord, all []*MemberStatement, err error) {
	named := func(err error) error { return fmt.Errorf("alliance: statements of %s: %w", clip(string(period)), err) }
	closed, err := j.closed(ctx, period)
	if err != nil {
		return nil, nil, err
	}
	end, err := j.store.Find(ctx, "close:"+string(period))
	if err != nil {
		return nil, nil, named(err)
	}
	heads, err := j.heads(ctx, period)
	if err != nil {
		return nil, nil, named(err)
	}
	a := j.alliance.Load()
	record = &CloseRecord{Version: 1, Period: period, Currency: string(a.Terms.Currency), Terms: a.Terms.Hash, Contracts: map[string]string{}, Head: end.Hash, Seq: end.Seq}
	writers := map[string]*statementWriter{}
	var files []io.WriteCloser
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, m := range sorted(heads) {
		f, err := create(m)
		if err != nil {
			return nil, nil, named(err)
		}
		files = append(files, f)
		if writers[m], err = newStatementWriter(f, *heads[m]); err != nil {
			return nil, nil, named(err)
		}
		if k := heads[m].Contracts; len(k) > 0 {
			record.Contracts[m] = k[len(k)-1]
		}
	}
	var tree Tree
	err = j.rows(ctx, period, end.Seq, func(t *taken) error {
		tree.Add(t.hash[:])
		for i := range t.rows {
			w := writers[t.members[i]]
			if w == nil {
				return fmt.Errorf("transaction %d: member %q has no contract", t.seq, clip(t.members[i]))
			}
			if err := w.add(&t.rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, named(err)
	}
	record.Transactions, record.Root = tree.Len(), tree.Root()
	for _, m := range sorted(writers) {
		w := writers[m]
		stated, owed := closed.Statements[m]
		if !owed {
			// It owes the alliance, or nothing ever happened: its balance stays.
			for _, l := range sortedLines(w.lines) {
				stated.Carried += l.Amount
			}
			stated.Carried += w.head.Opening + w.head.Residue
		}
		s, err := w.end(stated.Fen, stated.Carried)
		if err != nil {
			return nil, nil, named(err)
		}
		if owed && s.Total != stated.Accrued {
			return nil, nil, named(fmt.Errorf("member %s: the postings sum to %d, the close has %d", m, int64(s.Total), int64(stated.Accrued)))
		}
		all = append(all, s)
		record.Statements = append(record.Statements, Signed{Member: m, Total: s.Total, Fen: s.Fen, Rest: s.Rest, CSV: s.CSV})
	}
	record.Members, record.Sheets = int64(len(record.Statements)), record.sheets()
	before, err := j.Record(ctx, before(period))
	switch {
	case err == nil:
		record.Before = before.Hash()
	case !errors.Is(err, ledger.ErrNotFound):
		return nil, nil, named(err)
	}
	return record, all, nil
}

// Keep files the signed record of a closed period: once, for good.
func (j *Journal) Keep(ctx context.Context, r *CloseRecord) error {
	if err := r.Verify(); err != nil {
		return err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = j.post(ctx, ledger.Entry{Key: "record:" + string(r.Period), Input: ledger.Sum(body), Kind: "record", Effective: j.month(j.now()),
		Records: []ledger.Record{{Kind: "record", Key: string(r.Period), Body: body}}})
	if errors.Is(err, ledger.ErrConflict) {
		return fmt.Errorf("alliance: close record of %s: another one was signed before: the books or the terms were changed, or the key was: %w", r.Period, err)
	}
	return err
}

// Record returns the signed record of a period, or ledger.ErrNotFound.
func (j *Journal) Record(ctx context.Context, period ledger.Period) (*CloseRecord, error) {
	t, err := j.store.Find(ctx, "record:"+string(period))
	if err != nil {
		return nil, fmt.Errorf("alliance: close record of %s: %w", clip(string(period)), err)
	}
	r := &CloseRecord{}
	for _, f := range t.Records {
		if f.Kind == "record" {
			if err := json.Unmarshal(f.Body, r); err != nil {
				return nil, fmt.Errorf("alliance: close record of %s: transaction %d: %w", period, t.Seq, err)
			}
		}
	}
	return r, r.Verify()
}

// before returns the month before.
func before(p ledger.Period) ledger.Period {
	at, err := time.Parse("2006-01", string(p))
	if err != nil {
		return p
	}
	return ledger.PeriodOf(at.AddDate(0, -1, 0))
}

// heads returns the heads of the period's statements, by member.
func (j *Journal) heads(ctx context.Context, period ledger.Period) (map[string]*StatementHead, error) {
	a := j.alliance.Load()
	heads := map[string]*StatementHead{}
	month, err := time.Parse("2006-01", string(period))
	if err != nil {
		return nil, err
	}
	for _, m := range a.names {
		h := &StatementHead{Member: m, Period: period, Currency: string(a.Terms.Currency), Zone: a.Terms.zone.String(), Terms: a.Terms.Hash, Contracts: []string{}}
		for _, c := range a.contracts[m] {
			if begin := c.begin(month); c.Effective.from.Before(begin.AddDate(0, 1, 0)) && (c.Effective.until.IsZero() || c.Effective.until.After(begin)) {
				h.Contracts = append(h.Contracts, c.Hash)
			}
		}
		heads[m] = h
	}
	for b, err := range j.store.Balances(ctx, ledger.BalanceFilter{Prefix: "member:", Turnovers: true}) {
		if err != nil {
			return nil, err
		}
		if kind, m := split(b.Account); kind == "payable" && b.Period < period && heads[m] != nil {
			heads[m].Opening -= b.Amount
		}
	}
	for b, err := range j.store.Balances(ctx, ledger.BalanceFilter{Prefix: "rounding:", Turnovers: true}) {
		if err != nil {
			return nil, err
		}
		if h := heads[strings.TrimPrefix(string(b.Account), "rounding:")]; h != nil && b.Period < period {
			h.Residue -= b.Amount
		}
	}
	return heads, nil
}

// taken is what statements want of one transaction.
type taken struct {
	seq     int64
	hash    ledger.Hash
	members []string // of rows
	rows    []Row
}

// firstOf returns the number before the first transaction that a period can have
// taken: those booked more than two days before it begins are earlier ones', for
// times of booking never decrease.
func (j *Journal) firstOf(ctx context.Context, period ledger.Period, until int64, zone *time.Location) (int64, error) {
	begin, err := time.ParseInLocation("2006-01", string(period), zone)
	if err != nil {
		return 0, err
	}
	begin = begin.AddDate(0, 0, -2)
	low, high := int64(0), until
	for low < high {
		middle := low + (high-low)/2
		early := false
		for t, err := range j.store.Txns(ctx, ledger.Filter{After: middle, Until: middle + 1}) {
			if err != nil {
				return 0, err
			}
			early = t.BookedAt.Before(begin)
		}
		if early {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// rows reads a period's transactions up to one, in their order. Stretches of
// them are read and taken apart on all processors, and handed over one by one: a
// closed period does not change meanwhile.
func (j *Journal) rows(ctx context.Context, period ledger.Period, until int64, each func(*taken) error) error {
	const stretch = 4096 // transactions: some MB of memory
	type work struct {
		after int64
		taken []taken
		err   error
		done  chan struct{}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	zone := j.alliance.Load().Terms.zone
	first, err := j.firstOf(ctx, period, until, zone)
	if err != nil {
		return err
	}
	workers := runtime.GOMAXPROCS(0)
	todo, order := make(chan *work), make(chan *work, workers)
	read := func(w *work) error {
		for t, err := range j.store.Txns(ctx, ledger.Filter{Period: period, After: w.after, Until: min(w.after+stretch, until)}) {
			if err != nil {
				return err
			}
			part, err := takeApart(t, zone)
			if err != nil {
				return err
			}
			w.taken = append(w.taken, part)
		}
		return nil
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	defer stop()
	for range workers {
		reading.Go(func() {
			for w := range todo {
				w.err = read(w)
				close(w.done)
			}
		})
	}
	reading.Go(func() {
		defer close(todo)
		defer close(order)
		for after := first; after < until; after += stretch {
			w := &work{after: after, done: make(chan struct{})}
			for _, to := range []chan *work{order, todo} {
				select {
				case to <- w:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for w := range order {
		select {
		case <-w.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if w.err != nil {
			return w.err
		}
		for i := range w.taken {
			if err := each(&w.taken[i]); err != nil {
				return err
			}
		}
	}
	return context.Cause(ctx)
}
