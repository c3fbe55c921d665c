package summit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"summit/identity"
	"summit/learn"
	"summit/llm"
	"summit/money"
	"summit/run"
)

// What brain.learn may be.
const (
	learnOff     = "off"
	learnLog     = "log"
	learnTenants = "tenants"
)

// Shadow says how much is spent on asking members that were not asked, after
// the answer, so that it stays known how good they are. Requests with tools or
// images are never asked again.
type Shadow struct {
	Share  float64      `yaml:"share" jsonschema:"minimum=0,maximum=1"` // of the members that were not asked, for each request: 0.01 asks each of them for one request in a hundred; 0 = none
	MaxDay money.Amount `yaml:"max_day"`                                // most that this may cost in a day, in the accounting currency; 0 = nothing: only members that are free are asked
}

func (b Brain) check(k *checker) {
	k.oneOf("brain.learn", b.Learn, "", learnOff, learnLog, learnTenants)
	if !(b.Shadow.Share >= 0 && b.Shadow.Share <= 1) {
		k.add("brain.shadow.share", "%v, want 0 to 1", b.Shadow.Share)
	}
	if b.Shadow.MaxDay < 0 {
		k.add("brain.shadow.max_day", "%s, want zero or more", b.Shadow.MaxDay)
	}
	if b.Learn == learnOff && b.Shadow.Share > 0 {
		k.add("brain.shadow.share", "%v where brain.learn is off: nothing could be learned from it", b.Shadow.Share)
	}
}

// openLearning starts what learns from the requests that the log keeps.
func openLearning(ctx context.Context, store run.Store, c Config, s *Summit) (*learn.Learner, error) {
	on := c.Brain.Learn != learnOff
	log := run.NewLog(store, run.Config{Keep: c.Runs.Keep, KeepMax: c.Runs.KeepMax, Lessons: on, Logger: s.log})
	l, err := learn.New(ctx, log, learn.Config{
		Watch: on, Overlays: c.Brain.Learn == learnTenants, Shadow: learn.Shadow{Share: c.Brain.Shadow.Share, MaxDay: c.Brain.Shadow.MaxDay},
		Currency: c.Currency, Logger: s.log,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("summit: run log: %w", err), log.Close())
	}
	return l, nil
}

// shift says by how much a member is more reliable for the tenant of the
// request than the brain knows.
func (s *Summit) shift(ctx context.Context, member string) float64 {
	who, asked := identity.Asker(ctx)
	if !asked || s.serving == nil || s.serving.runs == nil {
		return 0
	}
	return s.serving.runs.Shift(who.Tenant, member)
}

// watched returns the model with others asked in the shadow, if it is one that
// chooses among members.
func (s shown) watched(d *directory, name string, m llm.Member) llm.Member {
	e := d.entries[name]
	if e == nil || !e.Model || e.Use != "auto" {
		return m
	}
	var members []llm.Member
	for _, part := range e.Parts {
		if p := d.entries[part]; p != nil && !p.Model {
			members = append(members, p.Member)
		}
	}
	return s.serving.runs.Watch(m, members)
}

// OpenRuns opens the store of the run log in a data directory, also beside a
// running server; nil = there is none yet. The caller closes it.
func OpenRuns(ctx context.Context, dataDir string) (run.Store, error) {
	path := filepath.Join(dataDir, runsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := checkVersion(dataDir, false); err != nil {
		return nil, err
	}
	store, err := run.OpenSQLite(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("summit: run log: %w", err)
	}
	return store, nil
}

// learning shows as metrics what was learned while they are collected.
type learning struct{ *learn.Learner }

var (
	driftDesc = prometheus.NewDesc("summit_member_drift", "1 = the member agrees with others, or is called right, clearly less than it was.", []string{"member", "what"}, nil)
	rateDesc  = prometheus.NewDesc("summit_member_rate", "How often the member agreed with others, or was called right, of about the last hundred times.", []string{"member", "what"}, nil)
	askedDesc = prometheus.NewDesc("summit_shadow_asks_total", "Members asked in the shadow, after the answer.", nil, nil)
	failDesc  = prometheus.NewDesc("summit_shadow_failures_total", "Members asked in the shadow that failed.", nil, nil)
	spentDesc = prometheus.NewDesc("summit_shadow_cost_today", "What asking in the shadow costs today, in the accounting currency.", nil, nil)
)

// Describe tells what Collect sends.
func (learning) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{driftDesc, rateDesc, askedDesc, failDesc, spentDesc} {
		to <- d
	}
}

// Collect sends what is known at the moment.
func (l learning) Collect(to chan<- prometheus.Metric) {
	for _, d := range l.Drift() {
		alarm := 0.0
		if !d.Since.IsZero() {
			alarm = 1
		}
		to <- prometheus.MustNewConstMetric(driftDesc, prometheus.GaugeValue, alarm, d.Member, d.What)
		to <- prometheus.MustNewConstMetric(rateDesc, prometheus.GaugeValue, d.Recent, d.Member, d.What)
	}
	asked, failed, today := l.Shadowed()
	to <- prometheus.MustNewConstMetric(askedDesc, prometheus.CounterValue, float64(asked))
	to <- prometheus.MustNewConstMetric(failDesc, prometheus.CounterValue, float64(failed))
	to <- prometheus.MustNewConstMetric(spentDesc, prometheus.GaugeValue, float64(today)/money.Micro)
}
