package ledger

import "summit/internal/sqlite"

// sqliteSchema is the books in a file. Amounts are units, times microseconds
// since 1970 (0 = none). What was booked lies in txn, posting and record, with
// line naming the accounts; balance, turnover and hold follow from them, so
// that nobody has to add up the past.
var sqliteSchema = sqlite.Schema{
	Room:    "ledger",
	Durable: true,
	Migrations: []string{`
		CREATE TABLE line (
			id       INTEGER NOT NULL PRIMARY KEY,
			account  TEXT    NOT NULL,
			currency TEXT    NOT NULL,
			checked  INTEGER NOT NULL, -- the CRC-32C of id, account and currency
			UNIQUE (account, currency)
		) STRICT;
		CREATE TABLE txn (
			seq       INTEGER NOT NULL PRIMARY KEY,
			key       TEXT    NOT NULL UNIQUE,
			input     BLOB    NOT NULL,
			kind      TEXT    NOT NULL,
			booked_at INTEGER NOT NULL,
			period    TEXT    NOT NULL,
			effective TEXT    NOT NULL,
			released  INTEGER NOT NULL,
			expires   INTEGER NOT NULL,
			ends      INTEGER NOT NULL,
			reverses  INTEGER NOT NULL,
			closes    TEXT    NOT NULL,
			reason    TEXT    NOT NULL,
			links     TEXT    NOT NULL,
			checks    BLOB    NOT NULL,
			hash      BLOB    NOT NULL
		) STRICT;
		CREATE INDEX txn_reverses ON txn (reverses) WHERE reverses <> 0;
		CREATE UNIQUE INDEX txn_closes ON txn (closes) WHERE closes <> '';
		CREATE UNIQUE INDEX txn_ends ON txn (ends) WHERE ends <> 0;
		CREATE TABLE posting (
			seq    INTEGER NOT NULL,
			n      INTEGER NOT NULL,
			line   INTEGER NOT NULL,
			amount INTEGER NOT NULL,
			PRIMARY KEY (seq, n)
		) STRICT, WITHOUT ROWID;
		CREATE INDEX posting_line ON posting (line, seq);
		CREATE TABLE record (
			id   INTEGER NOT NULL PRIMARY KEY, -- seq * 16384 + n
			kind TEXT    NOT NULL,
			key  TEXT    NOT NULL,
			body BLOB    NOT NULL
		) STRICT;
		CREATE INDEX record_key ON record (key, kind) WHERE key <> '';
		CREATE TABLE balance (
			line   INTEGER NOT NULL PRIMARY KEY,
			amount INTEGER NOT NULL
		) STRICT;
		CREATE TABLE turnover (
			period TEXT    NOT NULL,
			line   INTEGER NOT NULL,
			amount INTEGER NOT NULL,
			PRIMARY KEY (period, line)
		) STRICT, WITHOUT ROWID;
		CREATE TABLE hold ( -- the open ones
			seq     INTEGER NOT NULL PRIMARY KEY,
			expires INTEGER NOT NULL
		) STRICT;
		CREATE INDEX hold_expires ON hold (expires, seq);

		CREATE TRIGGER txn_stays    BEFORE UPDATE ON txn     BEGIN SELECT raise(ROLLBACK, 'what is booked is never changed'); END;
		CREATE TRIGGER txn_remains  BEFORE DELETE ON txn     BEGIN SELECT raise(ROLLBACK, 'what is booked is never deleted'); END;
		CREATE TRIGGER post_stays   BEFORE UPDATE ON posting BEGIN SELECT raise(ROLLBACK, 'what is booked is never changed'); END;
		CREATE TRIGGER post_remains BEFORE DELETE ON posting BEGIN SELECT raise(ROLLBACK, 'what is booked is never deleted'); END;
		CREATE TRIGGER rec_stays    BEFORE UPDATE ON record  BEGIN SELECT raise(ROLLBACK, 'what is booked is never changed'); END;
		CREATE TRIGGER rec_remains  BEFORE DELETE ON record  BEGIN SELECT raise(ROLLBACK, 'what is booked is never deleted'); END;
		CREATE TRIGGER line_stays   BEFORE UPDATE ON line    BEGIN SELECT raise(ROLLBACK, 'an account is never renamed'); END;
		CREATE TRIGGER line_remains BEFORE DELETE ON line    BEGIN SELECT raise(ROLLBACK, 'an account is never deleted'); END;
		CREATE TRIGGER txn_closed   BEFORE INSERT ON txn
			WHEN EXISTS (SELECT 1 FROM txn WHERE closes <> '' AND closes >= NEW.period)
			BEGIN SELECT raise(ROLLBACK, 'the period is closed'); END;
		CREATE TRIGGER txn_follows  BEFORE INSERT ON txn
			WHEN NEW.seq <> (SELECT ifnull(max(seq), 0) + 1 FROM txn)
			BEGIN SELECT raise(ROLLBACK, 'a transaction follows the one before'); END;`,
	},
}
