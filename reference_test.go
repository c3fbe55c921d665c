package summit

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"summit/fusion"
	"summit/member"
)

const (
	referenceFile  = "docs/configuration.md"
	referenceBegin = "<!-- the reference below is written by go test -update -->\n"
)

// TestReferenceIsUpToDate writes the part of the manual that lists every
// setting from the schema. What stands before the mark is written by hand.
func TestReferenceIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	hand, _, ok := strings.Cut(string(text), referenceBegin)
	if !ok {
		t.Fatalf("%s has no mark %q", referenceFile, referenceBegin)
	}
	golden(t, referenceFile, hand+referenceBegin+reference(newSchema(t)))
}

// TestExamplesOfTheManualLoad holds every YAML example against the loader and
// the schema.
func TestExamplesOfTheManualLoad(t *testing.T) {
	text, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t)
	parts := strings.Split(string(text), "\n```yaml\n")
	if len(parts) < 5 {
		t.Fatalf("%d examples, want at least 4", len(parts)-1)
	}
	for i, part := range parts[1:] {
		example, _, _ := strings.Cut(part, "\n```")
		if err := s.Validate(asJSON(t, []byte(example))); err != nil {
			t.Errorf("example %d: the schema refuses it: %v\n%s", i+1, err, example)
		}
		l, err := Load(Sources{Path: write(t, example), Env: env()})
		if err != nil {
			t.Errorf("example %d: the loader refuses it: %v\n%s", i+1, err, example)
			continue
		}
		// It can also be opened, with keys at hand.
		for name, m := range l.Config.Members {
			if m.Use == useLocal { // its file is the reader's
				delete(l.Config.Members, name)
				continue
			}
			envs := strings.Split(m.KeyEnv, ":")
			for _, e := range m.Endpoints {
				envs = append(envs, e.KeyEnv)
			}
			for _, env := range envs {
				if env != "" {
					t.Setenv(env, "id.secret")
				}
			}
			if m.KeyFile != "" {
				m.KeyFile = write(t, "key")
				l.Config.Members[name] = m
			}
		}
		l.Config.Ephemeral = true
		open, err := Open(t.Context(), l.Config)
		if err != nil {
			t.Errorf("example %d: can't be opened: %v\n%s", i+1, l.Place(err), example)
			continue
		}
		open.Close()
	}
}

func reference(s *jsonschema.Schema) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Reference\n\nEvery setting can be left out; its meaning says what holds then. ")
	fmt.Fprintf(&b, "A plain value at the top or in a section can also be set by an environment variable.\n\n### The file\n\n")
	properties(&b, s, "")
	for _, section := range []struct{ key, def, title string }{
		{"fx", "FX", "fx.CODE"}, {"identity", "Identity", "identity"}, {"", "Tenant", "identity.tenants.NAME"}, {"", "TenantBudget", "identity.tenants.NAME.budget"}, {"brain", "Brain", "brain"}, {"books", "Books", "books"}, {"brain.shadow", "Shadow", "brain.shadow"}, {"limits", "Limits", "limits"}, {"runs", "Runs", "runs"}, {"log", "Log", "log"},
		{"discover", "Discover", "discover"}, {"engine", "Engine", "engine"}, {"", "Member", "members.NAME"}, {"", "Price", "members.NAME.price"}, {"", "Endpoint", "members.NAME.endpoints"}, {"", "member.GuardParams", "members.NAME.guard"},
	} {
		def := s.Definitions[section.def]
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", section.title, def.Description)
		properties(&b, def, section.key)
	}
	fmt.Fprintf(&b, "\n## Kinds of members\n\nWhat `use` of a member may be.\n")
	var nested []string
	for _, k := range member.Kinds() {
		if strings.HasPrefix(k.Name, "test-") {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s.\n", k.Name, strings.TrimSuffix(k.About, "."))
		if k.BaseURL != "" {
			fmt.Fprintf(&b, "\nIts address is `%s`", k.BaseURL)
			if len(k.KeyEnv) > 0 {
				fmt.Fprintf(&b, ", its key is looked for in `%s`", strings.Join(k.KeyEnv, "`, `"))
			}
			b.WriteString(".\n")
		}
		if k.Params != nil {
			name := typeName(k.Params())
			at := name
			if room, ok := strings.CutPrefix(reflect.TypeOf(k.Params()).Elem().PkgPath(), "summit/"); ok {
				at = room + "." + name
			}
			nested = append(nested, at)
			fmt.Fprintf(&b, "\nIts params are [%s](#%s).\n", name, strings.ToLower(name))
		}
	}
	sections(&b, s, nested, map[string]bool{})
	model := s.Definitions["Model"]
	fmt.Fprintf(&b, "\n## Models\n\n### models.NAME\n\n%s\n\n", model.Description)
	properties(&b, model, "")
	fmt.Fprintf(&b, "\n## Strategies\n\nWhat `use` of a model may be.\n")
	nested = nil
	for _, f := range fusion.Strategies() {
		if strings.HasPrefix(f.Name, "test-") {
			continue
		}
		def := s.Definitions["fusion."+typeName(f.Params())]
		fmt.Fprintf(&b, "\n### %s\n\n%s.\n\n", f.Name, strings.TrimSuffix(f.About, "."))
		properties(&b, def, "")
		nested = append(nested, refs(def)...)
	}
	sections(&b, s, nested, map[string]bool{})
	return b.String()
}

