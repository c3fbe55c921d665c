package alliance

import (
	"fmt"

	"summit/llm"
)

// Proof says where a figure of use is from, best first.
type Proof string

// The sources. A disputed figure is one that a member claimed and that our own
// count contradicts: ours stands, and the claim is kept beside it.
const (
	Upstream  Proof = "upstream"
	OwnCount  Proof = "own_count"
	Estimated Proof = "estimated"
	Disputed  Proof = "disputed"
	Unknown   Proof = ""
)

// Count is our own count of what a member read and wrote.
type Count struct {
	Input, Output int64
	Exact         bool // with the model's own tokenizer; false = guessed from lengths
	Known         bool // false = its texts did not pass by us
}

// Use is what a member is rated with.
type Use struct {
	Buckets Buckets
	From    Proof
	Claimed *Buckets // what it said, where that is disputed
}

// Bounds of what a claim may differ from a guess: real tokenizers and the guess
// from lengths differ by tens of percent, templates and hidden thoughts add
// their own. A guess, far beyond what an honest report needs.
const (
	guessTimes = 4
	guessPlus  = 2048
)

// NewUse returns the use that the member is rated with: what it reported where
// our own count does not contradict it by more than the tolerance (in 1/10000),
// else our count. A report of parts that don't add up is no report.
func NewUse(reported llm.Usage, own Count, toleranceBP int64) (Use, error) {
	b, claimed, err := buckets(reported)
	if err != nil {
		return Use{}, err
	}
	ours := Buckets{Input: own.Input, Output: own.Output, Calls: max(b.Calls, 1)}
	if !claimed {
		if !own.Known {
			return Use{Buckets: Buckets{Calls: ours.Calls}, From: Unknown}, nil
		}
		from := Estimated
		if own.Exact {
			from = OwnCount
		}
		return Use{Buckets: ours, From: from}, nil
	}
	from := Proof(reported.Input.From)
	if reported.Output.From != llm.Upstream {
		from = Proof(reported.Output.From)
	}
	if !own.Known {
		return Use{Buckets: b, From: from}, nil
	}
	in := beyond(b.Input+b.CacheRead+b.CacheWrite, own.Input, own.Exact, toleranceBP)
	// Hidden thoughts never pass by us: only what is visible can be held against it.
	out := beyond(b.Output, own.Output, own.Exact, toleranceBP)
	if !in && !out {
		return Use{Buckets: b, From: from}, nil
	}
	said := b
	if in {
		b.Input, b.CacheRead, b.CacheWrite = ours.Input, 0, 0
	}
	if out {
		b.Output = ours.Output
	}
	return Use{Buckets: b, From: Disputed, Claimed: &said}, nil
}

// beyond reports whether a claim is above what our own count lets pass. Below
// is the member's own business.
func beyond(claim, own int64, exact bool, toleranceBP int64) bool {
	if exact {
		return claim > own+own/10_000*toleranceBP+own%10_000*toleranceBP/10_000
	}
	return claim > guessTimes*own+guessPlus
}

// buckets reads reported use. Negative and absurd figures are errors: what
// nobody can have used can't be settled.
func buckets(u llm.Usage) (b Buckets, known bool, err error) {
	for _, c := range []struct {
		name string
		from llm.Count
		to   *int64
	}{
		{"input", u.Input, &b.Input}, {"cache_read", u.CacheRead, &b.CacheRead}, {"cache_write", u.CacheWrite, &b.CacheWrite},
		{"output", u.Output, &b.Output}, {"reasoning", u.Reasoning, &b.Reasoning}, {"audio", u.Audio, &b.Audio}, {"image", u.Image, &b.Image}, {"calls", u.Calls, &b.Calls},
	} {
		if c.from.N < 0 || c.from.N > maxUnits {
			return Buckets{}, false, fmt.Errorf("alliance: reported use: %s: got %d, want 0 to %d", c.name, c.from.N, int64(maxUnits))
		}
		*c.to = c.from.N
	}
	return b, u.Known(), nil
}

// add returns the sum of two uses of one member in one request: it may have
// been asked more than once.
func (u Use) add(v Use) Use {
	sum := func(a, b Buckets) Buckets {
		return Buckets{Input: a.Input + b.Input, CacheRead: a.CacheRead + b.CacheRead, CacheWrite: a.CacheWrite + b.CacheWrite, Output: a.Output + b.Output,
			Reasoning: a.Reasoning + b.Reasoning, Audio: a.Audio + b.Audio, Image: a.Image + b.Image, Calls: a.Calls + b.Calls}
	}
	out := Use{Buckets: sum(u.Buckets, v.Buckets), From: worst(u.From, v.From)}
	if u.Claimed != nil || v.Claimed != nil {
		said := func(w Use) Buckets {
			if w.Claimed != nil {
				return *w.Claimed
			}
			return w.Buckets
		}
		all := sum(said(u), said(v))
		out.Claimed = &all
	}
	return out
}

// worst returns the source that one can rely on less.
func worst(a, b Proof) Proof {
	rank := map[Proof]int{Upstream: 0, OwnCount: 1, Estimated: 2, Disputed: 3, Unknown: 4}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
