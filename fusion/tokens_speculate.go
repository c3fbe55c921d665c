package fusion

import (
	"context"
	"math"

	"summit/llm"
)

// checker returns the member that checks what the draft proposes.
func (g *writing) checker() *writer {
	if g.members[0].ask.seat == g.t.draft {
		return g.members[1]
	}
	return g.members[0]
}

// speculate lets the small member propose tokens that the big one checks all
// at once. What is written is distributed as if the big one wrote alone, with
// the request's sampling: a proposed token x is taken with probability
// min(1, p(x)/q(x)), where q is what it was drawn from; else one is drawn from
// what p has more than q. Source: Leviathan et al. 2022, arXiv:2211.17192.
//
// With different vocabularies q has only the draft's tokens that the other has
// too, as its own. Source: Timor et al. 2025, arXiv:2502.05202, token-level
// intersection.
func (g *writing) speculate(ctx context.Context) error {
	big, small := g.checker(), g.members[0]
	if small == big {
		small = g.members[1]
	}
	d := &drafting{writing: g, big: big, small: small, row: big.session.Logits(), guess: small.session.Logits()}
	d.pairs, d.back = g.t.pairs(small.lex, big.lex)
	d.p = make([]float64, big.lex.vocab.Len())
	g.lex, g.same = big.lex, true // steps are the big one's tokens
	for g.ended == "" {
		if err := d.round(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drafting is a speculation at work.
type drafting struct {
	*writing
	big, small  *writer
	pairs, back []int32 // the big one's token by the small one's, and the other way; -1 = it has none
	row         []float32
	guess       []float32 // the small one's logits after the text; nil = not computed
	unread      []int     // the big one's tokens at the end of the text that the small one has not seen
	quit        bool      // the small one failed: the big one goes on alone
	length      int       // of the answer, in tokens

	p       []float64   // reused
	own     []float64   // the small one's distribution over its own tokens, where they differ
	q       [][]float64 // what each proposal was drawn from; reused
	guesses [][]float32 // the logits that these are of
}

// pairing is which tokens two vocabularies have in common.
type pairing struct{ pairs, back []int32 }

// pairs finds the tokens that both vocabularies have.
func (t *tokens) pairs(small, big *lexicon) (pairs, back []int32) {
	key := [2]uint64{small.print, big.print}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.paired[key]; ok {
		return known.pairs, known.back
	}
	pairs, back = make([]int32, small.vocab.Len()), make([]int32, big.vocab.Len())
	for _, list := range [][]int32{pairs, back} {
		for i := range list {
			list[i] = -1
		}
	}
	join := func(s, b int32) { pairs[s], back[b] = b, s }
	if small.print == big.print {
		for _, list := range [][]int32{small.ids, small.ends} {
			for _, id := range list {
				join(id, id)
			}
		}
	} else {
		byText := make(map[string]int32, len(big.ids))
		for i := len(big.ids) - 1; i >= 0; i-- {
			byText[string(big.text[i])] = big.ids[i]
		}
		for i := len(small.ids) - 1; i >= 0; i-- {
			if b, ok := byText[string(small.text[i])]; ok {
				join(small.ids[i], b)
			}
		}
		if len(small.ends) > 0 && len(big.ends) > 0 {
			join(small.ends[0], big.ends[0])
		}
	}
	if t.paired == nil {
		t.paired = map[[2]uint64]pairing{}
	}
	t.paired[key] = pairing{pairs, back}
	return pairs, back
}

// round proposes, checks and writes what was taken, and one token more.
func (d *drafting) round(ctx context.Context) error {
	proposed, read, err := d.propose(ctx)
	if err != nil {
		return err
	}
	check := proposed
	if n := len(check); n > 0 && d.big.lex.vocab.End(check[n-1]) {
		check = check[:n-1] // nothing comes after it
	}
	before := d.big.session.Len()
	var rows [][]float32
	if len(check) > 0 {
		if rows, err = d.big.session.Append(ctx, check); err != nil {
			return err
		}
	}
	d.proposed += len(proposed)
	taken := 0
	refused := false
	for i, x := range proposed {
		d.distribution(d.p, d.row, d.big.lex)
		if q := d.q[i]; d.choose.rng.Float64()*q[x] >= d.p[x] {
			for j := range d.p {
				d.p[j] = max(d.p[j]-q[j], 0)
			}
			refused = true
			break
		}
		d.accepted++
		taken++
		over := d.emit(x, d.guesses[i])
		if i < len(rows) {
			d.row = rows[i]
		}
		if over {
			break
		}
	}
	if !d.quit && taken < read {
		d.small.session.Truncate(d.small.session.Len() - read + taken)
	} else if !d.quit {
		d.unread = append(d.unread, proposed[read:taken]...)
	}
	if d.big.session.Len() > before+taken {
		d.big.session.Truncate(before + taken)
	}
	if d.ended != "" {
		return nil
	}
	if !refused {
		d.distribution(d.p, d.row, d.big.lex)
	}
	x := d.choose.draw(d.p)
	if x < 0 {
		d.ended = llm.FinishStop
		d.note("no token can follow")
		return nil
	}
	var guess []float32
	if taken < len(d.guesses) {
		guess = d.guesses[taken]
	}
	if d.emit(x, guess) {
		return nil
	}
	if !d.quit {
		d.unread = append(d.unread, x)
	}
	rows, err = d.big.session.Append(ctx, []int{x})
	if err != nil {
		return err
	}
	d.row = rows[0]
	return nil
}

// propose draws tokens from the small member, as the big one's. Of these it
// has read so many in its own session.
func (d *drafting) propose(ctx context.Context) (proposed []int, read int, err error) {
	d.guesses = d.guesses[:0]
	if d.quit {
		return nil, 0, nil
	}
	most := d.t.settings.DraftTokens
	if d.limit > 0 {
		most = min(most, d.limit-d.length-1)
	}
	failed := func(err error) ([]int, int, error) {
		if ctx.Err() != nil {
			return nil, 0, err
		}
		d.quit = true
		d.note("%s no longer proposes: %s", d.small.part.Member, llm.AsError(err).Kind)
		return proposed[:read:read], read, nil
	}
	if ids := d.missed(); len(ids) > 0 && most > 0 {
		rows, err := d.small.session.Append(ctx, ids)
		if err != nil {
			return failed(err)
		}
		d.guess, d.unread = rows[len(rows)-1], nil
	}
	for len(proposed) < most {
		i := len(proposed)
		if i == len(d.q) {
			d.q = append(d.q, make([]float64, len(d.p)))
		}
		if !d.mapped(d.q[i], d.guess) {
			break // nothing that it expects is a token of the other
		}
		x := d.choose.draw(d.q[i])
		d.guesses = append(d.guesses, d.guess)
		proposed = append(proposed, x)
		if len(proposed) == most || d.big.lex.vocab.End(x) {
			break
		}
		rows, err := d.small.session.Append(ctx, []int{int(d.back[x])})
		if err != nil {
			return failed(err)
		}
		d.guess = rows[0]
		read++
	}
	return proposed, read, nil
}

// missed returns what the small member has not read, in its own tokens.
func (d *drafting) missed() []int {
	var ids []int
	for _, x := range d.unread {
		if s := d.back[x]; s >= 0 {
			ids = append(ids, int(s))
			continue
		}
		b := d.big.lex.vocab.Bytes(x)
		if e, ok := d.small.lex.vocab.(llm.Encoder); ok {
			ids = append(ids, e.Encode(string(b), false)...)
		} else {
			ids = append(ids, d.small.lex.encode(b)...)
		}
	}
	return ids
}

// distribution writes what the sampler would draw from.
func (d *drafting) distribution(dst []float64, logits []float32, lex *lexicon) {
	if d.choose.filter.temperature == 0 {
		clear(dst)
		best := int32(-1)
		for _, list := range [][]int32{lex.ids, lex.ends} {
			for _, id := range list {
				if v := logits[id]; v == v && (best < 0 || v > logits[best] || v == logits[best] && id < best) {
					best = id
				}
			}
		}
		if best >= 0 {
			dst[best] = 1
		}
		return
	}
	softmax(dst, logits, lex)
	d.choose.filter.warm(dst)
}

// mapped writes what the small member would draw from, of the tokens that the
// big one has; it is false where there are none.
func (d *drafting) mapped(dst []float64, logits []float32) bool {
	own := dst
	if d.small.lex.print != d.big.lex.print {
		if len(d.own) == 0 {
			d.own = make([]float64, d.small.lex.vocab.Len())
		}
		own = d.own
	}
	d.distribution(own, logits, d.small.lex)
	if len(d.own) > 0 {
		clear(dst)
		for s, b := range d.pairs {
			if b >= 0 {
				dst[b] = own[s]
			}
		}
		scaleTo1(dst)
	}
	return likeliest(dst) >= 0
}

// emit writes a token and takes down what both expected of it; true = the
// answer is over. guess is the small one's logits before it; nil = unknown.
func (d *drafting) emit(x int, guess []float32) bool {
	d.length++
	big, small := logprob(d.row, d.big.lex, x), math.NaN()
	if guess != nil && d.back[x] >= 0 {
		small = logprob(guess, d.small.lex, int(d.back[x]))
	}
	at := 0
	if d.members[1] == d.big {
		at = 1
	}
	logs := make([]float64, 2)
	logs[at], logs[1-at] = big, small
	d.steps.alone(at, logs)
	if d.lex.vocab.End(x) {
		d.ended = llm.FinishStop
		return true
	}
	b := d.lex.vocab.Bytes(x)
	token := llm.TokenLogprob{Token: string(b), Bytes: b, Logprob: big}
	if d.work.r.Logprobs && d.work.r.TopLogprobs > 0 {
		plain := make([]float64, len(d.p))
		softmax(plain, d.row, d.big.lex)
		token.Top = d.top(plain, d.work.r.TopLogprobs)
	}
	d.scribe.write(b, big, &token)
	switch {
	case d.over:
		d.ended = llm.FinishStop
	case d.limit > 0 && d.length >= d.limit:
		d.ended = llm.FinishLength
	}
	return d.ended != ""
}

// logprob is the logarithm of a token's probability among those that count.
func logprob(logits []float32, lex *lexicon, x int) float64 {
	top := math.Inf(-1)
	for _, list := range [][]int32{lex.ids, lex.ends} {
		for _, id := range list {
			if v := float64(logits[id]); v > top {
				top = v
			}
		}
	}
	sum := 0.0
	for _, list := range [][]int32{lex.ids, lex.ends} {
		for _, id := range list {
			if v := float64(logits[id]); v == v {
				sum += math.Exp(v - top)
			}
		}
	}
	return float64(logits[x]) - top - math.Log(sum)
}
