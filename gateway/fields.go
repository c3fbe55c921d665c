package gateway

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"summit/internal/nearest"
	"summit/llm"
)

// field is one field that a body may have.
type field struct {
	name string
	want string // what its value is to be, for people
	into any    // a pointer; left as it is where the field is absent or null
}

// readFields reads a JSON object that has no other fields than these, each at
// most once and by its exact name.
func readFields(body []byte, fields ...field) *llm.Error {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, _ := d.Token(); t != json.Delim('{') || !json.Valid(body) {
		return llm.Errorf(llm.Invalid, "the body is no JSON object, want one with the fields %s", strings.Join(names, ", "))
	}
	seen := make([]bool, len(fields))
	for d.More() { // nothing below fails to be read: the body is valid
		t, _ := d.Token()
		name, _ := t.(string)
		var value json.RawMessage
		_ = d.Decode(&value)
		i := slices.Index(names, name)
		switch {
		case i < 0:
			return invalid(name, "unknown field %q%s (known: %s)", clip(name, 60), meant(name, names), strings.Join(names, ", "))
		case seen[i]:
			return invalid(name, "%s is there twice, want it once", name)
		}
		seen[i] = true
		if json.Unmarshal(value, fields[i].into) != nil {
			return invalid(name, "%s is %s, want %s", name, clip(string(value), 60), fields[i].want)
		}
	}
	return nil
}

// invalid returns an error about one field of the request.
func invalid(param, format string, args ...any) *llm.Error {
	e := llm.Errorf(llm.Invalid, format, args...)
	e.Param = clip(param, 60)
	return e
}

// meant asks whether the known name that is nearest was meant, and nothing
// where none is near.
func meant(came string, known []string) string {
	name := nearest.Name(came, known)
	if name == "" {
		return ""
	}
	return `; did you mean "` + name + `"?`
}
