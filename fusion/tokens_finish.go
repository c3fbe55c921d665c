package fusion

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"summit/llm"
)

// spell sends the symbol as text. p is the distribution it is from.
func (g *writing) spell(symbol int, p []float64) {
	logprob := math.Log(p[symbol])
	if !g.same {
		g.scribe.write([]byte{byte(symbol)}, logprob, nil)
		return
	}
	b := g.lex.vocab.Bytes(symbol)
	token := llm.TokenLogprob{Token: string(b), Bytes: b, Logprob: logprob}
	if g.work.r.Logprobs {
		token.Top = g.top(p, g.work.r.TopLogprobs)
	}
	g.scribe.write(b, logprob, &token)
}

// top returns the likeliest tokens, best first.
func (g *writing) top(p []float64, n int) []llm.TokenLogprob {
	const most = 20
	n = min(n, most)
	var ids []int
	for id, v := range p {
		if v <= 0 || len(ids) == n && (n == 0 || v <= p[ids[n-1]]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(ids, v, func(i int, v float64) int {
			if p[i] >= v {
				return -1
			}
			return 1
		})
		if ids = slices.Insert(ids, at, id); len(ids) > n {
			ids = ids[:n]
		}
	}
	var out []llm.TokenLogprob
	for _, id := range ids {
		b := g.lex.vocab.Bytes(id)
		out = append(out, llm.TokenLogprob{Token: string(b), Bytes: b, Logprob: math.Log(p[id])})
	}
	return out
}

// close frees the sessions.
func (g *writing) close() {
	for _, m := range g.members {
		if m.session != nil {
			m.session.Close()
		}
	}
}

// finish ends the answer: what each member used, what is due to it, and why.
func (g *writing) finish(ctx context.Context, err error) error {
	late := err != nil && ctx.Err() == nil && g.late()
	if known := llm.AsError(err); known != nil && known.Kind == llm.TooLong && g.steps.n > 0 {
		err, g.ended = nil, llm.FinishLength
		g.note("the window is full")
	}
	if late && g.steps.n > 0 {
		err, g.ended = nil, llm.FinishLength
		g.note("the time limit has passed")
	}
	if err == nil {
		g.scribe.end()
	}
	var parts []*llm.Outcome
	for _, m := range g.members {
		m.part.Took = time.Since(g.start)
		if m.part.Err == nil {
			m.part.Finish = g.ended
		}
		if m.remote != nil { // its calls are settled one by one
			calls := llm.Outcome{Parts: m.remote.parts}
			calls.SumParts()
			m.part.Usage, m.part.Cost, m.part.Expected = calls.Usage, calls.Cost, nil
		} else {
			input, output := m.used()
			m.part.Usage = llm.Usage{
				Input:  llm.Count{N: int64(input), From: llm.OwnCount},
				Output: llm.Count{N: int64(output), From: llm.OwnCount},
				Calls:  llm.Count{N: 1, From: llm.OwnCount},
			}
			m.part.Cost = m.ask.seat.card.Cost(m.part.Usage, time.Now())
			g.settle(&m.ask, m.part)
		}
		parts = append(parts, m.part)
	}
	g.steps.close(g.out, parts)
	g.out.Finish, g.out.Warnings = g.ended, unserved(g.work.r)
	if top := g.out.Author(); top != nil {
		g.out.Model = top.Model
	}
	if err != nil {
		return err
	}
	g.because(g.why(parts))
	g.progress(g.name, llm.StateDecided, g.out.Reason)
	return nil
}

// why says who wrote how much.
func (g *writing) why(parts []*llm.Outcome) string {
	step := "byte by byte, for their vocabularies differ"
	if g.same {
		step = "token by token"
	}
	if len(parts) == 1 {
		return parts[0].Member + " alone writes"
	}
	if g.proposed > 0 {
		return fmt.Sprintf("%d of %d tokens that %s proposed were as %s writes", g.accepted, g.proposed, g.t.draft.name, g.checker().part.Member)
	}
	if g.t.against != nil {
		return fmt.Sprintf("%s, held against what %s expects", step, g.t.against.name)
	}
	order := slices.Clone(parts)
	slices.SortStableFunc(order, func(a, b *llm.Outcome) int { return cmp.Compare(b.WeightPPM, a.WeightPPM) })
	text := step
	for i, p := range order {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += fmt.Sprintf("%s%s %d %%", sep, p.Member, (p.WeightPPM+5000)/10000)
	}
	return text
}

// used is how many tokens the member has computed.
func (m *writer) used() (input, output int) {
	if m.voice != nil {
		return m.voice.used()
	}
	return m.prompt, m.session.Len() - m.prompt
}
