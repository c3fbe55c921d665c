package member

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"summit/llm"
)

// GuardParams say how a member is kept answering. The zero value is a guard
// with its defaults.
type GuardParams struct {
	Off       bool          `yaml:"off" json:"off,omitempty" jsonschema_description:"no guard: every call is made once, whatever happened before; goes with one endpoint only"`
	Retries   *int          `yaml:"retries" json:"retries,omitempty" jsonschema:"minimum=0,maximum=10" jsonschema_description:"calls that are made again at most for one answer, and only before anything of it was delivered; none = 2"`
	RetryWait time.Duration `yaml:"retry_wait" json:"retry_wait,omitempty" jsonschema_description:"wait before the first retry at the same endpoint, doubled each time; another endpoint is asked at once; 0 = 500ms"`
	MaxWait   time.Duration `yaml:"max_wait" json:"max_wait,omitempty" jsonschema_description:"longest wait of one answer for a retry or for its turn; a Retry-After that asks for more fails the answer; 0 = 10s"`
	First     time.Duration `yaml:"first_content" json:"first_content,omitempty" jsonschema_description:"most time of one call until its first content, after which it is made again; 0 = as long as the member allows"`
	Hedge     time.Duration `yaml:"hedge_after" json:"hedge_after,omitempty" jsonschema_description:"where no content came for so long, a second call is made beside the first, at another endpoint if there is one; the faster one is the answer and both are paid for; 0 = never"`
	CoolDown  time.Duration `yaml:"cool_down" json:"cool_down,omitempty" jsonschema_description:"how long an endpoint that is rate limited is asked last, where it did not say how long; where it did, it is not asked; 0 = 5s"`
	Failures  int           `yaml:"failures" json:"failures,omitempty" jsonschema:"minimum=0" jsonschema_description:"failures in a row after which an endpoint is not asked for a while (its circuit is open); 0 = 5"`
	OpenFor   time.Duration `yaml:"open_for" json:"open_for,omitempty" jsonschema_description:"that while; then one request finds out whether it works again, and if not, the while is doubled, up to 5m; 0 = 10s"`
	Streams   int           `yaml:"streams" json:"streams,omitempty" jsonschema:"minimum=0" jsonschema_description:"most answers of one endpoint at once; more wait for their turn; 0 = no bound"`
	Spread    string        `yaml:"spread" json:"spread,omitempty" jsonschema:"enum=weight,enum=conversation" jsonschema_description:"how endpoints are chosen: weight = by turns; conversation = a conversation stays at one, so that its prompt is found in that one's cache; both by weight; empty = weight"`
}

// Bounds that nobody has to set.
const (
	maxOpen     = 5 * time.Minute // that a circuit stays open
	maxCooling  = time.Hour       // that a Retry-After is heeded; more is a mistake
	keyRest     = time.Minute     // that an endpoint is asked last whose key was refused or is used up
	maxTargets  = 100
	budgetMost  = 20.0 // retries that are saved up
	budgetShare = 0.2  // retries that one answer earns: one in five, once what was saved is gone
)

func (p GuardParams) withDefaults() GuardParams {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	or(&p.RetryWait, 500*time.Millisecond)
	or(&p.MaxWait, 10*time.Second)
	or(&p.CoolDown, 5*time.Second)
	or(&p.OpenFor, 10*time.Second)
	if p.Failures == 0 {
		p.Failures = 5
	}
	if p.Retries == nil {
		p.Retries = new(2)
	}
	return p
}

// valid reports what no guard can keep to.
func (p GuardParams) valid() error {
	for name, n := range map[string]int64{
		"retry_wait": int64(p.RetryWait), "max_wait": int64(p.MaxWait), "first_content": int64(p.First), "hedge_after": int64(p.Hedge),
		"cool_down": int64(p.CoolDown), "failures": int64(p.Failures), "open_for": int64(p.OpenFor), "streams": int64(p.Streams),
	} {
		if n < 0 {
			return fmt.Errorf("guard.%s: negative, want zero or more", name)
		}
	}
	if p.Retries != nil && (*p.Retries < 0 || *p.Retries > 10) {
		return fmt.Errorf("guard.retries: %d, want 0 to 10", *p.Retries)
	}
	switch p.Spread {
	case "", "weight", "conversation":
		return nil
	}
	return fmt.Errorf("guard.spread: %q, want weight or conversation", clip(p.Spread))
}

// Target is one way to ask a member: an address with a key.
type Target struct {
	Member  llm.Member
	Address string // for people; empty = the kind's own
	Weight  int    // its share of the requests; 0 = 1
}

// Guard is a member that keeps another one answering, at one or several
// targets that give the same answers. It makes a call again where nothing was
// delivered and the request is safe to repeat, leaves out targets that said to
// wait or that fail, and may ask a second one beside one that is slow. It is a
// llm.Prober, a llm.Embedder and a llm.HealthReporter.
type Guard struct {
	name    string
	params  GuardParams
	targets []*endpoint
	jitter  func() float64 // in [0, 1)

	mu      sync.Mutex
	freed   chan struct{} // closed when a target has room again, and replaced
	budget  float64       // retries that may be made
	retries int64
	hedges  int64
}

