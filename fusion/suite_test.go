package fusion

import (
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
)

// Every strategy is a member, over members that behave in every way; also one
// inside another.
func TestStrategiesPassTheMemberSuite(t *testing.T) {
	two := func(b llmtest.Behaviour) []llm.Member {
		return []llm.Member{llmtest.Behaving("a", b), llmtest.Behaving("b", b)}
	}
	one := func(b llmtest.Behaviour) []llm.Member { return two(b)[:1] }
	// A strategy that isn't here works without parameters over any members.
	params := map[string]any{
		"route": RouteParams{Rules: []RouteRule{{To: "b", Contains: "hello"}}},
		"rank":  RankParams{Judge: "a"},
	}
	members := map[string]func(llmtest.Behaviour) []llm.Member{"single": one, "tokens": stepping(0, 1)}
	for _, s := range Strategies() {
		upstreams := members[s.Name]
		if upstreams == nil {
			upstreams = two
		}
		for name, streaming := range map[string]bool{"streamed": true, "whole": false} {
			r := user("Say hello.")
			r.Streaming = streaming
			t.Run(s.Name+"/"+name, func(t *testing.T) {
				llmtest.Suite{Request: r, New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
					return build(t, s.Name, params[s.Name], upstreams(b)...)
				}}.Run(t)
			})
		}
		t.Run(s.Name+"/nested", func(t *testing.T) {
			llmtest.Suite{Request: user("Say hello."), New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
				inner, err := New(s.Name, Env{Name: "inner", Members: upstreams(b)}, params[s.Name])
				if err != nil {
					t.Fatal(err)
				}
				return build(t, "vote", nil, inner, llmtest.Behaving("c", b))
			}}.Run(t)
		})
	}
}
