package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgresMigrations are the tables of sqliteSchema in PostgreSQL. What was
// released is never edited; a change is one more script.
var postgresMigrations = []string{`
	CREATE TABLE line (
		id       bigint PRIMARY KEY,
		account  text COLLATE "C" NOT NULL,
		currency text COLLATE "C" NOT NULL,
		checked  bigint NOT NULL,
		UNIQUE (account, currency)
	);
	CREATE TABLE txn (
		seq       bigint PRIMARY KEY,
		key       text COLLATE "C" NOT NULL UNIQUE,
		input     bytea  NOT NULL,
		kind      text   NOT NULL,
		booked_at bigint NOT NULL,
		period    text COLLATE "C" NOT NULL,
		effective text   NOT NULL,
		released  bigint NOT NULL,
		expires   bigint NOT NULL,
		ends      bigint NOT NULL,
		reverses  bigint NOT NULL,
		closes    text COLLATE "C" NOT NULL,
		reason    text   NOT NULL,
		links     text   NOT NULL,
		checks    bytea  NOT NULL,
		hash      bytea  NOT NULL
	);
	CREATE INDEX txn_reverses ON txn (reverses) WHERE reverses <> 0;
	CREATE UNIQUE INDEX txn_closes ON txn (closes) WHERE closes <> '';
	CREATE UNIQUE INDEX txn_ends ON txn (ends) WHERE ends <> 0;
	CREATE TABLE posting (
		seq    bigint NOT NULL,
		n      bigint NOT NULL,
		line   bigint NOT NULL,
		amount bigint NOT NULL,
		PRIMARY KEY (seq, n)
	);
	CREATE INDEX posting_line ON posting (line, seq);
	CREATE TABLE record (
		seq  bigint NOT NULL,
		n    bigint NOT NULL,
		kind text   NOT NULL,
		key  text COLLATE "C" NOT NULL,
		body bytea  NOT NULL,
		PRIMARY KEY (seq, n)
	);
	CREATE INDEX record_key ON record (key, kind) WHERE key <> '';
	CREATE TABLE balance (
		line   bigint PRIMARY KEY,
		amount bigint NOT NULL
	);
	CREATE TABLE turnover (
		period text COLLATE "C" NOT NULL,
		line   bigint NOT NULL,
		amount bigint NOT NULL,
		PRIMARY KEY (period, line)
	);
	CREATE TABLE hold (
		seq     bigint PRIMARY KEY,
		expires bigint NOT NULL
	);
	CREATE INDEX hold_expires ON hold (expires, seq);

	CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'what is booked is never changed or deleted'; END $$;
	CREATE TRIGGER txn_stays     BEFORE UPDATE OR DELETE OR TRUNCATE ON txn     EXECUTE FUNCTION stays();
	CREATE TRIGGER posting_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON posting EXECUTE FUNCTION stays();
	CREATE TRIGGER record_stays  BEFORE UPDATE OR DELETE OR TRUNCATE ON record  EXECUTE FUNCTION stays();
	CREATE TRIGGER line_stays    BEFORE UPDATE OR DELETE OR TRUNCATE ON line    EXECUTE FUNCTION stays();`,
}

// migratePostgres brings the schema up to date, all or none. Of several
// servers that start at once, one does it.
func migratePostgres(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('summit ledger ' || $1))`, schema); err != nil {
			return err
		}
		// IF NOT EXISTS would ask for the right to make what is there already.
		var there, tables bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1),
			EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'summit_schema')`,
			schema).Scan(&there, &tables); err != nil {
			return err
		}
		if !there {
			if _, err := tx.Exec(ctx, `CREATE SCHEMA `+pgx.Identifier{schema}.Sanitize()); err != nil {
				return err
			}
		}
		if !tables {
			if _, err := tx.Exec(ctx, `CREATE TABLE summit_schema (room text NOT NULL, version bigint NOT NULL)`); err != nil {
				return err
			}
		}
		var room string
		var version int
		err := tx.QueryRow(ctx, `SELECT room, version FROM summit_schema`).Scan(&room, &version)
		if err != nil && err != pgx.ErrNoRows {
			return err
		}
		switch newest := len(postgresMigrations); {
		case err == nil && room != "ledger":
			return fmt.Errorf("the schema %s belongs to %q, want one of \"ledger\"", schema, room)
		case version > newest:
			return fmt.Errorf("schema version %d, this program knows versions up to %d: use the newer program that wrote it", version, newest)
		case version == newest:
			return nil
		}
		for ; version < len(postgresMigrations); version++ {
			if _, err := tx.Exec(ctx, postgresMigrations[version]); err != nil {
				return fmt.Errorf("migration to schema version %d: %w", version+1, err)
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM summit_schema`); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO summit_schema (room, version) VALUES ('ledger', $1)`, version)
		return err
	})
}
