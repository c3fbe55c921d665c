package summit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"summit/demo"
	"summit/distill"
	"summit/gateway"
	"summit/identity"
	"summit/learn"
	"summit/llm"
	"summit/run"
)

// serving is what an open Summit has besides its models, unless it is
// ephemeral: the data directory with its stores, and the gateway.
type serving struct {
	data     *dataDir
	accounts *accounts
	keys     identity.Keys
	runs     *learn.Learner
	keeper   *distill.Keeper // nil = nobody's texts are kept
	books    *booking        // nil = requests are not paid for
	gateway  *gateway.Gateway
	loopback bool
	admin    string // the secret of the admin key that was just made; empty = there was one
}

// openServing opens the data directory and what lies in it. What was opened
// before an error is closed again.
func openServing(ctx context.Context, c Config, s *Summit) (_ *serving, err error) {
	v := &serving{loopback: onLoopback(c.Listen)}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.Close())
		}
	}()
	if c.Identity.Auth == authNone && !v.loopback {
		return nil, &ConfigError{[]Problem{{Path: "identity.auth", Text: fmt.Sprintf(
			"none with listen %s: everybody on the network could ask and spend; want keys, or an address that only this machine reaches", c.Listen)}}}
	}
	if v.data, err = openDataDir(c.DataDir, func(text string) { s.log.Warn(text) }); err != nil {
		return nil, err
	}
	if v.keys, err = openKeys(ctx, v.data.file(keysFile)); err != nil {
		return nil, err
	}
	if c.Identity.Auth == authKeys {
		if v.admin, err = firstKey(ctx, v.keys); err != nil {
			return nil, fmt.Errorf("summit: admin key: %w", err)
		}
	}
	store, err := run.OpenSQLite(ctx, v.data.file(runsFile))
	if err != nil {
		return nil, fmt.Errorf("summit: run log: %w", err)
	}
	if v.runs, err = openLearning(ctx, store, c, s); err != nil {
		return nil, err
	}
	if v.keeper, err = openKeeper(ctx, v.data.file(samplesFile), c, s); err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(learning{v.runs}); err != nil {
		return nil, fmt.Errorf("summit: metrics: %w", err)
	}
	var extras []gateway.Extra
	if c.Books.on() {
		if v.books, err = openBooking(ctx, c, s.directory.Load().members, s.log); err != nil {
			return nil, err
		}
		if err := registry.Register(moneyMetrics{v.books}); err != nil {
			return nil, fmt.Errorf("summit: metrics: %w", err)
		}
		extras = v.books.routes()
	}
	v.accounts = &accounts{store: store, currency: c.Currency, log: s.log}
	v.gateway, err = gateway.New(gateway.Config{
		Models: shown{s}, Keys: v.keys, NoAuth: c.Identity.Auth == authNone, Runs: v.runs, Signals: c.Brain.Learn != learnOff, Registry: registry, Loopback: v.loopback,
		Extras: extras, Hosts: c.Identity.Hosts, Origins: c.Identity.Origins, Limits: c.Limits.gateway(), Logger: s.log, Version: c.Version,
	})
	if err != nil {
		return nil, fmt.Errorf("summit: %w", err)
	}
	return v, nil
}

// Close closes what is open, the last first.
func (v *serving) Close() error {
	var err error
	if v.keeper != nil {
		err = errors.Join(err, v.keeper.Close())
	}
	if v.runs != nil {
		err = errors.Join(err, v.runs.Close())
	}
	if v.books != nil {
		err = errors.Join(err, v.books.Close())
	}
	if v.keys != nil {
		err = errors.Join(err, v.keys.Close())
	}
	if v.data != nil {
		err = errors.Join(err, v.data.Close())
	}
	return err
}

// AdminKey returns the secret of the admin key if Open made it just now:
// there was none that is valid. It is not to be had again.
func (s *Summit) AdminKey() string {
	if s.serving == nil {
		return ""
	}
	return s.serving.admin
}

// Handler returns the server's routes, for a listener of the caller's own.
// It is nil where Summit is ephemeral.
func (s *Summit) Handler() http.Handler {
	if s.serving == nil {
		return nil
	}
	return s.serving.gateway.Handler()
}

// Serve answers on the listener, which it closes, until ctx ends. Then
// running answers get Limits.ShutdownTime to end.
func (s *Summit) Serve(ctx context.Context, l net.Listener) error {
	if s.serving == nil {
		return errors.Join(errors.New("summit: serve: opened without a data directory"), l.Close())
	}
	if s.serving.loopback && !onLoopback(l.Addr().String()) {
		return errors.Join(fmt.Errorf("summit: serve: the listener is at %s, want one that only this machine reaches, as listen says", l.Addr()), l.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- s.serving.gateway.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	err := s.serving.gateway.Shutdown(context.WithoutCancel(ctx))
	return errors.Join(err, <-ended)
}

func (l Limits) gateway() gateway.Limits {
	return gateway.Limits{
		BodyBytes: l.BodyBytes, BodiesBytes: l.BodiesBytes, Requests: l.Requests, Queue: l.Queue,
		RequestTime: l.RequestTime, WriteTime: l.WriteTime, ShutdownTime: l.ShutdownTime,
	}
}

// onLoopback reports whether only this machine reaches the address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// shown is a Summit as the gateway sees it.
type shown struct{ *Summit }

// Model returns who answers under the name, within the bounds of who asks.
func (s shown) Model(name string) (llm.Member, error) {
	d := s.directory.Load()
	m, err := d.member(name)
	if err != nil {
		return nil, err
	}
	if len(d.tenants) > 0 {
		m = &limited{m, s.serving.accounts, d.tenants}
	}
	return s.kept(s.watched(d, name, s.sold(d, name, m))), nil
}

// Models returns all that can be asked.
func (s shown) Models() []gateway.Model {
	var all []gateway.Model
	for _, e := range s.Entries() {
		all = append(all, gateway.Model{Name: e.Name, Owner: e.owner(), About: e.about(), Labels: e.Member.Card().Labels})
	}
	return all
}

// OwnerDemo is the owner in GET /v1/models of everything that plays written
// answers.
const OwnerDemo = "summit-demonstration"

// owner says whose an entry is, for GET /v1/models. Strategies carry the
// labels of their members.
func (e Entry) owner() string {
	switch card := e.Member.Card(); {
	case slices.Contains(card.Labels, demo.Label):
		return OwnerDemo
	case !e.Model && card.Vendor != "":
		return card.Vendor
	}
	return "summit"
}

func (e Entry) about() string {
	if e.About != "" {
		return e.About
	}
	return e.Member.Card().About
}

// Members returns those who answer in the end.
func (s shown) Members() []llm.Member {
	var all []llm.Member
	for _, e := range s.Entries() {
		if !e.Model {
			all = append(all, e.Member)
		}
	}
	return all
}
