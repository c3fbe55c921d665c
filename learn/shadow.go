package learn

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"summit/answer"
	"summit/llm"
	"summit/money"
	"summit/run"
)

// Shadow says how much is spent on asking those who were not asked, after the
// answer, so that they stay known. The zero value asks nobody.
type Shadow struct {
	Share  float64      // of them that are asked; 0 = none
	MaxDay money.Amount // most that this may cost in a day; 0 = nothing: only members that are free are asked
}

const (
	// atOnce is how many requests have members asked in the shadow at a time.
	atOnce = 4
	// patience is how long one is waited for: a guess; reasoning models take
	// minutes, and nobody waits.
	patience = 3 * time.Minute
	// maxWaiting is how many requests wait between their answer's end and
	// their entry in the run log, which is a moment.
	maxWaiting = 1024
	// assumedTokens is how long an answer is taken to be when it is asked
	// whether it can be paid.
	assumedTokens = 1024
)

// shadows asks in the shadow.
type shadows struct {
	share    float64
	most     money.Amount
	currency money.Currency
	slots    chan struct{}
	asked    atomic.Int64
	failed   atomic.Int64

	mu      sync.Mutex
	closed  bool
	waiting map[string]*drawn
	day     string
	spent   money.Amount // on that day, with what is promised
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

// drawn is a request whose answer has ended, and whom to ask it still.
type drawn struct {
	request *llm.Request
	members []llm.Member
	chance  int64
	answers map[string]bool // that were given, to see who agrees
}

func (s *shadows) open(ctx context.Context, store run.Store, c Config) error {
	s.share, s.most, s.currency = min(max(c.Shadow.Share, 0), 1), c.Shadow.MaxDay, c.Currency
	s.slots = make(chan struct{}, atOnce)
	s.waiting = map[string]*drawn{}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.day = run.Day(time.Now())
	spent, err := store.Spent(ctx, run.ShadowAccount, s.day)
	if err != nil {
		return err
	}
	for _, p := range spent {
		if p.In == s.currency && p.Day == s.day {
			s.spent += p.Amount
		}
	}
	return nil
}

func (s *shadows) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
}

// reserve promises an amount of the day's, or says that it is not there.
func (s *shadows) reserve(a money.Amount) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if today := run.Day(time.Now()); today != s.day {
		s.day, s.spent = today, 0
	}
	if a > 0 && s.spent+a > s.most {
		return false
	}
	s.spent += a
	return true
}

func (s *shadows) settle(reserved, used money.Amount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent = max(s.spent+used-reserved, 0)
}

// Watch returns the model with a look at each answer: by chance, some of the
// members that were not asked are asked later. Requests with tools are left
// alone, for calls may act, and so are those that are not to be learned from.
func (l *Learner) Watch(m llm.Member, members []llm.Member) llm.Member {
	if !l.config.Watch || l.shadows.share <= 0 || len(members) < 2 {
		return m
	}
	return &watched{m, members, l}
}

type watched struct {
	llm.Member
	members []llm.Member
	learner *Learner
}

// Unwrap returns the model.
func (w *watched) Unwrap() llm.Member { return w.Member }

// Generate asks the model. The answer goes to the caller as it comes.
func (w *watched) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	id := run.ID(ctx)
	if id == "" || !shadowable(r) {
		return w.Member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, w.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		done, err := llm.Relay(w.Member.Generate(ctx, r), emit)
		if err != nil || done == nil || len(done.Parts) == 0 {
			return done, err
		}
		own := *done
		if own.Unasked = w.draw(id, r, &own); own.Unasked == nil {
			return done, err
		}
		return &own, nil
	})
}

// shadowable reports whether others may be asked the request, too.
func shadowable(r *llm.Request) bool {
	if r.Summit.Unlearned || len(r.Tools) > 0 {
		return false
	}
	for _, k := range []llm.PartKind{llm.PartCall, llm.PartResult, llm.PartImage, llm.PartAudio, llm.PartFile} {
		if r.Has(k) {
			return false
		}
	}
	return true
}

