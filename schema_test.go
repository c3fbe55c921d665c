package summit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	checker6 "github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v3"

	"summit/fusion"
	"summit/member"
	"summit/money"
)

const schemaFile = "docs/config.schema.json"

// newSchema makes the schema from the types, their comments and what every
// kind of member and every strategy registered. Those of the tests are left out.
func newSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	r := &jsonschema.Reflector{
		Anonymous: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, ExpandedStruct: true,
		Mapper: mapped,
		Namer: func(t reflect.Type) string {
			if room, ok := strings.CutPrefix(t.PkgPath(), "summit/"); ok {
				return room + "." + t.Name()
			}
			return t.Name()
		},
	}
	for base, path := range map[string][]string{"summit": {"config.go", "limits.go", "with_books.go", "with_cache.go", "with_distill.go", "with_learning.go", "with_local.go", "with_tenants.go"}, "summit/": {"dialect", "fusion", "member", "verify"}} {
		for _, p := range path {
			if err := r.AddGoComments(strings.TrimSuffix(base, "/"), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := r.Reflect(&Config{})
	s.Title = "Summit's configuration"
	s.ID = ""

	names := &jsonschema.Schema{Type: "string", Pattern: nameRule.String()}
	for _, key := range []string{"members", "models"} {
		p, _ := s.Properties.Get(key)
		p.PropertyNames = names
	}
	codes, _ := s.Properties.Get("fx")
	codes.PropertyNames = &jsonschema.Schema{Pattern: "^[A-Z]{3}$"}
	address, _ := s.Definitions["Member"].Properties.Get("base_url")
	address.Pattern = "^https?://[^/@]+(/|$)"
	key, _ := s.Definitions["Member"].Properties.Get("key_env")
	key.Pattern = envRule.String()
	price, _ := s.Definitions["Member"].Properties.Get("price")
	tier := price.Items
	price.Type, price.Items = "", nil
	price.OneOf = []*jsonschema.Schema{tier, {Type: "array", Items: tier}}
	some := uint64(1)
	list, _ := s.Definitions["Model"].Properties.Get("members")
	list.MinItems, list.UniqueItems = &some, true

	var kinds, strategies []use
	for _, k := range member.Kinds() {
		kinds = append(kinds, use{k.Name, k.About, k.Params})
	}
	for _, f := range fusion.Strategies() {
		strategies = append(strategies, use{f.Name, f.About, f.Params})
	}
	byUse(t, r, s, "Member", kinds)
	byUse(t, r, s, "Model", strategies)
	s.Definitions["Member"].Required = []string{"use"} // the loader lists what there is instead
	s.Definitions["Model"].Required = []string{"use", "members"}
	return s
}

type use struct {
	name, about string
	params      func() any
}

// byUse makes the schema of params depend on use.
func byUse(t *testing.T, r *jsonschema.Reflector, s *jsonschema.Schema, def string, uses []use) {
	t.Helper()
	d := s.Definitions[def]
	name, _ := d.Properties.Get("use")
	for _, u := range uses {
		if strings.HasPrefix(u.name, "test-") {
			continue
		}
		name.Enum = append(name.Enum, u.name)
		branch := &jsonschema.Schema{Title: u.name, Description: u.about, Properties: jsonschema.NewProperties()}
		branch.Properties.Set("use", &jsonschema.Schema{Const: u.name})
		if u.params == nil {
			branch.Properties.Set("params", jsonschema.FalseSchema)
		} else {
			params := r.Reflect(u.params())
			for n, nested := range params.Definitions {
				s.Definitions[n] = nested
			}
			n := r.Namer(reflect.TypeOf(u.params()).Elem())
			params.Version, params.Definitions = "", nil
			s.Definitions[n] = params
			branch.Properties.Set("params", &jsonschema.Schema{Ref: "#/$defs/" + n})
		}
		d.OneOf = append(d.OneOf, branch)
	}
	if len(d.OneOf) == 0 {
		t.Fatalf("nothing is registered that %s could use", def)
	}
}

// mapped gives the types that are written as text their own schema.
func mapped(t reflect.Type) *jsonschema.Schema {
	decimal := func(pattern string, least json.Number) *jsonschema.Schema {
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
			{Type: "number", Minimum: least},
			{Type: "string", Pattern: pattern},
		}}
	}
	switch t {
	case reflect.TypeFor[money.Rate]():
		return decimal(`^[0-9]+(\.[0-9]{1,6})?$`, "0")
	case reflect.TypeFor[money.Amount]():
		return decimal(`^[0-9]+(\.[0-9]{1,6})?$`, "0") // no setting takes a negative one
	case reflect.TypeFor[money.Currency]():
		return &jsonschema.Schema{Type: "string", Pattern: "^[A-Z]{3}$"}
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`}
	case reflect.TypeFor[time.Time]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$`}
	}
	return nil
}

