package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// capture runs "capture VARIABLE REGEXP": it puts what the last command
// printed and the expression's group matches into the variable.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture VARIABLE REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s with one group is not in stdout", args[1])
	}
	ts.Setenv(args[0], found[1])
}

func TestTold(t *testing.T) {
	f := func(status int, text, want, next string) {
		t.Helper()
		var got kept
		err := told("a.example", status, []byte(text), "feedback", &got, opinionNext)
		if want == "" {
			if err != nil || got != (kept{"run-x", 0.7}) {
				t.Errorf("%d %s: %+v, %v", status, text, got, err)
			}
			return
		}
		if err == nil {
			t.Fatalf("%d %s: no error, want %q", status, text, want)
		}
		code, said, todo := explain(err, true)
		if code != exitFailed || said != want || !strings.Contains(todo, next) || (next == "") != (todo == "") {
			t.Errorf("%d %s: %d, %q, %q, want %q, %q", status, text, code, said, todo, want, next)
		}
	}
	f(200, `{"object":"feedback","id":"run-x","score":0.7}`, "", "")
	f(200, `{"object":"list"}`, "a.example answers status 200, but not as Summit does", "--url")
	f(200, ``, "a.example answers status 200, but not as Summit does", "--url")
	f(404, `<html>`, "a.example answers status 404, but not as Summit does", "--url")
	f(401, `{"error":{"message":"no key"}}`, "a.example: no key", "--key-env")
	f(404, `{"error":{"message":"no run"}}`, "a.example: no run", "RUN is")
	f(429, `{"error":{"message":"busy"}}`, "a.example: busy", "")
	f(200, `{"object":"feedback","id":7}`, "a.example answers status 200, but not as Summit does", "--url")
	f(200, `{"object":"feedback","error":7}`, "a.example answers status 200, but not as Summit does", "--url")
}