// NewGuard returns a guard of the targets, the first of which shows the card.
func NewGuard(p GuardParams, all ...Target) (*Guard, error) {
	if len(all) == 0 || len(all) > maxTargets {
		return nil, fmt.Errorf("member: guard: %d endpoints, want 1 to %d", len(all), maxTargets)
	}
	g := &Guard{name: all[0].Member.Card().Name, params: p.withDefaults(), jitter: rand.Float64, freed: make(chan struct{}), budget: budgetMost}
	if err := p.valid(); err != nil {
		return nil, fmt.Errorf("member: %s: %w", g.name, err)
	}
	for i, t := range all {
		if t.Weight < 0 || t.Weight > 1_000_000 {
			return nil, fmt.Errorf("member: %s: endpoint %d: weight %d, want 1 to 1000000", g.name, i+1, t.Weight)
		}
		g.targets = append(g.targets, &endpoint{name: fmt.Sprint(i + 1), address: t.Address, member: t.Member, weight: max(t.Weight, 1)})
	}
	return g, nil
}

// Card is the first target's.
func (g *Guard) Card() *llm.Card { return g.targets[0].member.Card() }

// Unwrap returns the first target's member, for what Guard doesn't do itself.
func (g *Guard) Unwrap() llm.Member { return g.targets[0].member }

// Generate asks a target, and another or the same once more where that may
// help.
func (g *Guard) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, g.name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		a := &guarded{g: g, r: r, emit: emit, order: g.conversation(r)}
		err := a.run(ctx)
		return a.outcome(), err
	})
}

// guarded is one answer that is being kept.
type guarded struct {
	g     *Guard
	r     *llm.Request
	emit  func(llm.Event) bool
	order uint64 // of the conversation; 0 = none

	start     *llm.Event // held until there is content
	delivered bool
	tried     []*endpoint    // by this answer
	last      *llm.Outcome   // of the last call
	others    []*llm.Outcome // of those before, where they used something
	tries     []llm.Try
	calls     int64
}

// run calls until there is an answer or no more call can help.
func (a *guarded) run(ctx context.Context) error {
	g := a.g
	turn := time.Now().Add(g.params.MaxWait) // until which this answer waits for its turn
	for n := 0; ; n++ {
		t, refusal, room := g.pick(time.Now(), a.tried, a.order)
		if t == nil && room != nil && waitFor(ctx, room, time.Until(turn)) {
			n--
			continue
		}
		if t == nil && len(a.tried) == 0 {
			return refusal // at once: the caller, or a strategy, may have better to do than wait
		}
		var err error = refusal
		if t != nil {
			a.tried = append(a.tried, t)
			if g.params.Hedge > 0 && a.safe() {
				err = a.race(ctx, t)
			} else {
				err = a.once(ctx, t)
			}
		}
		if err == nil {
			g.earn()
			return nil
		}
		wait, ok := a.again(ctx, err, n)
		if !ok {
			return err
		}
		if !pauseCtx(ctx, wait) {
			return err
		}
	}
}

// again reports whether the call may be made again, and after what wait.
func (a *guarded) again(ctx context.Context, err error, n int) (wait time.Duration, ok bool) {
	g := a.g
	e := llm.AsError(err)
	if a.delivered || ctx.Err() != nil || n >= *g.params.Retries {
		return 0, false
	}
	other := g.untried(time.Now(), a.tried)
	switch e.Kind {
	case llm.RateLimited:
	case llm.Unauthorized, llm.Forbidden, llm.QuotaExhausted, llm.NotFound: // another key may do, the same one won't
		if !other {
			return 0, false
		}
	case llm.Overloaded:
		turnedAway := e.Status == 429 || e.Status == 503 || e.Status == 529
		if !turnedAway && !a.safe() {
			return 0, false
		}
	case llm.Timeout, llm.Cut, llm.Protocol: // it may have worked on the request
		if !a.safe() {
			return 0, false
		}
	default:
		return 0, false
	}
	if !other {
		wait = e.RetryAfter
		if wait == 0 {
			backoff := g.params.RetryWait << min(n, 10)
			wait = backoff/2 + time.Duration(g.jitter()*float64(backoff/2))
		} else {
			wait += time.Duration(g.jitter() * float64(wait) / 10) // so that not all come back at once
		}
		if wait > g.params.MaxWait {
			return 0, false
		}
	}
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, g.spend()
}

// safe reports whether the request can be made twice: what a vendor runs on
// its own side, such as a tool that sends something, may not be.
func (a *guarded) safe() bool {
	for i := range a.r.Tools {
		if a.r.Tools[i].Kind != "function" {
			return false
		}
	}
	return true
}

// spend takes a retry from what answers have earned; false = there is none, so
// that a vendor in trouble does not get a multiple of its load.
func (g *Guard) spend() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.budget < 1 {
		return false
	}
	g.budget--
	g.retries++
	return true
}

func (g *Guard) earn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.budget = min(g.budget+budgetShare, budgetMost)
}

