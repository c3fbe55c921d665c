package template

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var moment = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// render parses and renders in one go.
func render(source string, vars map[string]any, l Limits) (string, error) {
	t, err := Parse("test", source)
	if err != nil {
		return "", err
	}
	l.Now = moment
	return t.Render(vars, l)
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func variables(t testing.TB, raw json.RawMessage) map[string]any {
	t.Helper()
	v, err := FromJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]any{}
	for _, k := range v.(*Map).Keys() {
		vars[k], _ = v.(*Map).Get(k)
	}
	return vars
}

// The snippets' results are those of Jinja 3.1.6, set up as Transformers does.
func TestSnippets(t *testing.T) {
	var file struct {
		Vars     json.RawMessage
		Snippets []struct {
			T     string
			Out   string
			Error string
		}
	}
	readJSON(t, "snippets.json", &file)
	vars := variables(t, file.Vars)
	for _, s := range file.Snippets {
		got, err := render(s.T, vars, Limits{})
		switch {
		case s.Error != "" && err == nil:
			t.Errorf("%q\n got %q\nwant an error like %q", s.T, got, s.Error)
		case s.Error == "" && err != nil:
			t.Errorf("%q\n got %v\nwant %q", s.T, err, s.Out)
		case err == nil && got != s.Out:
			t.Errorf("%q\n got %q\nwant %q", s.T, got, s.Out)
		}
	}
	t.Logf("%d snippets", len(file.Snippets))
}

// The templates are our own, in the style of the published ones; the wanted
// renderings are Jinja's.
func TestChats(t *testing.T) {
	var file struct {
		Cases []struct {
			Name string
			Vars json.RawMessage
		}
		Want []struct {
			Template, Case string
			Out            string
			Error          string
		}
	}
	readJSON(t, "chat.json", &file)
	cases := map[string]json.RawMessage{}
	for _, c := range file.Cases {
		cases[c.Name] = c.Vars
	}
	for _, w := range file.Want {
		src, err := os.ReadFile(filepath.Join("testdata", "chat", w.Template))
		if err != nil {
			t.Fatal(err)
		}
		got, err := render(string(src), variables(t, cases[w.Case]), Limits{})
		switch {
		case w.Error != "" && err == nil:
			t.Errorf("%s of %s: got %q, want an error like %q", w.Template, w.Case, got, w.Error)
		case w.Error == "" && err != nil:
			t.Errorf("%s of %s: %v", w.Template, w.Case, err)
		case err == nil && got != w.Out:
			t.Errorf("%s of %s\n got %q\nwant %q", w.Template, w.Case, got, w.Out)
		}
	}
	t.Logf("%d renderings", len(file.Want))
}

func TestRaisedByTheTemplate(t *testing.T) {
	_, err := render("a\n{{ raise_exception('system last') }}", nil, Limits{})
	var raised *RaisedError
	if !errors.As(err, &raised) || raised.Message != "system last" || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}

