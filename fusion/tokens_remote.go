package fusion

import (
	"bytes"
	"context"
	"math"
	"regexp"
	"unicode/utf8"

	"summit/llm"
)

const (
	// aheadTokens is how many tokens a member elsewhere is asked for at a time:
	// as long as the answer goes on as it would, they are of use. A guess.
	aheadTokens = 8
	// topTokens is how many likely tokens it is asked to tell of each: the most
	// that such servers take.
	topTokens = 20
	// endGuess is for how probable a member is taken to hold the end where it
	// stops by itself, which tells no probability. A guess.
	endGuess = 0.9
)

// remoteVoice tells what a member elsewhere expects next, whose server goes on
// with an answer that was begun and names the likeliest tokens. What these
// leave out it doesn't tell. It is asked again wherever the answer goes
// another way than it would.
type remoteVoice struct {
	g      *writing
	m      *writer
	text   []byte
	list   []llm.TokenLogprob // what it would write after the first from bytes
	from   int
	stops  bool // and then it would end
	asked  bool
	tokens int // of the answers it gave
	parts  []*llm.Outcome
	out    expectation
}

func (v *remoteVoice) expect(ctx context.Context) (*expectation, error) {
	if v.out.plain == nil {
		v.out.plain, v.out.shaped = make([]float64, byteSize), make([]float64, byteSize)
	}
	clear(v.out.plain)
	clear(v.out.shaped)
	at, rest, ok := v.place()
	if !ok {
		if !utf8.Valid(v.text) {
			return &v.out, nil // in the middle of a character it can't be asked
		}
		if err := v.ask(ctx); err != nil {
			return nil, err
		}
		at, rest = 0, nil
	}
	if at == len(v.list) {
		v.out.plain[bytesEnd], v.out.shaped[bytesEnd] = endGuess, endGuess
		return &v.out, nil
	}
	v.spread(v.list[at], rest)
	return &v.out, nil
}

// place finds where in the list the text is: at which token, and what of it is
// spelled already. It is false where the text has gone another way or beyond.
func (v *remoteVoice) place() (at int, rest []byte, ok bool) {
	if !v.asked {
		return 0, nil, false
	}
	if rest = v.text[v.from:]; len(v.list) == 0 {
		return 0, nil, len(rest) == 0 && v.stops
	}
	for at = range v.list {
		own := v.list[at].Bytes
		if len(own) == 0 || !bytes.HasPrefix(rest, own) {
			break
		}
		rest = rest[len(own):]
		at++
		if at == len(v.list) {
			return at, nil, len(rest) == 0 && v.stops
		}
	}
	if len(rest) == 0 {
		return at, nil, at < len(v.list)
	}
	for _, t := range choices(v.list[at]) {
		if len(t.Bytes) > len(rest) && bytes.HasPrefix(t.Bytes, rest) {
			return at, rest, true
		}
	}
	return 0, nil, false
}

// spread writes the next byte's distribution at a token of which rest is
// spelled.
func (v *remoteVoice) spread(t llm.TokenLogprob, rest []byte) {
	all := choices(t)
	p, told := make([]float64, len(all)), 0.0
	for i, c := range all {
		p[i] = math.Exp(c.Logprob)
		told += p[i]
	}
	told = min(told, 1)
	write := func(dst, p []float64) {
		for i, c := range all {
			switch {
			case isEnd(c.Bytes):
				if len(rest) == 0 {
					dst[bytesEnd] += p[i]
				}
			case len(c.Bytes) > len(rest) && bytes.HasPrefix(c.Bytes, rest):
				dst[c.Bytes[len(rest)]] += p[i]
			}
		}
		scaleTo1(dst)
		for i := range dst {
			dst[i] *= told
		}
	}
	write(v.out.plain, p)
	if f := v.g.choose.filter; f.temperature > 0 {
		f.warm(p)
	}
	write(v.out.shaped, p)
}

// choices returns the tokens that were named at a place, each once.
func choices(t llm.TokenLogprob) []llm.TokenLogprob {
	all := []llm.TokenLogprob{t}
	for _, c := range t.Top {
		if c.Bytes == nil {
			c.Bytes = []byte(c.Token)
		}
		if !bytes.Equal(c.Bytes, t.Bytes) {
			all = append(all, c)
		}
	}
	return all
}

// controlToken is how servers write a token that ends an answer among the
// likely ones: by its name, or as nothing.
var controlToken = regexp.MustCompile(`^(<[|｜].{1,60}[|｜]>|</s>|\[gMASK\]|\[EOS\])$`)

func isEnd(b []byte) bool { return len(b) == 0 || controlToken.Match(b) }

// ask has the member go on after the text.
func (v *remoteVoice) ask(ctx context.Context) error {
	a := v.m.ask
	a.r = a.r.Clone()
	r := a.r
	r.Logprobs, r.TopLogprobs, r.MaxTokens, r.Temperature = true, topTokens, aheadTokens, new(float64)
	r.TopP, r.TopK, r.MinP, r.Seed, r.Stop, r.Streaming = nil, 0, nil, nil, nil, false
	r.Summit = llm.Extension{}
	if len(v.text) > 0 {
		r.Messages, r.Continue = append(r.Messages, llm.Text(llm.RoleAssistant, string(v.text))), true
	}
	if v.asked { // the first call is reserved already
		if denied := v.g.admit(&a); denied != nil {
			return denied
		}
	}
	v.asked = true
	reply, err := llm.Collect(v.m.ask.seat.member.Generate(ctx, r))
	part := reply.Outcome
	v.parts = append(v.parts, part)
	v.g.settle(&a, part)
	if err != nil {
		return err
	}
	v.list, v.from = v.list[:0], len(v.text)
	for _, t := range reply.Tokens {
		if t.Bytes == nil {
			t.Bytes = []byte(t.Token)
		}
		if isEnd(t.Bytes) {
			break
		}
		v.list = append(v.list, t)
	}
	v.tokens += len(v.list)
	v.stops = part.Finish == llm.FinishStop
	if len(v.list) == 0 && !v.stops {
		return llm.Errorf(llm.Protocol, "told nothing of what it expects: no log-probabilities came")
	}
	if len(v.list) == 0 && reply.Text != "" {
		return llm.Errorf(llm.Protocol, "told no log-probabilities of its tokens")
	}
	return nil
}

func (v *remoteVoice) take(symbol int) { v.text = append(v.text, byte(symbol)) }

// ahead knows the tokens that were named at this place.
func (v *remoteVoice) ahead(next []byte) float64 {
	at, rest, ok := v.place()
	if !ok || at == len(v.list) {
		return 0
	}
	want, sum := append(rest[:len(rest):len(rest)], next...), 0.0
	for _, t := range choices(v.list[at]) {
		if bytes.HasPrefix(t.Bytes, want) && !isEnd(t.Bytes) {
			sum += math.Exp(t.Logprob)
		}
	}
	return sum
}

func (v *remoteVoice) length() int { return int(llm.EstimateTokens(string(v.text))) }

// used is told by the calls.
func (v *remoteVoice) used() (input, output int) { return 0, v.tokens }
func (v *remoteVoice) close()                    {}
