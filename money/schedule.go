package money

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones are read on machines that have no list of them too
)

// Schedule is the hours of a week in which a price holds, in one zone. Make it
// with ParseSchedule.
type Schedule struct {
	zone  *time.Location
	days  [7]bool // from Sunday
	spans []span
	text  string
}

// span is from a minute of the day to before another one.
type span struct{ from, to int }

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseSchedule reads a zone such as Asia/Shanghai, days such as "mon-fri" or
// "sat, sun" (empty = all), and hours such as "09:00-12:00, 14:00-18:00" (empty
// = the whole day). Hours end at 24:00 at the latest; a span over midnight is
// two. Public holidays are in no schedule.
func ParseSchedule(zone, days, hours string) (*Schedule, error) {
	if zone == "" || zone == "Local" {
		return nil, fmt.Errorf("money: schedule: zone %q, want a name such as Asia/Shanghai", zone)
	}
	where, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("money: schedule: zone %q, want a name such as Asia/Shanghai", clip(zone))
	}
	s := &Schedule{zone: where, days: [7]bool{true, true, true, true, true, true, true}}
	if days != "" {
		if s.days, err = parseDays(days); err != nil {
			return nil, err
		}
	}
	for part := range strings.SplitSeq(hours, ",") {
		if hours == "" {
			s.spans = []span{{0, 24 * 60}}
			break
		}
		from, to, _ := strings.Cut(part, "-")
		a, ok := minute(from)
		b, fine := minute(to)
		if !ok || !fine || a >= b || len(s.spans) == 48 {
			return nil, fmt.Errorf("money: schedule: hours %q, want spans such as 09:00-12:00", clip(part))
		}
		s.spans = append(s.spans, span{a, b})
	}
	s.text = strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{days, hours, zone}, func(t string) bool { return t == "" }), " "))
	return s, nil
}

func parseDays(text string) (days [7]bool, err error) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		a := slices.Index(weekdays, strings.TrimSpace(from))
		b := a
		if ranged {
			b = slices.Index(weekdays, strings.TrimSpace(to))
		}
		if a < 0 || b < 0 {
			return days, fmt.Errorf("money: schedule: days %q, want some such as mon-fri", clip(part))
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

// minute reads HH:MM as a minute of the day.
func minute(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if len(text) != 5 || text[2] != ':' || !isDigits(text[:2]) || !isDigits(text[3:]) {
		return 0, false
	}
	h, m := int(text[0]-'0')*10+int(text[1]-'0'), int(text[3]-'0')*10+int(text[4]-'0')
	return h*60 + m, m < 60 && h*60+m <= 24*60
}

// Contains reports whether the time is in the schedule.
func (s *Schedule) Contains(t time.Time) bool {
	t = t.In(s.zone)
	at := t.Hour()*60 + t.Minute()
	return s.days[t.Weekday()] && slices.ContainsFunc(s.spans, func(p span) bool { return at >= p.from && at < p.to })
}

// String returns days, hours and zone as they were written.
func (s *Schedule) String() string { return s.text }
