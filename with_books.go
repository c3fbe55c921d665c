package summit

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"summit/alliance"
	"summit/fusion"
	"summit/identity"
	"summit/internal/whole"
	"summit/ledger"
	"summit/llm"
	"summit/run"
)

// Books says by which terms and contracts requests are paid for.
type Books struct {
	Terms     string `yaml:"terms"`     // YAML file with the alliance's terms; empty = requests are not paid for, and there are no books
	Contracts string `yaml:"contracts"` // folder with one YAML file for each member's contract; needed with terms
	StoreEnv  string `yaml:"store_env"` // environment variable that holds the URL of a PostgreSQL database with the books; empty = they are in the data directory
}

func (b Books) on() bool { return b.Terms != "" }

func (b Books) check(k *checker) {
	if b.on() != (b.Contracts != "") {
		k.add("books", "terms %q and contracts %q, want both or none", clip(b.Terms), clip(b.Contracts))
	}
	if b.StoreEnv != "" && !b.on() {
		k.add("books.store_env", "%q without terms and contracts", clip(b.StoreEnv))
	}
}

// Accounting is the open books of an alliance.
type Accounting struct {
	Journal *alliance.Journal
	store   ledger.Store
	folder  string // the data directory
	own     bool   // the store is a file of the data directory
}

// OpenBooks opens the books that the configuration names, also beside a running
// server. The caller closes them.
func OpenBooks(ctx context.Context, c Config) (*Accounting, error) {
	if !c.Books.on() {
		return nil, &NotReadyError{errors.New("summit: books: the configuration names none"), "set books.terms and books.contracts; docs/settlement.md says what they are"}
	}
	if err := makeDataDir(c.DataDir, func(string) {}); err != nil {
		return nil, err
	}
	if err := checkVersion(c.DataDir, true); err != nil {
		return nil, err
	}
	a, err := alliance.ReadFiles(c.Books.Terms, c.Books.Contracts)
	if err != nil {
		return nil, fmt.Errorf("summit: books: %w", err)
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	j, err := alliance.OpenJournal(ctx, store, a, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("summit: books: %w", err), store.Close())
	}
	return &Accounting{Journal: j, store: store, folder: c.DataDir, own: c.Books.StoreEnv == ""}, nil
}

// OpenLedger opens the store of the books alone, also beside a running server.
// The caller closes it.
func OpenLedger(ctx context.Context, c Config) (ledger.Store, error) {
	if c.Books.StoreEnv == "" {
		path := filepath.Join(c.DataDir, booksFile)
		if _, err := os.Stat(path); err != nil {
			return nil, &NotReadyError{fmt.Errorf("summit: books: %w", err), "there are books once a server has run with books.terms and books.contracts; --data-dir names another data directory"}
		}
	}
	if err := checkVersion(c.DataDir, false); err != nil {
		return nil, err
	}
	return openStore(ctx, c)
}

func openStore(ctx context.Context, c Config) (ledger.Store, error) {
	if c.Books.StoreEnv == "" {
		s, err := ledger.OpenSQLite(ctx, filepath.Join(c.DataDir, booksFile), ledger.SQLiteOptions{})
		if err != nil {
			return nil, fmt.Errorf("summit: books: %w", err)
		}
		return s, nil
	}
	url, err := envSecret(c.Books.StoreEnv, func(string) {})
	if err == nil && url == "" {
		err = &NotReadyError{fmt.Errorf("summit: books.store_env: the environment has no %s", c.Books.StoreEnv), "set it to postgres://USER@HOST/DATABASE"}
	}
	if err != nil {
		return nil, err
	}
	s, err := ledger.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("summit: books: %w", err)
	}
	return s, nil
}

// Close closes the books.
func (b *Accounting) Close() error { return b.store.Close() }

// Store returns the store of the books.
func (b *Accounting) Store() ledger.Store { return b.store }

