package verify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestJSONSchema(t *testing.T) {
	const person = `{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "multipleOf": 1}}, "additionalProperties": false}`
	f := func(p JSONSchemaParams, c Case, want string) {
		t.Helper()
		check, err := New("json_schema", Env{}, &p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := check.Check(t.Context(), &c)
		if err != nil || got.Pass != (want == "") || !strings.Contains(got.Message, want) {
			t.Errorf("%q: %+v, %v, want %q", c.Text, got, err, want)
		}
	}
	own := JSONSchemaParams{Schema: person}
	f(own, Case{Text: ` {"name": "Li"} `}, "")
	f(own, Case{Text: "Here:\n```json\n{\"name\": \"Li\", \"age\": 3}\n```\nDone."}, "")
	f(own, Case{Text: "```json\n{}\n```\nBetter:\n```json\n{\"name\": \"Li\"}\n```"}, "")
	f(own, Case{Text: "```json\n{\"name\": \"Li\"}\n```\nUse it so:\n```\nuse it\n```"}, "")
	f(own, Case{Text: "~~~\n{\"name\": \"Li\"}\n~~~"}, "")
	f(own, Case{Text: "```json\n{\"name\": \"Li\"}"}, "")
	f(own, Case{Text: `{"age": 3}`}, "missing property 'name'")
	f(own, Case{Text: `{"name": "Li", "age": -1}`}, "at '/age': minimum")
	f(own, Case{Text: `{"name": "Li", "age": 1e400}`}, "")
	f(own, Case{Text: `{"name": "Li", "age": 1e999999999}`}, "has an exponent beyond 400")
	f(own, Case{Text: `{"name": "Li", "age": ` + strings.Repeat("9", 500) + `}`}, "a number has 500 digits")
	f(own, Case{Text: `{"name": "Li"`}, "can't be read: it ends too early")
	f(own, Case{Text: "```json\n{} {}\n```"}, "something stands behind the value")
	f(own, Case{Text: "Li"}, "is no JSON and has no fenced block")
	f(own, Case{Text: `"` + strings.Repeat("x", maxJSONBytes) + `"`}, "want at most 262144")
	f(own, Case{Text: strings.Repeat("[", 20000)}, "can't be read")
	request := JSONSchemaParams{RequestFormat: true}
	f(request, Case{Text: "anything"}, "")
	f(request, Case{Text: `[1]`, Schema: json.RawMessage(`{"type": "array"}`)}, "")
	f(request, Case{Text: `{}`, Schema: json.RawMessage(`{"type": "array"}`)}, "got object, want array")
	f(JSONSchemaParams{Schema: person, RequestFormat: true}, Case{Text: `{"name": "Li"}`, Schema: json.RawMessage(`{"required": ["age"]}`)}, "missing property 'age'")
}

// A schema comes with a request and the JSON from a model, so both may be made
// to keep us busy.
func TestJSONSchemaIsBounded(t *testing.T) {
	doubling := func(keywords string) string {
		var b strings.Builder
		b.WriteString(`{"$ref": "#/$defs/a0", "$defs": {`)
		for i := range 40 {
			b.WriteString(strings.NewReplacer("NEXT", `{"$ref": "#/$defs/a`+string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10))+`"}`, "NAME", string(rune('0'+i/10))+string(rune('0'+i%10))).Replace(`"aNAME": ` + keywords + `,`))
		}
		b.WriteString(`"a40": {"minLength": 9}}}`)
		return strings.Replace(b.String(), "defs/a0\"", "defs/a00\"", 1)
	}
	deep := strings.Repeat(`{"a":`, 40) + `"x"` + strings.Repeat("}", 40)
	for name, c := range map[string]Case{
		"all of":   {Text: `"x"`, Schema: json.RawMessage(doubling(`{"allOf": [NEXT, NEXT]}`))},
		"any of":   {Text: `"x"`, Schema: json.RawMessage(doubling(`{"anyOf": [NEXT, NEXT]}`))},
		"one of":   {Text: `"x"`, Schema: json.RawMessage(doubling(`{"oneOf": [NEXT, NEXT]}`))},
		"not":      {Text: `"x"`, Schema: json.RawMessage(doubling(`{"not": {"anyOf": [NEXT, NEXT]}}`))},
		"if":       {Text: `"x"`, Schema: json.RawMessage(doubling(`{"if": NEXT, "then": NEXT, "else": NEXT}`))},
		"old ref":  {Text: `"x"`, Schema: json.RawMessage(strings.Replace(doubling(`{"anyOf": [NEXT, NEXT]}`), "{", `{"$schema": "http://json-schema.org/draft-07/schema#", "allOf": [{}], `, 1))},
		"patterns": {Text: deep, Schema: json.RawMessage(doubling(`{"properties": {"a": NEXT}, "patternProperties": {"^a": NEXT}}`))},
		"itself":   {Text: deep, Schema: json.RawMessage(`{"$defs": {"n": {"anyOf": [{"properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#/$defs/n"}}, "patternProperties": {".": {"$ref": "#/$defs/n"}}, "minProperties": 2}]}}, "$ref": "#/$defs/n"}`)},
		"formats":  {Text: deep, Schema: json.RawMessage(doubling(`{"format": "regex", "properties": {"a": NEXT}, "patternProperties": {"^a": NEXT}}`))},
	} {
		check, err := New("json_schema", Env{}, &JSONSchemaParams{RequestFormat: true})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		f, err := check.Check(t.Context(), &c)
		if took := time.Since(start); err == nil || !strings.Contains(err.Error(), "too much work") || took > 10*time.Second {
			t.Errorf("%s: %v, %v after %v, want the error that it is too much work", name, f, err, took)
		}
	}
	for _, schema := range []string{`{"$ref": "#"}`, `{"allOf": [{"$ref": "#"}]}`, `{"$ref": "https://example.com/a"}`, `[]`, `{`, `{"pattern": "("}`} {
		check, _ := New("json_schema", Env{}, &JSONSchemaParams{RequestFormat: true})
		if f, err := check.Check(t.Context(), &Case{Text: "{}", Schema: json.RawMessage(schema)}); f.Pass {
			t.Errorf("%s: %+v, %v, want no pass", schema, f, err)
		}
	}
}

func FuzzJSONSchema(f *testing.F) {
	f.Add(`{"type": "object", "properties": {"a": {"enum": [1, 2.0]}}}`, "```json\n{\"a\": 1}\n```")
	f.Add(`{"uniqueItems": true, "items": {"multipleOf": 0.1}}`, `[1, 1e3, "x"]`)
	f.Fuzz(func(t *testing.T, schema, text string) {
		check, err := New("json_schema", Env{}, &JSONSchemaParams{RequestFormat: true})
		if err != nil {
			t.Fatal(err)
		}
		got, err := check.Check(t.Context(), &Case{Text: text, Schema: json.RawMessage(schema)})
		if err != nil && got != (Finding{}) {
			t.Errorf("%q: %+v beside %v", schema, got, err)
		}
	})
}
