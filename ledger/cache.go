package ledger

import (
	"fmt"
	"strings"
)

// cache is what a backend remembers of the books as long as nobody else
// writes them.
type cache struct {
	end       Head
	ids       map[line]int64 // the numbers of lines
	balances  map[line]Units
	turnovers map[turned]Units
	holds     map[int64]*Txn // open ones that were made lately
	holdKeys  map[string]*Txn
	prefixes  map[string]map[line]bool // the lines under prefixes that were asked for
}

// maxCached bounds each map; one that is full begins anew. maxPrefixes bounds
// how many sets of accounts are kept.
const (
	maxCached   = 1 << 17
	maxPrefixes = 64
)

// forget drops everything.
func (c *cache) forget() {
	*c = cache{end: Head{Seq: -1}, ids: map[line]int64{}, balances: map[line]Units{}, turnovers: map[turned]Units{},
		holds: map[int64]*Txn{}, holdKeys: map[string]*Txn{}, prefixes: map[string]map[line]bool{}}
}

// reached says where the books end. Where somebody else wrote, nothing that
// was remembered counts.
func (c *cache) reached(end Head) {
	if end.Seq != c.end.Seq || end.Hash != c.end.Hash {
		c.forget()
	}
	c.end = end
}

func (c *cache) head() Head { return c.end }

func keep[K comparable, V any](m map[K]V, k K, x V) {
	if len(m) >= maxCached {
		clear(m)
	}
	m[k] = x
}

// under returns the lines under a prefix, which read reads the first time.
func (c *cache) under(prefix string, read func(low, high string, add func(line)) error) ([]line, error) {
	set := c.prefixes[prefix]
	if set == nil {
		set = map[line]bool{}
		low, high := bounds(prefix)
		if err := read(low, high, func(l line) { set[l] = true }); err != nil {
			return nil, err
		}
		if len(c.prefixes) >= maxPrefixes {
			clear(c.prefixes)
		}
		c.prefixes[prefix] = set
	}
	all := make([]line, 0, len(set))
	for l := range set {
		all = append(all, l)
	}
	return all, nil
}

// bounds returns the first name with the prefix and the first after all of
// them. Names of accounts are plain letters, far below the end.
func bounds(prefix string) (low, high string) { return prefix, prefix + "~" }

// follow remembers what was committed.
func (c *cache) follow(s *stage) {
	c.end = s.end
	for l, x := range s.balances {
		keep(c.balances, l, x)
		for prefix, set := range c.prefixes {
			if strings.HasPrefix(string(l.account), prefix) {
				set[l] = true
			}
		}
	}
	for t, x := range s.turnovers {
		keep(c.turnovers, t, x)
	}
	for _, t := range s.txns {
		if t.Expires != nil && !s.ended[t.Seq] {
			if len(c.holds) >= maxCached {
				clear(c.holds)
				clear(c.holdKeys)
			}
			c.holds[t.Seq], c.holdKeys[t.Key] = t, t
		}
		if h := c.holds[t.Ends]; h != nil {
			delete(c.holds, t.Ends)
			delete(c.holdKeys, h.Key)
		}
	}
}

// rowError names a damaged row.
type rowError struct {
	table string
	seq   int64
	n     int // within the transaction; -1 = there is one
	key   string
	what  string
}

func (e *rowError) Error() string { return e.damage().String() }

func (e *rowError) damage() Damage { return Damage{e.table, e.seq, e.n + 1, e.key, e.what} }

// sized copies a hash, and says what is wrong with one of another length.
func sized(to *Hash, from []byte, name string) error {
	if len(from) != len(to) {
		return fmt.Errorf("%s of %d bytes, want %d", name, len(from), len(to))
	}
	copy(to[:], from)
	return nil
}
