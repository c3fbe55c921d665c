package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"summit/internal/sqlite"
)

// SQLite keeps keys in a file, which other processes may use at the same
// time: "summit key" beside a running server. The valid keys lie in memory
// too, so that Check does not wait for the disk; once a second it asks the
// file whether anybody changed it.
type SQLite struct {
	db      *sql.DB
	current atomic.Pointer[snapshot]
	used    chan use // to the one goroutine that writes them down
	stop    chan struct{}
	stopped sync.WaitGroup
	close   func() error

	mu      sync.Mutex // held while current is renewed
	watcher *sql.Conn  // it writes nothing, so the file's version changes for it with every commit
}

// snapshot is the valid keys as the file had them. Only the times of last use
// in it change.
type snapshot struct {
	keys    map[digest]*held
	version int64     // of the file, as the watcher sees it
	asked   time.Time // when the file was last asked
}

type held struct {
	key  Key
	used atomic.Int64 // Unix milliseconds; 0 = never
}

type use struct {
	id string
	at int64
}

// staleAfter is how long a snapshot is trusted without asking the file.
const staleAfter = time.Second

var schema = sqlite.Schema{
	Room:    "identity",
	Durable: true, // a key that was handed out, or revoked, stays so
	Migrations: []string{
		// Times are Unix milliseconds, 0 = never.
		`CREATE TABLE keys (
			id        TEXT    NOT NULL PRIMARY KEY,
			digest    BLOB    NOT NULL UNIQUE,
			name      TEXT    NOT NULL,
			tenant    TEXT    NOT NULL,
			role      TEXT    NOT NULL,
			prefix    TEXT    NOT NULL,
			created   INTEGER NOT NULL,
			last_used INTEGER NOT NULL DEFAULT 0,
			revoked   INTEGER NOT NULL DEFAULT 0
		) STRICT`,
	},
}

// OpenSQLite opens the store in the file, which is made where it is missing.
func OpenSQLite(ctx context.Context, path string) (*SQLite, error) {
	db, err := sqlite.Open(ctx, path, schema)
	if err != nil {
		return nil, err
	}
	watcher, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("identity: %s: %w", path, err), db.Close())
	}
	s := &SQLite{db: db, watcher: watcher, used: make(chan use, 64), stop: make(chan struct{})}
	s.close = sync.OnceValue(s.end)
	s.stopped.Go(s.writeUses)
	return s, nil
}

