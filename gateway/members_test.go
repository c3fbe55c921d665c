package gateway

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

// remembering is a member that remembers how it fared.
type remembering struct {
	llm.Member
	health llm.Health
}

func (r remembering) Health() llm.Health { return r.health }

func TestMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Minute)
		h := llm.Health{Retries: 3, Hedges: 1, Targets: []llm.TargetHealth{
			{Name: "1", State: llm.TargetUp, Weight: 1, Streams: 2, Asked: 10, Failed: 1, LastKind: llm.Overloaded, LastAt: time.Now()},
			{Name: "2", Address: "https://b.example/v1", State: llm.TargetOpen, Until: until, Weight: 2, Asked: 5, Failed: 5, InARow: 5},
			{Name: "3", State: llm.TargetProbing, Weight: 1},
		}}
		s := start(t, nil, hello("plain"), remembering{hello("kept"), h})
		if a := s.do("GET", "/admin/v1/members", ""); a.status != 403 {
			t.Errorf("a user's key: status %d, want 403", a.status)
		}
		a := s.do("GET", "/admin/v1/members", "", "Authorization", "Bearer "+s.admin)
		var got list[memberEntry]
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || len(got.Data) != 2 {
			t.Fatalf("status %d, %s, %v", a.status, a.body, err)
		}
		if m := got.Data[0]; m.Name != "plain" || !m.Up || m.Health != nil {
			t.Errorf("%+v", m)
		}
		if m := got.Data[1]; m.Name != "kept" || m.Health == nil || m.Health.Retries != 3 || len(m.Health.Targets) != 3 || !m.Health.Targets[1].Until.Equal(until) {
			t.Errorf("%s", a.body)
		}
		if strings.Contains(a.body, `"0001-`) {
			t.Errorf("a time that is not known is shown: %s", a.body)
		}
		text := s.do("GET", "/metrics", "", "Authorization", "Bearer "+s.admin).body
		for _, want := range []string{
			`summit_target_up{member="kept",target="1"} 1`, `summit_target_up{member="kept",target="2"} 0`, `summit_target_up{member="kept",target="3"} 0.5`,
			`summit_target_streams{member="kept",target="1"} 2`, `summit_target_calls_total{member="kept",target="2"} 5`,
			`summit_target_failures_total{member="kept",target="1"} 1`, `summit_member_retries_total{member="kept"} 3`, `summit_member_hedges_total{member="kept"} 1`,
		} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("%s is not in the metrics", want)
			}
		}
	})
}
