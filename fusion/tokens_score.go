package fusion

import (
	"context"
	"errors"
	"fmt"
	"math"

	"summit/llm"
)

// TextScore is how well a text was expected, in nats: the sum over its bytes
// of minus the logarithm of their probabilities.
type TextScore struct {
	Bytes    int
	Members  []float64          // by member
	Leader   float64            // of the one member at each byte that was best so far: what a gate can know
	Mixtures map[string]float64 // by the way of weighing: gate, confidence, agreement, fixed
}

// doubt is the share of each distribution that goes to all bytes alike, so
// that what a member thinks impossible costs it much and not everything.
const doubt = 1e-6

// TextScorer measures how well members expect texts.
type TextScorer struct {
	members []llm.Member
	steps   []llm.Stepper
	change  float64
	tokens  tokens // for its vocabularies
}

// NewTextScorer makes one of members that all are llm.Steppers. change is the
// gate's, as in TokensParams; 0 = its default.
func NewTextScorer(members []llm.Member, change float64) (*TextScorer, error) {
	if len(members) == 0 {
		return nil, errors.New("fusion: score: no members, want at least one")
	}
	s := &TextScorer{members: members, change: change, tokens: tokens{lexicons: map[llm.Vocab]*lexicon{}}}
	if s.change == 0 {
		s.change = usualChange
	}
	if !(s.change > 0 && s.change <= 1) {
		return nil, fmt.Errorf("fusion: score: change: %v, want above 0 to 1", change)
	}
	for _, m := range members {
		stepper, ok := llm.As[llm.Stepper](m)
		if !ok {
			return nil, llm.Errorf(llm.Unsupported, "member %s doesn't show what it expects next: want a model of this machine", m.Card().Name)
		}
		s.steps = append(s.steps, stepper)
	}
	return s, nil
}

// Score measures how well the members expect a text as the answer to a
// request, each alone and in linear mixtures. With ends its end counts too.
func (t *TextScorer) Score(ctx context.Context, r *llm.Request, text string, ends bool) (*TextScore, error) {
	s := &TextScore{Members: make([]float64, len(t.steps)), Mixtures: map[string]float64{}}
	prior := make([]float64, len(t.steps))
	var voices []*byteVoice
	defer func() {
		for _, v := range voices {
			v.close()
		}
	}()
	for i, stepper := range t.steps {
		prior[i] = 1
		session, err := stepper.Open(ctx, r)
		if err != nil {
			return nil, err
		}
		v, err := newByteVoice(session, t.tokens.lexicon(session.Vocab()), nil, true)
		if err != nil {
			session.Close()
			return nil, &llm.Error{Kind: llm.Internal, Member: t.members[i].Card().Name, Err: err}
		}
		voices = append(voices, v)
	}
	scales := map[string]*scale{}
	for _, by := range []string{weighGate, weighConfidence, weighAgreement, weighFixed} {
		scales[by] = newScale(by, prior, 1, t.change)
	}
	all, p := make([]*expectation, len(voices)), make([]float64, len(voices))
	symbols := make([]int, 0, len(text)+1)
	for _, c := range []byte(text) {
		symbols = append(symbols, int(c))
	}
	if ends {
		symbols = append(symbols, bytesEnd)
	}
	for n, symbol := range symbols {
		lead := 0
		for i, v := range voices {
			e, err := v.expect(ctx)
			if err != nil {
				return nil, err
			}
			all[i] = e
			p[i] = (1-doubt)*e.plain[symbol] + doubt/byteSize
			if s.Members[i] < s.Members[lead] {
				lead = i
			}
		}
		if n == 0 { // nobody leads yet
			for i := range p {
				s.Leader -= math.Log(p[i]) / float64(len(p))
			}
		} else {
			s.Leader -= math.Log(p[lead])
		}
		for by, scale := range scales {
			sum := 0.0
			for i, w := range scale.weigh(all) {
				sum += w * p[i]
			}
			s.Mixtures[by] -= math.Log(sum)
			scale.learn(p)
		}
		for i, v := range voices {
			s.Members[i] -= math.Log(p[i])
			if symbol != bytesEnd {
				v.take(symbol)
			}
		}
	}
	s.Bytes = len(symbols)
	return s, nil
}
