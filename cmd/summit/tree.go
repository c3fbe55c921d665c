package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"summit/llm"
)

// writeTree draws what happened in one request: who was asked, what came of
// it, and each one's share in the answer.
func writeTree(w io.Writer, o *llm.Outcome) { writeBranch(w, o, "", "") }

func writeBranch(w io.Writer, o *llm.Outcome, first, rest string) {
	fmt.Fprintln(w, first+describe(o))
	for i, part := range o.Parts {
		if i == len(o.Parts)-1 {
			writeBranch(w, part, rest+"└─ ", rest+"   ")
		} else {
			writeBranch(w, part, rest+"├─ ", rest+"│  ")
		}
	}
}

// describe writes one Outcome on one line.
func describe(o *llm.Outcome) string {
	name := o.Member
	if o.Strategy != "" {
		name += " (" + o.Strategy + ")"
	}
	facts := []string{duration(o.Took)}
	if o.WeightPPM > 0 {
		facts = append(facts, fmt.Sprintf("%.0f %% of the answer", float64(o.WeightPPM)/10_000))
	}
	if u := o.Usage; u.Known() {
		facts = append(facts, fmt.Sprintf("%d + %d tokens", u.InputTotal(), u.OutputTotal()))
	}
	if o.Cost != nil {
		facts = append(facts, fmt.Sprintf("%s %s", o.Cost.Amount, o.Cost.Currency))
	}
	if o.Expected != nil {
		facts = append(facts, fmt.Sprintf("expected %s %s", o.Expected.Amount, o.Expected.Currency))
	}
	if o.Answer != "" {
		facts = append(facts, "answer "+clip(o.Answer))
	}
	if o.Err != nil {
		facts = append(facts, "failed: "+o.Err.Public())
	}
	if o.Reason != "" {
		facts = append(facts, o.Reason)
	}
	if o.Stop != "" {
		facts = append(facts, "stopped: "+o.Stop)
	}
	return plain(name + ": " + strings.Join(facts, ", "))
}

func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// clip keeps what is printed in a line short, cutting between runes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "..."
}
