package grammar

import (
	"fmt"
	"strings"
)

// Property is a member of an object, for who writes objects in another way than JSON's.
type Property struct {
	Name     string
	Required bool
	Text     bool     // it is a string
	Words    []string // Text: the only ones there are; nil = any
	Bounded  string   // Text: a keyword that bounds it, other than those of Words; empty = none
	Value    *Expr    // the value in JSON
}

// Properties lists the members that a schema of an object names, in its order, and whether any others may come. The
// errors of their own schemas come when they are composed.
func Properties(schema []byte, l Limits) (list []Property, open bool, err error) {
	root, err := readValue(schema, l.orDefault().Nesting)
	if err != nil {
		return nil, false, err
	}
	if err := root.beObject(); err != nil {
		return nil, false, err
	}
	for _, m := range root.members {
		switch m.key {
		case "type", "properties", "required", "additionalProperties":
		default:
			if !annotation(m.key) {
				return nil, false, fmt.Errorf("grammar: schema #: the keyword %q is not supported where members are not written as JSON", m.key)
			}
		}
	}
	required := map[string]bool{}
	for _, name := range root.requiredNames() {
		required[name] = true
	}
	props := root.get("properties")
	if props != nil && props.kind != objectValue {
		return nil, false, fmt.Errorf("grammar: schema #: properties: got %s, want an object", props.kind)
	}
	more := root.get("additionalProperties")
	open = more != nil && (more.kind != boolValue || more.yes) || more == nil && (props == nil || len(props.members) == 0)
	if props == nil {
		props = &value{kind: objectValue}
	}
	for _, m := range props.members {
		p := Property{Name: m.key, Required: required[m.key]}
		delete(required, m.key)
		p.Text, p.Words, p.Bounded = m.v.plainText()
		at := "#/properties/" + m.key
		p.Value = &Expr{func(c *composer) []elem { return c.value(root, m.v, at) }}
		list = append(list, p)
	}
	for _, name := range root.requiredNames() {
		if required[name] {
			return nil, false, fmt.Errorf("grammar: schema #: required: %q is not among properties", name)
		}
	}
	return list, open, nil
}

// Texts lists the members of an object that a schema declares to be strings,
// whatever else is in it.
func Texts(schema []byte) []string {
	root, err := readValue(schema, Limits{}.orDefault().Nesting)
	if err != nil || root.kind != objectValue || root.get("properties") == nil {
		return nil
	}
	var names []string
	for _, m := range root.get("properties").members {
		if text, _, _ := m.v.plainText(); text {
			names = append(names, m.key)
		}
	}
	return names
}

// plainText reports whether a schema is one of strings, and which.
func (v *value) plainText() (text bool, words []string, bounded string) {
	if v.kind != objectValue {
		return false, nil, ""
	}
	t := v.get("type")
	var list []*value
	switch {
	case v.get("const") != nil:
		list = []*value{v.get("const")}
	case v.get("enum") != nil:
		list = v.get("enum").items
	}
	if t == nil && list == nil || t != nil && (t.kind != stringValue || t.text != "string") {
		return false, nil, ""
	}
	for _, x := range list {
		if x.kind == stringValue {
			words = append(words, x.text)
		} else if t == nil {
			return false, nil, ""
		}
	}
	for _, m := range v.members {
		switch {
		case m.key == "type" || m.key == "enum" || m.key == "const" || annotation(m.key):
		case m.key == "format" && formats[m.v.text] == "": // it says nothing
		default:
			bounded = m.key
		}
	}
	return true, words, bounded
}

func annotation(key string) bool {
	for _, a := range annotations {
		if a == key {
			return true
		}
	}
	return false
}

// beObject makes a schema that says nothing of the type one of an object.
func (v *value) beObject() error {
	if v.kind == boolValue && v.yes {
		*v = value{kind: objectValue}
	}
	if v.kind != objectValue {
		return fmt.Errorf("grammar: schema #: got %s, want one of an object", v.kind)
	}
	for _, m := range v.members {
		switch m.key {
		case "type": // nothing else may say what it is
			if m.v.kind == stringValue && m.v.text == "object" {
				return nil
			}
			return fmt.Errorf("grammar: schema #: type: got %s, want \"object\"", strings.TrimSpace(string(m.v.write(nil))))
		case "$ref", "anyOf", "oneOf", "allOf", "const", "enum":
			return fmt.Errorf("grammar: schema #: %s: want a schema of an object", m.key)
		}
	}
	v.members = append([]member{{"type", &value{kind: stringValue, text: "object"}}}, v.members...)
	return nil
}
