package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Walk reads a file page by page, as one read transaction sees it, and checks
// what lies beneath the rows: that each page belongs to one thing, that what is
// on it is whole and in order, that values are of their columns' types, and
// that each index has the table's rows and no others. It is a check by other
// code than SQLite's, and several times as fast: every page is read once, and
// an index is compared by a sum of hashes.
//
// Read all rows of all tables with Rows, in any parts, do the Jobs, and then
// End says what was found. Any number of goroutines may use a Walk.
type Walk struct {
	Size  int // of a page
	Count int // of pages

	layout  *Layout
	found   []*Damaged
	roots   []uint32 // of the layout's objects; 0 = it has none
	foreign []stored // tables and indexes that are not the layout's
	claims  []atomic.Uint64

	mu    sync.Mutex // of what follows
	pages pages
	sums  [][]digest // of the layout's objects: by index of a table; own of an index
	fail  []bool     // of the layout's objects
	lost  bool       // some pages could not be followed

	hasher
}

const headerBytes = 100

// References to pages: who names the page, and from which place. A page has
// one. Of pages in trees, the place is the child's number, from 1.
const (
	rootRef   = 1 << 63 // and the tree's number
	overflows = 1 << 31
	freed     = 1 << 30
)

// Walk begins to walk the file that the connection reads, in whose transaction
// everything is read. Close it before the transaction ends.
func (l *Layout) Walk(ctx context.Context, conn *sql.Conn) (*Walk, error) {
	var size, count int
	if err := errors.Join(conn.QueryRowContext(ctx, `PRAGMA page_size`).Scan(&size), conn.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&count)); err != nil {
		return nil, err
	}
	there, err := objects(ctx, conn)
	if err != nil {
		return nil, err
	}
	p, err := preparePages(ctx, conn)
	if err != nil {
		return nil, err
	}
	w, err := l.walk(ctx, size, count, there, p)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return w, nil
}

// pages gives the pages of a file, to one caller at a time.
type pages interface {
	page(n uint32) ([]byte, error)
	close() error
}

func (l *Layout) walk(ctx context.Context, size, count int, there []stored, p pages) (*Walk, error) {
	if size < 512 || size > 65536 || size&(size-1) != 0 || count < 1 || count > math.MaxUint32-1 {
		return nil, fmt.Errorf("%s: %d pages of %d bytes, want some of 512 to 65536 bytes", l.room, count, size)
	}
	w := &Walk{Size: size, Count: count, layout: l, pages: p, hasher: newHasher(), claims: make([]atomic.Uint64, count),
		roots: make([]uint32, len(l.objects)), sums: make([][]digest, len(l.objects)), fail: make([]bool, len(l.objects))}
	for _, o := range l.objects {
		w.sums[o.id] = make([]digest, max(len(o.indexes), 1))
	}
	w.meet(there)
	return w, w.header(ctx)
}

// Close lets go of the connection.
func (w *Walk) Close() error { return w.pages.close() }

// meet compares the file's objects with the layout's.
func (w *Walk) meet(there []stored) {
	ours := map[string]bool{}
	met := make([]bool, len(w.layout.objects))
	for _, o := range w.layout.objects {
		if o.kind == "table" {
			ours[o.name] = true
		}
	}
	for _, s := range there {
		o := w.layout.find(s.kind, s.name)
		switch {
		case o != nil && met[o.id]:
			w.found = append(w.found, &Damaged{Name: s.kind + " " + s.name, What: "it is there twice"})
		case o != nil:
			met[o.id] = true
			w.roots[o.id] = s.root
			if s.sql != o.sql || s.table != o.table {
				w.found = append(w.found, &Damaged{Name: s.kind + " " + s.name, What: "it was changed: it is not what this program made"})
			}
		case ours[s.table]:
			w.found = append(w.found, &Damaged{Name: s.kind + " " + s.name, What: "it was added to table " + s.table})
			fallthrough
		case s.root != 0:
			w.foreign = append(w.foreign, s)
		}
	}
	for _, o := range w.layout.objects {
		if !met[o.id] {
			w.found = append(w.found, &Damaged{Name: o.kind + " " + o.name, What: "missing"})
			w.fail[o.id] = true
		}
	}
}

// header checks the file's header and its list of free pages.
func (w *Walk) header(ctx context.Context) error {
	b, err := w.fetch(ctx, 1)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		at   int
		want uint32
		what string
	}{{52, 0, "its pages would move of themselves"}, {56, 1, "its text is not UTF-8"}, {64, 0, "its pages would move of themselves"}} {
		if got := binary.BigEndian.Uint32(b[f.at:]); got != f.want {
			w.add(&Damaged{Page: 1, What: fmt.Sprintf("the header has %d at byte %d, want %d: %s", got, f.at, f.want, f.what)})
		}
	}
	if b[20] != 0 {
		w.add(&Damaged{Page: 1, What: fmt.Sprintf("%d bytes of each page are kept back, want 0", b[20])})
	}
	if err := w.free(ctx, binary.BigEndian.Uint32(b[32:]), binary.BigEndian.Uint32(b[36:])); err != nil {
		var d *Damaged
		if !errors.As(err, &d) {
			return err
		}
		w.lost = true
		w.add(d)
	}
	return nil
}

