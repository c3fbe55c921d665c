package fusion

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"summit/llm"
)

func init() {
	Register("rank", "all members answer; a judge picks the best answer, which is returned word for word", newRank)
}

// RankParams are the parameters of rank.
type RankParams struct {
	Judge   string             `yaml:"judge" json:"judge" jsonschema:"required" jsonschema_description:"the member that picks; it sees no names"`
	Mode    string             `yaml:"mode" json:"mode,omitempty" jsonschema:"enum=listwise,enum=pairwise" jsonschema_description:"listwise = one look at all; pairwise = the best so far against the next, each pair in both orders; empty = listwise"`
	Weights map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"for ties, and for the vote where the judge fails: log-odds of being right, by member; a member that is not named has 1"`
	Budget  Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// rank asks all members in parallel and a judge for the best answer.
type rank struct {
	*base
	judge    *seat
	pairwise bool
}

func newRank(env Env, p RankParams) (llm.Member, error) {
	b, err := newBase("rank", env, needsAll, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	if p.Judge == "" {
		return nil, b.errorf("judge: none, want a member's name")
	}
	if p.Mode != "" && p.Mode != "listwise" && p.Mode != "pairwise" {
		return nil, b.errorf("mode: %q, want listwise or pairwise", clip(p.Mode))
	}
	judge, err := b.helper("judge", p.Judge)
	if err != nil {
		return nil, err
	}
	return &rank{b, judge, p.Mode == "pairwise"}, nil
}

// Generate asks all members and sends the best answer.
func (k *rank) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return k.stream(ctx, r, k.answer)
}

func (k *rank) answer(ctx context.Context, w *work) error {
	seats, err := w.fitting()
	if err != nil {
		return err
	}
	if toolWork(w.r) {
		return w.one(ctx, heaviest(seats), "tool calls can't be ranked")
	}
	judge, denied := w.hold(k.judge)
	defer judge.release()
	replies := w.council(ctx, w.proposals(seats, w.r), w.phase(0.6), nil)
	candidates := shuffled(w.r, replies)
	if len(candidates) == 0 {
		return failed(failures(replies))
	}
	w.cutShort(replies)
	var best *reply
	var why string
	failure := denied
	if denied == nil && len(candidates) > 1 && ctx.Err() == nil {
		if k.pairwise {
			best, why, failure = k.knockout(ctx, w, judge, candidates)
		} else {
			best, why, failure = k.listwise(ctx, w, judge, candidates)
		}
	}
	d := decision{winner: best, why: why}
	if best != nil {
		best.part.WeightPPM = ppm
	} else {
		d = w.decide(replies, false)
		if failure != nil {
			d.why += "; the judge " + k.judge.name + " was no help: " + failure.Message
		}
	}
	w.out.Reason = d.why
	w.use(d)
	w.say(d.winner)
	return nil
}

// shuffled returns the answers, in an order that depends on the request and
// says nothing of who wrote them or when they came.
func shuffled(r *llm.Request, replies []reply) []*reply {
	type card struct {
		rep *reply
		at  uint64
	}
	var deck []card
	seed := hash(question(r))
	for i := range replies {
		if replies[i].answered() {
			deck = append(deck, card{&replies[i], hash(fmt.Sprint(seed), fmt.Sprint(i), replies[i].seat.name)})
		}
	}
	slices.SortStableFunc(deck, func(a, b card) int { return cmp.Compare(a.at, b.at) })
	var all []*reply
	for _, c := range deck[:min(len(deck), maxCandidates)] {
		all = append(all, c.rep)
	}
	return all
}

// texts returns what the candidates say.
func texts(candidates []*reply) []string {
	all := make([]string, len(candidates))
	for i, c := range candidates {
		all[i] = c.text
	}
	return all
}

// listwise shows the judge all candidates at once.
func (k *rank) listwise(ctx context.Context, w *work, h *hold, candidates []*reply) (*reply, string, *llm.Error) {
	text, err := w.verdict(ctx, w.judgement(taskRank, k.judge, h, texts(candidates)), w.phase(1))
	if err != nil {
		return nil, "", err
	}
	i, ok := readBest(text, len(candidates))
	if !ok {
		return nil, "", unread(text)
	}
	return candidates[i], fmt.Sprintf("%s picks %s's answer out of %d", k.judge.name, candidates[i].seat.name, len(candidates)), nil
}

// knockout lets the best so far meet the next candidate, each pair in both
// orders: judges favour a place. Where the two verdicts differ, the heavier
// member wins, then the one configured first. Where the judge fails after a
// match, who leads by then is the best.
func (k *rank) knockout(ctx context.Context, w *work, h *hold, candidates []*reply) (*reply, string, *llm.Error) {
	best := candidates[0]
	for i, next := range candidates[1:] {
		winner, err := k.match(ctx, w, h, best, next)
		if err != nil && i == 0 {
			return nil, "", err
		}
		if err != nil {
			w.note("%d of %d candidates were not compared: %s", len(candidates)-1-i, len(candidates), err.Message)
			break
		}
		best = winner
	}
	return best, fmt.Sprintf("%s prefers %s's answer out of %d, in pairs", k.judge.name, best.seat.name, len(candidates)), nil
}

func (k *rank) match(ctx context.Context, w *work, h *hold, a, b *reply) (*reply, *llm.Error) {
	asks := []ask{
		w.judgement(taskRank, k.judge, h, []string{a.text, b.text}),
		w.judgement(taskRank, k.judge, nil, []string{b.text, a.text}),
	}
	if e := k.judge.card.Fits(asks[0].r); e != nil {
		return nil, e
	}
	verdicts := w.council(ctx, asks, w.phase(0.5), nil)
	var won [2]*reply
	for i, pair := range [][]*reply{{a, b}, {b, a}} {
		if verdicts[i].err != nil {
			return nil, verdicts[i].err
		}
		at, ok := readBest(verdicts[i].text, 2)
		if !ok {
			return nil, unread(verdicts[i].text)
		}
		won[i] = pair[at]
	}
	switch {
	case won[0] == won[1]:
		return won[0], nil
	case a.seat.weight != b.seat.weight:
		if a.seat.weight > b.seat.weight {
			return a, nil
		}
		return b, nil
	case slices.Index(k.seats, b.seat) < slices.Index(k.seats, a.seat):
		return b, nil
	}
	return a, nil
}

// Quote returns what all members and the judge may cost.
func (k *rank) Quote(r *llm.Request) (*llm.Cost, error) {
	all := k.quotes(r, 1, 0)
	look := worst(k.judge.member, k.judge.card, r, k.answersTokens(r))
	times := 1
	if k.pairwise {
		times = max(1, 2*(len(k.seats)-1))
	}
	for range times {
		all = append(all, look)
	}
	return sum(all...), nil
}
