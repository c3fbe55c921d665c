package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas that must compile; random texts of each must satisfy it.
var good = []string{
	`{}`,
	`true`,
	`{"type":"object"}`,
	`{"type":"array"}`,
	`{"type":"string"}`,
	`{"type":"number"}`,
	`{"type":"integer"}`,
	`{"type":["string","null","boolean"]}`,
	`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150}},"required":["name","age"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":"null"},"c":{"type":"integer"}},"required":["b"]}`,
	`{"type":"object","properties":{"a":{"type":"integer"},"ab":{"type":"integer"}},"additionalProperties":{"type":"string"}}`,
	`{"type":"object","additionalProperties":{"type":"number"}}`,
	`{"type":"object","properties":{"x":true},"required":["x","y"],"additionalProperties":{"type":"boolean"}}`,
	`{"enum":["red","green","blue",1,1.5,null,{"a":[1,"<&>"]}]}`,
	`{"type":"string","enum":["a","ab","abc","",5]}`,
	`{"const":{"k":[true,"\n\""]}}`,
	`{"anyOf":[{"type":"integer"},{"type":"string","maxLength":3}]}`,
	`{"oneOf":[{"type":"integer"},{"type":"null"}]}`,
	`{"allOf":[{"type":"array","items":{"type":"null"},"maxItems":2}]}`,
	`{"type":"array","items":{"type":"integer","minimum":1,"maximum":9},"minItems":2,"maxItems":5}`,
	`{"type":"array","items":{"type":"string"},"minItems":1}`,
	`{"type":"array","items":false}`,
	`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":3,"maxItems":6}`,
	`{"type":"array","prefixItems":[{"type":"integer"}],"items":false}`,
	`{"type":"string","minLength":2,"maxLength":5}`,
	`{"type":"string","minLength":3}`,
	`{"type":"string","pattern":"^[A-Z]{2}-\\d{3}(x|yz)?$"}`,
	`{"type":"string","pattern":"b+\"\\\\"}`,
	`{"type":"string","pattern":"^é.*b[^a-y]$"}`,
	`{"type":"string","pattern":"(?i)^straße\\s?$"}`,
	`{"type":"string","format":"date-time"}`,
	`{"type":"string","format":"uuid"}`,
	`{"type":"string","format":"date"}`,
	`{"type":"string","format":"time"}`,
	`{"type":"integer","minimum":-17,"maximum":1234}`,
	`{"type":"integer","minimum":95,"maximum":105}`,
	`{"type":"integer","exclusiveMinimum":7}`,
	`{"type":"integer","exclusiveMaximum":-7}`,
	`{"type":"integer","minimum":1.5,"maximum":3.5}`,
	`{"type":"number","minimum":0,"maximum":1}`,
	`{"type":"number","minimum":-2.5,"exclusiveMaximum":12}`,
	`{"type":"number","maximum":-3}`,
	`{"minimum":3,"maximum":3}`,
	`{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v","kids"],"additionalProperties":false}}}`,
	`{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"],"additionalProperties":false}`,
	`{"definitions":{"a/b":{"type":"integer"}},"type":"object","properties":{"p":{"$ref":"#/definitions/a~1b"}},"required":["p"]}`,
	`{"type":"object","properties":{"日本":{"type":"string","title":"x","description":"y"}},"required":["日本"]}`,
}

