package fusion

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"summit/llm"
)

func init() {
	Register("cascade", "cheap members first, until enough of them agree or a judge accepts", newCascade)
}

// CascadeParams are the parameters of cascade. Members are asked one after
// the other in the order of the configuration, cheap ones first. The last is
// the last resort: ties go to the later member, and where Agree answers could
// not be compared at all, as with free text, it answers alone.
type CascadeParams struct {
	Accept    string             `yaml:"accept" json:"accept,omitempty" jsonschema:"enum=agreement,enum=judge" jsonschema_description:"what ends the asking: agreement of the members, or a judge that accepts an answer; empty = agreement"`
	Agree     int                `yaml:"agree" json:"agree,omitempty" jsonschema:"minimum=0" jsonschema_description:"so many equal answers are accepted; 0 = 2"`
	Threshold float64            `yaml:"threshold" json:"threshold,omitempty" jsonschema:"minimum=0" jsonschema_description:"instead of agree: an answer is accepted whose members' weights sum to this; 0 = count by agree"`
	Weights   map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"log-odds of being right, by member; a member that is not named has 1"`
	Judge     string             `yaml:"judge" json:"judge,omitempty" jsonschema_description:"the member that accepts or rejects; only with accept: judge"`
	Budget    Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// cascade asks members one after the other.
type cascade struct {
	*base
	climb climb
}

func newCascade(env Env, p CascadeParams) (llm.Member, error) {
	b, err := newBase("cascade", env, needsOne, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	c := &cascade{base: b, climb: climb{agree: p.Agree, threshold: p.Threshold}}
	switch p.Accept {
	case "", "agreement":
		if p.Judge != "" {
			return nil, b.errorf("judge: %q has nothing to judge where accept is agreement", clip(p.Judge))
		}
	case "judge":
		if p.Judge == "" {
			return nil, b.errorf("judge: none, want a member's name where accept is judge")
		}
	default:
		return nil, b.errorf("accept: %q, want agreement or judge", clip(p.Accept))
	}
	if c.climb.judge, err = b.helper("judge", p.Judge); err != nil {
		return nil, err
	}
	if err := c.climb.check(b); err != nil {
		return nil, err
	}
	c.climb.blind = c.climb.agree
	return c, nil
}

// Generate asks one member after the other.
func (c *cascade) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return c.stream(ctx, r, func(ctx context.Context, w *work) error {
		seats, err := w.fitting()
		if err != nil {
			return err
		}
		if toolWork(r) {
			return w.one(ctx, strongest(seats), "tool calls can't be compared")
		}
		return w.climb(ctx, seats, c.climb)
	})
}

// strongest returns the seats of a cascade from the heaviest down, of equals
// the last first.
func strongest(seats []*seat) []*seat {
	seats = slices.Clone(seats)
	slices.Reverse(seats)
	return heaviest(seats)
}

// climb says what ends a cascade.
type climb struct {
	agree     int
	threshold float64 // 0 = count by agree
	judge     *seat   // nil = agreement
	blind     int     // so many answers, none of which can be compared, and the last resort answers
}

func (c *climb) check(b *base) error {
	if c.agree < 0 || c.agree > len(b.seats) {
		return b.errorf("agree: %d, want 1 to %d, as many as there are members", c.agree, len(b.seats))
	}
	if c.agree == 0 {
		c.agree = 2
	}
	if !(c.threshold >= 0) || math.IsInf(c.threshold, 0) {
		return b.errorf("threshold: %v, want zero or more", c.threshold)
	}
	return nil
}

// accepts reports whether enough members are behind the best answer.
func (c *climb) accepts(best *class) bool {
	if c.threshold > 0 {
		return best.sum >= c.threshold-slack
	}
	return best.size >= c.agree
}

// climb asks the seats in order, on the calling goroutine, until an answer is
// accepted, none of the others can change the choice, or all were asked.
func (w *work) climb(ctx context.Context, seats []*seat, c climb) error {
	replies := make([]reply, 0, len(seats))
	var classes []class
	plain, blind, why := false, 0, "" // there is an answer to compare; answers that can't be
	end := w.phase(1)
	nested := slices.ContainsFunc(seats, func(m *seat) bool { return m.strategy })
	s := scope{stop: func() {}}
	defer func() { s.stop() }()
	for i, m := range seats {
		if ctx.Err() != nil {
			break
		}
		now := time.Now()
		left := end.Sub(now)
		if left <= 0 {
			w.note("the time limit passed before %s was asked", seatNames(seats[i:]))
			break
		}
		// Half of the time that is left for each but the last, so that one
		// that hangs leaves time for the next. A new timer only where the
		// old one has gone too far: it costs as much as a fast member.
		if last := i+1 == len(seats); last || s.until.Sub(now) < left/4 {
			until := end
			if !last {
				until = now.Add(left / 2)
			}
			s.stop()
			s = w.scope(ctx, until, nested)
		}
		replies = append(replies, w.put(&s, ask{seat: m, r: w.r}))
		rep := &replies[len(replies)-1]
		if !rep.answered() {
			continue
		}
		if c.judge != nil && i+1 < len(seats) {
			accepted, err := w.accepted(ctx, c.judge, rep, end)
			if accepted {
				rep.part.WeightPPM = ppm
				w.out.Reason = c.judge.name + " accepts " + m.name + "'s answer"
				w.out.Stop = "the judge accepts"
				w.out.Model, w.out.Finish, w.out.Answer = rep.part.Model, rep.part.Finish, rep.key
				w.say(rep)
				return nil
			}
			if err == nil {
				continue
			}
			w.note("the judge %s was no help, agreement decides: %s", c.judge.name, err.Message)
			c.judge = nil
		}
		classes = tally(replies, true, classes[:0])
		accepted := len(classes) > 0 && c.judge == nil && c.accepts(&classes[0])
		if rep.key != "" && !rep.prose {
			plain = true
		} else if blind++; !plain && !accepted && blind >= c.blind && i+1 < len(seats) {
			return w.lastResort(ctx, seats[i+1:], replies)
		}
		coming := 0.0
		for _, m := range seats[i+1:] {
			coming += m.weight
		}
		if accepted || (c.judge == nil && settled(classes, coming)) {
			w.out.Stop = "enough members agree"
			if !accepted {
				w.out.Stop = "no answer that is missing could change the choice"
			}
			if i+1 < len(seats) {
				why = fmt.Sprintf("; %d not asked", len(seats)-i-1)
			}
			break
		}
	}
	if w.out.Stop == "" {
		w.out.Stop = "all were asked"
		if time.Until(end) <= 0 {
			w.out.Stop = "the time limit has passed"
		}
	}
	return w.conclude(replies, why)
}

// conclude decides a cascade among what was answered.
func (w *work) conclude(replies []reply, why string) error {
	if !slices.ContainsFunc(replies, func(r reply) bool { return r.answered() }) {
		return failed(failures(replies))
	}
	d := w.decide(replies, true)
	w.out.Reason = d.why + why
	w.use(d)
	w.say(d.winner)
	return nil
}

// accepted asks the judge about one answer, for half of the time until end at
// most.
func (w *work) accepted(ctx context.Context, judge *seat, rep *reply, end time.Time) (bool, *llm.Error) {
	now := time.Now()
	text, err := w.verdict(ctx, w.judgement(taskCheck, judge, nil, []string{rep.text}), now.Add(end.Sub(now)/2))
	if err != nil {
		return false, err
	}
	accept, ok := readAccept(text)
	if !ok {
		return false, unread(text)
	}
	return accept, nil
}

// lastResort streams the answer of the strongest of the seats that are left,
// as it comes: nothing could be compared, so asking more of them gains
// nothing. What was answered before is used where all of them fail.
func (w *work) lastResort(ctx context.Context, seats []*seat, before []reply) error {
	seats = strongest(seats)
	// A recording that has no answer is not out of order: asked for a recorded
	// question, everybody stays in, so that results never depend on timing.
	live := !w.recorded()
	if live {
		var left string
		if seats, left = w.cool.order(seats, time.Now()); left != "" {
			w.note("%s", left)
		}
	}
	const why = "the answers can't be compared"
	w.progress(seats[0].name, llm.StateAsked, why)
	by, part, err := w.relay(ctx, seats, w.r, pass{peek: true, thoughts: true, first: w.firstContent(0), cool: live})
	if part == nil {
		e := llm.AsError(err)
		w.progress(seats[0].name, llm.StateFailed, string(e.Kind))
		w.note("the last resort failed: %s", e.Public())
		return w.conclude(before, "")
	}
	w.adopt(part)
	w.because(why + ": " + by.name + ", the strongest left, answers")
	w.out.Stop = why
	return err
}

// Quote returns what all members may cost, and a judge's look at each answer.
func (c *cascade) Quote(r *llm.Request) (*llm.Cost, error) {
	all := c.quotes(r, 1, 0)
	if j := c.climb.judge; j != nil {
		for _, s := range c.seats[1:] {
			all = append(all, worst(j.member, j.card, r, outputTokens(s.card, r)))
		}
	}
	return sum(all...), nil
}
