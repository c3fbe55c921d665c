package cpu

import (
	"fmt"
	"unsafe"

	"summit/tensor"
)

// buffer is a KV cache or a state. A cache lies block by block; in a block
// come the keys head by head, position by position, then the values alike.
// So one head's keys of a block are one run.
type buffer struct {
	spec  tensor.BufferSpec
	f32   []float32 // states, and caches of type F32
	f16   []uint16
	raw   []byte // quantised: rows of keyBytes or valueBytes
	mem   []byte // the memory of whichever slice is used
	item  int    // elements of a block or slot, in whichever slice is used
	value int    // where in a block the values begin

	keyRow, valueRow int // elements between positions of one head

	panels bool // it lies in panels, see fast_cache.go; key and val do not hold
}

func (b *buffer) Bytes() int64 {
	return int64(len(b.f32))*4 + int64(len(b.f16))*2 + int64(len(b.raw))
}

// maxBufferBytes bounds a buffer: more is a mistake, not a cache.
const maxBufferBytes = 1 << 42

// Alloc reserves a buffer of zeros.
func (c *CPU) Alloc(s tensor.BufferSpec) (tensor.Buffer, error) {
	if s.Items <= 0 || s.Cache() && (s.Heads <= 0 || s.KDim <= 0 || s.VDim < 0) || !s.Cache() && s.Cols <= 0 {
		return nil, fmt.Errorf("cpu: buffer %q: %+v, want positive sizes", s.Name, s)
	}
	bytes, err := s.ItemBytes()
	if err != nil {
		return nil, err
	}
	if bytes <= 0 || bytes > maxBufferBytes/int64(s.Items) {
		return nil, fmt.Errorf("cpu: buffer %q: %d items of %d bytes, want at most %d in all", s.Name, s.Items, bytes, int64(maxBufferBytes))
	}
	mem, err := anonymous(int(bytes) * s.Items)
	if err != nil {
		return nil, fmt.Errorf("cpu: buffer %q: %d bytes: %w", s.Name, int64(s.Items)*bytes, err)
	}
	b := &buffer{spec: s, mem: mem, keyRow: s.KDim, valueRow: s.VDim}
	if !s.Cache() {
		b.item = s.Cols
		b.f32 = view[float32](mem)
		return b, nil
	}
	switch s.Type {
	case tensor.F32:
		b.item = s.ItemLen()
		b.f32 = view[float32](mem)
	case tensor.F16:
		b.item = s.ItemLen()
		b.f16 = view[uint16](mem)
	case tensor.Q8_0:
		b.keyRow, _ = s.Type.RowBytes(s.KDim)
		b.valueRow, _ = s.Type.RowBytes(s.VDim)
		b.item = int(bytes)
		b.raw = mem
	default:
		unmap(mem)
		return nil, fmt.Errorf("cpu: buffer %q: cache of type %s, want F16, F32 or Q8_0", s.Name, s.Type)
	}
	b.value = s.BlockTokens * s.Heads * b.keyRow
	b.panels = c.tier != nil && c.tier.panels && inPanels(&s)
	return b, nil
}

// view is memory as numbers: anonymous memory begins with a page.
func view[T uint16 | float32](b []byte) []T {
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(one)))
}

// key and val return where the row of a head at a position of a block begins.
func (b *buffer) key(block, head, at int) int {
	return block*b.item + (head*b.spec.BlockTokens+at)*b.keyRow
}

func (b *buffer) val(block, head, at int) int {
	return block*b.item + b.value + (head*b.spec.BlockTokens+at)*b.valueRow
}

// put stores a row of numbers at an offset that key or val gave.
func (b *buffer) put(at int, src []float32) {
	switch b.spec.Type {
	case tensor.F32:
		copy(b.f32[at:at+len(src)], src)
	case tensor.F16:
		halves := b.f16[at : at+len(src)]
		for i, v := range src {
			halves[i] = tensor.ToF16(v)
		}
	default:
		n := b.keyRow
		if len(src) != b.spec.KDim {
			n = b.valueRow
		}
		if err := tensor.Quantize(b.raw[at:at+n], b.spec.Type, src); err != nil {
			panic(err) // Alloc checked that blocks divide the rows
		}
	}
}