// randomText walks through the automaton byte by byte until it may end.
func randomText(t *testing.T, g *Grammar, rng *rand.Rand) []byte {
	t.Helper()
	v, err := NewVocab(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := g.With(v).Matcher()
	var out []byte
	for n := 0; ; n++ {
		if m.Done() && (n > 300 || rng.IntN(4) == 0) {
			return out
		}
		var can []byte
		for c := range 256 {
			if m.Allows(byte(c)) {
				can = append(can, byte(c))
			}
		}
		if len(can) == 0 {
			if m.Done() {
				return out
			}
			t.Fatalf("nothing may follow %q", out)
		}
		c := can[rng.IntN(len(can))]
		if n > 300 { // come to an end
			ends := []byte("\"\"}]0,:bbb\\\\\\")
			rng.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
			for _, want := range ends {
				if bytes.IndexByte(can, want) >= 0 {
					c = want
					break
				}
			}
		}
		if n > 20000 {
			t.Fatalf("no end after %q", out[:200])
		}
		if err := m.AcceptBytes([]byte{c}); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
}

// TestRandomTexts writes random texts of every schema: each is JSON and satisfies it, by a library's word.
func TestRandomTexts(t *testing.T) {
	for i, src := range good {
		g, err := Schema([]byte(src), Limits{})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(src))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource("s.json", doc); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("s.json")
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		for range 25 {
			text := randomText(t, g, rng)
			x, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Errorf("%s: wrote %q: %v", src, text, err)
				break
			}
			if err := s.Validate(x); err != nil {
				t.Errorf("%s: wrote %q: %v", src, text, err)
				break
			}
		}
	}
}

