package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Layout is what a file of a schema consists of: tables, their indexes and
// triggers, as SQLite makes them of the migrations.
type Layout struct {
	room    string
	objects []*object // tables before their indexes
}

// object is a table, an index or a trigger.
type object struct {
	id                     int // from 0
	kind, name, table, sql string

	// Of what has rows.
	columns []Kind
	nulls   []bool // which columns may be NULL
	index   bool   // the rows are in the order of their columns
	keys    int    // so many of them
	rowid   int    // the column that is the row's number; -1 = none is

	indexes []int // of a table: positions in objects

	// Of an index.
	from    []int // which columns of the table it has; -1 = the row's number
	partial bool  // only rows whose first column there is neither 0 nor empty
}

// Layout makes the schema's file in memory and returns what is in it.
func (s Schema) Layout(ctx context.Context) (l *Layout, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, db.Close()); err != nil {
			err = fmt.Errorf("%s: layout: %w", s.Room, err)
		}
	}()
	db.SetMaxOpenConns(1) // each would have a file of its own
	if err := s.apply(ctx, db); err != nil {
		return nil, err
	}
	found, err := objects(ctx, db)
	if err != nil {
		return nil, err
	}
	l = &Layout{room: s.Room}
	slices.SortStableFunc(found, func(a, b stored) int { return rank(b.kind) - rank(a.kind) })
	for _, f := range found {
		o := &object{id: len(l.objects), kind: f.kind, name: f.name, table: f.table, sql: f.sql, rowid: -1}
		l.objects = append(l.objects, o)
		switch f.kind {
		case "table":
			err = o.readTable(ctx, db)
		case "index":
			t := l.find("table", o.table)
			t.indexes = append(t.indexes, o.id)
			err = o.readIndex(ctx, db, t)
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", o.kind, o.name, err)
		}
	}
	return l, nil
}

func rank(kind string) int { return slices.Index([]string{"trigger", "index", "table"}, kind) }

func (l *Layout) find(kind, name string) *object {
	for _, o := range l.objects {
		if o.kind == kind && o.name == name {
			return o
		}
	}
	return nil
}

// stored is an object as a file has it.
type stored struct {
	kind, name, table, sql string
	root                   uint32
}

func objects(ctx context.Context, q interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}) ([]stored, error) {
	var all []stored
	err := each(ctx, q, `SELECT type, name, tbl_name, ifnull(sql, ''), ifnull(rootpage, 0) FROM sqlite_schema`, func(scan func(...any) error) error {
		var s stored
		var root int64
		if err := scan(&s.kind, &s.name, &s.table, &s.sql, &root); err != nil {
			return err
		}
		s.root = uint32(min(max(root, 0), 1<<32-1))
		all = append(all, s)
		return nil
	})
	return all, err
}

// each calls a function for each row of a query.
func each(ctx context.Context, q interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string, do func(scan func(...any) error) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// readTable reads the columns of a table.
func (o *object) readTable(ctx context.Context, db *sql.DB) error {
	var without bool
	if err := db.QueryRowContext(ctx, `SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?`, o.name).Scan(&without); err != nil {
		return err
	}
	o.index = without
	return each(ctx, db, `SELECT name, type, "notnull", pk FROM pragma_table_info(?)`, func(scan func(...any) error) error {
		var name, kind string
		var notNull bool
		var key int
		if err := scan(&name, &kind, &notNull, &key); err != nil {
			return err
		}
		i := len(o.columns)
		k, ok := map[string]Kind{"INTEGER": Integer, "TEXT": Text, "BLOB": Blob}[kind]
		if !ok {
			return fmt.Errorf("column %s is of type %q, want INTEGER, TEXT or BLOB", name, kind)
		}
		switch {
		case key > 0 && without:
			if o.keys++; key != i+1 {
				return fmt.Errorf("column %s is number %d of the key, want the key's columns first and in order", name, key)
			}
		case key > 0 && k == Integer:
			o.rowid = i
		}
		o.columns, o.nulls = append(o.columns, k), append(o.nulls, !notNull)
		return nil
	}, o.name)
}

// readIndex reads the columns of an index of the table.
func (o *object) readIndex(ctx context.Context, db *sql.DB, t *object) error {
	o.index = true
	var unique bool
	if err := db.QueryRowContext(ctx, `SELECT "unique", partial FROM pragma_index_list(?) WHERE name = ?`, t.name, o.name).Scan(&unique, &o.partial); err != nil {
		return err
	}
	var first string
	if err := each(ctx, db, `SELECT cid, ifnull(name, ''), "desc", coll, key FROM pragma_index_xinfo(?)`, func(scan func(...any) error) error {
		var column int
		var name, order string
		var down, key bool
		if err := scan(&column, &name, &down, &order, &key); err != nil {
			return err
		}
		if down || order != "BINARY" || column < -1 || column == -1 && t.index {
			return fmt.Errorf("column %q has an order of its own, want BINARY", name)
		}
		if len(o.from) == 0 {
			first = name
		}
		if key || !unique {
			o.keys++
		}
		o.from = append(o.from, column)
		if column < 0 {
			o.columns, o.nulls = append(o.columns, Integer), append(o.nulls, false)
			return nil
		}
		o.columns, o.nulls = append(o.columns, t.columns[column]), append(o.nulls, t.nulls[column] && column != t.rowid)
		if unique && o.nulls[len(o.nulls)-1] {
			return fmt.Errorf("column %q may be NULL, want NOT NULL in a unique index", name)
		}
		return nil
	}, o.name); err != nil {
		return err
	}
	none := map[Kind]string{Integer: `0`, Text: `''`}[o.columns[0]]
	if o.partial && (none == "" || !strings.HasSuffix(o.sql, ` WHERE `+first+` <> `+none)) {
		return fmt.Errorf("it takes some rows only, want those whose first column %s is neither 0 nor empty", first)
	}
	return nil
}
