package verify

import (
	"reflect"
	"strings"
	"testing"
)

// Every field has one name in YAML and JSON, and says what it is.
func TestParamsAreNamedAndDescribed(t *testing.T) {
	if len(Kinds()) == 0 {
		t.Fatal("no kinds")
	}
	for _, k := range Kinds() {
		if k.About == "" {
			t.Errorf("%s says nothing about itself", k.Name)
		}
		typ := reflect.TypeOf(k.Params()).Elem()
		if want := strings.ReplaceAll(k.Name, "_", "") + "params"; strings.ToLower(typ.Name()) != want {
			t.Errorf("%s: the parameters are a %s, want %s", k.Name, typ.Name(), want)
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			y, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			j, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if y == "" || y != j || y != strings.ToLower(y) || f.Tag.Get("jsonschema_description") == "" {
				t.Errorf("%s.%s is %q in YAML and %q in JSON, described as %q", k.Name, f.Name, y, j, f.Tag.Get("jsonschema_description"))
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	f := func(kind string, params any, want string) {
		t.Helper()
		if c, err := New(kind, Env{}, params); err == nil || c != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %+v: %v, want an error with %q", kind, params, err, want)
		}
	}
	f("nonsense", nil, `verify: "nonsense" is no known check`)
	f("regexp", nil, "verify: regexp: parameters are <nil>, want *verify.RegexpParams")
	f("regexp", &ArithmeticParams{}, "parameters are *verify.ArithmeticParams")
	f("regexp", &RegexpParams{}, "pattern: 0 bytes, want 1 to 4096")
	f("regexp", &RegexpParams{Pattern: "("}, "pattern: error parsing regexp")
	f("regexp", &RegexpParams{Pattern: "x", On: "y"}, `on: "y", want answer or text`)
	f("json_schema", &JSONSchemaParams{}, "no schema, want schema or request_format: true")
	f("json_schema", &JSONSchemaParams{Schema: "{"}, "schema: it ends too early")
	f("json_schema", &JSONSchemaParams{Schema: `{"type": "nonsense"}`}, "schema: ")
	f("json_schema", &JSONSchemaParams{Schema: `{"$ref": "file:///etc/passwd"}`}, "references to other documents are not followed")
	f("json_schema", &JSONSchemaParams{Schema: `{"$ref": "http://localhost/x"}`}, "references to other documents are not followed")
	f("json_schema", &JSONSchemaParams{Schema: `{"$dynamicRef": "#a"}`}, "$dynamicRef is not supported")
	f("json_schema", &JSONSchemaParams{Schema: `{"minimum": 1e999999999}`}, "has an exponent beyond 400")
}

func TestRegexp(t *testing.T) {
	f := func(p RegexpParams, c Case, want Finding) {
		t.Helper()
		m, err := New("regexp", Env{}, &p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Check(t.Context(), &c); err != nil || got != want {
			t.Errorf("%+v on %+v: %+v, %v, want %+v", p, c, got, err, want)
		}
	}
	number := RegexpParams{Pattern: `^\d+$`}
	f(number, Case{Text: "It is 42.", Answer: "42"}, Finding{Pass: true})
	f(number, Case{Text: "It is x.", Answer: "x"}, Finding{Message: `the final answer "x" does not match ^\d+$`})
	f(number, Case{Text: "42"}, Finding{Message: "the reply has no final answer"})
	f(RegexpParams{Pattern: `is \d`, On: "text"}, Case{Text: "It is 42."}, Finding{Pass: true})
	f(RegexpParams{Pattern: `is \d`, On: "text"}, Case{Text: "no"}, Finding{Message: `the reply does not match is \d`})
}

func TestLongAndStrangeTexts(t *testing.T) {
	m, err := New("regexp", Env{}, &RegexpParams{Pattern: "^$"})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("字", MaxTextBytes)
	if got, err := m.Check(t.Context(), &Case{Text: long, Answer: "x"}); err != nil || got.Pass || !strings.Contains(got.Message, "want at most 1048576") {
		t.Errorf("%+v, %v, want a failure for the length", got, err)
	}
	got := find(t, checkFunc(func(*Case) Finding { return fail("a\x00b\xff\x1b[31m\n%s", long) }), "x")
	if !strings.HasPrefix(got.Message, "ab\uFFFD[31m\n字") || !strings.HasSuffix(got.Message, "字…") {
		t.Errorf("message %q…", clip(got.Message, 40))
	}
}
