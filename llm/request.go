package llm

import (
	"encoding/json"
	"fmt"
)

// Request is one question to a Member. It is read-only once it was handed
// over: who wants to change it calls Clone first. Pointers are nil and
// numbers zero where the caller left the choice to the model.
type Request struct {
	Model    string // the name the caller asked for
	Messages []Message
	Tools    []Tool

	ToolChoice        ToolChoice
	ParallelToolCalls *bool

	MaxTokens        int // most tokens to answer with; 0 = what the model allows
	Temperature      *float64
	TopP             *float64
	TopK             int
	MinP             *float64
	FrequencyPenalty *float64
	PresencePenalty  *float64
	Seed             *int64
	Stop             []string
	LogitBias        map[string]float64
	Logprobs         bool // report log-probabilities of the tokens
	TopLogprobs      int  // and of that many alternatives

	// Continue says that the last message, the assistant's, is the beginning of
	// the answer: what comes is to go on from there and not to repeat it.
	Continue bool

	Format   *Format
	Thinking Thinking

	User     string                     // the caller's own user id; passed on
	Metadata map[string]string          // the caller's own labels; passed on
	Extra    map[string]json.RawMessage // fields this language has no word for; passed on where the member takes them

	// Completion says that a text is to be continued: it is the one message,
	// of the user. nil = a conversation. Only members whose Card Completes get it.
	Completion *Completion

	Streaming bool // the caller reads a stream: a council shows what it does
	Summit    Extension
}

// Extension is what a caller may ask of Summit itself.
type Extension struct {
	Explain bool   // show the Outcome tree with the answer
	Budget  Budget // bounds of this request
	Limit   Budget // bounds that the server adds, whatever the caller says; no protocol sets it
	// Proposals says that parts of the Outcome keep what they proposed, for who
	// judges them at once; no protocol sets it.
	Proposals bool
	// Unlearned says that nothing is to be learned from the request, whatever
	// the server learns from others.
	Unlearned bool
	Question  *Question // which recorded question this is; nil = none
}

// Completion is what may be said of a text that is to be continued.
type Completion struct {
	Suffix string // what stands behind the gap that is to be filled; empty = nothing
}

// Question names a recorded question, so that a replayed member finds its
// answer: prompts repeat or are absent in recordings.
type Question struct {
	Suite string
	ID    string
}

// Valid checks what no member can make sense of, whatever the protocol.
// The error is of kind Invalid and names the field.
func (r *Request) Valid() error {
	if len(r.Messages) == 0 {
		return invalid("messages", "no messages, want at least one")
	}
	for i, m := range r.Messages {
		switch m.Role {
		case RoleSystem, RoleDeveloper, RoleUser, RoleAssistant, RoleTool:
		default:
			return invalid(fmt.Sprintf("messages[%d].role", i), "role %q, want system, developer, user, assistant or tool", clip(string(m.Role)))
		}
	}
	between := func(field string, v *float64, low, high float64) error {
		if v != nil && !(*v >= low && *v <= high) {
			return invalid(field, "%s is %v, want %v to %v", field, *v, low, high)
		}
		return nil
	}
	for _, c := range []struct {
		field     string
		value     *float64
		low, high float64
	}{
		{"temperature", r.Temperature, 0, 2},
		{"top_p", r.TopP, 0, 1},
		{"min_p", r.MinP, 0, 1},
		{"frequency_penalty", r.FrequencyPenalty, -2, 2},
		{"presence_penalty", r.PresencePenalty, -2, 2},
	} {
		if err := between(c.field, c.value, c.low, c.high); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		field string
		value int
	}{
		{"max_tokens", r.MaxTokens},
		{"top_k", r.TopK},
		{"top_logprobs", r.TopLogprobs},
		{"thinking budget", r.Thinking.BudgetTokens},
	} {
		if c.value < 0 {
			return invalid(c.field, "%s is %d, want zero or more", c.field, c.value)
		}
	}
	if err := r.Summit.Budget.Valid(); err != nil {
		err.Param = "summit.budget." + err.Param
		return err
	}
	return nil
}

// Clone returns a copy whose top-level fields and message list may be changed
// without touching r. Parts, schemas and maps are shared: replace, don't edit.
func (r *Request) Clone() *Request {
	c := *r
	c.Messages = append([]Message(nil), r.Messages...)
	return &c
}

// LastUser returns the text of the last user message, or "".
func (r *Request) LastUser() string {
	for i := len(r.Messages) - 1; i >= 0; i-- {
		if r.Messages[i].Role == RoleUser {
			return r.Messages[i].Text()
		}
	}
	return ""
}

// Has reports whether any message has a part of the kind, also inside tool
// results.
func (r *Request) Has(kind PartKind) bool {
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if p.Kind == kind {
				return true
			}
			if p.Result != nil {
				for _, q := range p.Result.Parts {
					if q.Kind == kind {
						return true
					}
				}
			}
		}
	}
	return false
}

func invalid(param, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Param: param, Message: fmt.Sprintf(format, args...)}
}

// clip keeps error texts short whatever came in, cutting between runes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
