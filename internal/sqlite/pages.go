package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// connPages gives the pages that a connection sees in its transaction, from
// the file or from its log. Source: https://sqlite.org/dbpage.html.
type connPages struct {
	conn *sql.Conn
	stmt driver.Stmt
	arg  [1]driver.NamedValue
	row  [1]driver.Value
}

func preparePages(ctx context.Context, conn *sql.Conn) (*connPages, error) {
	p := &connPages{conn: conn}
	return p, conn.Raw(func(c any) (err error) {
		prepare, ok := c.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("connection of type %T can't prepare", c)
		}
		p.stmt, err = prepare.PrepareContext(ctx, `SELECT data FROM sqlite_dbpage WHERE pgno = ?`)
		return err
	})
}

func (p *connPages) close() error { return p.conn.Raw(func(any) error { return p.stmt.Close() }) }

// page returns a page, in memory of its own.
func (p *connPages) page(n uint32) (b []byte, err error) {
	p.arg[0] = driver.NamedValue{Ordinal: 1, Value: int64(n)}
	err = p.conn.Raw(func(any) error {
		query, ok := p.stmt.(driver.StmtQueryContext)
		if !ok {
			return fmt.Errorf("statement of type %T takes no context", p.stmt)
		}
		rows, err := query.QueryContext(context.Background(), p.arg[:])
		if err != nil {
			return err
		}
		p.row[0] = nil
		if err = rows.Next(p.row[:]); errors.Is(err, io.EOF) {
			err = errors.New("there is no such page")
		}
		b, _ = p.row[0].([]byte)
		return errors.Join(err, rows.Close())
	})
	return b, err
}
