package ledger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// maxLine bounds one transaction of an export. The largest that can be booked
// has records of 16 MiB, which are 22 in base64, 10,000 keys of records and as
// many links, which may be 31 where each of their bytes is escaped, and 100,000
// postings of 0.2 kB and those of a hold, which are 40.
const maxLine = 8 * MaxRecordBytes

// Export writes transactions as JSON, one a line, and returns the last of
// them. Whoever has the lines can compute the chain anew: VerifyExport does.
func Export(ctx context.Context, s Store, f Filter, w io.Writer) (Head, error) {
	var end Head
	buffered := bufio.NewWriterSize(w, 1<<16)
	e := json.NewEncoder(buffered)
	e.SetEscapeHTML(false)
	for t, err := range s.Txns(ctx, f) {
		if err != nil {
			return end, err
		}
		if err := e.Encode(t); err != nil {
			return end, fmt.Errorf("ledger: export: transaction %d: %w", t.Seq, err)
		}
		end.Seq, end.Hash, end.BookedAt = t.Seq, t.Hash, t.BookedAt
		if t.Closes != "" {
			end.Closed = t.Closes
		}
	}
	if err := buffered.Flush(); err != nil {
		return end, fmt.Errorf("ledger: export: %w", err)
	}
	return end, nil
}

// VerifyExport checks an export of whole books as Verify checks a store, but
// for what follows from the transactions (balances, turnovers, the list of open
// holds), which an export has not. It reads once; of exports with more than
// some 200,000 transactions it puts a few bytes for each posting aside in a
// temporary file, to compare them with later reversals.
func VerifyExport(r io.Reader, known ...Head) (*Report, error) {
	aside := newSpool()
	report, err := verifyExport(r, aside, known)
	if err = errors.Join(err, aside.close()); err != nil {
		return nil, err
	}
	return report, nil
}

func verifyExport(r io.Reader, aside *spool, known []Head) (*Report, error) {
	p := newPart(0, 0)
	c := chainReader{next: 1}
	report := &Report{Damages: []Damage{}}
	want := map[int64]Hash{}
	for _, h := range known {
		want[h.Seq] = h.Hash
	}
	lines := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		text, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("ledger: export: line %d: %w", n, err)
		}
		t := &Txn{}
		if err := json.Unmarshal(text, t); err != nil {
			return nil, fmt.Errorf("ledger: export: line %d: want a transaction as JSON: %w", n, err)
		}
		if t.Seq < c.next || t.Seq > 1<<48 {
			return nil, fmt.Errorf("ledger: export: line %d: transaction %d, want %d", n, t.Seq, c.next)
		}
		if x := t.BookedAt; x.Year() < 1970 || x.Year() > 9999 || t.Expires != nil && (t.Expires.Year() < 1970 || t.Expires.Year() > 9999) {
			return nil, fmt.Errorf("ledger: export: line %d: booked at %s, want a time of the years 1970 to 9999", n, x.Format(time.RFC3339))
		}
		c.read(p, t)
		if err := aside.add(t); err != nil {
			return nil, err
		}
		if h, ok := want[t.Seq]; ok && h != t.Hash {
			report.add(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: fmt.Sprintf("its hash is %s, known was %s: the books up to it are others", t.Hash, h)})
		}
		delete(want, t.Seq)
		report.Head = Head{t.Seq, t.Hash, t.BookedAt, max(report.Head.Closed, t.Closes)}
	}
	for _, seq := range slices.Sorted(maps.Keys(want)) {
		report.add(Damage{Table: "txn", Seq: seq, What: fmt.Sprintf("missing: the books were longer once than the %d of the export", report.Head.Seq)})
	}
	report.Txns, report.Postings, report.Records = p.txns, p.postings, p.records
	all := newPart(0, 0)
	for _, d := range p.damages {
		report.add(d)
	}
	report.Found += p.found - int64(len(p.damages))
	all.join(p, report)
	if len(all.reversed) > 0 {
		if err := aside.each(func(seq int64) bool { return all.reversed[seq] != nil }, func(seq int64, whole map[line]Units) {
			all.reversal(seq, whole, report)
			delete(all.reversed, seq)
		}); err != nil {
			return nil, err
		}
		for _, seq := range slices.Sorted(maps.Keys(all.reversed)) { // what can't be reversed at all
			all.reversal(seq, nil, report)
		}
	}
	report.Accounts, report.Holds = len(all.balances), len(all.opened)
	return report, nil
}

// readLine returns the next line without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		piece, err := r.ReadSlice('\n')
		if len(long)+len(piece) > maxLine {
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		}
		switch {
		case err == nil && long == nil:
			return piece[:len(piece)-1], nil
		case err == nil:
			return append(long, piece[:len(piece)-1]...), nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, piece...)
		case errors.Is(err, io.EOF) && len(long)+len(piece) > 0:
			return nil, io.ErrUnexpectedEOF // cut off
		default:
			return nil, err
		}
	}
}
