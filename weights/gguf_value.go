package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// cursor reads little-endian numbers from bytes and never past them.
type cursor struct {
	data []byte
	pos  int
}

func (c *cursor) left() int { return len(c.data) - c.pos }

func (c *cursor) take(n int) ([]byte, error) {
	if n > c.left() {
		return nil, fmt.Errorf("the file ends: %d bytes wanted at %d, %d left", n, c.pos, c.left())
	}
	b := c.data[c.pos : c.pos+n]
	c.pos += n
	return b, nil
}

func (c *cursor) u32() (uint32, error) {
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *cursor) u64() (uint64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// length reads a count of things of at least size bytes each and checks it
// against what is left.
func (c *cursor) length(size int) (int, error) {
	n, err := c.u64()
	if err != nil {
		return 0, err
	}
	if n > uint64(c.left()/size) {
		return 0, fmt.Errorf("a length of %d, but %d bytes are left", n, c.left())
	}
	return int(n), nil
}

// text reads a string of at most limit bytes.
func (c *cursor) text(limit int) (string, error) {
	n, err := c.length(1)
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("a name of %d bytes, want %d at most", n, limit)
	}
	b, err := c.take(n)
	return string(b), err
}

// GGUF's numbers of value types.
const (
	kindUint8 = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// kindBytes has the size of one value in a list; of a string, the length that
// comes first.
var kindBytes = [...]int{1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8}

// ggufValue reads a type and a value.
func ggufValue(c *cursor) (any, error) {
	kind, err := c.u32()
	if err != nil {
		return nil, err
	}
	n := 1
	list := kind == kindArray
	if list {
		if kind, err = c.u32(); err != nil {
			return nil, err
		}
		if kind == kindArray {
			return nil, errors.New("a list of lists, which GGUF readers do not take")
		}
	}
	if kind > kindFloat64 {
		return nil, fmt.Errorf("value type %d, want 0 to %d", kind, kindFloat64)
	}
	if list {
		if n, err = c.length(kindBytes[kind]); err != nil {
			return nil, err
		}
	}
	switch kind {
	case kindString:
		texts, err := ggufTexts(c, n)
		return plain(texts, list), err
	case kindBool:
		b, err := c.take(n)
		if err != nil {
			return nil, err
		}
		out := make([]bool, n)
		for i, v := range b {
			if v > 1 {
				return nil, fmt.Errorf("a bool of %d, want 0 or 1", v)
			}
			out[i] = v == 1
		}
		return plain(out, list), nil
	case kindUint8:
		return numbers(c, n, list, 1, func(b []byte) uint8 { return b[0] })
	case kindInt8:
		return numbers(c, n, list, 1, func(b []byte) int8 { return int8(b[0]) })
	case kindUint16:
		return numbers(c, n, list, 2, binary.LittleEndian.Uint16)
	case kindInt16:
		return numbers(c, n, list, 2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) })
	case kindUint32:
		return numbers(c, n, list, 4, binary.LittleEndian.Uint32)
	case kindInt32:
		return numbers(c, n, list, 4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) })
	case kindFloat32:
		return numbers(c, n, list, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) })
	case kindUint64:
		return numbers(c, n, list, 8, binary.LittleEndian.Uint64)
	case kindInt64:
		return numbers(c, n, list, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) })
	default: // kindFloat64
		return numbers(c, n, list, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) })
	}
}

// plain returns the list, or its only element.
func plain[T any](values []T, list bool) any {
	if list || len(values) == 0 {
		return values
	}
	return values[0]
}

func numbers[T any](c *cursor, n int, list bool, size int, get func([]byte) T) (any, error) {
	b, err := c.take(n * size) // n was checked against the bytes left, or is 1
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i := range out {
		out[i] = get(b[i*size:])
	}
	return plain(out, list), nil
}

// ggufTexts reads n strings. Their bytes are copied once, all together: a
// vocabulary of 150,000 words is two allocations.
func ggufTexts(c *cursor, n int) ([]string, error) {
	start := c.pos
	for range n {
		size, err := c.length(1)
		if err != nil {
			return nil, err
		}
		c.pos += size
	}
	all := string(c.data[start:c.pos])
	out := make([]string, n)
	at := 0
	for i := range out {
		size := int(binary.LittleEndian.Uint64(c.data[start+at:]))
		out[i] = all[at+8 : at+8+size]
		at += 8 + size
	}
	return out, nil
}
