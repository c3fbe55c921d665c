package llm

import "iter"

// EventKind says which fields of an Event count.
type EventKind uint8

// The kinds of events, in the order in which a plain answer has them.
const (
	KindStart     EventKind = iota + 1 // Model, Warnings: the upstream took the request; at most once, first
	KindText                           // Text, Tokens: a piece of the answer
	KindReasoning                      // Text, Signature: a piece of the model's own thoughts
	KindCall                           // Call: a piece of a tool call
	KindProgress                       // Progress: what the council does; not a model's reasoning
	KindDone                           // Done: the end; exactly once, last
)

// String returns the kind's name.
func (k EventKind) String() string {
	switch k {
	case KindStart:
		return "start"
	case KindText:
		return "text"
	case KindReasoning:
		return "reasoning"
	case KindCall:
		return "call"
	case KindProgress:
		return "progress"
	case KindDone:
		return "done"
	}
	return "unknown"
}

// Event is one piece of an answer. Text is always whole runes.
type Event struct {
	Kind      EventKind
	Text      string
	Model     string   // Start: the model that answers, as the upstream names it
	Warnings  []string // Start: as in Outcome
	Signature string   // Reasoning: the vendor's signature of the thoughts so far
	Tokens    []TokenLogprob
	Call      *CallDelta
	Progress  *ProgressNote
	Done      *Outcome
}

// CallDelta is a piece of the tool call with that index. ID and Name stand in
// the first piece of an index and may be empty later; ArgsDelta is appended.
type CallDelta struct {
	Index     int
	ID        string
	Name      string
	ArgsDelta string
}

// ProgressState says what a council's member does.
type ProgressState string

// The states of a member in a council.
const (
	StateAsked    ProgressState = "asked"
	StateAnswered ProgressState = "answered"
	StateFailed   ProgressState = "failed"
	StateJudging  ProgressState = "judging"
	StateFusing   ProgressState = "fusing"
	StateDecided  ProgressState = "decided" // Note: for what and why
)

// ProgressNote tells what the council does. Note is short and for people.
type ProgressNote struct {
	Member string
	State  ProgressState
	Note   string
}

// TokenLogprob is a token with its log-probability (natural logarithm).
type TokenLogprob struct {
	Token   string
	Bytes   []byte
	Logprob float64
	Top     []TokenLogprob // the likeliest tokens at this place; nil = not asked
}

// Stream is an answer in pieces. It ends in exactly one Done event, which
// carries the Outcome and stands beside the error if there was one; every
// earlier event has a nil error. It can be ranged over once; leaving the loop
// early cancels what is below and frees it.
type Stream = iter.Seq2[Event, error]