// sections writes each definition once, and those that they use.
func sections(b *strings.Builder, s *jsonschema.Schema, names []string, shown map[string]bool) {
	var next []string
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if shown[n] {
			continue
		}
		shown[n] = true
		def := s.Definitions[n]
		bare := n[strings.LastIndexByte(n, '.')+1:]
		fmt.Fprintf(b, "\n### %s\n\n%s\n\n", bare, def.Description)
		properties(b, def, "")
		next = append(next, refs(def)...)
	}
	if len(next) > 0 {
		sections(b, s, next, shown)
	}
}

// refs returns the names of the definitions that a definition uses.
func refs(def *jsonschema.Schema) (names []string) {
	for p := def.Properties.Oldest(); p != nil; p = p.Next() {
		for _, q := range []*jsonschema.Schema{p.Value, p.Value.Items, p.Value.AdditionalProperties} {
			if q != nil && q.Ref != "" {
				names = append(names, strings.TrimPrefix(q.Ref, "#/$defs/"))
			}
		}
	}
	return names
}

func typeName(v any) string { return reflect.TypeOf(v).Elem().Name() }

// properties writes a table. Where section is not "-", plain values at the
// top or in a section of it show their environment variable.
func properties(b *strings.Builder, def *jsonschema.Schema, section string) {
	variables := map[string]string{}
	for _, s := range Settings() {
		variables[s.Path] = s.Env()
	}
	b.WriteString("| key | type | meaning |\n|---|---|---|\n")
	for p := def.Properties.Oldest(); p != nil; p = p.Next() {
		meaning := p.Value.Description
		if slices.Contains(def.Required, p.Key) {
			meaning = "**required**: " + meaning
		}
		path := join(section, p.Key)
		if v, ok := variables[path]; ok && (section != "" || def.Title != "") {
			meaning += " (`" + v + "`)"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", p.Key, typed(p.Value), strings.ReplaceAll(strings.ReplaceAll(meaning, "\n", " "), "|", `\|`))
	}
}

// typed names the type of a setting for people.
func typed(s *jsonschema.Schema) string {
	ref := func(r string) string {
		name := strings.TrimPrefix(r, "#/$defs/")
		if _, bare, ok := strings.Cut(name, "."); ok {
			name = bare
		}
		return name
	}
	switch {
	case s.Ref != "":
		return ref(s.Ref)
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			words = append(words, fmt.Sprint(e))
		}
		return strings.Join(words, ", ")
	case len(s.OneOf) > 0:
		return typed(s.OneOf[0]) + " or " + typed(s.OneOf[1])
	case len(s.AnyOf) > 0:
		return "decimal number"
	case s.Type == "array":
		return "list of " + typed(s.Items)
	case s.Type == "object" && s.AdditionalProperties != nil:
		return "mapping of names to " + typed(s.AdditionalProperties)
	case strings.Contains(s.Pattern, "ms|s|m|h"):
		return "duration"
	case strings.HasPrefix(s.Pattern, "^[0-9]{4}-"):
		return "date"
	case s.Type == "string":
		return "text"
	case s.Type == "boolean":
		return "true or false"
	case s.Type == "integer":
		return "whole number"
	case s.Type == "":
		return "by `use`"
	}
	return s.Type
}