// accepts says whether the whole text is a text of the grammar.
func accepts(t *testing.T, g *Grammar, text string) bool {
	t.Helper()
	v, err := NewVocab(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := g.With(v).Matcher()
	return m.AcceptBytes([]byte(text)) == nil && m.Done()
}

func TestSchemaTexts(t *testing.T) {
	f := func(schema string, yes, no []string) {
		t.Helper()
		g, err := Schema([]byte(schema), Limits{})
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		for _, x := range yes {
			if !accepts(t, g, x) {
				t.Errorf("%s: %s is refused", schema, x)
			}
		}
		for _, x := range no {
			if accepts(t, g, x) {
				t.Errorf("%s: %s is accepted", schema, x)
			}
		}
	}
	f(good[8], []string{`{"name":"Ada","age":36}`, `{ "name": "\u00e9\n😀", "age": 0 }`, "{\n  \"name\": \"\",\n  \"age\": 150\n}"},
		[]string{`{"age":36,"name":"Ada"}`, `{"name":"Ada"}`, `{"name":"Ada","age":151}`, `{"name":"Ada","age":01}`, `{"name":"Ada","age":3,"x":1}`, `{"name":"\ud800","age":1}`, ``})
	f(good[9], []string{`{"b":null}`, `{"a":true, "b":null}`, `{"b":null,"c":1}`, `{"a":false,"b":null,"c":-0}`}, []string{`{}`, `{"a":true}`, `{"b":null,}`, `{"c":1,"b":null}`})
	f(good[10], []string{`{}`, `{"a":1}`, `{"ab":1}`, `{"b":"x"}`, `{"abc":"x"}`, `{"a":1,"zz":"x"}`, `{"":"x"}`}, []string{`{"a":"x"}`, `{"ab":"x"}`, `{"\u0061":"x"}`})
	f(good[13], []string{`"red"`, `1`, `1.5`, `null`, `{"a":[1,"<&>"]}`}, []string{`"re"`, `2`, `red`})
	f(good[14], []string{`"a"`, `"ab"`, `"abc"`, `""`}, []string{`5`, `"abcd"`, `"b"`})
	f(`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3}`, []string{`[1,2]`, `[1, 2, 3]`}, []string{`[]`, `[1]`, `[1,2,3,4]`, `[1,2`})
	f(`{"type":"string","minLength":2,"maxLength":3}`, []string{`"ab"`, `"é😀x"`, `"\n\u0041"`}, []string{`"a"`, `"abcd"`})
	f(`{"type":"integer","minimum":95,"maximum":105}`, []string{`95`, `99`, `100`, `105`}, []string{`94`, `106`, `9`, `1000`, `-95`, `095`})
	f(`{"type":"integer","minimum":345,"maximum":872}`, []string{`345`, `350`, `399`, `400`, `799`, `869`, `872`}, []string{`344`, `340`, `873`, `880`, `34`, `3450`})
	f(`{"type":"integer","minimum":-20,"maximum":-3}`, []string{`-20`, `-3`, `-11`}, []string{`-2`, `-21`, `3`, `0`})
	f(`{"type":"number","minimum":0,"maximum":1}`, []string{`0`, `1`, `0.5`, `0.999`}, []string{`1.0001`, `-0.1`, `2`, `1e9`})
	f(`{"type":"string","pattern":"^a.c$"}`, []string{`"abc"`, `"a\"c"`, `"aéc"`}, []string{`"ac"`, `"xabc"`, `"abcd"`})
	f(`{"type":"string","pattern":"b"}`, []string{`"b"`, `"abc"`, `"\nb"`}, []string{`""`, `"ac"`})
	f(`{"type":"string","pattern":"b+\"\\\\"}`, []string{`"b\"\\"`, `"abb\"\\ü"`}, []string{`"b\"\"`, `"\"\\"`})
	f(`{"type":"string","format":"date"}`, []string{`"2026-11-26"`}, []string{`"2026-02-30"`, `"2026-13-01"`, `"x"`})
}

// TestBadSchemas refuses what it can't hold to, and says what it is.
func TestBadSchemas(t *testing.T) {
	f := func(schema, want string) {
		t.Helper()
		if _, err := Schema([]byte(schema), Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", schema, err, want)
		}
	}
	f(``, "not JSON")
	f(`{"type":`, "not JSON")
	f(`{} {}`, "text after it")
	f(`7`, "got number, want an object")
	f(`{"type":"object","type":"array"}`, `the key "type" is there twice`)
	f(`{"type":"thing"}`, `got "thing"`)
	f(`{"type":5}`, "type: got number")
	f(`{"not":{}}`, `the keyword "not" is not supported`)
	f(`{"type":"integer","multipleOf":3}`, `the keyword "multipleOf" is not supported`)
	f(`{"type":"array","uniqueItems":true}`, `the keyword "uniqueItems" is not supported`)
	f(`{"type":"object","patternProperties":{}}`, `the keyword "patternProperties" is not supported`)
	f(`{"type":"object","properties":{"a":{"if":{}}}}`, `#/properties/a: the keyword "if"`)
	f(`{"type":"string","minimum":3}`, "minimum does not go with type string")
	f(`{"type":"string","minLength":5,"maxLength":4}`, "minLength 5 is more than maxLength 4")
	f(`{"type":"string","minLength":-1}`, "minLength: got -1")
	f(`{"type":"string","minLength":1.5}`, "minLength: got 1.5")
	f(`{"type":"string","maxLength":99999999}`, "too large")
	f(`{"type":"string","pattern":"("}`, "pattern: ")
	f(`{"type":"string","pattern":"a\\bc"}`, "is not supported")
	f(`{"type":"string","pattern":"a^b"}`, "an anchor inside")
	f(`{"type":"string","pattern":"a","minLength":1}`, "beside pattern")
	f(`{"type":"array","minItems":3,"maxItems":2}`, "minItems 3 is more than maxItems 2")
	f(`{"enum":[]}`, "enum: got array, want a list with a value")
	f(`{"enum":[1],"minimum":3}`, "minimum beside enum")
	f(`{"anyOf":[{"type":"string"}],"properties":{}}`, "properties beside anyOf")
	f(`{"allOf":[{},{}]}`, "allOf of 2")
	f(`{"$ref":"http://example.com/s"}`, "$ref: got")
	f(`{"$ref":"#/nowhere"}`, "is not in the document")
	f(`{"$ref":"#"}`, "nothing of finite length")
	f(`{"type":"object","properties":{"x":{"$ref":"#"}},"required":["x"]}`, "nothing of finite length")
	f(`{"type":"object","required":["x"],"properties":{"a":{}}}`, `required: "x" is not among properties`)
	f(`false`, "nothing of finite length")
	f(`{"type":"integer","minimum":3,"maximum":2}`, "no whole number")
	f(`{"type":"number","minimum":0.2,"maximum":0.7}`, "without a whole number between")
	f(`{"type":"integer","minimum":1e999999999}`, "minimum: got")
	f(strings.Repeat(`{"items":`, 60000)+`{}`+strings.Repeat(`}`, 60000), "too large")
	f(strings.Repeat(`[`, 60000), "too large")
	f(`{"type":"string","pattern":"`+strings.Repeat("(", 60000)+strings.Repeat(")", 60000)+`"}`, "pattern")
	var chain strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&chain, `"d%d":{"$ref":"#/$defs/d%d"},`, i, i+1)
	}
	f(`{"$ref":"#/$defs/d0","$defs":{`+chain.String()+`"d2000":{}}}`, "too large")
	if _, err := Schema([]byte(`{"type":"string","maxLength":99999999}`), Limits{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a grammar that is too large: got %v, want ErrTooLarge", err)
	}
}

