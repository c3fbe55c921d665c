package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"summit/llm"
)

// health is the last report on members and stores. It is renewed when it is
// asked for and too old, so nothing is probed while nobody asks.
type health struct {
	mu      sync.Mutex
	made    time.Time
	last    report
	told    string // what the log was told last
	hasTold bool
}

// report says what works.
type report struct {
	up      map[string]bool // by member
	reasons []string        // why the server is not ready, for everybody to see; nil = it is
}

// report returns a report that is at most healthTime old.
func (g *Gateway) report(ctx context.Context) report {
	h := &g.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.made.IsZero() && time.Since(h.made) < healthTime {
		return h.last
	}
	// The report is for all who ask within healthTime, whether or not the
	// first one waits for it.
	h.last, h.made = g.examine(context.WithoutCancel(ctx)), time.Now()
	if now := strings.Join(h.last.reasons, "; "); now != h.told || !h.hasTold {
		if now != "" {
			g.log.Warn("not ready", slog.String("reasons", now))
		} else if h.hasTold {
			g.log.Info("ready again")
		}
		h.told, h.hasTold = now, true
	}
	return h.last
}

// examine probes all members at the same time, and the stores.
func (g *Gateway) examine(ctx context.Context) report {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	members := g.models.Members()
	up := make([]bool, len(members))
	var all sync.WaitGroup
	for i, m := range members {
		all.Go(func() { up[i] = g.usable(ctx, m) })
	}
	r := report{up: map[string]bool{}}
	if g.keys != nil && !g.noAuth {
		if _, err := g.keys.List(ctx); err != nil {
			r.reasons = append(r.reasons, "the store of keys fails")
		}
	}
	if g.runs != nil && g.runs.Err() != nil {
		r.reasons = append(r.reasons, "the run log fails")
	}
	all.Wait()
	usable := false
	for i, m := range members {
		usable = usable || up[i]
		r.up[m.Card().Name] = up[i]
	}
	if !usable {
		r.reasons = append(r.reasons, "no member is usable")
	}
	return r
}

// usable probes a member. One that can't be probed counts as usable: only a
// question would tell, and questions cost.
func (g *Gateway) usable(ctx context.Context, m llm.Member) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			g.logPanic("", p)
			ok = false
		}
	}()
	p, can := llm.As[llm.Prober](m)
	if !can {
		return true
	}
	err := p.Probe(ctx)
	if err != nil {
		g.log.Debug("a member is not usable", slog.String("member", m.Card().Name), slog.Any("error", err))
	}
	return err == nil
}

func (x *exchange) alive() { x.writeJSON(http.StatusOK, map[string]string{"status": "ok"}) }

func (x *exchange) ready() {
	reasons := []string{shuttingDown().Message}
	if !x.g.inflight.closing() {
		reasons = x.g.report(x.r.Context()).reasons
	}
	if len(reasons) == 0 {
		x.writeJSON(http.StatusOK, map[string]string{"status": "ready"})
		return
	}
	x.writeJSON(http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
}