func TestSchemaIsUpToDate(t *testing.T) {
	data, err := json.MarshalIndent(newSchema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, string(data)+"\n")
}

// compiled is the schema as an independent checker reads it. The tests' own
// kinds are no part of it, so samples use those of the house.
func compiled(t *testing.T) *checker6.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := checker6.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := checker6.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON returns YAML as the values that JSON has.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	var strip func(n *yaml.Node)
	strip = func(n *yaml.Node) { // JSON has no dates: they are texts
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, c := range n.Content {
			strip(c)
		}
	}
	strip(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := checker6.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestSchemaAndLoaderAgree holds both against the same files: good ones pass
// both, bad ones fail both. What only the loader can see (repeated keys,
// cycles, names that nobody has) is in testdata/bad.
func TestSchemaAndLoaderAgree(t *testing.T) {
	s := compiled(t)
	good, _ := filepath.Glob("testdata/good/*.yaml")
	for _, file := range append(good, "cmd/summit/sample.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		variants := [][]byte{text}
		if file == "cmd/summit/sample.yaml" {
			variants = append(variants, uncommented(text))
		}
		for _, text := range variants {
			if doc := asJSON(t, text); doc != nil {
				if err := s.Validate(doc); err != nil {
					t.Errorf("%s: the schema refuses it: %v", file, err)
				}
			}
			if _, err := Load(Sources{Path: write(t, string(text)), Env: env()}); err != nil {
				t.Errorf("%s: the loader refuses it: %v", file, err)
			}
		}
	}
	data, err := os.ReadFile("testdata/both-refuse.yaml")
	if err != nil || len(good) == 0 {
		t.Fatal(err, len(good))
	}
	bad := strings.Split(string(data), "\n---\n")
	for i, text := range bad {
		what, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		if err := s.Validate(asJSON(t, []byte(text))); err == nil {
			t.Errorf("document %d (%s): the schema takes it", i, what)
		}
		var c *ConfigError
		if _, err := Load(Sources{Path: write(t, text), Env: env()}); !errors.As(err, &c) {
			t.Errorf("document %d (%s): the loader says %v", i, what, err)
		}
	}
}

// uncommented removes the # before every line that is a setting.
func uncommented(text []byte) []byte {
	var lines []string
	for line := range strings.Lines(string(text)) {
		bare, ok := strings.CutPrefix(line, "# ")
		if key, _, found := strings.Cut(bare, ":"); ok && found && !strings.Contains(strings.TrimSpace(key), " ") && !strings.HasPrefix(bare, "yaml-language") {
			line = bare
		}
		lines = append(lines, line)
	}
	return []byte(strings.Join(lines, ""))
}

// TestParamsHaveTags holds every kind and strategy to one name in the file,
// in JSON and in the schema, and to a word of explanation for each setting.
func TestParamsHaveTags(t *testing.T) {
	s := newSchema(t)
	for name, def := range s.Definitions {
		if def.Properties == nil {
			continue
		}
		for p := def.Properties.Oldest(); p != nil; p = p.Next() {
			if p.Value.Description == "" && p.Value.Ref == "" {
				t.Errorf("%s.%s: nothing says what it means: give the field a comment", name, p.Key)
			}
		}
	}
	var check func(t reflect.Type) error
	check = func(typ reflect.Type) error {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == timeType {
			return nil
		}
		for _, f := range reflect.VisibleFields(typ) {
			y, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if j, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && y != j {
				return fmt.Errorf("%s.%s: yaml %q, json %q, want one name", typ, f.Name, y, j)
			}
			if err := check(f.Type); err != nil {
				return err
			}
		}
		return nil
	}
	var params []any
	for _, k := range member.Kinds() {
		if k.Params != nil {
			params = append(params, k.Params())
		}
	}
	for _, f := range fusion.Strategies() {
		params = append(params, f.Params())
	}
	for _, p := range params {
		if err := check(reflect.TypeOf(p)); err != nil {
			t.Error(err)
		}
	}
}
