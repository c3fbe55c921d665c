package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// The chain: hash(n) = SHA-256(hash(n-1) || canonical(n)), and 32 zero bytes
// before the first. The canonical bytes are, in this order, whole numbers as
// varints (of encoding/binary; signed ones zigzag), texts as their length and
// their bytes:
//
//	1, the version of this layout; seq; key; the 32 bytes of input; kind;
//	booked_at in microseconds since 1970 (signed); period; effective;
//	expires in microseconds (signed; 0 = no hold); ends; reverses; closes;
//	reason; the number of links, and each; the number of postings that take a
//	hold back; the number of postings, and of each: account, currency,
//	amount (signed); the number of records, and of each: kind, key, and the
//	32 bytes of the SHA-256 of its body.

const layout = 1

// encoder writes canonical bytes.
type encoder struct{ b []byte }

func (e *encoder) number(n int64)      { e.b = binary.AppendUvarint(e.b, uint64(n)) }
func (e *encoder) signed(n int64)      { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) text(s string)       { e.number(int64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) bytes(b Hash)        { e.b = append(e.b, b[:]...) }
func (e *encoder) since(at int) uint32 { return crc32.Checksum(e.b[at:], castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// micros returns the time as it is stored; nil is 0.
func micros(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMicro()
}

// at returns a stored time.
func at(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// canonical returns the transaction's canonical bytes in the buffer and its
// checks: a CRC-32C of four bytes for the transaction's own fields, for each
// posting and for each record. The hash proves that something was changed;
// the checks tell which row.
func (t *Txn) canonical(buffer []byte) (bytes, checks []byte) {
	e := encoder{buffer[:0]}
	e.number(layout)
	e.number(t.Seq)
	e.text(t.Key)
	e.bytes(t.Input)
	e.text(t.Kind)
	e.signed(t.BookedAt.UnixMicro())
	e.text(string(t.Period))
	e.text(string(t.Effective))
	e.signed(micros(t.Expires))
	e.number(t.Ends)
	e.number(t.Reverses)
	e.text(string(t.Closes))
	e.text(t.Reason)
	e.number(int64(len(t.Links)))
	for _, l := range t.Links {
		e.text(l)
	}
	e.number(int64(t.Released))
	checks = make([]byte, 0, 4*(1+len(t.Postings)+len(t.Records)))
	checks = binary.BigEndian.AppendUint32(checks, e.since(0))
	e.number(int64(len(t.Postings)))
	for _, p := range t.Postings {
		from := len(e.b)
		e.text(string(p.Account))
		e.text(string(p.Currency))
		e.signed(int64(p.Amount))
		checks = binary.BigEndian.AppendUint32(checks, e.since(from))
	}
	e.number(int64(len(t.Records)))
	for _, r := range t.Records {
		from := len(e.b)
		e.text(r.Kind)
		e.text(r.Key)
		e.bytes(sha256.Sum256(r.Body))
		checks = binary.BigEndian.AppendUint32(checks, e.since(from))
	}
	return e.b, checks
}

// chain returns the hash of the canonical bytes after the one before.
func chain(prev Hash, canonical []byte) Hash { return Sum(prev[:], canonical) }

// check returns the checksum of a line's row in a database.
func (l line) check(id int64) int64 {
	e := encoder{}
	e.number(id)
	e.text(string(l.account))
	e.text(string(l.currency))
	return int64(e.since(0))
}
