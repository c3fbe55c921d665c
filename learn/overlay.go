package learn

import (
	"context"
	"math"
	"sync"

	"summit/run"
)

// Overlay is what a tenant's labels say of one member beside what the brain
// says: by how much, in log-odds, it is more reliable for this tenant.
//
// It is one Newton step from nothing for a logistic model with a Gaussian
// prior (Laplace's approximation): labels y of weight w against the brain's p
// give Sum = sum of w(y-p) and Information = sum of w p(1-p), and the shift is
// Sum / (Information + 1/deviation^2). Old labels fade.
type Overlay struct {
	Shift       float64 `json:"shift"` // log-odds, -1 to 1
	Sum         float64 `json:"sum"`
	Information float64 `json:"information"`
	Labels      int64   `json:"labels"` // all that were ever learned from
}

const (
	// deviation of tenants from everybody, in log-odds: a guess. It takes some
	// ten labels that all say otherwise to move a member by half of it.
	deviation = 0.5
	// maxShift bounds what a tenant's labels can do: a member of 80 % becomes
	// one of 60 or 92 %.
	maxShift = 1
	// fade is what remains of the old labels at each new one: 350 later half of
	// their weight is left.
	fade = 0.998
	// maxOverlays bounds the pairs of tenant and member.
	maxOverlays = 100_000
)

const overlayKind = "overlay"

// add learns from a label of a member whose answer the brain took to be right
// with probability p; before takes an earlier one back.
func (o *Overlay) add(p, y, weight float64, before *float64) {
	o.Sum, o.Information = o.Sum*fade, o.Information*fade
	if before != nil {
		o.Sum -= weight * (*before - p)
	} else {
		o.Information += weight * p * (1 - p)
		o.Labels++
	}
	o.Sum += weight * (y - p)
	o.Shift = min(max(o.Sum/(o.Information+1/(deviation*deviation)), -maxShift), maxShift)
}

// Overlays are those of all tenants. The zero value knows none.
type Overlays struct {
	mu  sync.RWMutex
	all map[who]*Overlay
}

type who struct{ tenant, member string }

// TenantOverlay is one tenant's view of one member.
type TenantOverlay struct {
	Member string `json:"member"`
	Overlay
}

// OverlaysOf reads a tenant's overlays from a store, by member.
func OverlaysOf(ctx context.Context, store run.Store, tenant string) ([]TenantOverlay, error) {
	kept, err := store.Learned(ctx, overlayKind)
	if err != nil {
		return nil, err
	}
	var all []TenantOverlay
	for _, l := range kept {
		if o, ok := read[Overlay](l); ok && l.Tenant == tenant && o.sound() {
			all = append(all, TenantOverlay{l.Member, o})
		}
	}
	return all, nil
}

// sound reports whether figures from a store can be used.
func (o *Overlay) sound() bool {
	return math.Abs(o.Shift) <= maxShift && math.Abs(o.Sum) < 1e9 && o.Information >= 0 && o.Information < 1e9
}

func (o *Overlays) load(ctx context.Context, store run.Store) error {
	kept, err := store.Learned(ctx, overlayKind)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = map[who]*Overlay{}
	for _, l := range kept {
		if v, ok := read[Overlay](l); ok && v.sound() && len(o.all) < maxOverlays {
			o.all[who{l.Tenant, l.Member}] = &v
		}
	}
	return nil
}

// shift returns by how much a member is more reliable for a tenant.
func (o *Overlays) shift(tenant, member string) float64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if v := o.all[who{tenant, member}]; v != nil {
		return v.Shift
	}
	return 0
}

// learn updates the members whose answers the label says something of, and
// returns what has changed: those with the rated answer get its score; those
// with another answer are wrong as far as that one is right. Of an answer that
// is bad nothing follows for the others.
func (o *Overlays) learn(e run.Entry, b label) []run.Learned {
	weight := b.Source.Weight()
	var changed []run.Learned
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range e.Lesson.Asks {
		// Without the brain's own expectation there is nothing to differ from.
		if !a.Asked || a.Error != "" || a.Right <= 0 {
			continue
		}
		score := func(s float64) (y, w float64) {
			switch {
			case a.Share > 0 || (a.Cluster != "" && a.Cluster == e.Lesson.Answer):
				return s, weight
			case a.Cluster != "" && e.Lesson.Answer != "":
				return 0, weight * s
			}
			return 0, 0
		}
		y, w := score(b.Score)
		var before *float64
		if b.before != nil {
			if was, v := score(b.before.Score); v == w && w > 0 {
				before = &was
			} else if v > 0 || w > 0 {
				continue // another weight: the first word counts
			}
		}
		if w <= 0 {
			continue
		}
		key := who{e.Tenant, a.Member}
		v := o.all[key]
		if v == nil {
			if o.all == nil {
				o.all = map[who]*Overlay{}
			}
			if len(o.all) >= maxOverlays {
				continue
			}
			v = &Overlay{}
			o.all[key] = v
		}
		v.add(min(max(float64(a.Right)/1e6, 0.02), 0.98), y, w, before)
		changed = append(changed, write(overlayKind, e.Tenant, a.Member, v))
	}
	return changed
}

// Shift returns by how much, in log-odds, the member is more reliable for the
// tenant than the brain says; 0 where overlays are off.
func (l *Learner) Shift(tenant, member string) float64 {
	if !l.config.Overlays {
		return 0
	}
	return l.overlays.shift(tenant, member)
}
