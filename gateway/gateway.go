// Package gateway is Summit's HTTP side: routes, keys, limits, server-sent
// events, metrics and the admin API. It decodes a request with the dialect of
// its route, asks the named model, and writes what comes back.
//
// Its nouns are Gateway, Config, Limits, Models (what the front door knows of
// models and members) and exchange (one request on its way through). It knows
// no strategy, no vendor and no money. A protocol is one more dialect.Server
// and edits nothing here; design.md says how a stream is written.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"summit/dialect"
	"summit/identity"
	"summit/llm"
	"summit/run"
)

// Config is what a Gateway is made of.
type Config struct {
	Models Models
	Keys   identity.Keys // who may ask; nil only with NoAuth
	// NoAuth lets in everybody who reaches the listener, with all rights of an
	// admin. It needs Loopback and leaves the admin API for keys away.
	NoAuth bool
	Runs   Runs // where what happened is kept; nil = nowhere
	// Signals says that retries, edits and clients that leave are noted with
	// the runs they are about, as weak labels.
	Signals bool
	// Loopback says that the listener is bound to loopback. Then Host must
	// name this machine and Origin, which browsers send, must be this server or
	// one of Origins: a page of another site can't reach it, not even by a
	// name that it has pointed to loopback.
	Loopback bool
	Hosts    []string // more names that are this server on loopback, without port
	Origins  []string // origins whose pages may use this server (CORS), such as https://chat.example.com
	Limits   Limits
	Logger   *slog.Logger         // nil = slog.Default()
	Registry *prometheus.Registry // where the metrics go; nil = one of its own
	Version  string               // for /version and summit_build_info
	Servers  []dialect.Server     // the protocols; nil = dialect.Servers()
	Extras   []Extra              // more routes of the admin API
}

// Models is what can be asked.
type Models interface {
	// Model returns who answers under the name. The error is an *llm.Error of
	// kind NotFound.
	Model(name string) (llm.Member, error)
	// Models returns all that can be asked, in the order to list them.
	Models() []Model
	// Members returns those who answer in the end, whose health is this
	// server's health.
	Members() []llm.Member
}

// Model is one entry of GET /v1/models.
type Model struct {
	Name    string
	Created time.Time // zero = the server's start
	Owner   string    // who it is of; empty = "summit"
	About   string    // one sentence for people; empty = none
	Labels  []string  // what the user must see, such as "demonstration"
}

// Runs keeps what happened. A *run.Log is one.
type Runs interface {
	Add(e run.Entry, o *llm.Outcome) // never waits
	Latest(ctx context.Context, n int) ([]run.Entry, error)
	Get(ctx context.Context, id string) (run.Entry, error) // the error is of kind NotFound where there is none
	// AddFeedback's error is of kind NotFound where the tenant has no such run.
	AddFeedback(ctx context.Context, f run.Feedback) error
	Note(f run.Feedback) // what was seen of a client, and not told; never waits
	Err() error          // why it can't write; nil = it can
}

// Limits bounds what the server takes on. Zero values are the defaults.
type Limits struct {
	BodyBytes    int64         // longest request body; 0 = 32 MiB
	BodiesBytes  int64         // bodies of all requests in flight together; 0 = 256 MiB, at least BodyBytes
	Requests     int           // requests answered at the same time; 0 = 512
	Queue        int           // requests that wait for their turn, at most queueTime; 0 = 512
	RequestTime  time.Duration // the longest that one request may take; 0 = 10 minutes
	WriteTime    time.Duration // the longest that a client may leave a write unread; 0 = 30 seconds
	ShutdownTime time.Duration // what running answers get to end in after Shutdown; 0 = 30 seconds
}

// Times that nobody has to set.
const (
	headerTime = 10 * time.Second // to send the headers
	bodyTime   = time.Minute      // to send the body: 32 MiB at 4.5 Mbit/s
	idleTime   = 2 * time.Minute  // between two requests of a connection
	queueTime  = 5 * time.Second  // in the queue
	probeTime  = 3 * time.Second  // for one member's health
	healthTime = 15 * time.Second // that a report of health stays good
	lastTime   = 5 * time.Second  // to unwind, after an answer was ended by Shutdown
	peekTime   = 10 * time.Second // for the first event of a stream, before it is status 200
	beatTime   = 15 * time.Second // of silence in a stream, before a comment is sent
	retryTime  = time.Second      // told to whom is turned away
	maxHeader  = 64 << 10         // bytes of headers
	maxChoices = 8                // answers to one request: each is a request of its own to the members
)