// ClosePeriod closes a month, writes its statements into the data directory and
// signs the record of it. Done again, it writes the same bytes.
func (b *Accounting) ClosePeriod(ctx context.Context, period ledger.Period) (*alliance.CloseRecord, string, error) {
	if _, err := b.Journal.Close(ctx, period); err != nil {
		return nil, "", err
	}
	folder := filepath.Join(b.folder, statementsFolder, string(period))
	record, err := b.State(ctx, period, folder)
	if err != nil {
		return nil, "", err
	}
	if err := b.Journal.Keep(ctx, record); err != nil {
		return nil, "", err
	}
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return nil, "", err
	}
	return record, folder, whole.File(filepath.Join(folder, "close.json"), 0o600, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// State writes the statements of a closed month into the folder and returns the
// record of it, signed with the key of the data directory.
func (b *Accounting) State(ctx context.Context, period ledger.Period, folder string) (*alliance.CloseRecord, error) {
	key, err := signingKey(filepath.Join(b.folder, booksKeyFile))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("summit: statements: %w", err)
	}
	record, all, err := b.Journal.Statements(ctx, period, func(member string) (io.WriteCloser, error) {
		return os.OpenFile(filepath.Join(folder, member+".csv"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	})
	if err != nil {
		return nil, err
	}
	record.Sign(key)
	for _, s := range all {
		for ext, write := range statementForms(s) {
			if err := whole.File(filepath.Join(folder, s.Member+"."+ext), 0o600, write); err != nil {
				return nil, fmt.Errorf("summit: statements: %s: %w", s.Member, err)
			}
		}
	}
	return record, nil
}

// statementForms are the forms of a statement besides its canonical one.
func statementForms(s *alliance.MemberStatement) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{"html": s.HTML, "pdf": s.PDF, "json": func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}}
}

// Bill writes a customer's statement of a month: csv, which has every posting
// and is the canonical form, json, html or pdf.
func (b *Accounting) Bill(ctx context.Context, customer string, period ledger.Period, format string, w io.Writer) error {
	if format == "csv" {
		_, err := b.Journal.Bill(ctx, customer, period, w)
		return err
	}
	bill, err := b.Journal.Bill(ctx, customer, period, io.Discard)
	if err != nil {
		return err
	}
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(bill)
	case "html":
		return bill.HTML(w)
	case "pdf":
		return bill.PDF(w)
	}
	return fmt.Errorf("summit: bill: format %q, want csv, json, html or pdf", clip(format))
}

// Statement returns one file of a closed month's statements, such as glm.csv.
func Statement(dataDir string, period ledger.Period, name string) ([]byte, error) {
	if err := period.Valid(); err != nil {
		return nil, err
	}
	if filepath.Base(name) != name || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("summit: statements: %q is no name of a file", clip(name))
	}
	return os.ReadFile(filepath.Join(dataDir, statementsFolder, string(period), name))
}

// Reopened is how a closed month comes out when it is computed again.
type Reopened struct {
	Period       ledger.Period  `json:"period"`
	Transactions int64          `json:"transactions"`
	Differs      []string       `json:"differs"` // from what was signed
	Late         []alliance.Leg `json:"late"`    // what is about the month and was booked in a later one
}

// maxLate is how many late postings a report lists.
const maxLate = 10_000

// ReopenCheck computes a closed month again, into the folder, and compares it
// with what was signed.
func (b *Accounting) ReopenCheck(ctx context.Context, period ledger.Period, folder string) (*Reopened, error) {
	was, err := b.Journal.Record(ctx, period)
	if err != nil {
		return nil, err
	}
	is, err := b.State(ctx, period, folder)
	if err != nil {
		return nil, err
	}
	r := &Reopened{Period: period, Transactions: is.Transactions, Differs: []string{}, Late: []alliance.Leg{}}
	differ := func(what string, same bool) {
		if !same {
			r.Differs = append(r.Differs, what)
		}
	}
	differ("the transactions", was.Root == is.Root && was.Head == is.Head)
	differ("the terms or contracts", was.Terms == is.Terms && maps.Equal(was.Contracts, is.Contracts))
	for _, s := range was.Statements {
		differ("the statement of "+s.Member, is.Holds(s.Member, s.CSV))
	}
	head, err := b.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	for p := period.Next(); p <= ledger.PeriodOf(head.BookedAt.AddDate(0, 0, 1)); p = p.Next() {
		for t, err := range b.store.Txns(ctx, ledger.Filter{Period: p}) {
			if err != nil {
				return nil, err
			}
			if t.Effective > period || len(r.Late) >= maxLate {
				continue
			}
			for _, posting := range t.Postings[t.Released:] {
				r.Late = append(r.Late, alliance.Leg{Seq: t.Seq, Key: t.Key, Kind: t.Kind, At: t.BookedAt, Period: t.Period, Effective: t.Effective, Posting: posting, Hash: t.Hash})
			}
		}
	}
	return r, nil
}

