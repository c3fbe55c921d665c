package ledger

import "fmt"

// merge is three walks side by side, each in the order of its table, that
// together give transactions. Ok is false after the last row.
type merge struct {
	txn     func() (*Txn, error) // nil after the last
	posting func() (r postingRow, ok bool, err error)
	record  func() (r recordRow, ok bool, err error)
}

// postingRow is the n-th posting of a transaction, from 0.
type postingRow struct {
	seq, n int64
	Posting
}

// recordRow is the n-th record of a transaction, from 0.
type recordRow struct {
	seq, n int64
	Record
}

// give gives the transactions with all their rows. Rows that belong to no
// transaction are errors.
func (m merge) give(give func(*Txn) bool) error {
	p, more, err := m.posting()
	if err != nil {
		return err
	}
	r, moreRecords, err := m.record()
	if err != nil {
		return err
	}
	stray := func(table string, seq, n int64) error {
		return &rowError{table, seq, int(n), "", "it belongs to no transaction"}
	}
	for {
		t, err := m.txn()
		if err != nil {
			return err
		}
		if t == nil {
			break
		}
		if more && p.seq < t.Seq {
			return stray("posting", p.seq, p.n)
		}
		if moreRecords && r.seq < t.Seq {
			return stray("record", r.seq, r.n)
		}
		for more && p.seq == t.Seq {
			if p.n != int64(len(t.Postings)) {
				return &rowError{"posting", p.seq, int(p.n), t.Key, fmt.Sprintf("want posting %d of the transaction", len(t.Postings))}
			}
			t.Postings = append(t.Postings, p.Posting)
			if p, more, err = m.posting(); err != nil {
				return err
			}
		}
		for moreRecords && r.seq == t.Seq {
			if r.n != int64(len(t.Records)) {
				return &rowError{"record", r.seq, int(r.n), t.Key, fmt.Sprintf("want record %d of the transaction", len(t.Records))}
			}
			t.Records = append(t.Records, r.Record)
			if r, moreRecords, err = m.record(); err != nil {
				return err
			}
		}
		if !give(t) {
			return nil
		}
	}
	if more {
		return stray("posting", p.seq, p.n)
	}
	if moreRecords {
		return stray("record", r.seq, r.n)
	}
	return nil
}
