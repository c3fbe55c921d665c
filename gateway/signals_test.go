package gateway

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm/llmtest"
)

// talk is the body of a conversation: texts of the user and the assistant by
// turns.
func talk(texts ...string) string {
	var all []string
	for i, text := range texts {
		role := "user"
		if i%2 == 1 {
			role = "assistant"
		}
		all = append(all, fmt.Sprintf(`{"role":%q,"content":%q}`, role, text))
	}
	return `{"model":"m","messages":[` + strings.Join(all, ",") + `]}`
}

// What a client does next says something of an answer, and a little only.
func TestSignals(t *testing.T) {
	const first = "Write a short poem about the river Li in the rain, with four lines and no rhyme."
	const again = "Write a short poem about the river Li in the rain, with six lines and no rhyme."
	const other = "How many legs do seven spiders have, and how many wings?"
	f := func(name, want string, asks ...func(s *server)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := start(t, func(c *Config) { c.Signals = true }, llmtest.Text("m", "hello world", time.Second))
			for _, ask := range asks {
				ask(s)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			entries, err := s.runs.Latest(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range entries {
				e := entries[len(entries)-1-i]
				for _, l := range e.Feedback {
					got = append(got, fmt.Sprintf("%d %s %v %v", i+1, l.Source, l.Score, l.Source.Weight()))
				}
			}
			if strings.Join(got, "; ") != want {
				t.Errorf("%s: noted %q, want %q", name, got, want)
			}
		})
	}
	ask := func(body string) func(*server) {
		return func(s *server) {
			if a := s.do("POST", "/v1/chat/completions", body); a.status != 200 {
				s.t.Errorf("status %d: %s", a.status, a.body)
			}
		}
	}
	pause := func(d time.Duration) func(*server) { return func(*server) { time.Sleep(d) } }
	f("asked once", "", ask(talk(first)))
	f("asked again", "1 retry 0 0.25", ask(talk(first)), pause(time.Minute), ask(talk(first)))
	f("asked again and again", "1 retry 0 0.25; 2 retry 0 0.25", ask(talk(first)), ask(talk(first)), ask(talk(first)))
	f("asked again much later", "", ask(talk(first)), pause(11*time.Minute), ask(talk(first)))
	f("asked by another key", "", ask(talk(first)), func(s *server) {
		s.do("POST", "/v1/chat/completions", talk(first), "Authorization", "Bearer "+s.admin)
	})
	f("another question", "", ask(talk(first)), ask(talk(other)))
	f("a first question that is put otherwise", "", ask(talk(first)), ask(talk(again))) // it could be anybody's
	f("edited", "1 edit 0 0.15", ask(talk("Hi", "Hello", first)), ask(talk("Hi", "Hello", again)))
	f("another question after the same examples", "", ask(talk("Hi", "Hello", first)), ask(talk("Hi", "Hello", other)))
	f("gone on with", "", ask(talk(first)), ask(talk(first, "hello world", again)))
	f("not to be learned from", "", ask(talk(first)), ask(strings.Replace(talk(first), `{"model"`, `{"summit":{"learn":false},"model"`, 1)))
	f("left in the middle", "1 abort 0 0.1", func(s *server) {
		ctx, leave := context.WithCancel(s.t.Context())
		r := s.request(ctx, "POST", "/v1/chat/completions", strings.Replace(talk(first), `{"model"`, `{"stream":true,"model"`, 1))
		time.AfterFunc(12*time.Second, leave) // a heartbeat has begun the stream
		slow := llmtest.Text("m", "hello world", time.Minute)
		s.models = directory{slow}
		a, err := s.client.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		io.Copy(io.Discard, a.Body)
		a.Body.Close()
	})
}

// The memory of questions is bounded.
func TestSignalsAreBounded(t *testing.T) {
	s := newSignals()
	for i := range uint64(3 * maxRemembered) {
		s.keep(&remembered{run: "r", whole: i, before: i / 2})
	}
	if len(s.ring) != maxRemembered || len(s.whole) != maxRemembered || len(s.before) > maxRemembered {
		t.Errorf("remembers %d, %d and %d, want %d", len(s.ring), len(s.whole), len(s.before), maxRemembered)
	}
}
