package run

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"summit/llm"
)

// Bounds of one kept tree: whatever a strategy made of a request, a row stays
// below 100 KiB.
const (
	maxNodes     = 200
	maxDepth     = 16
	maxNameBytes = 100
)

// encode returns the tree as it is kept: without the answers that were
// compared, and without reasons and the texts of errors, which quote what was
// asked or answered ("42" has 3 of 5 answers). Of an error its kind stays.
func encode(o *llm.Outcome) (json.RawMessage, error) {
	if o == nil {
		return nil, nil
	}
	left := maxNodes
	text, err := json.Marshal(redact(o, &left, maxDepth))
	if err != nil {
		return nil, fmt.Errorf("run: outcome of %q: %w", clip(o.Member, maxNameBytes), err)
	}
	return text, nil
}

// redact copies the tree. *left counts down the nodes that may still be kept.
func redact(o *llm.Outcome, left *int, depth int) *llm.Outcome {
	*left--
	c := *o
	c.Answer, c.Reason, c.Stop, c.Sketch, c.Unasked = "", "", "", nil, nil
	c.Member, c.Model, c.Strategy = clip(o.Member, maxNameBytes), clip(o.Model, maxNameBytes), clip(o.Strategy, maxNameBytes)
	if o.Err != nil {
		c.Err = &llm.Error{Kind: o.Err.Kind}
	}
	c.Parts = nil
	for i, p := range o.Parts {
		if *left <= 0 || depth <= 1 {
			c.Reason = fmt.Sprintf("%d parts are not kept", len(o.Parts)-i)
			break
		}
		if p != nil {
			c.Parts = append(c.Parts, redact(p, left, depth-1))
		}
	}
	return &c
}

// clip shortens a text, cutting between runes.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