// No template may take the process with it, or more than its share.
func TestLimits(t *testing.T) {
	f := func(want, source string) {
		t.Helper()
		start := time.Now()
		out, err := render(source, map[string]any{"s": strings.Repeat("x", 1000), "l": []any{1, 2}}, Limits{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %.40q, %v, want an error with %q", source, out, err, want)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%.60q took %v", source, took)
		}
	}
	loop := "{% for i in range(100000) %}"
	f("steps", loop+loop+"x{% endfor %}{% endfor %}")
	f("want at most", "{% set n = namespace(x=s) %}"+loop+"{% set n.x = n.x ~ n.x %}{% endfor %}")
	f("want at most", "{{ s * 1000000000 }}")
	f("want at most", "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace('', s * 10000) }}")
	f("want at most", "{{ [s * 10000, s * 10000, s] | join(s * 10000) }}")
	f("want at most 100000", "{{ range(10000000) }}")
	f("nested deeper", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")
	f("deeper", "{% set n = namespace(x=1) %}{% for i in range(50000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}")
	f("deeper", "{% set n = namespace(x=1) %}{% for i in range(50000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x | tojson }}")
	f("deeper", "{% set n = namespace(x=1) %}{% for i in range(50000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x == n.x }}")
	f("nested deeper", "{{ "+strings.Repeat("(", 100000)+strings.Repeat(")", 100000)+" }}")
	f("nested deeper", strings.Repeat("{{ not", 1)+strings.Repeat(" not", 100000)+" a }}")
	f("nested deeper", "{{ "+strings.Repeat("-", 100000)+" 1 }}")
	f("nested deeper", strings.Repeat("{% if 1 %}", 100000))
	f("nested deeper", "{{ 1"+strings.Repeat(" + 1", 100000)+" }}")
	f("nested deeper", "{{ s"+strings.Repeat("|upper", 50000)+" }}")
	f("nested deeper", "{{ 1"+strings.Repeat(" if 1 else 1", 50000)+" }}")
	f("at most", strings.Repeat("x", maxSource+1))
	f("width", "{{ s | indent(1000000) }}")
	f("indent", "{{ l | tojson(indent=100000000) }}")
	f("64 bits", "{{ 9223372036854775807 + 1 }}")
	f("64 bits", "{{ (-9223372036854775807 - 1) // -1 }}")
	f("64 bits", "{{ 10 ** 100 }}")
	f("too large", "{{ 99999999999999999999 }}")
}

func TestDeepInput(t *testing.T) {
	deep := []byte(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))
	if _, err := FromJSON(deep); err == nil {
		t.Error("5000 levels were read")
	}
	var v any = 1
	for range 5000 {
		v = []any{v}
	}
	if _, err := render("{{ v }}", map[string]any{"v": v}, Limits{}); err == nil || !strings.Contains(err.Error(), `variable "v"`) {
		t.Errorf("got %v", err)
	}
	if _, err := render("", map[string]any{"v": make(chan int)}, Limits{}); err == nil || !strings.Contains(err.Error(), "want a plain value") {
		t.Errorf("got %v", err)
	}
	if _, err := render("", map[string]any{"v": json.RawMessage("{")}, Limits{}); err == nil {
		t.Error("half a JSON value was taken")
	}
}

func TestErrorsTellTheLine(t *testing.T) {
	f := func(want, source string) {
		t.Helper()
		if _, err := render(source, map[string]any{"m": map[string]any{}}, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", source, err, want)
		}
	}
	f("template: test: line 3: undefined \"b\" has no \"c\"", "a\nb\n{{ m.b.c }}")
	f("line 2: the tag \"include\"", "\n{% include 'x' %}")
	f("line 2: unknown filter \"zap\"", "\n{{ 1 | zap }}")
	f("line 1: the source ends, want endif", "{% if 1 %}")
	f("line 1: \"endfor\" without its beginning", "{% endfor %}")
}

// FuzzTemplate: any source is refused or renders within its limits, twice the
// same.
func FuzzTemplate(f *testing.F) {
	var file struct {
		Vars     json.RawMessage
		Snippets []struct{ T string }
	}
	readJSON(f, "snippets.json", &file)
	for _, s := range file.Snippets {
		f.Add(s.T)
	}
	for _, p := range []string{"chatml", "thinking", "argkey", "harmony", "header", "sections"} {
		b, err := os.ReadFile(filepath.Join("testdata", "chat", p+".jinja"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	vars := variables(f, file.Vars)
	f.Fuzz(func(t *testing.T, source string) {
		tpl, err := Parse("fuzz", source)
		if err != nil {
			return
		}
		l := Limits{Steps: 20_000, Bytes: 1 << 16, Now: moment}
		a, errA := tpl.Render(vars, l)
		b, errB := tpl.Render(vars, l)
		if a != b || (errA == nil) != (errB == nil) {
			t.Fatalf("%q: %q, %v and then %q, %v", source, a, errA, b, errB)
		}
		if len(a) > l.Bytes {
			t.Fatalf("%q: %d bytes", source, len(a))
		}
	})
}
