package weights

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"summit/tensor"
)

const (
	ggufMagic        = "GGUF"
	defaultAlignment = 32
	maxAlignment     = 1 << 20 // files use 32 to 4096; a bound keeps sums small
	maxKey           = 1<<16 - 1
	maxTensorName    = 64
	maxDims          = 4
	alignmentKey     = "general.alignment"
)

func init() {
	registerFormat(format{name: "gguf",
		match: func(_ string, head []byte) bool { return bytes.HasPrefix(head, []byte(ggufMagic)) },
		open:  openGGUF,
	})
}

// foreign names GGUF's types that are not read, so that the refusal says what
// the file has.
var foreign = map[uint32]string{
	4: "Q4_2 (withdrawn)", 5: "Q4_3 (withdrawn)", 9: "Q8_1", 15: "Q8_K",
	16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M",
	31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0",
	36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 40: "NVFP4",
}

func ggufType(n uint32) (tensor.DType, error) {
	if t := tensor.DType(n); n < 256 && t.Valid() {
		return t, nil
	}
	name, ok := foreign[n]
	if !ok {
		name = "unknown"
	}
	var known []string
	for _, t := range tensor.DTypes() {
		known = append(known, t.String())
	}
	return 0, fmt.Errorf("type %d (%s) is not supported, want one of %s", n, name, strings.Join(known, " "))
}

// span is a tensor's place in the data section.
type span struct {
	tensor.Tensor
	offset uint64
}

// parseGGUF reads one GGUF file. Tensors are views of data.
func parseGGUF(data []byte) (*Metadata, []tensor.Tensor, error) {
	c := &cursor{data: data}
	tensors, keys, err := ggufHeader(c)
	if err != nil {
		return nil, nil, err
	}
	meta := &Metadata{}
	for i := range keys {
		if err := ggufPair(c, meta); err != nil {
			return nil, nil, fmt.Errorf("key %d of %d: %w", i+1, keys, err)
		}
	}
	align, err := alignment(meta)
	if err != nil {
		return nil, nil, err
	}
	var spans []span
	names := map[string]bool{}
	for i := range tensors {
		s, err := ggufInfo(c, align)
		if err == nil && names[s.Name] {
			err = fmt.Errorf("tensor %q: the name stands twice", s.Name)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %d of %d: %w", i+1, tensors, err)
		}
		names[s.Name] = true
		spans = append(spans, s)
	}
	list, err := ggufData(c, align, spans)
	return meta, list, err
}

func ggufHeader(c *cursor) (tensors, keys uint64, err error) {
	magic, err := c.take(4)
	if err != nil || string(magic) != ggufMagic {
		return 0, 0, fmt.Errorf("not GGUF: it begins with %q", magic)
	}
	version, err := c.u32()
	if err != nil {
		return 0, 0, fmt.Errorf("version: %w", err)
	}
	if version != 0 && version&0xffff == 0 {
		return 0, 0, fmt.Errorf("big-endian GGUF (version bytes %#x), want little-endian: convert it first", version)
	}
	if version != 2 && version != 3 {
		return 0, 0, fmt.Errorf("GGUF version %d, want 2 or 3", version)
	}
	if tensors, err = c.u64(); err == nil {
		keys, err = c.u64()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("header: %w", err)
	}
	// The least a key takes: length, a letter, type, a byte; a tensor: length,
	// a letter, dimensions, one dimension, type, offset.
	if most := uint64(c.left()) / 14; keys > most {
		return 0, 0, fmt.Errorf("header: %d keys, but the file has room for %d at most", keys, most)
	}
	if most := uint64(c.left()) / 33; tensors > most {
		return 0, 0, fmt.Errorf("header: %d tensors, but the file has room for %d at most", tensors, most)
	}
	return tensors, keys, nil
}

