package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/identity"
	"summit/llm"
	"summit/llm/llmtest"
	"summit/run"
)

// rate sends feedback with the key.
func (s *server) rate(key, body string) answer {
	s.t.Helper()
	return s.do("POST", "/v1/feedback", body, "Authorization", "Bearer "+key)
}

func TestFeedback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"))
		id := idPattern.FindString(s.chat("").body)
		// At once: the run log has not written the run yet.
		text := ""
		rate := func(key, fields string) {
			t.Helper()
			a := s.rate(key, fmt.Sprintf(`{"id":%q,%s}`, id, fields))
			if a.status != 200 || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: status %d, want 200: %s", fields, a.status, a.body)
			}
			text += a.body
		}
		rate(s.user, `"rating":"good"`)
		time.Sleep(time.Minute)
		rate(s.user, `"score":0.7`) // in the place of the first
		time.Sleep(time.Minute)
		rate(s.admin, `"rating":"bad","score":null`)
		rate(s.admin, `"score":0.5`)
		shown := s.do("GET", "/admin/v1/runs/"+id, "", "Authorization", "Bearer "+s.admin).body
		text += strings.ReplaceAll(shown, s.userID, "key_ID")
		text = strings.ReplaceAll(text, s.keyID("admin"), "key_ADMIN")
		golden(t, "feedback.txt", text)
		if list := s.do("GET", "/admin/v1/runs", "", "Authorization", "Bearer "+s.admin).body; strings.Count(list, `"source":"user"`) != 2 {
			t.Errorf("listed: %s, want the feedback of two keys", list)
		}
		m := s.do("GET", "/metrics", "", "Authorization", "Bearer "+s.admin).body
		for _, want := range []string{`{rating="good"} 2`, `{rating="bad"} 1`, `{rating="neutral"} 1`} {
			if !strings.Contains(m, "summit_feedback_total"+want+"\n") {
				t.Errorf("%s is not in the metrics", want)
			}
		}
	})
}

// keyID returns the id of the key with the name.
func (s *server) keyID(name string) string {
	all, _ := s.keys.List(s.t.Context())
	for _, k := range all {
		if k.Name == name {
			return k.ID
		}
	}
	return ""
}

func TestFeedbackIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"))
		id := idPattern.FindString(s.chat("").body)
		f := func(status int, body string, parts ...string) {
			t.Helper()
			s.rate(s.user, strings.ReplaceAll(body, "ID", id)).wantError(t, status, parts...)
		}
		const object = "the body is no JSON object, want one with the fields id, score, rating"
		for _, body := range []string{``, `null`, `[]`, `"ID"`, `{`, `{"id":"ID","score":1`, `{"id":"ID","score":1} {}`, `{"id":"ID","score":1}x`, "\xff", `{1:2}`} {
			f(400, body, object, `"type":"invalid_request_error"`)
		}
		f(400, `{"id":"ID","scor":1}`, `unknown field \"scor\"; did you mean \"score\"? (known: id, score, rating)`, `"param":"scor"`)
		f(400, `{"id":"ID","Rating":"good"}`, `did you mean \"rating\"?`)
		f(400, `{"id":"ID","score":1,"comment":"Say hello"}`, `unknown field \"comment\" (known`)
		f(400, `{"id":"ID","score":1,"`+strings.Repeat("x", 1000)+`":1}`, `unknown field \"xxx`)
		f(400, `{"id":"ID","score":1,"score":0}`, "score is there twice", `"param":"score"`)
		f(400, `{"score":1}`, "no id", `"param":"id"`)
		f(400, `{"id":7,"score":1}`, `id is 7, want a text`, `"param":"id"`)
		f(400, `{"id":"ID"}`, "no rating and no score", `"param":"rating"`)
		f(400, `{"id":"ID","score":null}`, "no rating and no score")
		f(400, `{"id":"ID","score":1,"rating":"good"}`, "want one of them")
		f(400, `{"id":"ID","rating":"great"}`, `rating is \"great\", want \"good\" or \"bad\"`, `"param":"rating"`)
		f(400, `{"id":"ID","rating":1}`, `rating is 1, want`)
		f(400, `{"id":"ID","score":"1"}`, `score is \"1\", want a number from 0 (bad) to 1 (good)`, `"param":"score"`)
		f(400, `{"id":"ID","score":1e999}`, `score is 1e999, want a number`)
		f(400, `{"id":"ID","score":1.1}`, "score is 1.1, want 0 (bad) to 1 (good)", `"param":"score"`)
		f(400, `{"id":"ID","score":-0.1}`, "score is -0.1")
		f(413, `{"id":"`+strings.Repeat("x", feedbackBytes)+`","score":1}`, "want at most 4096")
		f(404, `{"id":"run-none","score":1}`, "no run with the id", "run-none", `"code":"not_found"`)

		// Runs of others are not there, not even for an admin.
		k, other, err := s.keys.Create(t.Context(), identity.Draft{Name: "other", Tenant: "lab", Role: identity.Admin})
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"id":%q,"score":1}`, id)
		s.rate(other, body).wantError(t, 404, "no run with the id")
		s.rate("sk-wrong", body).wantError(t, 401)
		if shown := s.do("GET", "/admin/v1/runs/"+id, "", "Authorization", "Bearer "+s.admin).body; strings.Contains(shown, "feedback") || strings.Contains(shown, k.ID) {
			t.Errorf("feedback was kept: %s", shown)
		}
		if m := s.do("GET", "/metrics", "", "Authorization", "Bearer "+s.admin).body; strings.Contains(m, "summit_feedback_total{") {
			t.Error("refused feedback was counted")
		}
	})
	s := start(t, func(c *Config) { c.Runs = nil }, hello("m"))
	s.rate(s.user, `{"id":"run-x","score":1}`).wantError(t, 404, "no route")
}

// hesitant is a run log to which what is added comes late, as if the request
// took its time to end after its last word was sent.
type hesitant struct{ *run.Log }

func (h hesitant) Add(e run.Entry, o *llm.Outcome) {
	time.Sleep(time.Second)
	h.Log.Add(e, o)
}

func TestFeedbackBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(c *Config) { c.Runs = hesitant{c.Runs.(*run.Log)} },
			&llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("hello world", 0), text("!", time.Hour)}, Outcome: llm.Outcome{Member: "m"}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := s.client.Do(s.request(ctx, "POST", "/v1/chat/completions", s.ask(`"stream":true`)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body := fmt.Sprintf(`{"id":%q,"score":1}`, resp.Header.Get("X-Request-Id"))
		f := func(key string, status int, took time.Duration, parts ...string) {
			t.Helper()
			before := time.Now()
			a := s.rate(key, body)
			if got := time.Since(before); got != took || a.status != status {
				t.Errorf("status %d after %v, want %d after %v: %s", a.status, got, status, took, a.body)
			}
			for _, p := range parts {
				if !strings.Contains(a.body, p) {
					t.Errorf("%s is not in %s", p, a.body)
				}
			}
		}
		_, other, err := s.keys.Create(t.Context(), identity.Draft{Name: "other", Tenant: "lab"})
		if err != nil {
			t.Fatal(err)
		}
		f(s.user, 404, endTime, "has not ended yet")
		f(other, 404, 0, "no run with the id") // who may not know it learns nothing
		cancel()
		synctest.Wait() // the request ends now, and the run log hesitates
		f(s.user, 200, time.Second)
		s.running.all.Range(func(id, _ any) bool { t.Errorf("%v is held for ever", id); return true })
	})
}

// Whatever comes in, an accepted body is an object with an id and one opinion.
func FuzzReadFeedback(f *testing.F) {
	for _, body := range []string{`{"id":"run-x","rating":"good"}`, `{"id":"run-x","score":0.7}`, `{"id":"a","id":"b"}`, `{"score":{"a":[1,2`, `[{}]`, "{\"id\":\"\xff\",\"score\":1e-400}"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := readFeedback(body)
		if err != nil {
			if err.Kind != llm.Invalid || len(err.Message) > 1000 {
				t.Errorf("kind %s, %d bytes of message", err.Kind, len(err.Message))
			}
			return
		}
		var back struct {
			ID     string
			Score  *float64
			Rating *string
		}
		if e := json.Unmarshal(body, &back); e != nil || got.Run == "" || got.Run != back.ID || (back.Score == nil) == (back.Rating == nil) || back.Score != nil && *back.Score != got.Score {
			t.Errorf("%q was read as %+v; %v", body, got, e)
		}
	})
}
