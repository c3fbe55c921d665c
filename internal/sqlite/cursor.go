package sqlite

import (
	"context"
	"math"
)

// Cursor steps through the rows of a table, or the entries of an index, in
// their order, and checks each page that it comes to. It is for one goroutine.
type Cursor struct {
	// Values are the columns of the row in their order, a table's own number
	// among them. They are good until the next step.
	Values []Value

	tree
	ctx         context.Context
	of          *object
	first, last int64 // of the first column of the key
	stack       []level
	leaves      int // the level of leaves; 0 = none was read
	read, over  bool
	err         error
	sums        []digest // for the indexes of the table
}

// Err returns why Next ended early: a *Damaged, or what the context says.
func (c *Cursor) Err() error { return c.err }

// Next steps to the next row, and reports whether there is one.
func (c *Cursor) Next() bool {
	if c.err != nil || c.over {
		return false
	}
	entry, page, i, err := c.step()
	if err == nil && entry != nil {
		err = c.take(entry, page, i)
	}
	if c.err = err; err == nil && entry != nil {
		return true
	}
	c.end(c.err == nil)
	return false
}

// Stop ends a cursor from which no more is wanted. One whose Next has returned
// false has ended by itself.
func (c *Cursor) Stop() {
	if !c.over && c.w != nil {
		c.end(false)
	}
}

func (c *Cursor) end(whole bool) {
	c.over = true
	c.w.ended(c, whole)
}

// descend reads the page and what is leftmost below it, from the first key on.
func (c *Cursor) descend(page uint32, from uint64, between bounds) error {
	for {
		if len(c.stack) == maxLevels {
			return c.bad(page, "it lies too deep")
		}
		if len(c.stack) < cap(c.stack) {
			c.stack = c.stack[:len(c.stack)+1] // with the memory of its cells
		} else {
			c.stack = append(c.stack, level{})
		}
		l := &c.stack[len(c.stack)-1]
		if err := c.load(c.ctx, l, page, from, between); err != nil {
			return err
		}
		if !l.inner {
			if depth := len(c.stack); c.leaves == 0 {
				c.leaves = depth
			} else if c.leaves != depth {
				return c.bad(page, "it is a leaf at level %d, another is at %d", depth, c.leaves)
			}
			return nil
		}
		if c.first > math.MinInt64 {
			for l.i < len(l.cells) && c.number(&l.cells[l.i]) < c.first {
				l.i++
			}
		}
		page, from, between = l.child(between)
		l.down = true
	}
}

// child returns the page before the next cell, or after the last.
func (l *level) child(between bounds) (page uint32, from uint64, within bounds) {
	within = between
	if l.i > 0 {
		within.low = &l.cells[l.i-1]
	}
	page = l.right
	if l.i < len(l.cells) {
		page, within.high = l.cells[l.i].left, &l.cells[l.i]
	}
	return page, uint64(l.page)<<32 | uint64(l.i+1), within
}

// number returns the first column of the cell's key.
func (c *Cursor) number(x *cell) int64 {
	if !c.index {
		return x.rowid
	}
	if len(x.values) == 0 || x.values[0].Kind != Integer {
		return math.MinInt64
	}
	return x.values[0].Int
}

// step returns the next entry within the keys that are asked for, nil after
// the last.
func (c *Cursor) step() (entry *cell, page uint32, i int, err error) {
	if !c.read {
		c.read = true
		if err := c.descend(c.root, rootRef|c.id, bounds{}); err != nil {
			return nil, 0, 0, err
		}
	}
	for len(c.stack) > 0 {
		l := &c.stack[len(c.stack)-1]
		if l.inner && !l.down {
			page, from, between := l.child(c.between(len(c.stack) - 1))
			l.down = true
			if err := c.descend(page, from, between); err != nil {
				return nil, 0, 0, err
			}
			continue
		}
		if l.i == len(l.cells) {
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		x := &l.cells[l.i]
		l.i++
		l.down = false
		if l.inner && !c.index {
			continue // it is only a sign on the way
		}
		if n := c.number(x); n < c.first {
			continue
		} else if n > c.last {
			return nil, 0, 0, nil
		}
		return x, l.page, l.i - 1, nil
	}
	return nil, 0, 0, nil
}

// between returns the bounds of the page at a level of the stack.
func (c *Cursor) between(depth int) (b bounds) {
	for i := range depth {
		l := &c.stack[i]
		if l.i > 0 {
			b.low = &l.cells[l.i-1]
		}
		if l.i < len(l.cells) {
			b.high = &l.cells[l.i]
		}
	}
	return b
}

// take makes the entry the row of the cursor, and adds it to the indexes.
func (c *Cursor) take(x *cell, page uint32, i int) error {
	if c.index {
		c.Values = x.values
		if c.of == nil {
			return nil
		}
	} else {
		payload, err := c.payload(c.ctx, x, page, i)
		if err != nil || c.of == nil {
			return err
		}
		if c.Values, err = decode(payload, c.Values[:0]); err != nil {
			return c.bad(page, "row %d: %v", x.rowid, err)
		}
	}
	return c.check(x.rowid, page, i)
}

// check checks the values of a row and adds it to the sums.
func (c *Cursor) check(rowid int64, page uint32, i int) error {
	o := c.of
	if o.rowid >= 0 && o.rowid < len(c.Values) {
		if c.Values[o.rowid].Kind != Null {
			return c.bad(page, "row %d: its number is there twice", rowid)
		}
		c.Values[o.rowid] = Value{Kind: Integer, Int: rowid}
	}
	if len(c.Values) != len(o.columns) {
		return c.bad(page, "cell %d has %d columns, want %d", i, len(c.Values), len(o.columns))
	}
	for n := range c.Values {
		if got, want := c.Values[n].Kind, o.columns[n]; got != want && (got != Null || !o.nulls[n]) {
			return c.bad(page, "cell %d: column %d is %v, want %v", i, n+1, got, want)
		}
	}
	if o.kind == "index" {
		sum := c.w.key
		for n := range c.Values {
			sum = c.w.next(sum, &c.Values[n])
		}
		c.sums[0].add(digest{1, sum})
		return nil
	}
	for n, x := range o.indexes {
		x := c.w.layout.objects[x]
		if first := &c.Values[max(x.from[0], 0)]; x.partial && first.Int == 0 && len(first.Bytes) == 0 {
			continue
		}
		sum := c.w.key
		for _, f := range x.from {
			v := &Value{Kind: Integer, Int: rowid}
			if f >= 0 {
				v = &c.Values[f]
			}
			sum = c.w.next(sum, v)
		}
		c.sums[n].add(digest{1, sum})
	}
	return nil
}
