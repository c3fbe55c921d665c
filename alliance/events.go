package alliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"summit/ledger"
)

// Events is a list of what happened, from where the books stood.
type Events struct {
	Opening  Books             `json:"opening"`
	Requests []json.RawMessage `json:"requests"` // records of kind request (or none), refund, judge, close or fx
}

// Settlement is what came of them.
type Settlement struct {
	Requests []Record `json:"requests"` // one for each record: *Result, *RefundResult, *JudgingResult, *CloseResult or *FXResult
	Closing  *Books   `json:"closing"`
}

// Record is one settled record.
type Record interface {
	Posted() (id, kind string, postings []ledger.Posting)
}

// Posted returns the record's id, its kind and its postings.
func (res *Result) Posted() (id, kind string, postings []ledger.Posting) {
	return res.ID, res.Kind, res.Postings
}

// Posted returns the record's id, its kind and its postings.
func (res *RefundResult) Posted() (id, kind string, postings []ledger.Posting) {
	return res.ID, res.Kind, res.Postings
}

// Posted returns the record's id, its kind and its postings.
func (res *CloseResult) Posted() (id, kind string, postings []ledger.Posting) {
	return res.ID, res.Kind, res.Postings
}

// Posted returns the record's id, its kind and its postings.
func (res *FXResult) Posted() (id, kind string, postings []ledger.Posting) {
	return res.ID, res.Kind, res.Postings
}

// Bounds of a file of events.
const (
	MaxEventBytes = 1 << 30
	maxRecords    = 10_000_000
)

// ReadEvents reads a file of events.
func ReadEvents(r io.Reader) (*Events, error) {
	e := &Events{}
	d := json.NewDecoder(io.LimitReader(r, MaxEventBytes))
	if err := d.Decode(e); err != nil {
		return nil, fmt.Errorf("alliance: events: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("alliance: events: more than one JSON text")
	}
	if len(e.Requests) > maxRecords {
		return nil, fmt.Errorf("alliance: events: %d records, want at most %d", len(e.Requests), maxRecords)
	}
	return e, nil
}

// Run settles all records in their order. It is a function of the events and
// the alliance alone. A record that can't be settled ends it with an error that
// names the record.
func (a *Alliance) Run(e *Events) (*Settlement, error) {
	if err := e.Opening.check(); err != nil {
		return nil, fmt.Errorf("alliance: opening: %w", err)
	}
	s := &Settlement{Requests: make([]Record, 0, len(e.Requests)), Closing: e.Opening.clone()}
	done := map[string]*settled{}
	for i, raw := range e.Requests {
		res, err := a.step(raw, s.Closing, done)
		if err != nil {
			return nil, fmt.Errorf("alliance: record %d: %w", i, err)
		}
		s.Requests = append(s.Requests, res)
	}
	return s, nil
}

// step settles one record and lets the books follow.
func (a *Alliance) step(raw json.RawMessage, books *Books, done map[string]*settled) (Record, error) {
	var head struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("want an object with id and kind: %w", err)
	}
	if head.ID == "" || len(head.ID) > 200 {
		return nil, errors.New("id: want 1 to 200 bytes")
	}
	if done[head.ID] != nil {
		return nil, fmt.Errorf("%q: the id stands there twice: nothing is settled twice", clip(head.ID))
	}
	named := func(err error) error { return fmt.Errorf("%q: %w", clip(head.ID), err) }
	// A record that fails leaves the books as they were.
	after := books.clone()
	kept := &settled{}
	var res Record
	switch head.Kind {
	case "", "request":
		r := &Request{}
		if err := decode(raw, r, "price", "members"); err != nil {
			return nil, named(err)
		}
		out, err := a.settle(r, after)
		if err != nil {
			return nil, named(err)
		}
		kept.result, kept.refunded, res = out, new(big.Rat), out
	case "refund":
		r := &Refund{}
		if err := decode(raw, r, "of"); err != nil {
			return nil, named(err)
		}
		of := done[r.Of]
		if of == nil || of.result == nil {
			return nil, named(fmt.Errorf("of: %q: no such request was settled before", clip(r.Of)))
		}
		copied := *of
		out, err := a.refund(r, &copied, after)
		if err != nil {
			return nil, named(err)
		}
		done[r.Of], res = &copied, out
	case "close":
		c := &Close{}
		if err := decode(raw, c, "period"); err != nil {
			return nil, named(err)
		}
		out, err := a.closes(c, after)
		if err != nil {
			return nil, named(err)
		}
		res = out
	case "judge":
		x := &Judging{}
		if err := decode(raw, x, "of", "member"); err != nil {
			return nil, named(err)
		}
		out, err := a.judging(x, after)
		if err != nil {
			return nil, named(err)
		}
		res = out
	case "fx":
		x := &FX{}
		if err := decode(raw, x, "currency", "amount", "rate"); err != nil {
			return nil, named(err)
		}
		out, err := a.convert(x)
		if err != nil {
			return nil, named(err)
		}
		res = out
	default:
		return nil, named(fmt.Errorf("kind: got %q, want request, refund, judge, close or fx", clip(head.Kind)))
	}
	*books = *after
	done[head.ID] = kept
	return res, nil
}

// decode reads a record, which has those fields. Others that nobody knows are
// mistakes.
func decode(raw json.RawMessage, v any, required ...string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	for _, name := range required {
		if _, ok := fields[name]; !ok {
			return fmt.Errorf("%s: missing", name)
		}
	}
	delete(fields, "kind")
	own, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(own))
	d.DisallowUnknownFields()
	err = d.Decode(v)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		want := "a " + wrong.Type.Kind().String()
		if strings.HasPrefix(wrong.Type.Kind().String(), "int") {
			want = "a whole number that fits in 64 bits"
		}
		return fmt.Errorf("%s: got %s, want %s", clip(wrong.Field), clip(wrong.Value), want)
	}
	return err
}
