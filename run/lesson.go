package run

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"summit/llm"
	"summit/money"
)

// Lesson is what can be learned from a request without knowing what was asked
// and answered: what kind of question it was, who was asked by what chance,
// and whose answers were equal.
type Lesson struct {
	Features   []byte `json:"features,omitempty"`       // the brain's sketch of the prompt; nil = there was no brain
	Space      string `json:"space,omitempty"`          // which sketches it can be compared with
	Answer     string `json:"answer,omitempty"`         // the cluster of what was answered; empty = it can't be compared
	Confidence int64  `json:"confidence_ppm,omitempty"` // 0 = unknown
	Asks       []Ask  `json:"asks,omitempty"`           // in the order asked, then those who might have been asked in the shadow
}

// Ask is what became of one member.
type Ask struct {
	Member  string        `json:"member"`
	Cluster string        `json:"cluster,omitempty"`    // equal for equal answers to one request, and random otherwise; empty = none to compare
	Chance  int64         `json:"chance_ppm,omitempty"` // of it being asked, in millionths; 0 = unknown
	Right   int64         `json:"right_ppm,omitempty"`  // how probably it would be right, as the brain saw it before; 0 = unknown
	Share   int64         `json:"share_ppm,omitempty"`  // in the answer
	Asked   bool          `json:"asked,omitempty"`      // false = it might have been asked in the shadow, and was not (yet)
	Shadow  bool          `json:"shadow,omitempty"`     // asked after the answer, which it had no part in
	Tokens  int64         `json:"tokens,omitempty"`     // of its answer; 0 = unknown
	Cost    *Money        `json:"cost,omitempty"`       // nil = unknown
	Error   llm.ErrorKind `json:"error,omitempty"`
}

// Money is an amount of one currency.
type Money struct {
	Amount   money.Amount   `json:"amount"`
	Currency money.Currency `json:"currency"`
}

func moneyOf(c *llm.Cost) *Money {
	if c == nil {
		return nil
	}
	return &Money{c.Amount, c.Currency}
}

// maxAsks bounds a lesson.
const maxAsks = 200

// secret makes clusters of answers: who has the store but not the process's
// memory can't find out by trial what was answered.
type secret [sha256.Size]byte

// cluster names an answer's normal form within one run.
func (s *secret) cluster(id, answer string) string {
	if answer == "" {
		return ""
	}
	h := hmac.New(sha256.New, s[:])
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(id)))
	h.Write(n[:])
	h.Write([]byte(id))
	h.Write([]byte(answer))
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// lesson returns what can be learned from a request; nil where nobody was
// asked.
func (s *secret) lesson(id string, o *llm.Outcome) *Lesson {
	if o == nil {
		return nil
	}
	l := &Lesson{Answer: s.cluster(id, o.Answer), Confidence: o.ConfidencePPM}
	if o.Sketch != nil {
		l.Features, l.Space = o.Sketch.Features, o.Sketch.Space
	}
	for _, leaf := range o.Leaves() {
		if leaf != nil && (leaf != o || o.Strategy == "") && len(l.Asks) < maxAsks {
			l.Asks = append(l.Asks, s.ask(id, leaf))
		}
	}
	for _, u := range o.Unasked {
		if len(l.Asks) < maxAsks {
			l.Asks = append(l.Asks, Ask{Member: clip(u.Member, maxNameBytes), Chance: u.ChancePPM, Right: u.RightPPM, Shadow: true})
		}
	}
	if l.Asks == nil {
		return nil
	}
	return l
}

func (s *secret) ask(id string, o *llm.Outcome) Ask {
	a := Ask{
		Member: clip(o.Member, maxNameBytes), Cluster: s.cluster(id, o.Answer), Chance: o.ChancePPM, Right: o.RightPPM,
		Share: o.WeightPPM, Asked: true, Cost: moneyOf(o.Cost),
	}
	if o.Usage.Output.Known() {
		a.Tokens = o.Usage.OutputTotal()
	}
	if o.Err != nil {
		a.Error = o.Err.Kind
	}
	return a
}

// withShadow returns the lesson with what became of a member that was asked in
// the shadow, in a lesson of its own.
func (l *Lesson) withShadow(a Ask) *Lesson {
	var own Lesson
	if l != nil {
		own = *l
	}
	own.Asks = append([]Ask(nil), own.Asks...)
	for i := range own.Asks {
		if own.Asks[i].Member == a.Member && own.Asks[i].Shadow {
			a.Chance, a.Right = own.Asks[i].Chance, own.Asks[i].Right
			own.Asks[i] = a
			return &own
		}
	}
	own.Asks = append(own.Asks, a)
	return &own
}

// readLesson reads what a store kept.
func readLesson(text, shadows string) (*Lesson, error) {
	var l *Lesson
	if text != "" {
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return nil, fmt.Errorf("lesson: %w", err)
		}
	}
	var late []Ask
	if err := json.Unmarshal([]byte(shadows), &late); err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	for _, a := range late {
		l = l.withShadow(a)
	}
	return l, nil
}
