package llm

import "time"

// HealthReporter is a member that remembers how it fared of late. Asking it
// calls nobody, unlike a Prober.
type HealthReporter interface {
	Health() Health
}

// Health is how a member fared of late, by the ways in which it can be asked.
type Health struct {
	Targets []TargetHealth `json:"targets"`
	Retries int64          `json:"retries"` // calls that were made again, since the start
	Hedges  int64          `json:"hedges"`  // second calls beside one that was slow
}

// TargetState says whether one way to ask a member is used.
type TargetState string

// The states of a target.
const (
	TargetUp      TargetState = "up"      // it is asked
	TargetCooling TargetState = "cooling" // it said to wait, or its key is used up: asked last, or not at all
	TargetOpen    TargetState = "open"    // it failed too often in a row: not asked for a while
	TargetProbing TargetState = "probing" // the while is over: one request finds out
)

// TargetHealth is how one address with one key fared.
type TargetHealth struct {
	Name     string      `json:"name"`
	Address  string      `json:"address,omitempty"` // empty = the kind's own
	State    TargetState `json:"state"`
	Until    time.Time   `json:"until,omitzero"`         // cooling, open: until then
	Weight   int         `json:"weight"`                 // its share of the requests
	Streams  int         `json:"streams"`                // answers that are running
	Asked    int64       `json:"asked"`                  // calls, since the start
	Failed   int64       `json:"failed"`                 // those of them that failed by its fault
	InARow   int         `json:"failures_in_a_row"`      // since the last that did not
	LastKind ErrorKind   `json:"last_error,omitempty"`   // of the last that failed
	LastAt   time.Time   `json:"last_error_at,omitzero"` // when that was
}

// Try is one call of a member for an answer, where there were several or it
// failed.
type Try struct {
	Target string        // which address and key was asked
	Kind   ErrorKind     // why it failed; empty = it is the answer
	Hedge  bool          // it was asked beside one that was slow
	Lost   bool          // another one answered first, and it was stopped
	Took   time.Duration // until it failed, was stopped or ended
}
