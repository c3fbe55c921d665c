package grammar

import (
	"strings"
	"testing"
)

func TestCompose(t *testing.T) {
	v, err := NewVocab(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := func(e *Expr, text string, want bool) {
		t.Helper()
		g, err := Compose(e, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m := g.With(v).Matcher()
		if err := m.AcceptBytes([]byte(text)); (err == nil && m.Done()) != want {
			t.Errorf("%q: %v, may end %v; want %v", text, err, err == nil && m.Done(), want)
		}
	}
	ab := Literal("ab")
	f(Sequence(ab, Repeat(Choice(ab, Words("c", "cd")), 0, 2), Literal("\xff\x01")), "ababcd\xff\x01", true)
	f(Sequence(ab, Repeat(Choice(ab, Words("c", "cd")), 0, 2)), "abcdabab", false)
	free := Free([]string{"</a>", "<b>"}, []string{"x{"})
	f(free, "", true)
	f(free, "x", true)
	f(free, "x[ x{ </a <<b 武汉\x00", true)
	f(free, "x{", false)
	f(free, "a</a>", false)
	f(free, "<<b>", false)
	f(free, "</</a>", false)
	f(free, "\xff", false)
	f(free, "\xed\xa0\x80", false) // a surrogate
	f(free, "\xc0\x80", false)     // too long a form
	f(free, "\xf4\x90\x80\x80", false)
	f(free, "\xf4\x8f\xbf\xbf\xf0\x90\x80\x80\xe0\xa0\x80", true)
	f(free, "\xe6\xad", false)
	f(Sequence(Free([]string{"--"}, nil), Literal("--"), Value([]byte(`{"enum": [1]}`))), "a-b--1", true)
	f(Object([]byte(`{}`)), `{"a": 1}`, true)
	f(Object([]byte(`true`)), `{}`, true)
	f(Object([]byte(`{"properties": {"a": {"type": "null"}}, "required": ["a"]}`)), `{}`, false)
	for _, bad := range []*Expr{
		Object([]byte(`{"type": "array"}`)), Object([]byte(`{"type": ["object", "null"]}`)), Object([]byte(`false`)), Object([]byte(`{"enum": [1]}`)),
		Object([]byte(`{"anyOf": [{"type": "string"}]}`)), Value([]byte(`{"type"`)), Value([]byte(`{"type": "object", "minProperties": 2}`)),
		Repeat(Literal("a"), 1<<20, -1),
	} {
		if g, err := Compose(bad, Limits{}); err == nil || !strings.HasPrefix(err.Error(), "grammar: ") {
			t.Errorf("got %v, %v", g, err)
		}
	}
}

func TestProperties(t *testing.T) {
	list, open, err := Properties([]byte(`{"description": "d", "properties": {
		"z": {"type": "string"}, "a": {"enum": ["x", "y"]}, "n": {"type": "integer"}, "c": {"const": "k"},
		"m": {"enum": ["x", 1]}, "p": {"type": "string", "pattern": "^a"}, "e": {"type": "string", "format": "email"}, "r": {"$ref": "#/$defs/t"}},
		"$defs": {"t": {"type": "string"}}, "required": ["a", "r"]}`), Limits{})
	if err != nil || open {
		t.Fatalf("%v, open %v", err, open)
	}
	var got []string
	for _, p := range list {
		line := p.Name
		for _, s := range []struct {
			on   bool
			text string
		}{{p.Required, " required"}, {p.Text, " text"}, {p.Words != nil, " " + strings.Join(p.Words, "|")}, {p.Bounded != "", " bounded by " + p.Bounded}} {
			if s.on {
				line += s.text
			}
		}
		got = append(got, line)
		if _, err := Compose(p.Value, Limits{}); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	want := "z text, a required text x|y, n, c text k, m, p text bounded by pattern, e text, r required"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	for _, bad := range []string{`{`, `[]`, `{"type": "string"}`, `{"properties": []}`, `{"required": ["a"]}`, `{"patternProperties": {}}`} {
		if _, _, err := Properties([]byte(bad), Limits{}); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, open, err := Properties([]byte(`{}`), Limits{}); err != nil || !open {
		t.Errorf("an object of anything: open %v, %v", open, err)
	}
}
