package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"summit/money"
)

// Store keeps the books: transactions in the order in which they were booked,
// each chained to the one before by a hash, and the balances that follow from
// them. Nothing that was booked is ever changed; a mistake is put right by one
// more transaction. Every store passes ledgertest, and any number of
// goroutines may use one.
type Store interface {
	// Post books entries, all or none, in one commit: once it has returned,
	// they survive a crash. The receipts are in the order of the entries.
	//
	// It may be called again with the same entries, and must be where its
	// result got lost: an entry whose Key and Input were booked before is not
	// booked again, and its receipt says Replayed. The errors below say why
	// nothing was booked. A context that ends withdraws entries that the
	// writer has not begun with; afterwards Post waits for the commit, so its
	// result is always definite. Only a failure of the disk in the middle of a
	// commit leaves it open: ErrUnknown.
	Post(ctx context.Context, entries ...Entry) ([]Receipt, error)

	// Head returns where the books end.
	Head(ctx context.Context) (Head, error)
	// Find returns the transaction that was booked under the key, or
	// ErrNotFound.
	Find(ctx context.Context, key string) (*Txn, error)
	// Balance returns what stands in an account, 0 where nothing was posted.
	Balance(ctx context.Context, a Account, c money.Currency) (Units, error)
	// Balances returns balances or a period's turnovers, in order of period,
	// account and currency, as they were at one moment.
	Balances(ctx context.Context, f BalanceFilter) iter.Seq2[Balance, error]
	// Txns returns transactions in their order, as they were at one moment.
	Txns(ctx context.Context, f Filter) iter.Seq2[*Txn, error]
	// Records returns what was filed with transactions, in their order.
	Records(ctx context.Context, f RecordFilter) iter.Seq2[Filed, error]
	// Holds returns holds that wait for their end and expire before the time,
	// the earliest first; the zero time means all of them.
	Holds(ctx context.Context, expired time.Time) iter.Seq2[Hold, error]

	// Close waits for what is being booked and lets go of the store. Posts
	// that come later get ErrStopped.
	Close() error
}

// The reasons for which nothing is booked, to be asked for with errors.Is.
var (
	ErrInvalid   = errors.New("it can't be booked as it is")
	ErrConflict  = errors.New("the key was used with another input")
	ErrOverdrawn = errors.New("the account may not be overdrawn")
	ErrClosed    = errors.New("the period is closed")
	ErrHold      = errors.New("the hold is not open: it was never made, or was ended, or has expired")
	ErrCharge    = errors.New("more than was held")
	ErrReversed  = errors.New("more would be reversed than was booked")
	ErrClock     = errors.New("the clock was set back, or is far from right")
	ErrNotFound  = errors.New("no such transaction")
	ErrStopped   = errors.New("the books are closed")
	ErrUnknown   = errors.New("the commit failed, and whether it was booked is not known: post it again")
)

// Bounds of one entry.
const (
	MaxKeyBytes    = 256
	MaxPostings    = 100_000
	MaxRecords     = 10_000
	MaxRecordBytes = 16 << 20 // of all bodies together
	MaxEntries     = 1_000    // of one Post
)

// MaxStepBack is how far the clock may go back between two commits, as it does
// when it is corrected. The later commit gets the time of the earlier then.
// A clock that was set back further is refused with ErrClock, for times of
// booking never decrease.
const MaxStepBack = time.Minute

// Entry is one transaction to be booked. Only Key and Kind are needed.
type Entry struct {
	// Key is booked once, ever. By custom it is the purpose and the id of what
	// caused it: "hold:ID", "settle:ID".
	Key string
	// Input is the hash of what the entry was computed from. The same key with
	// another input is refused with ErrConflict; zero = there is none.
	Input Hash
	Kind  string // such as hold or settle: letters, digits and - _ . only

	Postings []Posting
	Currency money.Currency // of the postings that name none
	Records  []Record       // filed with it, chained with it

	// Effective is the period to which the facts belong; empty = that of the
	// booking, in UTC. The books take the entry in that period where it is
	// open, and in the first open one after it where it is closed.
	Effective Period
	// Into asks for the period that takes it; ErrClosed where that is closed.
	// Empty = as Effective says.
	Into Period

	// Expires makes the entry a hold: its postings wait to be ended by another
	// entry. After this time, Sweep takes them back. Zero = no hold.
	Expires time.Time
	// Ends names the key of the hold that this entry ends: its postings are
	// taken back in full first, whatever the time. An account that the hold
	// debited, such as a wallet, may then be debited with at most as much
	// (ErrCharge). A void has no postings of its own. ErrHold where the hold is
	// not open.
	Ends string
	// AboveHold lets an entry with Ends debit more than was held, as far as
	// accounts cover it.
	AboveHold bool
	// Reverses names the key of the transaction of which this is the reversal,
	// in full or in part. Without Postings, all that is left of it is negated.
	// With them, they count against it, account by account: ErrReversed where
	// all reversals together exceed it. What a transaction took back of a hold,
	// a hold, and a reversal can't be reversed.
	Reverses string
	// Closes closes the period after this entry, which goes into that period:
	// later ones refuse it. Periods close in their order.
	Closes Period

	Links  []string // keys of others that it has to do with
	Reason string   // why, for people

	// Decide fills in the entry from where the books stand at its turn, which
	// no other entry can change before it is booked: every check and every
	// figure that depends on a balance belongs here, and none before Post. It
	// may set every field but Key, Input, Ends and Decide. It runs inside the
	// writer, while others wait: microseconds, no I/O, no call to the store.
	// Its error is returned as it is, and nothing is booked. Not called for an
	// entry that was booked before. nil = the entry is complete.
	Decide func(v View, e *Entry) error
}

