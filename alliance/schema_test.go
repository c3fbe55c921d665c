package alliance

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v3"
)

// The schemas know the fields that are read, and no others, and take what is
// taken.
func TestSchemas(t *testing.T) {
	fields := func(schema map[string]any, of reflect.Type, path string) {}
	fields = func(schema map[string]any, of reflect.Type, path string) {
		properties, _ := schema["properties"].(map[string]any)
		seen := map[string]bool{}
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "" || name == "-" {
				continue
			}
			seen[name] = true
			property, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s%s: the schema does not know it", path, name)
				continue
			}
			inner := f.Type
			if inner.Kind() == reflect.Map {
				inner, property = inner.Elem(), property["additionalProperties"].(map[string]any)
			}
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				fields(property, inner, path+name+".")
			}
		}
		for name := range properties {
			if !seen[name] {
				t.Errorf("%s%s: nobody reads it", path, name)
			}
		}
	}
	compile := func(text []byte, of any) *jsonschema.Schema {
		var schema map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		fields(schema, reflect.TypeOf(of), "")
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("schema.json", doc); err != nil {
			t.Fatal(err)
		}
		s, err := c.Compile("schema.json")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	contract, terms := compile(ContractSchema, Contract{}), compile(TermsSchema, Terms{})
	check := func(s *jsonschema.Schema, text []byte, good bool) {
		t.Helper()
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); (err == nil) != good {
			t.Errorf("%s: %v, want it taken: %v", text, err, good)
		}
	}
	for _, m := range sorted(testContracts) {
		text := bytes.ReplaceAll(contractText(m), []byte("2026-12-01"), []byte("'2026-12-01'"))
		check(contract, bytes.ReplaceAll(text, []byte("2027-11-30"), []byte("'2027-11-30'")), true)
	}
	check(contract, []byte("apiVersion: summit/v1\nkind: MemberContract\nmember: m\ncurrency: CNY\ncost: {model: free, input: '1'}"), false)
	check(contract, []byte("apiVersion: summit/v1\nkind: MemberContract\nmember: m\ncurrency: CNY\ncost: {model: free}\nbonus: '1'"), false)
	check(contract, []byte("apiVersion: summit/v1\nkind: MemberContract\nmember: m\ncurrency: CNY\ncost: {model: per_token, input: '-1', output: '1'}"), false)
	check(terms, []byte(liveTerms), true)
	check(terms, []byte("vat_bp: 10001"), false)
}

// What is allowed and odd is found; what is sound is not.
func TestLint(t *testing.T) {
	terms, err := ReadTerms([]byte(liveTerms))
	if err != nil {
		t.Fatal(err)
	}
	read := func(member, rest string) *Contract {
		c, err := ReadContract([]byte("apiVersion: summit/v1\nkind: MemberContract\nmember: " + member + "\ncurrency: CNY\n" + rest))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	f := func(want string, all ...*Contract) {
		t.Helper()
		var fields []string
		for _, x := range Lint(terms, all) {
			fields = append(fields, x.Field)
		}
		if got := strings.Join(fields, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	const sound = "effective: {from: 2026-12-01, to: 2027-11-30, zone: Asia/Shanghai}\nliability: {refund_fault_cap: '1'}\naudit: {window_days: 30}\n"
	f("", read("a", sound+"cost: {model: free}"))
	f("effective.from effective.to effective.zone liability.refund_fault_cap audit.window_days", read("a", "cost: {model: free}"))
	f("sacrifice.per_period dividend.standby_bp guarantee.recoup", read("a", sound+"cost: {model: free}\nsacrifice: {per_request_bp: 1}\ndividend: {standby_bp: 10000}\nguarantee: {per_period: '1'}"))
	f("cost.cache_read cost.output cost", read("a", sound+"cost: {model: per_token, input: '2', output: '1', cache_read: '3'}"))
	f("cost cost cost", read("a", sound+"cost: {model: per_token, input: '10', output: '100', cache_read: '1'}"))
	f("effective.to", read("a", sound+"cost: {model: free}"), read("a", strings.NewReplacer("2026-12-01", "2028-12-01", "2027-11-30", "2028-12-31").Replace(sound)+"cost: {model: free}"))
	f("owner", read("a", sound+"owner: o\ncost: {model: free}"), read("b", sound+"owner: o\ncost: {model: free}"))
}
