package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"summit"
	"summit/llm"
	"summit/money"
)

func TestPrintable(t *testing.T) {
	f := func(in, all, cell string) {
		t.Helper()
		if got := printable(in); got != all {
			t.Errorf("printable(%q) = %q, want %q", in, got, all)
		}
		if got := plain(in); got != cell {
			t.Errorf("plain(%q) = %q, want %q", in, got, cell)
		}
	}
	f("你好\tworld\n", "你好\tworld\n", "你好 world ")
	f("\x1b[2Jgone\x07", " [2Jgone ", " [2Jgone ")
	f("a\u009b31mb\x7f\r", "a 31mb  ", "a 31mb  ")
}

func TestExplainErrors(t *testing.T) {
	f := func(err error, started bool, code int, text, next string) {
		t.Helper()
		c, s, n := explain(err, started)
		if c != code || s != text || !strings.Contains(n, next) || (next == "" && n != "") {
			t.Errorf("%v: %d, %q, %q; want %d, %q, %q", err, c, s, n, code, text, next)
		}
	}
	f(errors.New("summit: broken"), true, exitFailed, "broken", "")
	f(errors.New("unknown flag"), false, exitUsage, "unknown flag", "")
	f(usage("no %s", "question"), true, exitUsage, "no question", "")
	f(failed("do this", errors.New("x")), true, exitFailed, "x", "do this")
	f(notReady("wait", errors.New("x")), true, exitNotReady, "x", "wait")
	f(fmt.Errorf("more: %w", &summit.NotReadyError{Err: errors.New("x"), Next: "set it"}), true, exitNotReady, "more: x", "set it")
	f(&summit.ConfigError{Problems: []summit.Problem{{Path: "listen", Text: "no"}}}, true, exitFailed, "configuration: listen: no", "config validate")
	f(hint(&llm.Error{Kind: llm.NotFound, Message: "no such model"}), true, exitFailed, "no such model", "summit models")
	f(hint(&llm.Error{Kind: llm.Unauthorized, Member: "a", Message: "wrong key"}), true, exitFailed, "a: wrong key", "--key-env")
	f(hint(&llm.Error{Kind: llm.Filtered, Member: "a", Message: "no"}), true, exitFailed, "a: no", "")
}

func TestTree(t *testing.T) {
	var b bytes.Buffer
	writeTree(&b, &llm.Outcome{
		Member: "summit", Strategy: "vote", Took: 1500 * time.Millisecond, Answer: "42", Reason: "two of three",
		Cost: &llm.Cost{Amount: 15 * money.Micro / 10, Currency: "CNY"},
		Parts: []*llm.Outcome{
			{Member: "a", Took: 20 * time.Millisecond, WeightPPM: 500_000, Usage: llm.Usage{Input: llm.Counted(3), Output: llm.Counted(4)}},
			{Member: "inner", Strategy: "fallback", Parts: []*llm.Outcome{
				{Member: "b", Err: &llm.Error{Kind: llm.Timeout, Message: "the deadline\x1b[0m passed"}},
				{Member: "c", WeightPPM: 1_000_000},
			}},
			{Member: "d"},
		},
	})
	want := `summit (vote): 1.5 s, 1.5 CNY, answer 42, two of three
├─ a: 20 ms, 50 % of the answer, 3 + 4 tokens
├─ inner (fallback): 0 ms
│  ├─ b: 0 ms, failed: the deadline [0m passed
│  └─ c: 0 ms, 100 % of the answer
└─ d: 0 ms
`
	if got := b.String(); got != want {
		t.Errorf("tree:\n%s\nwant:\n%s", got, want)
	}
}

func TestYAML(t *testing.T) {
	var b bytes.Buffer
	err := writeYAML(&b, struct {
		Name  string   `json:"name"`
		On    bool     `json:"on"`
		N     int      `json:"n"`
		Text  string   `json:"text"`
		None  []string `json:"none"`
		Parts []string `json:"parts"`
	}{"a: b", true, 7, "yes", []string{}, []string{"x", "12"}})
	want := "name: 'a: b'\n\"on\": true\n\"n\": 7\ntext: \"yes\"\nnone: []\nparts:\n  - x\n  - \"12\"\n"
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s\nwant:\n%s", err, b.String(), want)
	}
}