// View is where the books stand at one entry's turn, with all entries before
// it. It is good only within Decide. What an entry with Ends takes back of its
// hold is already back.
type View interface {
	Now() time.Time // the time at which the entry is booked
	Head() Head     // the transaction before
	// Open returns the period that takes facts of that period now.
	Open(effective Period) Period
	Balance(a Account, c money.Currency) (Units, error)
	// Turnover is the sum of the postings that a period took.
	Turnover(p Period, a Account, c money.Currency) (Units, error)
	// Balances returns all balances of accounts whose name begins with the
	// prefix, sorted by account and currency.
	Balances(prefix string) ([]Balance, error)
	// Find returns the transaction under the key, or ErrNotFound. Its records
	// are left out: they never change, so they can be read before Post.
	Find(key string) (*Txn, error)
}

// Record is something that is filed with a transaction. The books keep and
// chain it, and know nothing of what it means.
type Record struct {
	Kind string `json:"kind"` // such as event or attribution: letters, digits and - _ . only
	Key  string `json:"key"`  // to find it by; several may have the same
	Body []byte `json:"body"`
}

// Filed is a record with the transaction that it was filed with.
type Filed struct {
	Seq int64 `json:"seq"`
	Record
}

// Receipt says that an entry is booked.
type Receipt struct {
	Seq      int64
	Key      string
	Hash     Hash
	BookedAt time.Time
	Period   Period // that took it
	Replayed bool   // it was booked before; nothing was booked now
}

