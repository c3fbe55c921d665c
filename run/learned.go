package run

import (
	"encoding/json"
	"time"
)

// Learned is something that was learned in service and outlives the process:
// a small JSON value of a kind, for a tenant (empty = all) and a member.
type Learned struct {
	Kind   string          `json:"kind"`
	Tenant string          `json:"tenant,omitempty"`
	Member string          `json:"member"`
	At     time.Time       `json:"at"`
	Value  json.RawMessage `json:"value"`
}

func (l Learned) grain() Learned {
	l.At = l.At.UTC().Truncate(time.Millisecond)
	return l
}