// get returns the n numbers at an offset: a view, or decoded into dst.
func (b *buffer) get(dst []float32, at, n int) []float32 {
	switch b.spec.Type {
	case tensor.F32:
		return b.f32[at : at+n]
	case tensor.F16:
		dst = dst[:n]
		for i, h := range b.f16[at : at+n] {
			dst[i] = tensor.FromF16(h)
		}
		return dst
	}
	dst = dst[:n]
	row := b.keyRow
	if n != b.spec.KDim && b.spec.VDim > 0 {
		row = b.valueRow
	}
	if b.spec.VDim == 0 && n < b.spec.KDim { // values of a latent cache: the first blocks of a key
		row, _ = b.spec.Type.RowBytes(n)
	}
	if err := tensor.Dequantize(dst, b.spec.Type, b.raw[at:at+row]); err != nil {
		panic(err)
	}
	return dst
}

func (b *buffer) has(item int) error {
	if item < 0 || item >= b.spec.Items {
		return fmt.Errorf("cpu: buffer %q: item %d of %d", b.spec.Name, item, b.spec.Items)
	}
	return nil
}

func own(x tensor.Buffer) (*buffer, error) {
	b, ok := x.(*buffer)
	if !ok || b.item == 0 {
		return nil, fmt.Errorf("cpu: buffer: got a %T that is freed or of another backend", x)
	}
	return b, nil
}

// Copy copies one block or slot.
func (c *CPU) Copy(dst tensor.Buffer, dstItem int, src tensor.Buffer, srcItem int) error {
	d, err := own(dst)
	if err != nil {
		return err
	}
	s, err := own(src)
	if err != nil {
		return err
	}
	if err := d.has(dstItem); err != nil {
		return err
	}
	if err := s.has(srcItem); err != nil {
		return err
	}
	if d.panels != s.panels || d.item != s.item || d.spec.Type != s.spec.Type || d.spec.Cache() != s.spec.Cache() {
		return fmt.Errorf("cpu: copy: buffers %q and %q differ in layout", d.spec.Name, s.spec.Name)
	}
	i, j, n := dstItem*d.item, srcItem*s.item, d.item
	switch {
	case d.f32 != nil:
		copy(d.f32[i:i+n], s.f32[j:j+n])
	case d.f16 != nil:
		copy(d.f16[i:i+n], s.f16[j:j+n])
	default:
		copy(d.raw[i:i+n], s.raw[j:j+n])
	}
	return nil
}

// each calls f for every row of a block with its place in BufferSpec.ItemLen's
// order.
func (b *buffer) each(item int, f func(at, from, n int)) {
	s := b.spec
	from := 0
	for t := range s.BlockTokens {
		for h := range s.Heads {
			f(b.key(item, h, t), from, s.KDim)
			from += s.KDim
		}
		for h := range s.Heads {
			if s.VDim > 0 {
				f(b.val(item, h, t), from, s.VDim)
				from += s.VDim
			}
		}
	}
}

// Upload sets one block or slot.
func (c *CPU) Upload(dst tensor.Buffer, item int, src []float32) error {
	b, err := own(dst)
	if err != nil {
		return err
	}
	if err := b.has(item); err != nil {
		return err
	}
	if len(src) != b.spec.ItemLen() {
		return fmt.Errorf("cpu: buffer %q: %d numbers, want %d", b.spec.Name, len(src), b.spec.ItemLen())
	}
	if !b.spec.Cache() {
		copy(b.f32[item*b.item:], src)
		return nil
	}
	if b.panels {
		b.uploadPanels(item, src)
		return nil
	}
	b.each(item, func(at, from, n int) { b.put(at, src[from:from+n]) })
	return nil
}

// Download reads one block or slot.
func (c *CPU) Download(dst []float32, src tensor.Buffer, item int) error {
	b, err := own(src)
	if err != nil {
		return err
	}
	if err := b.has(item); err != nil {
		return err
	}
	if len(dst) != b.spec.ItemLen() {
		return fmt.Errorf("cpu: buffer %q: %d numbers, want %d", b.spec.Name, len(dst), b.spec.ItemLen())
	}
	if !b.spec.Cache() {
		copy(dst, b.f32[item*b.item:(item+1)*b.item])
		return nil
	}
	if b.panels {
		b.downloadPanels(dst, item)
		return nil
	}
	b.each(item, func(at, from, n int) { copy(dst[from:from+n], b.get(dst[from:from+n], at, n)) })
	return nil
}
