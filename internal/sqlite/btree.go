package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Kinds of pages. Source for all of this file: "Database File Format",
// section 1.6.
const (
	innerIndex = 2
	innerTable = 5
	leafIndex  = 10
	leafTable  = 13
)

// cell is an entry of a page.
type cell struct {
	left     uint32 // of an inner page: the page with what is before
	rowid    int64  // of a table
	local    []byte // the part of the payload that is on the page
	size     int    // of the whole payload
	overflow uint32 // the page with the rest of it
	values   []Value
}

// level is a page on the way down a tree.
type level struct {
	page  uint32
	inner bool
	cells []cell
	right uint32 // of an inner page: the page after all cells
	i     int    // the next cell
	down  bool   // the child before that cell has been read
}

// maxLevels bounds the way down: no page has fewer than two children but for
// the last, so that 2^31 pages are less deep.
const maxLevels = 40

// tree is a tree of pages to be walked.
type tree struct {
	w     *Walk
	name  string // of its table or index
	root  uint32
	id    uint64 // of the tree
	index bool   // its entries are in the order of their columns; else they are rows sorted by number
	keys  int    // of an index: how many columns its order goes by; 0 = another order
	any   bool   // the root's page tells whether it is an index
	used  []uint64
}

// Damaged says where the file is not what SQLite would have written.
type Damaged struct {
	Name string // of the table or index; empty = the file as a whole
	Page uint32
	What string
}

func (d *Damaged) Error() string {
	s := ""
	if d.Name != "" {
		s = d.Name + ": "
	}
	if d.Page != 0 {
		s += fmt.Sprintf("page %d: ", d.Page)
	}
	return s + d.What
}

func (t *tree) bad(page uint32, format string, args ...any) error {
	return &Damaged{t.name, page, fmt.Sprintf(format, args...)}
}

// bounds are the cells of inner pages between which a page lies.
type bounds struct{ low, high *cell }

// load reads a page of the tree into a level, whose memory it uses again: every
// cell lies on its own on the page, all cells are in order, and between the
// bounds.
func (t *tree) load(ctx context.Context, l *level, page uint32, from uint64, between bounds) error {
	b, err := t.w.page(ctx, t.name, page, from)
	if err != nil {
		return err
	}
	head := 0
	if page == 1 {
		head = headerBytes
	}
	kind := b[head]
	l.page, l.inner, l.right, l.i, l.down, l.cells = page, kind == innerIndex || kind == innerTable, 0, 0, false, l.cells[:0]
	if t.any {
		t.any, t.index = false, kind == innerIndex || kind == leafIndex
	}
	if t.index && kind != innerIndex && kind != leafIndex || !t.index && kind != innerTable && kind != leafTable {
		return t.bad(page, "it is of kind %d", kind)
	}
	n := int(binary.BigEndian.Uint16(b[head+3:]))
	start := head + 8
	if l.inner {
		l.right = binary.BigEndian.Uint32(b[head+8:])
		start += 4
	}
	clear(t.used)
	if start+2*n > len(b) || !t.take(0, start+2*n) {
		return t.bad(page, "it can't have %d cells", n)
	}
	content := int(binary.BigEndian.Uint16(b[head+5:]))
	if content == 0 {
		content = 65536
	}
	if content < start+2*n || content > len(b) {
		return t.bad(page, "its cells begin at byte %d", content)
	}
	for i := range n {
		at := int(binary.BigEndian.Uint16(b[start+2*i:]))
		c := cell{}
		if len(l.cells) < cap(l.cells) {
			c.values = l.cells[:i+1][i].values[:0]
		}
		size := t.parse(&c, b, at, l.inner)
		if size == 0 || at < content || !t.take(at, at+size) {
			return t.bad(page, "cell %d at byte %d is not whole, or not its own", i, at)
		}
		if err := t.sort(ctx, l, &c, i, between.low); err != nil {
			return err
		}
		l.cells = append(l.cells, c)
	}
	if h := between.high; h != nil && n > 0 {
		last := &l.cells[n-1]
		if t.keys > 0 && compare(last.values, h.values, t.keys) >= 0 || !t.index && last.rowid > h.rowid {
			return t.bad(page, "its last cell is out of order")
		}
	}
	return t.gaps(b, head, content, page)
}

