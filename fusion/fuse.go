package fusion

import (
	"context"
	"fmt"
	"slices"

	"summit/llm"
)

func init() {
	Register("fuse", "all members propose, one of them writes the answer out of the proposals", newFuse)
}

// FuseParams are the parameters of fuse.
type FuseParams struct {
	Aggregator string             `yaml:"aggregator" json:"aggregator,omitempty" jsonschema_description:"the member that writes the answer; empty = the heaviest member, the first of equals"`
	Rounds     int                `yaml:"rounds" json:"rounds,omitempty" jsonschema:"minimum=0,maximum=3" jsonschema_description:"rounds of proposals; from the second on the members see the proposals of the round before; 0 = 1"`
	Weights    map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"for the vote where the aggregator fails: log-odds of being right, by member; a member that is not named has 1"`
	Budget     Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// maxRounds bounds FuseParams.Rounds: each multiplies the calls, and little
// is gained after the second.
const maxRounds = 3

// fuse asks all members in parallel and lets an aggregator write one answer,
// which streams as it is written. Of the answer's shares the aggregator has
// half, for it wrote it; the proposals that were read share the other half by
// weight.
type fuse struct {
	*base
	aggregator *seat
	rounds     int
}

func newFuse(env Env, p FuseParams) (llm.Member, error) {
	b, err := newBase("fuse", env, needsAll, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	if p.Rounds < 0 || p.Rounds > maxRounds {
		return nil, b.errorf("rounds: %d, want 1 to %d", p.Rounds, maxRounds)
	}
	f := &fuse{base: b, aggregator: heaviest(b.seats)[0], rounds: max(p.Rounds, 1)}
	if p.Aggregator != "" {
		if f.aggregator, err = b.helper("aggregator", p.Aggregator); err != nil {
			return nil, err
		}
	}
	b.card.Logprobs = f.aggregator.card.Logprobs
	return f, nil
}

// Generate asks all members and streams the aggregator's answer.
func (f *fuse) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return f.stream(ctx, r, f.answer)
}

func (f *fuse) answer(ctx context.Context, w *work) error {
	seats, err := w.fitting()
	if err != nil {
		return err
	}
	if toolWork(w.r) {
		seats = toFront(heaviest(seats), f.aggregator.name)
		return w.one(ctx, seats, "tool calls can't be fused")
	}
	aggregator, denied := w.hold(f.aggregator)
	defer aggregator.release()
	proposals, read := f.propose(ctx, w, seats)
	if len(read) == 0 {
		return failed(failures(proposals))
	}
	w.cutShort(proposals)
	failure := denied
	if denied == nil && ctx.Err() == nil {
		r := w.fuseRequest(texts(shuffled(w.r, proposals)))
		if failure = f.aggregator.card.Fits(r); failure == nil {
			aggregator.release()
			w.progress(f.aggregator.name, llm.StateFusing, fmt.Sprintf("%d answers", countAnswered(proposals)))
			_, part, err := w.relay(ctx, []*seat{f.aggregator}, r, pass{peek: true, first: w.firstContent(0)})
			if part != nil {
				part.Reason = "aggregator"
				part.WeightPPM = ppm / 2
				share(ppm/2, read)
				w.out.Model, w.out.Finish = part.Model, part.Finish
				w.because(fmt.Sprintf("%s wrote the answer out of %d of %d proposals", f.aggregator.name, countAnswered(proposals), len(proposals)))
				return err
			}
			failure = llm.AsError(err)
			w.progress(f.aggregator.name, llm.StateFailed, string(failure.Kind))
		}
	}
	d := w.decide(proposals, false)
	w.out.Reason = d.why
	if failure != nil {
		w.because("the aggregator " + f.aggregator.name + " failed: " + string(failure.Kind))
	}
	w.use(d)
	w.say(d.winner)
	return nil
}

// propose runs the rounds. It returns the replies of the last round that had
// an answer, and the answers of all rounds.
func (f *fuse) propose(ctx context.Context, w *work, seats []*seat) (last []reply, read []*reply) {
	r := w.r
	for round := 1; round <= f.rounds; round++ {
		if round > 1 {
			r = w.fuseRequest(texts(shuffled(w.r, last)))
		}
		// The rounds that are left and the aggregator share the time alike.
		replies := w.council(ctx, w.proposals(seats, r), w.phase(1/float64(f.rounds-round+2)), nil)
		if countAnswered(replies) == 0 {
			if round > 1 {
				w.note("nobody answered in round %d", round)
				break
			}
			return replies, nil
		}
		last = replies
		for i := range replies {
			if replies[i].answered() {
				if w.r.Summit.Proposals {
					replies[i].part.Proposal = replies[i].text
				}
				read = append(read, &replies[i])
			}
		}
	}
	return last, read
}

func countAnswered(replies []reply) int {
	n := 0
	for i := range replies {
		if replies[i].answered() {
			n++
		}
	}
	return n
}

// fuseRequest returns the request with the candidates behind its last user
// message. It is no recorded question any more.
func (w *work) fuseRequest(candidates []string) *llm.Request {
	c := w.r.Clone()
	c.Summit = llm.Extension{}
	text := prompt(taskFuse, "", candidates)
	if last := &c.Messages[len(c.Messages)-1]; last.Role == llm.RoleUser {
		last.Parts = append(slices.Clip(last.Parts), llm.Part{Kind: llm.PartText, Text: "\n\n" + text})
	} else {
		c.Messages = append(c.Messages, llm.Text(llm.RoleUser, text))
	}
	return c
}

// Quote returns what all rounds and the aggregator may cost.
func (f *fuse) Quote(r *llm.Request) (*llm.Cost, error) {
	more := f.answersTokens(r)
	all := f.quotes(r, 1, 0)
	if f.rounds > 1 {
		all = append(all, f.quotes(r, f.rounds-1, more)...)
	}
	return sum(append(all, worst(f.aggregator.member, f.aggregator.card, r, more))...), nil
}
