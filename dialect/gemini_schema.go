package dialect

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// geminiKeys are the words of a JSON schema that the protocol knows.
// Source: https://ai.google.dev/api/caching#Schema
var geminiKeys = []string{"type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
	"minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering", "default", "items", "minimum", "maximum"}

// harmless are words whose loss changes nothing of what is allowed.
var harmless = []string{"$schema", "$id", "$comment", "$defs", "definitions", "examples", "deprecated", "readOnly", "writeOnly"}

// Bounds of a schema that is written out: references are copied in, so that a
// small schema could become a very large one.
const (
	maxSchemaDepth = 32
	maxSchemaNodes = 4096
)

// geminiSchema returns the part of a JSON schema that the protocol knows, and
// the words that were left out. References are written out; one to itself
// ends as an object of any form. It returns nil for a schema of no parameters.
func geminiSchema(raw json.RawMessage) (kept json.RawMessage, lost []string, err error) {
	var root any
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, nil, err
	}
	object, ok := root.(map[string]any)
	if !ok {
		return nil, nil, errors.New("it is no object")
	}
	w := &schemaWriter{root: object, lost: map[string]bool{}}
	out := w.node(object, nil)
	if w.nodes > maxSchemaNodes {
		return nil, nil, errors.New("it is too large with its references written out")
	}
	lost = slices.Sorted(maps.Keys(w.lost))
	if p, _ := out["properties"].(map[string]any); out["type"] == "object" && len(p) == 0 && out["description"] == nil {
		return nil, lost, nil
	}
	kept, err = json.Marshal(out)
	return kept, lost, err
}

type schemaWriter struct {
	root  map[string]any
	lost  map[string]bool
	nodes int
}

// node writes one schema; refs are the references on the way to it.
func (w *schemaWriter) node(in map[string]any, refs []string) map[string]any {
	out := map[string]any{}
	if w.nodes++; w.nodes > maxSchemaNodes || len(refs) > maxSchemaDepth {
		return out
	}
	if ref, ok := in["$ref"].(string); ok {
		target := w.resolve(ref)
		if target == nil || slices.Contains(refs, ref) {
			w.lost["$ref"] = true
			return map[string]any{"type": "object"}
		}
		out = w.node(target, append(slices.Clone(refs), ref))
	}
	for _, name := range slices.Sorted(maps.Keys(in)) { // so that the outcome does not depend on chance
		v := in[name]
		switch name {
		case "$ref":
		case "type":
			w.kind(out, v)
		case "properties":
			properties := map[string]any{}
			if m, ok := v.(map[string]any); ok {
				for k, p := range m {
					properties[k] = w.child(p, refs)
				}
			}
			out["properties"] = properties
		case "items":
			out["items"] = w.child(v, refs)
		case "anyOf", "oneOf":
			w.choices(out, v, refs)
		case "allOf":
			w.all(out, v, refs)
		case "const":
			w.enum(out, []any{v})
		case "enum":
			if list, ok := v.([]any); ok {
				w.enum(out, list)
			}
		case "format":
			if f, ok := v.(string); ok && slices.Contains([]string{"enum", "date-time", "int32", "int64", "float", "double"}, f) {
				out["format"] = f
			} else {
				w.lost["format"] = true
			}
		case "additionalProperties":
			if _, plain := v.(bool); !plain { // else a model adds none unasked
				w.lost[name] = true
			}
		default:
			if slices.Contains(geminiKeys, name) {
				out[name] = v
			} else if !slices.Contains(harmless, name) {
				w.lost[name] = true
			}
		}
	}
	return out
}

// child writes a schema inside another; one that is true or false allows
// anything.
func (w *schemaWriter) child(v any, refs []string) map[string]any {
	m, ok := v.(map[string]any)
	if !ok {
		return map[string]any{}
	}
	// The depth of objects themselves is bounded by the scanner that let the
	// schema in and by encoding/json; that of references by refs.
	return w.node(m, refs)
}

// kind writes a type; of a list of types null becomes nullable.
func (w *schemaWriter) kind(out map[string]any, v any) {
	switch t := v.(type) {
	case string:
		out["type"] = t
	case []any:
		var kinds []any
		for _, k := range t {
			if k == "null" {
				out["nullable"] = true
			} else {
				kinds = append(kinds, k)
			}
		}
		switch {
		case len(kinds) == 1:
			out["type"] = kinds[0]
		case len(kinds) > 1:
			var kindOf []any
			for _, k := range kinds {
				kindOf = append(kindOf, map[string]any{"type": k})
			}
			out["anyOf"] = kindOf
		}
	}
}

// choices writes anyOf; an alternative that is null becomes nullable, and one
// that is left alone takes the place of all.
func (w *schemaWriter) choices(out map[string]any, v any, refs []string) {
	list, _ := v.([]any)
	var kept []any
	for _, c := range list {
		m := w.child(c, refs)
		if m["type"] == "null" {
			out["nullable"] = true
			continue
		}
		kept = append(kept, m)
	}
	if len(kept) == 1 {
		maps.Copy(out, kept[0].(map[string]any))
	} else if len(kept) > 1 {
		out["anyOf"] = kept
	}
}

// all merges allOf, which the protocol does not know: properties and required
// are joined, of any other word the last one counts.
func (w *schemaWriter) all(out map[string]any, v any, refs []string) {
	list, _ := v.([]any)
	for _, c := range list {
		for name, value := range w.child(c, refs) {
			switch have := out[name].(type) {
			case map[string]any:
				if more, ok := value.(map[string]any); ok && name == "properties" {
					maps.Copy(have, more)
					continue
				}
			case []any:
				if more, ok := value.([]any); ok && name == "required" {
					out[name] = append(have, more...)
					continue
				}
			}
			out[name] = value
		}
	}
}

// enum writes a list of values, of which the protocol knows texts only.
func (w *schemaWriter) enum(out map[string]any, list []any) {
	var texts []any
	for _, v := range list {
		switch s := v.(type) {
		case string:
			texts = append(texts, s)
		case nil:
			out["nullable"] = true
		default:
			w.lost["enum"] = true
			return
		}
	}
	if len(texts) > 0 {
		out["enum"] = texts
		if out["type"] == nil {
			out["type"] = "string"
		}
	}
}

// resolve finds what a reference inside the schema means; nil = nothing.
func (w *schemaWriter) resolve(ref string) map[string]any {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		if ref == "#" {
			return w.root
		}
		return nil
	}
	at := any(w.root)
	for _, step := range strings.Split(path, "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	m, _ := at.(map[string]any)
	return m
}
