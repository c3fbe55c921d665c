package grammar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// value is a JSON value that keeps the order of members.
type value struct {
	kind    valueKind
	text    string // of a string, or a number as written
	yes     bool
	items   []*value
	members []member
}

type member struct {
	key string
	v   *value
}

type valueKind uint8

const (
	nullValue valueKind = iota
	boolValue
	numberValue
	stringValue
	arrayValue
	objectValue
)

func (k valueKind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

func (v *value) get(key string) *value {
	for i := range v.members {
		if v.members[i].key == key {
			return v.members[i].v
		}
	}
	return nil
}

// readValue decodes one JSON value with a stack of its own, no deeper than nesting.
func readValue(src []byte, nesting int) (*value, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var open []*value
	var root *value
	key, hasKey := "", false
	put := func(v *value) {
		if len(open) == 0 {
			root = v
			return
		}
		up := open[len(open)-1]
		if up.kind == arrayValue {
			up.items = append(up.items, v)
			return
		}
		up.members = append(up.members, member{key, v})
		hasKey = false
	}
	seen := []map[string]bool{}
	for root == nil || len(open) > 0 {
		t, err := d.Token()
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("grammar: schema: it is not JSON: %w", err)
		}
		if len(open) > 0 && open[len(open)-1].kind == objectValue && !hasKey && t != json.Delim('}') {
			key, hasKey = t.(string), true
			if seen[len(seen)-1][key] {
				return nil, fmt.Errorf("grammar: schema: the key %q is there twice", key)
			}
			seen[len(seen)-1][key] = true
			continue
		}
		var v *value
		switch x := t.(type) {
		case json.Delim:
			switch x {
			case '{', '[':
				if len(open) >= nesting {
					return nil, fmt.Errorf("grammar: schema: %w: more than %d levels deep", ErrTooLarge, nesting)
				}
				v = &value{kind: arrayValue}
				if x == '{' {
					v.kind = objectValue
				}
				put(v)
				open, seen = append(open, v), append(seen, map[string]bool{})
			default:
				open, seen = open[:len(open)-1], seen[:len(seen)-1]
			}
			continue
		case nil:
			v = &value{}
		case bool:
			v = &value{kind: boolValue, yes: x}
		case json.Number:
			v = &value{kind: numberValue, text: x.String()}
		case string:
			v = &value{kind: stringValue, text: x}
		}
		put(v)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("grammar: schema: there is text after it")
	}
	return root, nil
}

// write appends the value as compact JSON. Its depth is bounded by readValue.
func (v *value) write(out []byte) []byte {
	switch v.kind {
	case nullValue:
		return append(out, "null"...)
	case boolValue:
		if v.yes {
			return append(out, "true"...)
		}
		return append(out, "false"...)
	case numberValue:
		return append(out, v.text...)
	case stringValue:
		return append(out, quoted(v.text)...)
	case arrayValue:
		out = append(out, '[')
		for i, x := range v.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = x.write(out)
		}
		return append(out, ']')
	}
	out = append(out, '{')
	for i, m := range v.members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quoted(m.key)...), ':')
		out = m.v.write(out)
	}
	return append(out, '}')
}

// quoted is a JSON string without the HTML escapes of encoding/json.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return []byte(`""`) // strings always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