// TestNoBlindAlley leaves out what could be begun and never ended.
func TestNoBlindAlley(t *testing.T) {
	g, err := Schema([]byte(`{"anyOf":[{"type":"string"},{"type":"object","properties":{"x":{"$ref":"#/$defs/loop"}},"required":["x"]}],
		"$defs":{"loop":{"type":"array","items":{"$ref":"#/$defs/loop"},"minItems":1}}}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := NewVocab(nil, nil)
	m := g.With(v).Matcher()
	if m.Allows('{') || !m.Allows('"') {
		t.Errorf("{ is allowed %v, \" is allowed %v", m.Allows('{'), m.Allows('"'))
	}
}

// TestDeepAnswer shows that at the depth limit only the way out is open, and that there is one.
func TestDeepAnswer(t *testing.T) {
	g, err := JSON(Limits{Depth: 20})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := NewVocab(nil, nil)
	m := g.With(v).Matcher()
	deep := 0
	for m.AcceptBytes([]byte(`{"a":`)) == nil {
		if deep++; deep > 1000 {
			t.Fatal("objects go on for ever")
		}
	}
	if deep < 3 {
		t.Fatalf("only %d objects deep", deep)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 0; !m.Done(); n++ {
		var can []byte
		for c := range 256 {
			if m.Allows(byte(c)) {
				can = append(can, byte(c))
			}
		}
		if len(can) == 0 || n > 5000 {
			t.Fatalf("no way out after %d bytes", n)
		}
		c := can[rng.IntN(len(can))]
		for _, end := range []byte("\"}]") {
			if bytes.IndexByte(can, end) >= 0 {
				c = end
			}
		}
		if err := m.AcceptBytes([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzSchema(f *testing.F) {
	for _, s := range good {
		f.Add([]byte(s), []byte(`{"a":1}`))
	}
	f.Fuzz(func(t *testing.T, schema, text []byte) {
		g, err := Schema(schema, Limits{Symbols: 1 << 14, Branches: 64})
		if err != nil {
			return
		}
		if !json.Valid(schema) {
			t.Fatalf("%q is no JSON and was accepted", schema)
		}
		v, _ := NewVocab([][]byte{[]byte("{"), []byte(`"a`), []byte("1"), text, nil}, []int{4})
		m := g.With(v).Matcher()
		mask, err := m.Mask()
		if err != nil {
			return
		}
		for id := range v.Size() {
			if got := m.c.v.tokens[id]; len(got) > 0 && mask.Has(id) != (g.With(v).Matcher().Accept(id) == nil) {
				t.Fatalf("mask and Accept differ about %q", got)
			}
		}
		m.Forced()
		m.Reset()
		if m.AcceptBytes(text) == nil && m.Done() && !json.Valid(text) {
			t.Fatalf("%q was accepted and is no JSON", text)
		}
	})
}
