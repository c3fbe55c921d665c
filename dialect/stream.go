package dialect

import "summit/llm"

// beginning is what every vendor's stream knows, whatever its protocol.
type beginning struct {
	out   llm.Outcome
	begun bool // something of the answer came
}

// start tells the answer's beginning, once.
func (b *beginning) start(dst []llm.Event, model string) []llm.Event {
	if b.out.Model == "" {
		b.out.Model = model
	}
	if b.begun {
		return dst
	}
	b.begun = true
	return append(dst, llm.Event{Kind: llm.KindStart, Model: b.out.Model})
}
