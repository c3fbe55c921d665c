// Package run keeps what happened: one Entry for each request that was handed
// to a model, with the Outcome tree of its members, tokens, costs and times.
// It keeps no prompt and no answer, nor the texts that quote them: reasons and
// error messages. What somebody thought of an answer is kept with it, as a
// number, and what can be learned from it, as figures.
//
// Its nouns are Entry, Lesson, Feedback, Spending, Learned, Store (the contract: SQLite for a server,
// Memory as the plain reference) and Log, which stands before a Store so that
// no request waits for it. A new store is one more file held to runtest.
package run

import (
	"context"
	"encoding/json"
	"time"

	"summit/llm"
)

// Entry is one request as the log keeps it.
type Entry struct {
	ID        string // ours; unique
	RequestID string // as on the answer's x-request-id, which a client may have chosen
	At        time.Time
	Tenant    string
	KeyID     string // empty = asked without a key
	Protocol  string // the dialect's name
	Model     string // as asked
	Stream    bool
	Status    int           // of the HTTP answer
	Error     llm.ErrorKind // empty = none
	TTFT      time.Duration // to the first piece of content; 0 = none came
	Took      time.Duration
	Outcome   json.RawMessage // the tree, as Log.Add wrote it; nil = none
	Lesson    *Lesson         // nil = nothing can be learned from it
	Feedback  []Feedback      // the oldest first; nil = none

	Unlearned bool   // Log.Add is to make no Lesson of it; not kept
	Spent     *Money // goes to the tenant's account; not kept here; nil = unknown
}

// MarshalJSON writes the entry for the admin API, durations in whole
// milliseconds.
func (e Entry) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID        string          `json:"id"`
		RequestID string          `json:"request_id"`
		At        time.Time       `json:"at"`
		Tenant    string          `json:"tenant"`
		KeyID     string          `json:"key_id,omitempty"`
		Protocol  string          `json:"protocol"`
		Model     string          `json:"model"`
		Stream    bool            `json:"stream"`
		Status    int             `json:"status"`
		Error     llm.ErrorKind   `json:"error,omitempty"`
		TTFT      int64           `json:"ttft_ms"`
		Took      int64           `json:"took_ms"`
		Outcome   json.RawMessage `json:"outcome"`
		Lesson    *Lesson         `json:"lesson,omitempty"`
		Feedback  []Feedback      `json:"feedback,omitempty"`
	}{
		e.ID, e.RequestID, e.At.UTC(), e.Tenant, e.KeyID, e.Protocol, e.Model, e.Stream, e.Status, e.Error,
		e.TTFT.Milliseconds(), e.Took.Milliseconds(), e.Outcome, e.Lesson, e.Feedback,
	})
}

// Store keeps entries in the order in which they were appended. It may be
// used by many goroutines.
type Store interface {
	// Append adds the entries, all or none. One whose ID is there already is
	// left out. Times are kept to the millisecond, durations to the microsecond.
	// The entries' Feedback is not read: it has a way of its own. What they have
	// Spent is added to their tenants' accounts.
	Append(ctx context.Context, entries []Entry) error
	// Latest returns the n entries that were appended last, the last one first.
	Latest(ctx context.Context, n int) ([]Entry, error)
	// Get returns the entry with that ID; the error is an *llm.Error of kind
	// NotFound where there is none.
	Get(ctx context.Context, id string) (Entry, error)
	// AddFeedback keeps the feedback with its run, in the place of an earlier
	// one of the same key and source; of one run the newest 64 are kept. The
	// error is an *llm.Error of kind NotFound where the tenant has no such run,
	// and of kind Invalid where the score or the source is none.
	AddFeedback(ctx context.Context, f Feedback) error
	// AddShadow adds to the run's Lesson what became of a member that was asked
	// after the answer, and its cost to ShadowAccount. The error is an *llm.Error
	// of kind NotFound where the tenant has no such run.
	AddShadow(ctx context.Context, id, tenant string, at time.Time, a Ask) error
	// Scan calls visit with every entry that is there, the oldest first, until
	// it returns an error, which Scan returns.
	Scan(ctx context.Context, visit func(Entry) error) error
	// Spent returns what the account has spent from that day on, by day and
	// currency.
	Spent(ctx context.Context, account, day string) ([]Spending, error)
	// Learn keeps what was learned, in the place of an earlier value of the same
	// kind, tenant and member. A nil Value removes that.
	Learn(ctx context.Context, all []Learned) error
	// Learned returns all of a kind, by tenant and member.
	Learned(ctx context.Context, kind string) ([]Learned, error)
	// Prune looks at the oldest entries, at most n, and removes those from
	// before the time and those that keep or more entries were appended after.
	// Their feedback goes with them. It returns how many went: n means that there may be more.
	Prune(ctx context.Context, before time.Time, keep, n int) (int, error)
	Close() error
}

// grain returns the entry as every store keeps it.
func (e Entry) grain() Entry {
	e.At = e.At.UTC().Truncate(time.Millisecond)
	e.TTFT = e.TTFT.Truncate(time.Microsecond)
	e.Took = e.Took.Truncate(time.Microsecond)
	e.Feedback, e.Unlearned, e.Spent = nil, false, nil
	return e
}

func notFound(id string) error {
	return llm.Errorf(llm.NotFound, "no run with the id %q", clip(id, 60))
}