// signingKey reads the key that close records are signed with, and makes it
// where there is none.
func signingKey(path string) (ed25519.PrivateKey, error) {
	fail := func(err error) (ed25519.PrivateKey, error) {
		return nil, fmt.Errorf("summit: books: signing key: %w", err)
	}
	text, err := readBounded(path, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return fail(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return fail(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fail(err)
		}
		if err := errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Close()); err != nil {
			return fail(err)
		}
		return key, nil
	}
	if err != nil {
		return fail(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fail(fmt.Errorf("%s: no PEM block", path))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", path, err))
	}
	own, ok := key.(ed25519.PrivateKey)
	if !ok {
		return fail(fmt.Errorf("%s: a key of type %T, want Ed25519", path, key))
	}
	return own, nil
}

// booking is the books of a running server.
type booking struct {
	*Accounting
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// sweepEvery is how often expired holds are taken back.
const sweepEvery = time.Minute

// openBooking opens the books for a server, whose the data directory is. What
// was held by a server before it is given back.
func openBooking(ctx context.Context, c Config, members []string, log *slog.Logger) (*booking, error) {
	a, err := OpenBooks(ctx, c)
	if err != nil {
		return nil, err
	}
	b := &booking{Accounting: a}
	if missing := lacking(a.Journal.Alliance(), members); len(missing) > 0 {
		return nil, errors.Join(&NotReadyError{fmt.Errorf("summit: books: no contract of %s", strings.Join(missing, ", ")), "put one YAML file for each member into " + c.Books.Contracts}, a.Close())
	}
	if err := unjudged(a.Journal.Alliance(), members); err != nil {
		return nil, errors.Join(&NotReadyError{err, "name a member under judge in " + c.Books.Terms + ", or leave judge out"}, a.Close())
	}
	warnUnsold(a.Journal.Alliance(), members, log)
	if a.own { // with PostgreSQL other servers may have requests in flight
		n, err := a.Journal.Recover(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("summit: books: %w", err), a.Close())
		}
		if n > 0 {
			log.Warn("holds of requests that never ended were given back", "holds", n)
		}
	}
	sweeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.stopped.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			select {
			case <-sweeping.Done():
				return
			case <-tick.C:
			}
			if err := a.Journal.Sweep(sweeping); err != nil && sweeping.Err() == nil {
				log.Error("expired holds can't be given back", "error", err)
			}
		}
	})
	return b, nil
}

// unjudged returns an error where the terms name a judge that is no member.
func unjudged(a *alliance.Alliance, members []string) error {
	if m := a.Terms.Judge.Member; m != "" && !slices.Contains(members, m) {
		return fmt.Errorf("summit: books: terms: judge: %q is no configured member", clip(m))
	}
	return nil
}

// lacking returns the members that have no contract.
func lacking(a *alliance.Alliance, members []string) []string {
	known := a.Members()
	var missing []string
	for _, m := range members {
		if !slices.Contains(known, m) {
			missing = append(missing, m)
		}
	}
	return missing
}

// warnUnsold tells of members whose contracts are all for other days: who needs
// them is refused until one holds.
func warnUnsold(a *alliance.Alliance, members []string, log *slog.Logger) {
	now := time.Now()
	for _, m := range members {
		if !a.Holds(m, now) {
			log.Warn("the member can't be sold: none of its contracts holds today", "member", m)
		}
	}
}

