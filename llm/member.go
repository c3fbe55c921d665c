package llm

import "context"

// Member is anything that answers: a vendor, a local model, a recording, a
// strategy over other members, a wrapper. Generate returns at once; work
// begins when the stream is ranged over and stops when ctx ends or the loop
// is left. A Member may be asked by many at the same time.
type Member interface {
	Card() *Card // the same for the member's whole life; read-only
	Generate(ctx context.Context, r *Request) Stream
}

// As looks for the ability T on m and on what it wraps, outermost first.
func As[T any](m Member) (T, bool) {
	for m != nil {
		if t, ok := m.(T); ok {
			return t, true
		}
		w, ok := m.(interface{ Unwrap() Member })
		if !ok {
			break
		}
		m = w.Unwrap()
	}
	var zero T
	return zero, false
}

// Prober is a member that can say whether it is in health without being
// asked a question.
type Prober interface {
	Probe(ctx context.Context) error // nil = usable
}

// Quoter is a member that knows the worst-case price of a request. A strategy
// quotes its whole fan-out.
type Quoter interface {
	Quote(r *Request) (*Cost, error) // nil, nil = unknown
}

// TokenCounter is a member that counts the input tokens of a request with
// the model's own tokenizer.
type TokenCounter interface {
	CountTokens(ctx context.Context, r *Request) (int, error)
}

// Embedder is a member that turns texts into vectors, one a text, in order.
// dimensions asks for vectors of that length, 0 for the model's own: what the
// model gives is for the caller to look at. Beside an error usage is what was
// used until then.
type Embedder interface {
	Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, Usage, error)
}

// Stepper is a member that shows its logits, token by token.
type Stepper interface {
	Member
	Open(ctx context.Context, r *Request) (Session, error)
}

// Session is one sequence of a Stepper. It is used by one goroutine.
type Session interface {
	Vocab() Vocab
	Len() int // tokens so far
	// Append adds tokens and returns one row of logits, [vocab], for each.
	Append(ctx context.Context, ids []int) ([][]float32, error)
	// Logits is the row after the last token, such as that of the request's
	// own tokens, which Open has appended; nil after Truncate.
	Logits() []float32
	Truncate(n int) // keep the first n tokens
	Close()
}

// Vocab is a model's vocabulary.
type Vocab interface {
	Len() int
	Bytes(id int) []byte // what the token adds to the text
	Special(id int) bool // a control token
	End(id int) bool     // a token that ends the answer
}

// Encoder is a Vocab that cuts text into tokens as its model was taught to.
// Without special, what looks like a control token is text.
type Encoder interface {
	Encode(text string, special bool) []int
}