// Create makes a key.
func (s *SQLite) Create(ctx context.Context, d Draft) (Key, string, error) {
	k, secret, err := issue(d)
	if err != nil {
		return Key{}, "", err
	}
	sum := digestOf(secret)
	_, err = s.db.ExecContext(ctx, `INSERT INTO keys (id, digest, name, tenant, role, prefix, created) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		k.ID, sum[:], k.Name, k.Tenant, k.Role, k.Prefix, k.Created.UnixMilli())
	if err != nil {
		return Key{}, "", fmt.Errorf("identity: create a key: %w", err)
	}
	s.forget()
	return k, secret, nil
}

const columns = `id, name, tenant, role, prefix, created, last_used, revoked`

// List returns all keys.
func (s *SQLite) List(ctx context.Context) ([]Key, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+columns+` FROM keys ORDER BY rowid`)
	if err != nil {
		return nil, fmt.Errorf("identity: list the keys: %w", err)
	}
	defer rows.Close()
	var all []Key
	for rows.Next() {
		k, err := scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("identity: list the keys: %w", err)
		}
		all = append(all, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("identity: list the keys: %w", err)
	}
	return all, nil
}

// Revoke ends a key.
func (s *SQLite) Revoke(ctx context.Context, id string) (Key, error) {
	k, err := scan(s.db.QueryRowContext(ctx,
		`UPDATE keys SET revoked = iif(revoked = 0, ?, revoked) WHERE id = ? RETURNING `+columns, now().UnixMilli(), id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Key{}, notFound(id)
	}
	if err != nil {
		return Key{}, fmt.Errorf("identity: revoke a key: %w", err)
	}
	s.forget()
	return k, nil
}

// Check finds a valid key by its secret.
func (s *SQLite) Check(ctx context.Context, secret string) (Key, error) {
	if !wellFormed(secret) {
		return Key{}, ErrUnknown
	}
	c, err := s.fresh(ctx)
	if err != nil {
		return Key{}, err
	}
	h, ok := c.keys[digestOf(secret)]
	if !ok {
		return Key{}, ErrUnknown
	}
	k := h.key
	at, last := time.Now().UnixMilli(), h.used.Load()
	if at-last >= LastUsedGrain.Milliseconds() && h.used.CompareAndSwap(last, at) {
		select {
		case s.used <- use{k.ID, at}:
			last = at
		default: // many keys woke at once: the next request with this one tries again
			h.used.Store(last)
		}
	}
	k.LastUsed = moment(last)
	return k, nil
}

// Close writes down the last uses and closes the file.
func (s *SQLite) Close() error { return s.close() }

func (s *SQLite) end() error {
	close(s.stop)
	s.stopped.Wait()
	if err := errors.Join(s.watcher.Close(), s.db.Close()); err != nil {
		return fmt.Errorf("identity: close: %w", err)
	}
	return nil
}

// forget makes the next Check read the keys anew. The change is committed by
// then, so whoever holds the lock with older keys is overruled.
func (s *SQLite) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Store(nil)
}

// fresh returns keys that the file was asked about within staleAfter. Where
// the file can't be asked there are none: a revoked key must not live on.
func (s *SQLite) fresh(ctx context.Context) (*snapshot, error) {
	if c := s.current.Load(); c != nil && time.Since(c.asked) < staleAfter {
		return c, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current.Load()
	if old != nil && time.Since(old.asked) < staleAfter {
		return old, nil // somebody else asked while we waited
	}
	// It takes microseconds and serves everybody: a caller who goes away must
	// not fail it for those who wait.
	ctx = context.WithoutCancel(ctx)
	next := &snapshot{asked: time.Now()}
	if err := s.watcher.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&next.version); err != nil {
		return nil, fmt.Errorf("identity: read the keys: %w", err)
	}
	if old != nil && old.version == next.version {
		next.keys = old.keys
	} else if err := s.load(ctx, next); err != nil {
		return nil, fmt.Errorf("identity: read the keys: %w", err)
	}
	s.current.Store(next)
	return next, nil
}

func (s *SQLite) load(ctx context.Context, into *snapshot) error {
	rows, err := s.watcher.QueryContext(ctx, `SELECT digest, `+columns+` FROM keys WHERE revoked = 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	into.keys = map[digest]*held{}
	for rows.Next() {
		var sum []byte
		k, err := scan(func(dest ...any) error { return rows.Scan(append([]any{&sum}, dest...)...) })
		if err != nil {
			return err
		}
		if len(sum) != len(digest{}) {
			return fmt.Errorf("key %q: digest of %d bytes, want %d", k.ID, len(sum), len(digest{}))
		}
		h := &held{key: k}
		if !k.LastUsed.IsZero() {
			h.used.Store(k.LastUsed.UnixMilli())
		}
		into.keys[digest(sum)] = h
	}
	return rows.Err()
}

// writeUses is the one goroutine that writes times of last use. A write that
// fails is left: the time is coarse, and the key's next use makes another.
func (s *SQLite) writeUses() {
	write := func(ctx context.Context, u use) {
		s.db.ExecContext(ctx, `UPDATE keys SET last_used = ? WHERE id = ? AND last_used < ?`, u.at, u.id, u.at)
	}
	for {
		select {
		case u := <-s.used:
			write(context.Background(), u)
			continue
		case <-s.stop:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		for {
			select {
			case u := <-s.used:
				write(ctx, u)
			default:
				return
			}
		}
	}
}

func scan(into func(dest ...any) error) (Key, error) {
	var k Key
	var created, used, revoked int64
	err := into(&k.ID, &k.Name, &k.Tenant, &k.Role, &k.Prefix, &created, &used, &revoked)
	k.Created, k.LastUsed, k.Revoked = moment(created), moment(used), moment(revoked)
	return k, err
}

// moment returns the time of a stored number.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
