package money

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	s, err := ParseSchedule("Asia/Shanghai", "mon-fri", "09:00-12:00, 14:00-18:00")
	if err != nil || s.String() != "mon-fri 09:00-12:00, 14:00-18:00 Asia/Shanghai" {
		t.Fatal(s, err)
	}
	f := func(s *Schedule, at string, want bool) {
		t.Helper()
		when, err := time.Parse(time.RFC3339, at)
		if err != nil || s.Contains(when) != want {
			t.Errorf("%s: %v, want %v (%v)", at, !want, want, err)
		}
	}
	f(s, "2026-11-26T00:59:59Z", false) // 08:59 on a Thursday in Beijing
	f(s, "2026-11-26T01:00:00Z", true)
	f(s, "2026-11-26T12:00:00+08:00", false)
	f(s, "2026-11-26T14:00:00+08:00", true)
	f(s, "2026-11-26T18:00:00+08:00", false)
	f(s, "2026-11-28T10:00:00+08:00", false) // Saturday
	f(s, "2026-11-27T20:00:00-08:00", false) // Friday there, Saturday in Beijing
	s, err = ParseSchedule("America/New_York", "sat-mon, wed", "")
	if err != nil {
		t.Fatal(err)
	}
	f(s, "2026-07-05T23:59:00-04:00", true)
	f(s, "2026-07-06T23:59:00-04:00", true)
	f(s, "2026-07-07T00:00:00-04:00", false)
	for _, bad := range [][3]string{{"", "mon", ""}, {"Local", "", ""}, {"Nowhere", "", ""}, {"UTC", "monday", ""}, {"UTC", "mon-", ""}, {"UTC", "", "9:00-10:00"},
		{"UTC", "", "10:00-10:00"}, {"UTC", "", "22:00-02:00"}, {"UTC", "", "10:00-24:01"}, {"UTC", "", "10:60-11:00"}, {"UTC", "", ","}, {"../etc/passwd", "", ""}} {
		if s, err := ParseSchedule(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q: %v, want an error", bad, s)
		}
	}
}
