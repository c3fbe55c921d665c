package learn

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"summit/llm"
	"summit/run"
)

// The sequences that are watched of each member.
const (
	Agreement = "agreement" // that another member gave the same answer
	Accuracy  = "accuracy"  // that an answer it gave was called good
)

const (
	// baseline is how many observations are taken for what is normal.
	baseline = 200
	// alarmAt is where the test gives alarm. The statistic is a CUSUM of
	// log-likelihood ratios, for which the mean number of observations until a
	// false alarm is at least e^alarmAt (Lorden 1971): 10,000 here.
	alarmAt = 9.210340371976184
	// drop is the fall that is looked for, in log-odds: from 80 % to 60 %.
	drop = 0.98
	// recent is the memory of the mean that is shown, and that ends an alarm.
	recent = 1.0 / 100
)

// State is what is known of one sequence of one member.
type State struct {
	Seen    int64     `json:"seen"`   // observations
	Normal  float64   `json:"normal"` // rate in the baseline
	Recent  float64   `json:"recent"` // rate of about the last hundred
	Cusum   float64   `json:"cusum"`
	Since   time.Time `json:"since,omitzero"` // of the alarm; zero = none
	hits    int64
	changed bool
}

// kept is a State as a store keeps it.
type kept struct {
	State
	Hits int64 `json:"hits"`
}

// low is the rate that the fall is measured from: the baseline's less one
// standard error, so that chance in the baseline makes no alarms.
func (s *State) low() float64 {
	p := s.Normal
	return min(max(p-math.Sqrt(p*(1-p)/baseline), 0.02), 0.98)
}

// observe takes note of an observation and returns whether an alarm began (1)
// or ended (-1).
func (s *State) observe(hit bool, now time.Time) int {
	x := 0.0
	if hit {
		x = 1
	}
	s.Seen++
	s.changed = true
	if s.Seen <= baseline {
		if hit {
			s.hits++
		}
		s.Normal = float64(s.hits) / float64(s.Seen)
		s.Recent = s.Normal
		return 0
	}
	s.Recent += recent * (x - s.Recent)
	p := s.low()
	if !s.Since.IsZero() {
		if s.Recent >= p {
			s.Since, s.Cusum = time.Time{}, 0
			return -1
		}
		return 0
	}
	q := 1 / (1 + (1-p)/p*math.Exp(drop)) // the odds of p, divided by e^drop
	step := math.Log((1 - q) / (1 - p))
	if hit {
		step = math.Log(q / p)
	}
	if s.Cusum = max(s.Cusum+step, 0); s.Cusum < alarmAt {
		return 0
	}
	s.Since = now.UTC().Truncate(time.Second)
	return 1
}

// Drift watches all members. The zero value has seen nothing.
type Drift struct {
	mu  sync.Mutex
	all map[sequence]*State
}

type sequence struct{ member, what string }

// Drifting is one sequence of one member, for people.
type Drifting struct {
	Member string `json:"member"`
	What   string `json:"what"` // Agreement or Accuracy
	State
}

// maxSequences bounds the members that are watched.
const maxSequences = 4096

const driftKind = "drift:"

// watch takes note of who agreed with anybody else.
func (d *Drift) watch(o *llm.Outcome, log *slog.Logger) {
	if len(o.Parts) < 2 {
		return
	}
	answers := map[string]int{}
	n := 0
	for _, p := range o.Parts {
		if p != nil && p.Err == nil && p.Answer != "" {
			answers[p.Answer]++
			n++
		}
	}
	if n < 2 {
		return
	}
	for _, p := range o.Parts {
		if p != nil && p.Err == nil && p.Answer != "" {
			d.observe(p.Member, Agreement, answers[p.Answer] > 1, log)
		}
	}
}

// rated takes note of whose answer was called good or bad.
func (d *Drift) rated(l *run.Lesson, score float64, log *slog.Logger) {
	if score == 0.5 {
		return
	}
	for _, a := range l.Asks {
		if a.Asked && a.Error == "" && (a.Share > 0 || (a.Cluster != "" && a.Cluster == l.Answer)) {
			d.observe(a.Member, Accuracy, score > 0.5, log)
		}
	}
}

func (d *Drift) observe(member, what string, hit bool, log *slog.Logger) {
	d.mu.Lock()
	key := sequence{member, what}
	s := d.all[key]
	if s == nil {
		if len(d.all) >= maxSequences {
			d.mu.Unlock()
			return
		}
		if d.all == nil {
			d.all = map[sequence]*State{}
		}
		s = &State{}
		d.all[key] = s
	}
	turn := s.observe(hit, time.Now())
	now := *s
	d.mu.Unlock()
	switch turn {
	case 1:
		log.Warn("a member is not what it was", "member", member, "what", what, "normal", round(now.low()), "recent", round(now.Recent), "seen", now.Seen)
	case -1:
		log.Info("a member is again what it was", "member", member, "what", what, "recent", round(now.Recent))
	}
}

func round(p float64) float64 { return math.Round(1000*p) / 1000 }

// States returns all sequences, by member.
func (d *Drift) States() []Drifting {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Drifting
	for key, s := range d.all {
		all = append(all, Drifting{key.member, key.what, *s})
	}
	sortDrifting(all)
	return all
}

func sortDrifting(all []Drifting) {
	slices.SortFunc(all, func(a, b Drifting) int { return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.What, b.What)) })
}

// forget begins anew: members' answers are others under another brain.
func (d *Drift) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.all {
		*s = State{changed: true}
	}
}

// DriftOf reads what a server wrote down last, by member.
func DriftOf(ctx context.Context, store run.Store) ([]Drifting, error) {
	var d Drift
	if err := d.load(ctx, store); err != nil {
		return nil, err
	}
	return d.States(), nil
}

func (d *Drift) load(ctx context.Context, store run.Store) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = map[sequence]*State{}
	for _, what := range []string{Agreement, Accuracy} {
		all, err := store.Learned(ctx, driftKind+what)
		if err != nil {
			return err
		}
		for _, l := range all {
			k, ok := read[kept](l)
			if !ok || k.Seen < 0 || k.Hits < 0 || k.Hits > k.Seen || !(k.Normal >= 0 && k.Normal <= 1) || !(k.Recent >= 0 && k.Recent <= 1) || !(k.Cusum >= 0) || len(d.all) >= maxSequences {
				continue
			}
			k.hits = k.Hits
			d.all[sequence{l.Member, what}] = &k.State
		}
	}
	return nil
}

func (d *Drift) save(ctx context.Context, store run.Store) error {
	d.mu.Lock()
	var all []run.Learned
	for key, s := range d.all {
		if s.changed {
			s.changed = false
			all = append(all, write(driftKind+key.what, "", key.member, kept{*s, s.hits}))
		}
	}
	d.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	return store.Learn(ctx, all)
}

// Drift returns what is known of the members' drift, by member.
func (l *Learner) Drift() []Drifting { return l.drift.States() }

// Forget begins watching anew, as after a change of the brain.
func (l *Learner) Forget() { l.drift.forget() }
