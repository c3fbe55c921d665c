package gateway

import (
	"slices"
	"strings"

	"summit/llm"
)

// The warning header says what the caller asked for and the members that
// answered did not get: one text, the warnings parted by semicolons.
const warningHeader = "X-Summit-Warning"

const (
	maxWarnings     = 16
	maxWarningBytes = 1 << 10
)

// warn adds warnings to the header, if that was not sent yet.
func (x *exchange) warn(warnings []string) {
	for _, w := range warnings {
		w = headerText(w)
		if len(x.warnings) < maxWarnings && !slices.Contains(x.warnings, w) {
			x.warnings = append(x.warnings, w)
		}
	}
	if text := strings.Join(x.warnings, "; "); text != "" {
		x.w.Header()[warningHeader] = []string{strings.TrimSuffix(clip(text, maxWarningBytes), "…")}
	}
}

// warningsOf returns what all members of the tree did not get, each with the
// member's name where there are several.
func warningsOf(o *llm.Outcome) []string {
	if o == nil {
		return nil
	}
	if len(o.Parts) == 0 {
		return o.Warnings
	}
	var all []string
	for _, leaf := range o.Leaves() {
		for _, w := range leaf.Warnings {
			all = append(all, leaf.Member+": "+w)
		}
	}
	return all
}

// headerText keeps a text to what a header can carry.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimSuffix(clip(s, 200), "…"))
}