func (l Limits) withDefaults() (Limits, error) {
	var wrong error
	set := func(name string, v *int64, otherwise int64) {
		if *v == 0 {
			*v = otherwise
		}
		if *v < 0 {
			wrong = errors.Join(wrong, fmt.Errorf("gateway: limit %s is %d, want zero (the default) or more", name, *v))
		}
	}
	requests, queue := int64(l.Requests), int64(l.Queue)
	set("Requests", &requests, 512)
	set("Queue", &queue, 512)
	l.Requests, l.Queue = int(requests), int(queue)
	set("BodyBytes", &l.BodyBytes, 32<<20)
	set("BodiesBytes", &l.BodiesBytes, 256<<20)
	set("RequestTime", (*int64)(&l.RequestTime), int64(10*time.Minute))
	set("WriteTime", (*int64)(&l.WriteTime), int64(30*time.Second))
	set("ShutdownTime", (*int64)(&l.ShutdownTime), int64(30*time.Second))
	l.BodiesBytes = max(l.BodiesBytes, l.BodyBytes)
	return l, wrong
}

// Gateway answers requests. Make it with New.
type Gateway struct {
	id       string // of this process, for those that requests are passed on to
	models   Models
	keys     identity.Keys
	runs     Runs
	noAuth   bool
	version  string
	extras   []Extra
	limits   Limits
	log      *slog.Logger
	origins  origins
	spoken   []dialect.Server // the protocols
	openai   dialect.Server   // how errors look where no protocol is spoken
	listers  []dialect.Lister // protocols with a form of their own for the list of models
	mux      *http.ServeMux
	metrics  *metrics
	gate     gate
	bodies   weight
	health   health
	started  time.Time
	inflight inflight
	running  running
	signals  *signals // nil = not noted

	tooSlow *llm.Error // why a request ends that takes longer than Limits.RequestTime; read-only

	base context.Context // ends with its cause when Shutdown ends what still runs
	stop context.CancelCauseFunc

	mu      sync.Mutex
	servers []*http.Server // those of Serve
}

// New returns a Gateway. The error says what is missing in the Config.
func New(c Config) (*Gateway, error) {
	limits, err := c.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case c.Models == nil:
		return nil, errors.New("gateway: no Models")
	case c.NoAuth && !c.Loopback:
		return nil, errors.New("gateway: NoAuth on a listener that is not bound to loopback: everybody on the network could ask and spend")
	case !c.NoAuth && c.Keys == nil:
		return nil, errors.New("gateway: no Keys, want a store of keys or NoAuth")
	}
	allowed, err := newOrigins(c.Loopback, c.Hosts, c.Origins)
	if err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Servers == nil {
		c.Servers = dialect.Servers()
	}
	g := &Gateway{
		id:     strings.ToLower(rand.Text()),
		models: c.Models, keys: c.Keys, runs: c.Runs, noAuth: c.NoAuth, version: c.Version, extras: c.Extras, limits: limits, log: c.Logger,
		origins: allowed, started: time.Now(),
		gate:    gate{slots: make(chan struct{}, limits.Requests), queue: int64(limits.Queue)},
		bodies:  weight{left: limits.BodiesBytes},
		tooSlow: llm.Errorf(llm.Timeout, "no whole answer within %v, which is the most that this server allows", limits.RequestTime),
	}
	if c.Signals && c.Runs != nil {
		g.signals = newSignals()
	}
	g.base, g.stop = context.WithCancelCause(context.Background())
	if g.metrics, err = newMetrics(c.Registry, g); err != nil {
		return nil, err
	}
	return g, g.register(c.Servers)
}

// Handler returns what answers requests. A server around it should bound the
// time for headers, as Serve does.
func (g *Gateway) Handler() http.Handler { return g }

// Serve answers requests on the listener until Shutdown, after which it
// returns nil. It closes the listener.
func (g *Gateway) Serve(l net.Listener) error {
	// No WriteTimeout: it would end long streams. Each write has a deadline of
	// its own instead; see responder.
	s := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	g.mu.Lock()
	if g.inflight.closing() {
		g.mu.Unlock()
		return errors.Join(l.Close(), errors.New("gateway: Serve after Shutdown"))
	}
	g.servers = append(g.servers, s)
	g.mu.Unlock()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("gateway: serve: %w", err)
	}
	return nil
}

// Shutdown stops the gateway: it is no longer ready, listeners are closed, new
// requests are refused, and running answers get Limits.ShutdownTime to end;
// then, or when ctx ends, they are ended with an error. It returns when none
// is left; the error says how many did not end.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.inflight.close()
	servers := g.servers
	g.mu.Unlock()

	closing, stopClosing := context.WithCancel(context.WithoutCancel(ctx))
	var listeners sync.WaitGroup
	for _, s := range servers {
		// Closes the listener and idle connections at once, then waits for the
		// rest, which is what we do ourselves below.
		listeners.Go(func() { _ = s.Shutdown(closing) })
	}
	if !g.inflight.wait(ctx, g.limits.ShutdownTime) {
		g.stop(shuttingDown())
		g.inflight.wait(context.WithoutCancel(ctx), lastTime)
	}
	stopClosing()
	listeners.Wait()
	for _, s := range servers {
		_ = s.Close() // what is still connected has nothing left to say
	}
	if n := g.inflight.count(); n > 0 {
		return fmt.Errorf("gateway: %d answers did not end within %v of being told to", n, lastTime)
	}
	return nil
}