// pass passes an event on, and Start with the first content.
func (a *guarded) pass(e llm.Event) bool {
	switch e.Kind {
	case llm.KindStart:
		a.start = &e
		return true
	case llm.KindProgress:
		return a.emit(e)
	}
	if !a.delivered {
		a.delivered = true
		if a.start != nil && !a.emit(*a.start) {
			return false
		}
	}
	return a.emit(e)
}

// outcome is the last call's, with what the others used.
func (a *guarded) outcome() *llm.Outcome {
	if a.last == nil {
		a.last = &llm.Outcome{}
	}
	o := a.last
	o.Took, o.TTFT = 0, 0 // as the caller saw it
	if len(a.others) > 0 {
		sum := llm.Outcome{Parts: append(a.others, o)}
		if !o.Usage.Known() && o.Cost == nil {
			sum.Parts = a.others
		}
		sum.SumParts()
		o.Usage, o.Cost = sum.Usage, sum.Cost
	}
	if a.calls > 0 {
		o.Usage.Calls = llm.Count{N: a.calls, From: llm.OwnCount}
	}
	if len(a.tries) > 1 {
		o.Tries = a.tries
	}
	return o
}

// keep notes how a call ended. A call that another one follows is one of the
// others.
func (a *guarded) keep(c *attempt) {
	a.tries = append(a.tries, llm.Try{Target: c.t.name, Kind: kindOf(c.err), Hedge: c.hedge, Lost: c.lost, Took: c.took})
	a.calls++
	if c.done != nil && c.done.Usage.Calls.N > 1 {
		a.calls += c.done.Usage.Calls.N - 1
	}
	if c.lost && c.done != nil && !c.done.Usage.Input.Known() {
		// It was stopped before it said anything, and it had read the request.
		c.done.Usage.Input = llm.EstimateInput(a.r)
		c.done.Usage.Output = llm.Count{From: llm.Estimated}
		c.done.Cost = a.g.Card().Cost(c.done.Usage, time.Now())
	}
	if c.lost {
		a.also(c.done)
		return
	}
	a.also(a.last)
	a.last = c.done
}

func (a *guarded) also(o *llm.Outcome) {
	if o != nil && (o.Usage.Known() || o.Cost != nil) {
		a.others = append(a.others, o)
	}
}

func kindOf(err error) llm.ErrorKind {
	if err == nil {
		return ""
	}
	return llm.AsError(err).Kind
}

// conversation returns a number that requests of one conversation have in
// common: what its first messages, up to the first of the user, say.
func (g *Guard) conversation(r *llm.Request) uint64 {
	if g.params.Spread != "conversation" || len(g.targets) < 2 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(r.User + "\x00"))
	for i := range r.Messages {
		h.Write([]byte(string(r.Messages[i].Role) + "\x00" + r.Messages[i].Text() + "\x00"))
		if r.Messages[i].Role == llm.RoleUser {
			break
		}
	}
	return h.Sum64() | 1
}

// Probe asks every target; one that is usable is enough.
func (g *Guard) Probe(ctx context.Context) error {
	var all sync.WaitGroup
	wrong := make([]error, len(g.targets))
	for i, t := range g.targets {
		if p, ok := llm.As[llm.Prober](t.member); ok {
			all.Go(func() { wrong[i] = p.Probe(ctx) })
		}
	}
	all.Wait()
	for _, err := range wrong {
		if err == nil {
			return nil
		}
	}
	return wrong[0]
}

// Embed asks the targets for vectors, one after the other where one fails. What
// those that failed used is counted too.
func (g *Guard) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, llm.Usage, error) {
	if _, ok := llm.As[llm.Embedder](g.Unwrap()); !ok {
		return nil, llm.Usage{}, &llm.Error{Kind: llm.Unsupported, Member: g.name, Param: "model", Message: "has no embeddings"}
	}
	a := &guarded{g: g, r: &llm.Request{}}
	var used llm.Usage
	for n := 0; ; n++ {
		t, refusal, _ := g.pick(time.Now(), a.tried, 0)
		var vectors [][]float32
		var usage llm.Usage
		var err error = refusal
		if t != nil {
			a.tried = append(a.tried, t)
			e, ok := llm.As[llm.Embedder](t.member)
			if !ok {
				err = &llm.Error{Kind: llm.Unsupported, Member: g.name, Param: "model", Message: "has no embeddings"}
			} else {
				vectors, usage, err = e.Embed(ctx, texts, dimensions)
			}
			g.done(t, err, ctx.Err() != nil, time.Now())
		}
		used = used.Add(usage)
		if err == nil {
			g.earn()
			return vectors, used, nil
		}
		wait, ok := a.again(ctx, err, n)
		if !ok || !pauseCtx(ctx, wait) {
			return nil, used, err
		}
	}
}

// pauseCtx waits; false = the context ended before.
func pauseCtx(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// waitFor waits for the signal; false = it did not come in time.
func waitFor(ctx context.Context, signal <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-signal:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// errSlow is the cause with which a call is stopped that keeps silent.
var errSlow = &llm.Error{Kind: llm.Timeout, Message: "no content within guard.first_content"}

// errLost is the cause with which a call is stopped that another one outran.
var errLost = errors.New("member: guard: another call answered first")