// free reads the list of free pages.
func (w *Walk) free(ctx context.Context, trunk, want uint32) error {
	const name = "the list of free pages"
	n := uint32(0)
	for from := uint64(freed); trunk != 0; n++ {
		b, err := w.page(ctx, name, trunk, from)
		if err != nil {
			return err
		}
		leaves := binary.BigEndian.Uint32(b[4:])
		if leaves > uint32(len(b)/4-2) {
			return &Damaged{name, trunk, fmt.Sprintf("it lists %d pages", leaves)}
		}
		from = uint64(trunk)<<32 | freed
		for i := range leaves {
			if err := w.claim(name, binary.BigEndian.Uint32(b[8+4*i:]), from+uint64(i)+1); err != nil {
				return err
			}
		}
		n += leaves
		trunk = binary.BigEndian.Uint32(b)
	}
	if n != want {
		return &Damaged{Name: name, What: fmt.Sprintf("it has %d pages, the header says %d", n, want)}
	}
	return nil
}

func (w *Walk) add(d *Damaged) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, d)
}

// pending is the page that SQLite never uses, where it locks files.
func (w *Walk) pending() int { return 1<<30/w.Size + 1 }

// claim says who names the page.
func (w *Walk) claim(name string, n uint32, from uint64) error {
	if n < 1 || int(n) > w.Count || int(n) == w.pending() {
		return &Damaged{name, n, fmt.Sprintf("no such page; there are %d", w.Count)}
	}
	if c := &w.claims[n-1]; !c.CompareAndSwap(0, from) && c.Load() != from {
		return &Damaged{name, n, "the page belongs to something else, too"}
	}
	return nil
}

// page returns a page that is named from one place.
func (w *Walk) page(ctx context.Context, name string, n uint32, from uint64) ([]byte, error) {
	if err := w.claim(name, n, from); err != nil {
		return nil, err
	}
	b, err := w.fetch(ctx, n)
	if err != nil && ctx.Err() == nil {
		return nil, &Damaged{name, n, "it can't be read: " + err.Error()}
	}
	return b, err
}

// fetch reads a page.
func (w *Walk) fetch(ctx context.Context, n uint32) ([]byte, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.pages.page(n)
	if err == nil && len(b) != w.Size {
		err = fmt.Errorf("it has %d bytes, want %d", len(b), w.Size)
	}
	return b, err
}

// Rows returns the rows of the schema's table whose number, or whose key's
// first column, is from first to last.
func (w *Walk) Rows(ctx context.Context, table string, first, last int64) *Cursor {
	o := w.layout.find("table", table)
	if o == nil {
		return &Cursor{err: fmt.Errorf("%s: no table %q", w.layout.room, table)}
	}
	return w.cursor(ctx, o, first, last)
}

func (w *Walk) cursor(ctx context.Context, o *object, first, last int64) *Cursor {
	c := &Cursor{ctx: ctx, of: o, first: first, last: last, tree: w.tree(o.kind+" "+o.name, w.roots[o.id], o.id)}
	c.index, c.keys = o.index, o.keys
	c.sums = make([]digest, len(w.sums[o.id]))
	return c
}

func (w *Walk) tree(name string, root uint32, id int) tree {
	return tree{w: w, name: name, root: root, id: uint64(id), used: make([]uint64, w.Size/64)}
}

// Jobs are what is to be done besides reading the tables' rows, the longest
// first. Each returns what the context says, or a *Damaged.
func (w *Walk) Jobs() []func(context.Context) error {
	var jobs []func(context.Context) error
	all := func(make func(ctx context.Context) *Cursor) {
		jobs = append(jobs, func(ctx context.Context) error {
			c := make(ctx)
			for c.Next() { // it checks what it reads
			}
			return c.Err()
		})
	}
	for _, o := range w.layout.objects {
		if o.kind == "index" && !w.fail[o.id] {
			all(func(ctx context.Context) *Cursor { return w.cursor(ctx, o, math.MinInt64, math.MaxInt64) })
		}
	}
	id := len(w.layout.objects)
	for _, s := range append([]stored{{kind: "table", name: "sqlite_schema", root: 1}}, w.foreign...) {
		id++
		t := w.tree(s.kind+" "+s.name, s.root, id)
		t.any = true
		all(func(ctx context.Context) *Cursor {
			return &Cursor{ctx: ctx, first: math.MinInt64, last: math.MaxInt64, tree: t}
		})
	}
	return jobs
}

// End says what was found besides what cursors and jobs have returned.
func (w *Walk) End() []*Damaged {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.found
	for _, o := range w.layout.objects {
		if o.kind != "table" || w.fail[o.id] {
			continue
		}
		for i, x := range o.indexes {
			if want, got := w.sums[o.id][i], w.sums[x][0]; !w.fail[x] && got != want {
				what := fmt.Sprintf("it has %d entries, table %s has %d rows for it", got.rows, o.name, want.rows)
				if got.rows == want.rows {
					what = "its entries are not the rows of table " + o.name
				}
				found = append(found, &Damaged{Name: "index " + w.layout.objects[x].name, What: what})
			}
		}
	}
	if w.lost {
		return found // what was not read is named already
	}
	unused, first := 0, 0
	for i := range w.claims {
		if w.claims[i].Load() == 0 && i+1 != w.pending() {
			if unused++; unused == 1 {
				first = i + 1
			}
		}
	}
	if unused > 0 {
		found = append(found, &Damaged{Page: uint32(first), What: fmt.Sprintf("it and %d others are in nothing", unused-1)})
	}
	return found
}

// ended takes in the sums of a cursor, and whether they are those of all its
// rows.
func (w *Walk) ended(c *Cursor, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = w.lost || !whole
	if c.of == nil {
		return
	}
	w.fail[c.of.id] = w.fail[c.of.id] || !whole
	for i, d := range c.sums {
		w.sums[c.of.id][i].add(d)
	}
}