// parse reads a cell, and returns how many bytes of the page it takes, 0 where
// it can't.
func (t *tree) parse(c *cell, b []byte, at int, inner bool) int {
	p := at
	if inner {
		if p+4 > len(b) {
			return 0
		}
		c.left = binary.BigEndian.Uint32(b[p:])
		p += 4
	}
	if p > len(b) {
		return 0
	}
	if t.index || !inner {
		size, n := varint(b[p:])
		if n == 0 || size > uint64(t.w.Count)*uint64(len(b)) {
			return 0
		}
		c.size = int(size)
		p += n
	}
	if !t.index {
		rowid, n := varint(b[p:])
		if n == 0 {
			return 0
		}
		c.rowid = int64(rowid)
		if p += n; inner {
			return p - at
		}
	}
	local := t.local(c.size)
	if p+local > len(b) {
		return 0
	}
	c.local = b[p : p+local : p+local]
	p += local
	if local < c.size {
		if p+4 > len(b) {
			return 0
		}
		c.overflow = binary.BigEndian.Uint32(b[p:])
		p += 4
	}
	if p = max(p, at+4); p > len(b) { // a freed cell needs four bytes
		return 0
	}
	return p - at
}

// local returns how much of a payload is on the page itself.
func (t *tree) local(size int) int {
	u := t.w.Size
	most := u - 35
	if t.index {
		most = (u-12)*64/255 - 23
	}
	if size <= most {
		return size
	}
	least := (u-12)*32/255 - 23
	if k := least + (size-least)%(u-4); k <= most {
		return k
	}
	return least
}

// sort checks that the cell comes after the one before.
func (t *tree) sort(ctx context.Context, l *level, c *cell, i int, low *cell) error {
	before := low
	if i > 0 {
		before = &l.cells[i-1]
	}
	if !t.index {
		// What is left of an inner cell may have its number, too.
		if before != nil && c.rowid <= before.rowid {
			return t.bad(l.page, "row %d is not after row %d", c.rowid, before.rowid)
		}
		return nil
	}
	payload, err := t.payload(ctx, c, l.page, i)
	if err != nil {
		return err
	}
	if t.keys == 0 {
		return nil
	}
	if c.values, err = decode(payload, c.values); err != nil {
		return t.bad(l.page, "cell %d: %v", i, err)
	}
	if before != nil && compare(before.values, c.values, t.keys) >= 0 {
		return t.bad(l.page, "cell %d is not after the one before", i)
	}
	return nil
}

// payload returns the payload with what lies on other pages.
func (t *tree) payload(ctx context.Context, c *cell, page uint32, i int) ([]byte, error) {
	if c.overflow == 0 && len(c.local) == c.size {
		return c.local, nil
	}
	all := append([]byte{}, c.local...)
	from := uint64(page)<<32 | overflows | uint64(i)
	for next := c.overflow; len(all) < c.size; {
		b, err := t.w.page(ctx, t.name, next, from)
		if err != nil {
			return nil, err
		}
		piece := b[4:min(len(b), 4+c.size-len(all))]
		all = append(all, piece...)
		from = uint64(next)<<32 | overflows
		page, next = next, binary.BigEndian.Uint32(b)
		if len(all) == c.size && next != 0 {
			return nil, t.bad(page, "the row goes on after its end")
		}
	}
	return all, nil
}

// gaps checks that what no cell takes is listed as free.
func (t *tree) gaps(b []byte, head, content int, page uint32) error {
	fragments := int(b[head+7])
	for at, before := int(binary.BigEndian.Uint16(b[head+1:])), 0; at != 0; {
		if at <= before || at < content || at+4 > len(b) {
			return t.bad(page, "its free blocks are out of order")
		}
		size := int(binary.BigEndian.Uint16(b[at+2:]))
		if size < 4 || at+size > len(b) || !t.take(at, at+size) {
			return t.bad(page, "the free block at byte %d is not its own", at)
		}
		before, at = at, int(binary.BigEndian.Uint16(b[at:]))
	}
	if free := len(b) - content - t.taken(content, len(b)); free != fragments {
		return t.bad(page, "%d bytes are in nothing, it says %d", free, fragments)
	}
	return nil
}

// take takes bytes of the page that nobody has taken.
func (t *tree) take(from, to int) bool {
	for from < to {
		word, bit := from/64, from%64
		n := min(64-bit, to-from)
		mask := ^uint64(0) >> (64 - n) << bit
		if t.used[word]&mask != 0 {
			return false
		}
		t.used[word] |= mask
		from += n
	}
	return true
}

// taken returns how many of the bytes are taken.
func (t *tree) taken(from, to int) (n int) {
	for from < to {
		word, bit := from/64, from%64
		k := min(64-bit, to-from)
		n += bits.OnesCount64(t.used[word] & (^uint64(0) >> (64 - k) << bit))
		from += k
	}
	return n
}
