package verify

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestStarlark(t *testing.T) {
	c := &Case{Question: "What is 6 * 7?", Text: "It is 42.\nThat is all.", Answer: "42"}
	f := func(program string, want Finding, wantErr string) {
		t.Helper()
		check, err := New("starlark", Env{}, &StarlarkParams{Program: program})
		if err != nil {
			t.Errorf("%q: %v", program, err)
			return
		}
		got, err := check.Check(t.Context(), c)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v, %q", program, got, err, want, wantErr)
		}
	}
	yes, no := Finding{Pass: true}, Finding{Message: "the program says that it is wrong"}
	f(`answer == "42"`, yes, "")
	f(`int(answer) % 2 == 1`, no, "")
	f(`"6" in question and text.endswith("all.") and len(text.splitlines()) == 2`, yes, "")
	f(`"" if answer == "42" else "want 42"`, yes, "")
	f(`"got " + answer + ", want 43"`, Finding{Message: "got 42, want 43"}, "")
	f(`[int(w) for w in text.split() if w.isdigit()] == []`, yes, "") // "42." has a full stop
	f(`all([w for w in [answer, question]]) and sorted([3, 1, 2], key=lambda x: -x)[0] == 3`, yes, "")
	f(`{"a": 1, "b": [1, 2][1:]}["b"] == [2] and "%s-%d" % ("a", 2) == "a-2" and "{}{}".format(1, 2) == "12"`, yes, "")
	f("limit = 40 + 1\ndef over(n, by=limit - 41):\n  return n > limit + by\ndef check():\n  n = 0\n  n += int(answer)\n  l = [1]\n  l += [2] * 2\n  d = {}\n  d[answer + \"!\"], x = 1, (2, 3)\n  d[\"42!\"] += 4\n  return over(n) and l == [1, 2, 2] and d == {\"42!\": 5} and x == (2, 3)", yes, "")
	f("def check():\n  for i, c in enumerate(text.elems()):\n    if c == \"4\":\n      return \"a 4 at %d\" % i\n  return True", Finding{Message: "a 4 at 6"}, "")
	// What can't be checked is no pass.
	f(`1`, Finding{}, "returned a int, want True, False or a text")
	f(`None`, Finding{}, "returned a NoneType")
	f("\n\ndef check():\n  return int(text) == 1", Finding{}, "failed in line 2: int: invalid literal")
	f(`fail("no")`, Finding{}, "fail: no")
	f("def f():\n  return check()\ndef check():\n  return f()", Finding{}, "called recursively")
	f("def check():\n  for i in range(100000):\n    for j in range(100000):\n      pass\n  return True", Finding{}, "too many steps")
}

func TestStarlarkPrograms(t *testing.T) {
	for program, want := range map[string]string{
		"":                                       "program: 0 bytes",
		"x = 1":                                  "it is no expression and defines no check()",
		"def check(text):\n  return 1":           "it is no expression and defines no check()",
		`load("f", "g")` + "\ndef check(): pass": "load is not supported",
		"def check(:":                            "program:1:",
		"unknown == 1":                           "undefined: unknown",
		"def check():\n  while True: pass":       "does not support while loops",
		"open('x')":                              "undefined: open",
		strings.Repeat(" ", 10) + strings.Repeat("1+", maxProgramBytes) + "1": "want 1 to",
	} {
		if _, err := New("starlark", Env{}, &StarlarkParams{Program: program}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", clip(program, 80), err, want)
		}
	}
}

// Whatever a program does, it ends soon and takes little memory.
func TestStarlarkBounds(t *testing.T) {
	grow := func(body string) string {
		return "def check():\n  s = \"x\" * 1000\n  l = [1] * 100\n  d = {}\n  n = 7\n  for i in range(60):\n    " + body + "\n  return True"
	}
	for _, program := range []string{
		`"x" * 1000000000 == ""`, `1000000000 * "x" == ""`, `[1] * 1000000000 == []`, `len(range(1000000000)) == 1`, `len(list(range(100000000))) == 1`,
		`[x for x in range(10000000)] == []`, `"x" * (1 << 100) == ""`, `(1 << 500) * "ab" == ""`,
		grow("s += s"), grow("s = s + s"), grow("s *= 2"), grow("l += l"), grow("l.extend(l)"), grow("l = [l] * 10; s = str(l)"), grow("n *= n"),
		grow(`l = (l, l, l); s = "%s%s" % (l, l)`), grow("s = s.join([s, s])"), grow(`s = s.replace("x", "xx")`), grow(`s = s.replace("", s)`), grow(`s = "{0}{0}{0}".format(s)`),
		grow("l = sorted([l, l], key=str)"), grow("d[s + s] = 1; s = s + s"), grow(`s = repr({"a": s, "b": s})`), grow("l = l + l[:]"), grow("l = [l, l]; print(l)"),
		grow("d[\"x\" * 1000000000] = 1"), grow(`s = getattr(s, "join")([s, s])`), grow("l = [[1, 2, 3] * 1000000 for j in range(1000)]"),
		"def check():\n  l = [[]] * 1000\n  k = []\n  for i in range(100000):\n    k.append(l[:])\n  return True",
		"def check():\n  l = []\n  for i in range(900000):\n    l = [l]\n  return str(l)",
		"def check():\n  n = 0\n  s = \"x\" * 1000000\n  for i in range(300000):\n    n += 1 if \"xy\" in s else 0\n  return True",
	} {
		check, err := New("starlark", Env{}, &StarlarkParams{Program: program})
		if err != nil {
			t.Errorf("%q: %v", program, err)
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		f, err := check.Check(t.Context(), &Case{Text: "x"})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%q: %+v, want an error", program, f)
		}
		const most = 6 * starlarkBytes // sizes are guesses, and lists grow by doubling
		if made := after.TotalAlloc - before.TotalAlloc; made > most || took > 10*time.Second {
			t.Errorf("%q: %d MiB in %v, error %v, want at most %d MiB", program, made>>20, took, err, most>>20)
		}
	}
}

func TestStarlarkStops(t *testing.T) {
	check, err := New("starlark", Env{}, &StarlarkParams{Program: "True"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := check.Check(ctx, &Case{Text: "x"}); err == nil || f.Pass {
		t.Errorf("%+v, %v, want an error after the caller is gone", f, err)
	}
}

func FuzzStarlark(f *testing.F) {
	f.Add(`answer == "42" or text % (question,) == [1][0:]`, "a %s")
	f.Add("def check():\n  x = {}\n  x[text] = [y for y in (1, 2)]\n  return str(x)", "b")
	f.Fuzz(func(t *testing.T, program, text string) {
		check, err := New("starlark", Env{}, &StarlarkParams{Program: program})
		if err != nil {
			return
		}
		one, err1 := check.Check(t.Context(), &Case{Text: text, Answer: text, Question: text})
		two, err2 := check.Check(t.Context(), &Case{Text: text, Answer: text, Question: text})
		if one != two || (err1 == nil) != (err2 == nil) {
			t.Errorf("%q: %+v, %v, then %+v, %v", program, one, err1, two, err2)
		}
	})
}