// Txn is a booked transaction.
type Txn struct {
	Seq       int64      `json:"seq"` // 1, 2, 3, ...
	Key       string     `json:"key"`
	Input     Hash       `json:"input"`
	Kind      string     `json:"kind"`
	BookedAt  time.Time  `json:"booked_at"` // UTC, to the microsecond
	Period    Period     `json:"period"`    // that took it
	Effective Period     `json:"effective"` // to which its facts belong
	Postings  []Posting  `json:"postings"`
	Released  int        `json:"released,omitempty"` // so many of the first postings take a hold back
	Records   []Record   `json:"records,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`  // of a hold
	Ends      int64      `json:"ends,omitempty"`     // the hold
	Reverses  int64      `json:"reverses,omitempty"` // the transaction
	Closes    Period     `json:"closes,omitempty"`
	Links     []string   `json:"links,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Hash      Hash       `json:"hash"`

	checks []byte // one checksum for each row, so that Verify can name it
}

// Head is where the books end: the last transaction and its hash. Whoever
// keeps a head can prove later that nothing before it was changed.
type Head struct {
	Seq      int64     `json:"seq"` // 0 = nothing was booked
	Hash     Hash      `json:"hash"`
	BookedAt time.Time `json:"booked_at"`
	Closed   Period    `json:"closed,omitempty"` // the last closed period
}

// Balance is what stands in an account, or what a period turned over in it.
type Balance struct {
	Period   Period         `json:"period,omitempty"` // of a turnover
	Account  Account        `json:"account"`
	Currency money.Currency `json:"currency"`
	Amount   Units          `json:"amount"`
}

// Hold is a hold that waits for its end.
type Hold struct {
	Seq     int64     `json:"seq"`
	Key     string    `json:"key"`
	Expires time.Time `json:"expires"`
}

// BalanceFilter says which balances are wanted; the zero value means all.
type BalanceFilter struct {
	Prefix string // of the account's name, such as "member:glm:"
	// Period asks for the turnover of one period instead of balances.
	Period Period
	// Turnovers asks for the turnovers of all periods.
	Turnovers bool
}

// Filter says which transactions are wanted; the zero value means all.
type Filter struct {
	After    int64     // the sequence number before the first
	Until    int64     // the last; 0 = the newest
	Accounts []Account // with a posting in one of these
	Period   Period    // that took them
	Kind     string
}

// RecordFilter says which records are wanted.
type RecordFilter struct {
	Kind string // needed
	Key  string // empty = all
	// After and Until bound the transactions that they were filed with.
	After, Until int64
}

// Hash is a SHA-256 sum. As text it is 64 hexadecimal digits.
type Hash [sha256.Size]byte

// Sum returns the hash of the parts, one after the other.
func Sum(parts ...[]byte) Hash {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the digits.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("ledger: hash %q: want %d hexadecimal digits", clip(string(text)), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return fmt.Errorf("ledger: hash %q: %w", clip(string(text)), err)
	}
	return nil
}

// Period is a month, such as 2026-12. In whose zone it begins is the business
// of who books. Periods are in the order of their texts.
type Period string

// PeriodOf returns the month of the time, in the time's own zone.
func PeriodOf(t time.Time) Period { return Period(t.Format("2006-01")) }

// Valid returns an error that says what a period looks like. Those of the year
// 9999 are none, so that every period has one after it.
func (p Period) Valid() error {
	if t, err := time.Parse("2006-01", string(p)); err != nil || t.Year() < 1 || t.Year() > 9998 {
		return fmt.Errorf("ledger: period %q: want a month such as 2026-12", clip(string(p)))
	}
	return nil
}

// Next returns the month after.
func (p Period) Next() Period {
	t, err := time.Parse("2006-01", string(p))
	if err != nil {
		return p
	}
	return PeriodOf(t.AddDate(0, 1, 0))
}

// Sweep takes back the holds that have expired, and returns how many. Run it
// now and then; several may run at once.
func Sweep(ctx context.Context, s Store, now time.Time) (int, error) {
	var keys []string
	for h, err := range s.Holds(ctx, now) {
		if err != nil {
			return 0, err
		}
		if keys = append(keys, h.Key); len(keys) == MaxEntries {
			break // the rest at the next time
		}
	}
	swept := 0
	for _, key := range keys {
		r, err := s.Post(ctx, Entry{Key: "expire:" + Sum([]byte(key)).String(), Kind: "expire", Ends: key, Reason: "the hold expired"})
		if errors.Is(err, ErrHold) {
			continue // it was ended while we looked
		}
		if err != nil {
			return swept, err
		}
		if !r[0].Replayed {
			swept++
		}
	}
	return swept, nil
}

// ready returns an error where the entry can't be booked whatever is in the
// books.
func (e *Entry) ready() error {
	bad := func(what, got, want string) error {
		return fmt.Errorf("ledger: entry %q: %s: got %q, want %s: %w", clip(e.Key), what, clip(got), want, ErrInvalid)
	}
	if e.Key == "" || len(e.Key) > MaxKeyBytes || strings.ToValidUTF8(e.Key, "") != e.Key || strings.ContainsRune(e.Key, 0) {
		return bad("key", e.Key, fmt.Sprintf("1 to %d bytes of text", MaxKeyBytes))
	}
	if !ValidName(e.Kind) {
		return bad("kind", e.Kind, "letters, digits and - _ . only")
	}
	for _, k := range []struct{ name, key string }{{"ends", e.Ends}, {"reverses", e.Reverses}} {
		if !text(k.key, MaxKeyBytes) {
			return bad(k.name, k.key, fmt.Sprintf("a key of at most %d bytes of text", MaxKeyBytes))
		}
	}
	for _, p := range []struct {
		name string
		Period
	}{{"effective", e.Effective}, {"into", e.Into}, {"closes", e.Closes}} {
		if p.Period != "" && p.Valid() != nil {
			return bad(p.name, string(p.Period), "a month such as 2026-12")
		}
	}
	if !e.Expires.IsZero() && (e.Expires.Year() < 1970 || e.Expires.Year() > 9999) {
		return bad("expires", e.Expires.String(), "a time of the years 1970 to 9999")
	}
	switch hold := !e.Expires.IsZero(); {
	case hold && (e.Ends != "" || e.Reverses != "" || e.Closes != ""):
		return bad("expires", e.Expires.String(), "none, since it ends, reverses or closes something")
	case e.Ends != "" && e.Reverses != "":
		return bad("reverses", e.Reverses, "none, since it ends a hold")
	case e.Closes != "" && e.Into != "" && e.Into != e.Closes:
		return bad("into", string(e.Into), string(e.Closes)+", which it closes")
	}
	if len(e.Postings) > MaxPostings {
		return bad("postings", fmt.Sprint(len(e.Postings)), fmt.Sprintf("at most %d", MaxPostings))
	}
	if len(e.Records) > MaxRecords {
		return bad("records", fmt.Sprint(len(e.Records)), fmt.Sprintf("at most %d", MaxRecords))
	}
	bodies := 0
	for i, r := range e.Records {
		name := fmt.Sprintf("record %d", i)
		bodies += len(r.Body)
		switch {
		case !ValidName(r.Kind):
			return bad(name+": kind", r.Kind, "letters, digits and - _ . only")
		case !text(r.Key, MaxKeyBytes):
			return bad(name+": key", r.Key, fmt.Sprintf("at most %d bytes of text", MaxKeyBytes))
		case bodies > MaxRecordBytes:
			return bad(name+": body", fmt.Sprint(bodies, " bytes with those before it"), fmt.Sprintf("at most %d", MaxRecordBytes))
		}
	}
	for _, l := range e.Links {
		if !text(l, MaxKeyBytes) || len(e.Links) > MaxRecords {
			return bad("links", l, fmt.Sprintf("at most %d keys of at most %d bytes", MaxRecords, MaxKeyBytes))
		}
	}
	if !text(e.Reason, 4096) {
		return bad("reason", e.Reason, "at most 4096 bytes of text")
	}
	return nil
}

// text reports whether every store keeps the text as it is.
func text(s string, most int) bool {
	return len(s) <= most && strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0)
}
