package alliance

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"summit/ledger"
)

// Drawn reports whether a request is in the audit sample: its coalitions are
// measured, and so are the tables by which fused answers of the next period are
// shared. The hash of the transaction that holds the request's price is the
// seed: it hangs on the whole chain, so nobody knows it before the request is
// asked, and everybody can check it after.
func Drawn(seed ledger.Hash, request string, sampleBP int64) bool {
	sum := sha256.Sum256(append(seed[:], request...))
	return int64(binary.BigEndian.Uint64(sum[:8])%10_000) < sampleBP
}

// coalition returns the name of a coalition: its members' names in order.
func coalition(members []string) string {
	own := slices.Clone(members)
	slices.Sort(own)
	return strings.Join(own, "+")
}

// covers reports whether a table knows every coalition of the members.
func covers(class map[string]int64, members []string) bool {
	if len(members) > maxPlayers {
		return false
	}
	g := game{players: members}
	for set := 1; set < 1<<len(members); set++ {
		if _, ok := class[coalition(g.names(set))]; !ok {
			return false
		}
	}
	return true
}

// restrict returns the part of a table that is about the members.
func restrict(class map[string]int64, members []string) map[string]int64 {
	g := game{players: members}
	v := map[string]int64{}
	for set := 1; set < 1<<len(members); set++ {
		name := coalition(g.names(set))
		v[name] = class[name]
	}
	return v
}

// Audited is one measured request: what a judge found the answers of each
// coalition to be worth.
type Audited struct {
	Request string           `json:"request"`
	V       map[string]int64 `json:"v"`
}

// Tables sums measured requests up to one table: the mean of each coalition's
// worth, rounded down, over the requests that measured it.
func Tables(all []Audited) map[string]int64 {
	sum, n := map[string]int64{}, map[string]int64{}
	for _, x := range all {
		for name, worth := range x.V {
			if worth < 0 || worth > maxWorth {
				continue
			}
			name = coalition(strings.Split(name, "+"))
			sum[name] += worth
			n[name]++
		}
	}
	for name := range sum {
		sum[name] /= n[name]
	}
	return sum
}
