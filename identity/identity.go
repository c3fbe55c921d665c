// Package identity says who asks: keys, the tenant that a key belongs to, and
// what its role may do.
//
// Its nouns are Key (what is known of one), Draft (what a new one is made
// from), Role, and Keys, the contract of the stores: SQLite for a server,
// Memory as the plain reference. A new store is one more file held to
// identitytest. Tenants are names on keys so far: they have no row of their
// own, and nothing here counts or bounds money.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role says what a key may do.
type Role string

// The roles. An admin may do all that a user may, see what others asked, and
// make and revoke keys. A member asks nothing and reads what the books say of
// it; its tenant is the member's name.
const (
	Admin  Role = "admin"
	User   Role = "user"
	Member Role = "member"
)

// DefaultTenant is whose a key is when nobody was named.
const DefaultTenant = "default"

// Key is what is known of a key. The secret is not: nobody can read it back.
type Key struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"` // for people
	Tenant   string    `json:"tenant"`
	Role     Role      `json:"role"`
	Prefix   string    `json:"prefix"` // how the secret begins, to tell keys apart
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"` // at most LastUsedGrain too early; zero = never
	Revoked  time.Time `json:"revoked,omitzero"`   // zero = valid
}

// LastUsedGrain is how coarse Key.LastUsed is, so that a busy key costs a
// write six times an hour and not at every request.
const LastUsedGrain = 10 * time.Minute

// Draft is what a new key is made from.
type Draft struct {
	Name   string // for people; 1 to 100 bytes
	Tenant string // up to 100 bytes; empty = DefaultTenant
	Role   Role   // empty = User
}

// The errors that others act on.
var (
	ErrUnknown  = errors.New("no such key, or it was revoked") // of Check
	ErrNotFound = errors.New("no key with that id")            // of Revoke
	ErrInvalid  = errors.New("invalid")                        // of Create: the draft
)

// Keys is a store of keys. It may be used by many goroutines.
type Keys interface {
	// Create makes a key and returns it with its secret, which is never to be
	// had again.
	Create(ctx context.Context, d Draft) (Key, string, error)
	// List returns all keys, revoked ones too, oldest first.
	List(ctx context.Context) ([]Key, error)
	// Revoke ends the key with that id at once; a revoked one stays as it is.
	// A key that another process revoked is refused within two seconds.
	Revoke(ctx context.Context, id string) (Key, error)
	// Check returns the valid key with that secret, else ErrUnknown. It takes
	// microseconds: it stands before every request.
	Check(ctx context.Context, secret string) (Key, error)
	Close() error
}

const (
	secretPrefix = "sk-summit-"
	secretChars  = 40 // base62: 238 bits
	shownChars   = 4  // of them in Key.Prefix
	idChars      = 16 // 95 bits
	maxNameBytes = 100
)

// digest stands for a secret in memory and on disk.
//
// It is plain SHA-256. Slow, salted hashes (argon2, bcrypt) make the guessing
// of passwords dear, which people choose from few; a secret here is 238 random
// bits, so there is nothing to guess, and a slow hash before every request
// would only help who wants to overload the server. Nor does the time of a
// lookup by digest tell anything: who varies a secret can't steer its digest.
type digest [sha256.Size]byte

func digestOf(secret string) digest {
	var buf [len(secretPrefix) + secretChars]byte // spares the copy on the heap
	if len(secret) > len(buf) {
		return sha256.Sum256([]byte(secret))
	}
	return sha256.Sum256(buf[:copy(buf[:], secret)])
}

// wellFormed reports whether the text could be a secret of ours.
func wellFormed(secret string) bool {
	return len(secret) == len(secretPrefix)+secretChars && strings.HasPrefix(secret, secretPrefix)
}

// issue makes a key of the draft. Times are whole milliseconds, as stored.
func issue(d Draft) (Key, string, error) {
	if d.Role == "" {
		d.Role = User
	}
	if d.Tenant == "" {
		d.Tenant = DefaultTenant
	}
	if d.Role != Admin && d.Role != User && d.Role != Member {
		return Key{}, "", fmt.Errorf("identity: role %q, want %s, %s or %s: %w", clip(string(d.Role)), Admin, User, Member, ErrInvalid)
	}
	if err := nameable("name", d.Name); err != nil {
		return Key{}, "", err
	}
	if err := nameable("tenant", d.Tenant); err != nil {
		return Key{}, "", err
	}
	secret := secretPrefix + base62(secretChars)
	return Key{
		ID: "key_" + base62(idChars), Name: d.Name, Tenant: d.Tenant, Role: d.Role,
		Prefix: secret[:len(secretPrefix)+shownChars], Created: now(),
	}, secret, nil
}

func nameable(what, s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("identity: no %s, want 1 to %d bytes: %w", what, maxNameBytes, ErrInvalid)
	case len(s) > maxNameBytes:
		return fmt.Errorf("identity: %s of %d bytes, want at most %d: %w", what, len(s), maxNameBytes, ErrInvalid)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("identity: %s %q, want printable text: %w", what, s, ErrInvalid)
	}
	return nil
}

// now returns the time in the grain of the stores.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// base62 returns n random characters of 0-9, A-Z and a-z, each as likely.
func base62(n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	text := make([]byte, 0, n)
	var noise [64]byte
	for {
		rand.Read(noise[:]) // never fails: the program ends before
		for _, b := range noise {
			// 62 does not divide 64: the two values too many are thrown away.
			if i := int(b & 63); i < len(alphabet) {
				if text = append(text, alphabet[i]); len(text) == n {
					return string(text)
				}
			}
		}
	}
}

// clip keeps error texts short whatever came in.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
