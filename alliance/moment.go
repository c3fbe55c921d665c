package alliance

import (
	"encoding/json"
	"fmt"
	"time"
)

// Moment is a time as records write it: RFC 3339, or without its zone, which
// is UTC then, or a day alone.
type Moment struct{ time.Time }

// UnmarshalJSON reads a moment; null and "" are the zero time.
func (m *Moment) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("at: got %s, want a time such as 2026-12-01T08:00:00Z", clip(string(text)))
	}
	if s == "" {
		m.Time = time.Time{}
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			m.Time = at
			return nil
		}
	}
	return fmt.Errorf("at: got %q, want a time such as 2026-12-01T08:00:00Z", clip(s))
}
