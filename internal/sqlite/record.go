package sqlite

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math/bits"
)

// Value is one column of a row.
type Value struct {
	Kind  Kind
	Int   int64  // of an Integer
	Bytes []byte // of a Text or a Blob; good until the cursor's next step
}

// Kind is the type of a value.
type Kind byte

// The kinds of values. Real numbers are none: no room keeps them in its books.
const (
	Null Kind = iota
	Integer
	Text
	Blob
)

func (k Kind) String() string { return [...]string{"NULL", "an integer", "text", "a blob"}[k] }

var (
	errShort = errors.New("the row is longer than its bytes")
	errLong  = errors.New("the row is shorter than its bytes")
	errReal  = errors.New("a value is of a type that is not in use")
)

// varint returns the number at the beginning and its length, 0 where the bytes
// end before it. Source: "Database File Format", section 1.6.
func varint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	var x uint64
	for i, c := range b {
		if i == 8 {
			return x<<8 | uint64(c), 9
		}
		x = x<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return x, i + 1
		}
	}
	return 0, 0
}

// decode appends the values of a record, which must fill the payload. Source:
// "Database File Format", section 2.1.
func decode(payload []byte, into []Value) ([]Value, error) {
	size, n := varint(payload)
	if n == 0 || size < uint64(n) || size > uint64(len(payload)) {
		return into, errShort
	}
	head, body := payload[n:size], payload[size:]
	for len(head) > 0 {
		kind, n := varint(head)
		if n == 0 {
			return into, errShort
		}
		head = head[n:]
		var v Value
		var width int
		switch {
		case kind == 0:
		case kind <= 6:
			width = int(kind)
			if kind >= 5 {
				width = int(2*kind - 4) // 6 and 8 bytes
			}
			if len(body) < width {
				return into, errShort
			}
			v = Value{Kind: Integer, Int: signed(body[:width])}
		case kind == 8 || kind == 9:
			v = Value{Kind: Integer, Int: int64(kind - 8)}
		case kind >= 12:
			if kind = kind - 12; kind/2 > uint64(len(body)) {
				return into, errShort
			}
			width = int(kind / 2)
			v = Value{Kind: Blob - Kind(kind%2), Bytes: body[:width:width]}
		default:
			return into, errReal
		}
		into, body = append(into, v), body[width:]
	}
	if len(body) > 0 {
		return into, errLong
	}
	return into, nil
}

// signed returns the number in two's complement, the highest byte first.
func signed(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(int8(b[0]))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	}
	x := int64(int8(b[0]))
	for _, c := range b[1:] {
		x = x<<8 | int64(c)
	}
	return x
}

// compare orders rows of an index by so many columns as SQLite does without
// collations: numbers, then text, then blobs.
func compare(a, b []Value, columns int) int {
	for i := range min(len(a), len(b), columns) {
		x, y := &a[i], &b[i]
		if x.Kind != y.Kind {
			return cmp.Compare(x.Kind, y.Kind)
		}
		if x.Kind == Integer {
			if x.Int != y.Int {
				return cmp.Compare(x.Int, y.Int)
			}
		} else if c := bytes.Compare(x.Bytes, y.Bytes); c != 0 {
			return c
		}
	}
	return 0
}

// digest is the keyed sum of the hashes of rows, which their order doesn't
// change. Nobody can foresee the key, so rows can't be made to fit.
type digest struct{ rows, sum uint64 }

func (d *digest) add(other digest) {
	d.rows += other.rows
	d.sum += other.sum
}

// hasher hashes rows with the key of one walk.
type hasher struct {
	seed maphash.Seed
	key  uint64
}

func newHasher() hasher {
	h := hasher{seed: maphash.MakeSeed()}
	h.key = maphash.Bytes(h.seed, nil)
	return h
}

// next takes one more value into the hash of a row, which begins with the key.
func (h *hasher) next(sum uint64, v *Value) uint64 {
	x := uint64(v.Int)
	if v.Kind != Integer {
		x = maphash.Bytes(h.seed, v.Bytes) + uint64(v.Kind)
	}
	high, low := bits.Mul64(sum^0x9e3779b97f4a7c15, x^h.key)
	return high ^ low + x
}
