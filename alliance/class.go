package alliance

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
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

func (j *Journal) table() map[string]int64 {
	if t := j.tables.Load(); t != nil {
		return *t
	}
	return nil
}

// loadTables reads what the coalitions of fused answers were worth in the last
// closed period.
func (j *Journal) loadTables(ctx context.Context) error {
	head, err := j.store.Head(ctx)
	if err != nil || head.Closed == "" {
		return err
	}
	var all []Audited
	for f, err := range j.store.Records(ctx, ledger.RecordFilter{Kind: "table", Key: string(head.Closed)}) {
		if err != nil {
			return err
		}
		var x Audited
		if err := json.Unmarshal(f.Body, &x); err != nil {
			return fmt.Errorf("alliance: table of %s in transaction %d: %w", head.Closed, f.Seq, err)
		}
		all = append(all, x)
	}
	t := Tables(all)
	j.tables.Store(&t)
	return nil
}

// Audit files what a judge found the coalitions of a drawn request to be worth.
// It counts for the fused answers of the next period.
func (j *Journal) Audit(ctx context.Context, x Audited) error {
	if len(x.V) == 0 || len(x.V) > 1<<maxPlayers {
		return fmt.Errorf("alliance: audit of %q: %d coalitions, want 1 to %d", clip(x.Request), len(x.V), 1<<maxPlayers)
	}
	for _, name := range sorted(x.V) {
		if w := x.V[name]; w < 0 || w > maxWorth {
			return fmt.Errorf("alliance: audit of %q: coalition %q: got %d, want 0 to %d", clip(x.Request), clip(name), w, maxWorth)
		}
	}
	t, err := j.store.Find(ctx, "settle:"+x.Request)
	if err != nil {
		return err
	}
	event, _, err := opened(t)
	if err != nil {
		return err
	}
	switch {
	case !event.Audit:
		return fmt.Errorf("alliance: audit of %q: it is not in the sample", clip(x.Request))
	case event.Judged != nil && event.Judged.Failed == "":
		return fmt.Errorf("alliance: audit of %q: %s has measured it", clip(x.Request), event.Judged.Judge)
	}
	body, err := json.Marshal(x)
	if err != nil {
		return err
	}
	month := j.month(j.now())
	_, err = j.post(ctx, ledger.Entry{Key: "table:" + x.Request, Input: ledger.Sum(body), Kind: "table", Effective: month,
		Records: []ledger.Record{{Kind: "table", Key: string(month), Body: body}}})
	return err
}