func ggufPair(c *cursor, meta *Metadata) error {
	key, err := c.text(maxKey)
	if err != nil {
		return err
	}
	switch {
	case key == "":
		return errors.New("the key is empty")
	case strings.ContainsRune(key, 0) || !utf8.ValidString(key):
		return fmt.Errorf("key %q holds what a name must not: NUL or bad UTF-8", key)
	}
	if _, taken := meta.values[key]; taken {
		return fmt.Errorf("key %q stands twice", key)
	}
	v, err := ggufValue(c)
	if err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	meta.Set(key, v)
	return nil
}

func alignment(meta *Metadata) (uint64, error) {
	v, ok := meta.values[alignmentKey]
	if !ok {
		return defaultAlignment, nil
	}
	n, ok := v.(uint32)
	if !ok || n < 8 || n > maxAlignment || bits.OnesCount32(n) != 1 {
		return 0, fmt.Errorf("key %q: got %s, want a uint32 power of two from 8 to %d", alignmentKey, describe(v), maxAlignment)
	}
	return uint64(n), nil
}

func ggufInfo(c *cursor, align uint64) (span, error) {
	name, err := c.text(maxTensorName)
	if err != nil {
		return span{}, fmt.Errorf("name: %w", err)
	}
	if name == "" || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return span{}, fmt.Errorf("name %q: want text without NUL", name)
	}
	fail := func(format string, args ...any) (span, error) {
		return span{}, fmt.Errorf("tensor %q: "+format, append([]any{name}, args...)...)
	}
	dims, err := c.u32()
	if err != nil {
		return fail("%w", err)
	}
	if dims < 1 || dims > maxDims {
		return fail("%d dimensions, want 1 to %d", dims, maxDims)
	}
	shape := make([]int, dims)
	for i := range shape {
		d, err := c.u64()
		if err != nil {
			return fail("%w", err)
		}
		if d == 0 || d > uint64(maxInt) {
			return fail("dimension %d is %d, want 1 or more and what memory can hold", i+1, int64(d))
		}
		shape[len(shape)-1-i] = int(d) // innermost first in the file
	}
	number, err := c.u32()
	if err != nil {
		return fail("%w", err)
	}
	typ, err := ggufType(number)
	if err != nil {
		return fail("%w", err)
	}
	offset, err := c.u64()
	if err != nil {
		return fail("%w", err)
	}
	if offset%align != 0 {
		return fail("offset %d, want a multiple of %d", offset, align)
	}
	if _, err := tensor.ByteSize(typ, shape); err != nil {
		return fail("%w", err)
	}
	return span{tensor.Tensor{Name: name, Type: typ, Shape: shape}, offset}, nil
}

// ggufData gives each tensor its bytes: all inside the file, none shared.
func ggufData(c *cursor, align uint64, spans []span) ([]tensor.Tensor, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	start := (uint64(c.pos) + align - 1) / align * align
	size := uint64(len(c.data))
	for i := range spans {
		s := &spans[i]
		n, err := tensor.ByteSize(s.Type, s.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		if start > size || s.offset > size-start || uint64(n) > size-start-s.offset {
			return nil, fmt.Errorf("tensor %q: %s %v is bytes %d to %d of the data, but the file has %d: it is cut short or damaged",
				s.Name, s.Type, s.Shape, s.offset, s.offset+uint64(n), int64(size)-int64(min(start, size)))
		}
		at := int(start + s.offset)
		s.Data = c.data[at : at+n : at+n]
	}
	order := make([]*span, len(spans))
	list := make([]tensor.Tensor, len(spans))
	for i := range spans {
		order[i], list[i] = &spans[i], spans[i].Tensor
	}
	slices.SortStableFunc(order, func(a, b *span) int { return cmp.Compare(a.offset, b.offset) })
	for i, s := range order[1:] {
		if before := order[i]; before.offset+uint64(len(before.Data)) > s.offset {
			return nil, fmt.Errorf("tensor %q: its bytes overlap those of tensor %q", s.Name, before.Name)
		}
	}
	return list, nil
}

const maxInt = int(^uint(0) >> 1)
