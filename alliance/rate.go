package alliance

import (
	"encoding/json"
	"fmt"
	"math/big"

	"summit/money"
)

// Buckets is what one member used in one request, in buckets that do not
// overlap.
type Buckets struct {
	Input      int64 `json:"input,omitempty"` // fresh input tokens
	CacheRead  int64 `json:"cache_read,omitempty"`
	CacheWrite int64 `json:"cache_write,omitempty"`
	Output     int64 `json:"output,omitempty"` // visible output tokens
	Reasoning  int64 `json:"reasoning,omitempty"`
	Audio      int64 `json:"audio,omitempty"`
	Image      int64 `json:"image,omitempty"`
	Calls      int64 `json:"calls,omitempty"`
}

// bucketNames are the other names under which a bucket may come.
var bucketNames = map[string]string{"input_uncached": "input", "cache_write_5m": "cache_write", "cache_write_1h": "cache_write",
	"output_text": "output", "output_reasoning": "reasoning"}

// UnmarshalJSON reads the buckets under their own names or finer ones, which
// are added up. Unknown names and negative numbers are errors: what nobody
// counted can't be settled.
func (b *Buckets) UnmarshalJSON(text []byte) error {
	var all map[string]int64
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("buckets: %w", err)
	}
	at := map[string]*int64{"input": &b.Input, "cache_read": &b.CacheRead, "cache_write": &b.CacheWrite, "output": &b.Output,
		"reasoning": &b.Reasoning, "audio": &b.Audio, "image": &b.Image, "calls": &b.Calls}
	for name, n := range all {
		if n < 0 || n > maxUnits {
			return fmt.Errorf("buckets: %s: got %d, want 0 to %d", clip(name), n, int64(maxUnits))
		}
		to, ok := at[name]
		if !ok {
			to, ok = at[bucketNames[name]]
		}
		if !ok {
			return fmt.Errorf("buckets: %q, want input, cache_read, cache_write, output, reasoning, audio, image or calls", clip(name))
		}
		*to += n
	}
	return nil
}

// maxUnits bounds what one member can have used in one request.
const maxUnits = 1 << 40

// hour is a card hour in card milliseconds.
const hour = 3_600_000

// rate returns what the work cost the member, rounded once, half to even.
func (c *Cost) rate(b Buckets, calls, cardMS int64) (Units, error) {
	for name, n := range map[string]int64{"input": b.Input, "cache_read": b.CacheRead, "cache_write": b.CacheWrite, "output": b.Output,
		"reasoning": b.Reasoning, "audio": b.Audio, "image": b.Image, "calls": calls, "card_ms": cardMS} {
		if n < 0 || n > maxUnits {
			return 0, fmt.Errorf("%s: got %d, want 0 to %d", name, n, int64(maxUnits))
		}
	}
	switch c.Model {
	case "per_token":
		or := func(r *money.Rate, other money.Rate) money.Rate {
			if r != nil {
				return *r
			}
			return other
		}
		sum := new(big.Int)
		for _, l := range []money.Line{
			{Units: b.Input, Rate: *c.Input}, {Units: b.CacheRead, Rate: or(c.CacheRead, *c.Input)}, {Units: b.CacheWrite, Rate: or(c.CacheWrite, *c.Input)},
			{Units: b.Output, Rate: *c.Output}, {Units: b.Reasoning, Rate: or(c.Reasoning, *c.Output)},
			{Units: b.Audio, Rate: or(c.Audio, *c.Input)}, {Units: b.Image, Rate: or(c.Image, *c.Input)},
		} {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(l.Units), big.NewInt(int64(l.Rate))))
		}
		sum.Add(sum, new(big.Int).Mul(big.NewInt(calls), new(big.Int).Mul(big.NewInt(int64(c.Call)), big.NewInt(money.Micro))))
		return divide(sum, big.NewInt(1), big.NewInt(money.Micro))
	case "per_call":
		return divide(big.NewInt(calls), big.NewInt(int64(c.Call)), big.NewInt(1))
	case "subscription":
		return divide(big.NewInt(calls), big.NewInt(int64(c.Fee)), big.NewInt(c.PlannedCalls))
	case "self_hosted":
		return divide(big.NewInt(cardMS), big.NewInt(int64(c.CardHour)), big.NewInt(hour))
	}
	return 0, nil // free
}
