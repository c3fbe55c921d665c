package llm

import (
	"encoding/json"
	"math"
)

// Provenance says where a figure is from.
type Provenance string

// The sources of a figure, best first. Unknown is not zero: nobody said.
const (
	Upstream  Provenance = "upstream"  // the vendor reported it
	Cached    Provenance = "cached"    // what the same answer used before: this time nothing was
	OwnCount  Provenance = "own_count" // counted here with the model's own tokenizer
	Estimated Provenance = "estimated" // guessed from lengths
	Unknown   Provenance = ""
)

// Count is a number of tokens (or images, or calls) with its source. The
// zero value is unknown.
type Count struct {
	N    int64
	From Provenance
}

// Counted returns n as reported by the upstream.
func Counted(n int64) Count { return Count{N: n, From: Upstream} }

// Known reports whether anybody said what the number is.
func (c Count) Known() bool { return c.From != Unknown }

// Usage is what an answer used, in buckets that do not overlap: a cached
// input token is in CacheRead and not in Input, a reasoning token in
// Reasoning and not in Output.
type Usage struct {
	Input      Count // fresh input tokens
	CacheRead  Count // input tokens served from the vendor's cache
	CacheWrite Count // input tokens written to the vendor's cache
	Output     Count // visible output tokens
	Reasoning  Count // output tokens of hidden or shown thoughts
	Audio      Count // audio tokens, in and out
	Image      Count // images or image tokens, as the vendor bills
	Calls      Count // calls of members
}

// InputTotal returns all input tokens: fresh, read from and written to cache.
func (u Usage) InputTotal() int64 { return satAdd(satAdd(u.Input.N, u.CacheRead.N), u.CacheWrite.N) }

// OutputTotal returns all output tokens: visible ones and reasoning.
func (u Usage) OutputTotal() int64 { return satAdd(u.Output.N, u.Reasoning.N) }

// Known reports whether input and output are both known.
func (u Usage) Known() bool { return u.Input.Known() && u.Output.Known() }

// Embedding returns the usage of a call for vectors, which has no output:
// where nobody says so, it is zero and known, so that the call has a cost.
func (u Usage) Embedding() Usage {
	if u.Input.Known() && !u.Output.Known() {
		u.Output = Count{From: u.Input.From}
	}
	return u
}

// Add returns the sum of both, bucket by bucket, each with the worse of the
// two provenances; where only one side is known, the sum is that side.
func (u Usage) Add(v Usage) Usage {
	add := func(a, b Count) Count {
		switch {
		case !b.Known():
			return a
		case !a.Known():
			return b
		}
		return Count{N: satAdd(a.N, b.N), From: worse(a.From, b.From)}
	}
	return Usage{
		Input: add(u.Input, v.Input), CacheRead: add(u.CacheRead, v.CacheRead), CacheWrite: add(u.CacheWrite, v.CacheWrite),
		Output: add(u.Output, v.Output), Reasoning: add(u.Reasoning, v.Reasoning),
		Audio: add(u.Audio, v.Audio), Image: add(u.Image, v.Image), Calls: add(u.Calls, v.Calls),
	}
}

// MarshalJSON writes the known buckets as {"input":{"n":12,"from":"upstream"},...}.
func (u Usage) MarshalJSON() ([]byte, error) {
	type count struct {
		N    int64      `json:"n"`
		From Provenance `json:"from"`
	}
	m := map[string]count{}
	for name, c := range map[string]Count{
		"input": u.Input, "cache_read": u.CacheRead, "cache_write": u.CacheWrite, "output": u.Output,
		"reasoning": u.Reasoning, "audio": u.Audio, "image": u.Image, "calls": u.Calls,
	} {
		if c.Known() {
			m[name] = count(c)
		}
	}
	return json.Marshal(m) // encoding/json sorts the keys
}

// EstimateTokens guesses how many tokens a text has: a Chinese, Japanese or
// Korean character counts 1/1.6, any other 1/3.8, rounded up. The divisors
// are those that the recorded outcomes of Summit's evaluation are costed
// with; real tokenizers differ by tens of percent, so mark it Estimated.
func EstimateTokens(text string) int64 {
	var t Tally
	t.Add(text)
	return t.Count().N
}

// Tally guesses, as EstimateTokens does, how many tokens the pieces of a text
// have together. The zero value is ready.
type Tally struct{ wide, narrow int64 }

// Add counts one more piece.
func (t *Tally) Add(text string) {
	for _, r := range text {
		if r >= 0x2E80 {
			t.wide++
		} else {
			t.narrow++
		}
	}
}

// Count returns the guess so far, rounded up.
func (t *Tally) Count() Count {
	// 1/1.6 = 380/608, 1/3.8 = 160/608.
	return Count{N: (t.wide*380 + t.narrow*160 + 607) / 608, From: Estimated}
}

// EstimateInput guesses how many input tokens a request has: its texts, calls,
// results, tools and schema. Images, sounds and files are not in it: nobody can
// say from their bytes.
func EstimateInput(r *Request) Count {
	var t Tally
	for i := range r.Messages {
		for _, p := range r.Messages[i].Parts {
			t.Add(p.Text)
			if p.Call != nil {
				t.Add(p.Call.Name)
				t.Add(p.Call.Args)
			}
			if p.Result != nil {
				for _, q := range p.Result.Parts {
					t.Add(q.Text)
				}
			}
		}
	}
	for _, tool := range r.Tools {
		t.Add(tool.Name)
		t.Add(tool.Description)
		t.Add(string(tool.Parameters))
		t.Add(string(tool.Raw))
	}
	if r.Format != nil {
		t.Add(string(r.Format.Schema))
	}
	return t.Count()
}

func worse(a, b Provenance) Provenance {
	rank := func(p Provenance) int {
		switch p {
		case Upstream:
			return 0
		case Cached:
			return 1
		case OwnCount:
			return 2
		case Estimated:
			return 3
		}
		return 4
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// satAdd adds counts; a sum past the top stays at the top, so that a hostile
// figure can't turn negative.
func satAdd(a, b int64) int64 {
	if s := a + b; (b >= 0) == (s >= a) {
		return s
	}
	return math.MaxInt64
}