// draw chooses who is asked in the shadow, each by the same chance and by
// itself, and returns all who could have been.
func (w *watched) draw(id string, r *llm.Request, o *llm.Outcome) []llm.Unasked {
	s := &w.learner.shadows
	if len(s.slots) == cap(s.slots) {
		return nil // too busy for any: nobody's chance
	}
	asked := map[string]bool{}
	answers := map[string]bool{}
	for _, leaf := range o.Leaves() {
		asked[leaf.Member] = true
		if leaf.Err == nil && leaf.Answer != "" {
			answers[leaf.Answer] = true
		}
	}
	d := &drawn{chance: int64(s.share * 1e6), answers: answers}
	var all []llm.Unasked
	var promised money.Amount
	for _, m := range w.members {
		card := m.Card()
		if asked[card.Name] || card.Fits(r) != nil {
			continue
		}
		cost, known := s.price(card, r)
		if !known || (cost > 0 && !s.affords(promised+cost)) {
			continue
		}
		promised += cost
		all = append(all, llm.Unasked{Member: card.Name, ChancePPM: d.chance})
		if rand.Float64() < s.share {
			d.members = append(d.members, m)
		}
	}
	if len(d.members) == 0 {
		return all
	}
	own := r.Clone()
	own.Streaming, own.Summit = false, llm.Extension{Question: r.Summit.Question}
	d.request = own
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= maxWaiting {
		return nil
	}
	s.waiting[id] = d
	return all
}

// affords reports whether so much is left of the day's.
func (s *shadows) affords(a money.Amount) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return run.Day(time.Now()) != s.day || s.spent+a <= s.most
}

// price returns what an answer of the usual length costs.
func (s *shadows) price(card *llm.Card, r *llm.Request) (money.Amount, bool) {
	var input int64
	for i := range r.Messages {
		input += llm.EstimateTokens(r.Messages[i].Text())
	}
	p, ok := card.PriceAt(time.Now(), input)
	if !ok || p.Currency != s.currency {
		return 0, false
	}
	a, err := money.Charge(money.Line{Units: input, Rate: p.Input}, money.Line{Units: assumedTokens, Rate: p.Output})
	if err == nil {
		a, err = a.Add(p.Call)
	}
	return a, err == nil
}

// take returns who was drawn for the request; nil = nobody.
func (s *shadows) take(id string) *drawn {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.waiting[id]
	delete(s.waiting, id)
	return d
}

// ask asks those who were drawn, one after the other, in a goroutine of its
// own that Close waits for.
func (s *shadows) ask(l *Learner, e run.Entry, o *llm.Outcome, d *drawn) {
	select {
	case s.slots <- struct{}{}:
	default:
		return // others were quicker; what was drawn is left
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		<-s.slots
		return
	}
	s.running.Go(func() {
		defer func() { <-s.slots }()
		for _, m := range d.members {
			if s.ctx.Err() != nil {
				return
			}
			s.one(l, e, d, m)
		}
	})
}

// one asks one member. Whatever it does, a panic included, nobody else sees.
func (s *shadows) one(l *Learner, e run.Entry, d *drawn, m llm.Member) {
	name := m.Card().Name
	reserved, known := s.price(m.Card(), d.request)
	if !known || !s.reserve(reserved) {
		return
	}
	used := reserved
	defer func() {
		s.settle(reserved, used)
		if p := recover(); p != nil {
			s.failed.Add(1)
			l.config.Logger.Error("learn: a member broke when it was asked in the shadow", "member", name)
		}
	}()
	ctx, stop := context.WithTimeout(s.ctx, patience)
	defer stop()
	s.asked.Add(1)
	reply, err := llm.Collect(m.Generate(ctx, d.request))
	part := llm.Outcome{Member: name}
	if reply != nil && reply.Outcome != nil {
		part = *reply.Outcome
		part.Member = name
	}
	if part.Cost != nil && part.Cost.Currency == s.currency {
		used = part.Cost.Amount
	}
	part.Err = llm.AsError(err)
	if err != nil {
		s.failed.Add(1)
	} else if part.Finish != llm.FinishLength && strings.TrimSpace(reply.Text) != "" {
		if final, ok := answer.Final(reply.Text); ok {
			part.Answer = final.Key
			if len(d.answers) > 0 {
				l.drift.observe(name, Agreement, d.answers[final.Key], l.config.Logger)
			}
		}
	}
	l.AddShadow(e.ID, e.Tenant, &part, d.chance)
}

// Shadowed returns how many members were asked in the shadow since the start,
// how many of them failed, and what today's cost, with what is promised.
func (l *Learner) Shadowed() (asked, failed int64, today money.Amount) {
	s := &l.shadows
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked.Load(), s.failed.Load(), s.spent
}
