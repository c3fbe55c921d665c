package fusion

import (
	"context"
	"fmt"

	"summit/llm"
)

func init() {
	Register("vote", "all members answer at once; the answer with the greatest weight wins", newVote)
}

// VoteParams are the parameters of vote. Final answers are compared in their
// normal form. Where none can be compared, as with free text, Judge puts
// answers that say the same together; without a judge the heaviest member's
// answer is taken.
//
// Members whose votes can't change the winner any more are stopped, so who is
// asked to the end depends on who is fast. A recorded question is answered by
// recordings, at once: there the vote waits for all, so that an evaluation
// comes out the same each time.
type VoteParams struct {
	Weights map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"log-odds of being right, by member; a member that is not named has 1"`
	Judge   string             `yaml:"judge" json:"judge,omitempty" jsonschema_description:"the member that finds out which free texts say the same; empty = none"`
	Budget  Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// vote asks all members in parallel.
type vote struct {
	*base
	judge *seat // nil = none
}

func newVote(env Env, p VoteParams) (llm.Member, error) {
	b, err := newBase("vote", env, needsAll, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	judge, err := b.helper("judge", p.Judge)
	if err != nil {
		return nil, err
	}
	return &vote{b, judge}, nil
}

// Generate asks all members and sends the winner's text.
func (v *vote) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return v.stream(ctx, r, v.answer)
}

func (v *vote) answer(ctx context.Context, w *work) error {
	seats, err := w.fitting()
	if err != nil {
		return err
	}
	if toolWork(w.r) {
		return w.one(ctx, heaviest(seats), "tool calls can't be put to the vote")
	}
	var judge *hold
	if v.judge != nil {
		held, denied := w.hold(v.judge)
		if denied != nil {
			w.note("no call is left for the judge %s: %s", v.judge.name, denied.Message)
		}
		judge = held
		defer judge.release()
	}
	// With a judge the time is shared: it comes into play where texts can't
	// be compared, and that is only known in the end.
	until := w.phase(1)
	if judge != nil {
		until = w.phase(0.75)
	}
	replies := w.council(ctx, w.proposals(seats, w.r), until, w.enough(seats, judge != nil))
	answered, comparable := 0, 0
	for i := range replies {
		if replies[i].answered() {
			answered++
		}
		if replies[i].key != "" && !replies[i].prose {
			comparable++
		}
	}
	if answered == 0 {
		return failed(failures(replies))
	}
	w.cutShort(replies)
	var d decision
	if judge != nil && answered > 1 && 2*comparable < answered && ctx.Err() == nil {
		d = v.equivalence(ctx, w, judge, replies)
	} else {
		d = w.decide(replies, false)
	}
	w.out.Reason = d.why
	w.use(d)
	w.say(d.winner)
	return nil
}

// enough returns what stops a council early: the votes that are still to come
// can't change the winner. It is nil where all are waited for.
func (w *work) enough(seats []*seat, judged bool) func([]reply) bool {
	if w.recorded() {
		return nil
	}
	var classes []class
	return func(replies []reply) bool {
		coming, comparable := 0.0, 0
		for i := range replies {
			if replies[i].part == nil && replies[i].err == nil {
				coming += seats[i].weight
			}
			if replies[i].key != "" && !replies[i].prose {
				comparable++
			}
		}
		if judged && 2*comparable < len(seats) {
			return false // the judge may have to decide
		}
		classes = tally(replies, false, classes[:0])
		return settled(classes, coming)
	}
}

// cutShort notes who was not waited for and who was too late.
func (w *work) cutShort(replies []reply) {
	early, late := 0, 0
	for i := range replies {
		switch e := replies[i].err; {
		case e == nil:
		case e.Message == errDecided.Message && e.Kind == llm.Canceled:
			early++
		case e.Message == errLate.Message && e.Kind == llm.Timeout:
			late++
		}
	}
	if early > 0 {
		w.note("decided before the other %d had answered", early)
	}
	if late > 0 {
		w.note("%d had not answered within the time limit", late)
	}
}

// equivalence lets the judge put answers that say the same into classes and
// takes the class with the greatest weight, in the words of its heaviest member.
func (v *vote) equivalence(ctx context.Context, w *work, h *hold, replies []reply) decision {
	var at []int
	var texts []string
	for i := range replies {
		if replies[i].answered() && len(at) < maxCandidates {
			at = append(at, i)
			texts = append(texts, replies[i].text)
		}
	}
	text, err := w.verdict(ctx, w.judgement(taskGroup, v.judge, h, texts), w.phase(1))
	if err == nil {
		groups, ok := readGroups(text, len(at))
		if ok {
			classed := make([]reply, len(replies))
			for c, i := range at {
				classed[i] = replies[i]
				classed[i].key, classed[i].class = letter(groups[c]), ""
			}
			d := w.decide(classed, false)
			d.why = fmt.Sprintf("%s finds %d of %d answers saying the same", v.judge.name, d.classes[0].size, len(at))
			d.winner.key = ""
			return d
		}
		err = unread(text)
	}
	d := w.decide(replies, false)
	d.why += "; the judge " + v.judge.name + " was no help: " + err.Message
	return d
}

// Quote returns what all members and the judge may cost.
func (v *vote) Quote(r *llm.Request) (*llm.Cost, error) {
	all := v.quotes(r, 1, 0)
	if v.judge != nil {
		all = append(all, worst(v.judge.member, v.judge.card, r, v.answersTokens(r)))
	}
	return sum(all...), nil
}