// reload lets terms and contracts hold as their files have them now, and
// reports whether they differ.
func (b *booking) reload(ctx context.Context, c Books, members []string, log *slog.Logger) (bool, error) {
	a, err := alliance.ReadFiles(c.Terms, c.Contracts)
	if err != nil {
		return false, fmt.Errorf("summit: books: %w", err)
	}
	if missing := lacking(a, members); len(missing) > 0 {
		return false, fmt.Errorf("summit: books: no contract of %s", strings.Join(missing, ", "))
	}
	if err := unjudged(a, members); err != nil {
		return false, err
	}
	warnUnsold(a, members, log)
	hashes := func(a *alliance.Alliance) []string {
		all := []string{a.Terms.Hash}
		for _, c := range a.Contracts() {
			all = append(all, c.Hash)
		}
		return all
	}
	if slices.Equal(hashes(a), hashes(b.Journal.Alliance())) {
		return false, nil
	}
	return true, b.Journal.SetAlliance(ctx, a)
}

// Close ends the sweeper and closes the books.
func (b *booking) Close() error {
	b.stop()
	b.stopped.Wait()
	return b.Accounting.Close()
}

// sold returns the model as it is paid for.
func (s shown) sold(d *directory, name string, m llm.Member) llm.Member {
	if s.serving.books == nil {
		return m
	}
	return &soldMember{&alliance.Metered{Member: m, Journal: s.serving.books.Journal, Asker: payer, Needs: d.leaves(name), Judge: d.judge, Most: s.config.Limits.RequestTime}}
}

// judge asks a member which proposals the statements of a fused answer are from.
func (d *directory) judge(ctx context.Context, name string, r *llm.Request, answer string, proposals []string) ([]alliance.Opinion, *llm.Outcome, error) {
	e := d.entries[name]
	if e == nil || e.Model {
		return nil, nil, llm.Errorf(llm.NotFound, "%q is no member", clip(name))
	}
	all, done, err := fusion.Credits(ctx, e.Member, r, answer, proposals)
	opinions := make([]alliance.Opinion, len(all))
	for i, c := range all {
		opinions[i] = alliance.Opinion(c)
	}
	return opinions, done, err
}

// leaves returns the members that answer in the end under a name.
func (d *directory) leaves(name string) []string {
	var all []string
	var walk func(string)
	walk = func(name string) {
		e := d.entries[name]
		switch {
		case e == nil:
		case !e.Model && !slices.Contains(all, name):
			all = append(all, name)
		case e.Model:
			for _, part := range e.Parts {
				walk(part)
			}
		}
	}
	walk(name)
	return all
}

// payer says who pays for a request: the tenant of the key.
func payer(ctx context.Context) (alliance.Asker, bool) {
	who, asked := identity.Asker(ctx)
	if !asked {
		return alliance.Asker{}, false
	}
	id := run.ID(ctx)
	if id == "" { // several answers to one request
		id = "run-" + strings.ToLower(rand.Text())
	}
	return alliance.Asker{Customer: who.Tenant, Key: who.ID, ID: id, Retry: run.RetryKey(ctx)}, true
}

// soldMember is a model that is paid for, vectors included.
type soldMember struct{ *alliance.Metered }

// Embed asks the model for vectors.
func (m *soldMember) Embed(ctx context.Context, texts []string, dimensions int) (vectors [][]float32, usage llm.Usage, err error) {
	below, ok := llm.As[llm.Embedder](m.Member)
	if !ok {
		return nil, llm.Usage{}, &llm.Error{Kind: llm.Unsupported, Member: m.Card().Name, Param: "model", Message: "has no embeddings"}
	}
	err = m.Metered.Embed(ctx, texts, func() (llm.Usage, error) {
		var failure error
		vectors, usage, failure = below.Embed(ctx, texts, dimensions)
		return usage, failure
	})
	if err != nil {
		vectors = nil
	}
	return vectors, usage, err
}
