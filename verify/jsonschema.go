package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func init() {
	Register("json_schema", "the JSON in the reply is valid by a schema", newJSONSchema)
}

// JSONSchemaParams are the parameters of json_schema.
type JSONSchemaParams struct {
	Schema        string `yaml:"schema" json:"schema,omitempty" jsonschema_description:"the JSON Schema, as JSON text; references only within it"`
	RequestFormat bool   `yaml:"request_format" json:"request_format,omitempty" jsonschema_description:"also the schema that the request's own response_format asks for, if it has one"`
}

const (
	maxSchemaBytes = 64 << 10
	maxJSONBytes   = 256 << 10
	// maxNumberBytes and maxExponent bound numbers, which are compared
	// exactly: 1e999999999 written out would fill the memory.
	maxNumberBytes = 400
	maxExponent    = 400
	// maxSchemaWork bounds one validation: the sum of the sizes of the values
	// looked at, each time that one is, and lookWork for the look. A few lines
	// of schema can ask for more looks than there are atoms.
	maxSchemaWork = 4 << 20
	lookWork      = 32
)

type schemaCheck struct {
	own     string // the configured schema; empty = none
	request bool
}

func newJSONSchema(_ Env, p JSONSchemaParams) (Checker, error) {
	if p.Schema == "" && !p.RequestFormat {
		return nil, errors.New("no schema, want schema or request_format: true")
	}
	if p.Schema != "" {
		if _, err := compile(p.Schema); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
	}
	return &schemaCheck{p.Schema, p.RequestFormat}, nil
}

func (s *schemaCheck) Check(_ context.Context, c *Case) (Finding, error) {
	var schemas []string
	if s.own != "" {
		schemas = append(schemas, s.own)
	}
	if s.request && len(c.Schema) > 0 {
		schemas = append(schemas, string(c.Schema))
	}
	if len(schemas) == 0 {
		return blank("the request asks for no schema"), nil
	}
	text, ok := jsonIn(c.Text)
	if !ok {
		return fail("the reply is no JSON and has no fenced block of JSON"), nil
	}
	v, err := parseJSON(text, maxJSONBytes)
	if err != nil {
		return fail("the JSON can't be read: %v", err), nil
	}
	for _, source := range schemas {
		schema, err := compile(source)
		if err != nil {
			return Finding{}, fmt.Errorf("the request's schema: %w", err)
		}
		err = schema.validate(v)
		var invalid *jsonschema.ValidationError
		if errors.As(err, &invalid) {
			_, what, _ := strings.Cut(invalid.Error(), "\n") // the first line names the schema only
			return fail("%s", what), nil
		}
		if err != nil {
			return Finding{}, err
		}
	}
	return pass(""), nil
}

// jsonIn returns the JSON of a reply: all of it, the last block fenced as
// json, else the last block without a language.
func jsonIn(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if json.Valid([]byte(text)) {
		return text, true
	}
	found, exact := "", false
	for _, b := range blocks(text) {
		if b.language == "json" || b.language == "" && !exact {
			found, exact = b.text, exact || b.language == "json"
		}
	}
	if found == "" && (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) {
		return text, true // so that the reader is told what is wrong with it
	}
	return found, found != ""
}

// parseJSON reads one JSON value; numbers keep their digits.
func parseJSON(text string, most int) (any, error) {
	if len(text) > most {
		return nil, fmt.Errorf("%d bytes, want at most %d", len(text), most)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("it ends too early")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the value")
	}
	return v, numbersIn(v)
}

// numbersIn refuses numbers that are too big to be compared exactly.
func numbersIn(v any) error {
	switch v := v.(type) {
	case json.Number:
		s := string(v)
		if i := strings.IndexAny(s, "eE"); i >= 0 {
			exponent := strings.TrimLeft(s[i+1:], "+-0")
			if len(exponent) > 3 || len(exponent) == 3 && exponent > fmt.Sprint(maxExponent) {
				return fmt.Errorf("the number %s has an exponent beyond %d", clip(s, 40), maxExponent)
			}
		}
		if len(s) > maxNumberBytes {
			return fmt.Errorf("a number has %d digits, want at most %d", len(s), maxNumberBytes)
		}
	case []any:
		for _, e := range v {
			if err := numbersIn(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := numbersIn(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// schema is a compiled schema for one validation: it counts the work.
type schema struct {
	*jsonschema.Schema
	left int
}

// nothing loads no schema from anywhere: a request may name any address.
type nothing struct{}

func (nothing) Load(string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

const schemaName = "urn:summit:schema"

func compile(source string) (*schema, error) {
	doc, err := parseJSON(source, maxSchemaBytes)
	if err != nil {
		return nil, err
	}
	if word := dynamic(doc); word != "" {
		return nil, fmt.Errorf("%s is not supported", word)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	if err := c.AddResource(schemaName, doc); err != nil {
		return nil, err
	}
	s := &schema{left: maxSchemaWork}
	if s.Schema, err = c.Compile(schemaName); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), schemaName, "schema"))
	}
	s.meter(reflect.ValueOf(s.Schema), map[*jsonschema.Schema]bool{})
	return s, nil
}

// dynamic returns a keyword whose target is only known while validating, so
// that it can't be metered.
func dynamic(doc any) string {
	switch doc := doc.(type) {
	case []any:
		for _, e := range doc {
			if word := dynamic(e); word != "" {
				return word
			}
		}
	case map[string]any:
		for _, word := range []string{"$dynamicRef", "$recursiveRef"} {
			if _, ok := doc[word].(string); ok {
				return word
			}
		}
		for _, e := range doc {
			if word := dynamic(e); word != "" {
				return word
			}
		}
	}
	return ""
}

var schemaType = reflect.TypeFor[jsonschema.Schema]()

// meter puts a counter into every schema that can be reached. The format is
// the one thing that is asked early for every value, whatever its type.
func (s *schema) meter(v reflect.Value, seen map[*jsonschema.Schema]bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Pointer && v.Type().Elem() == schemaType {
			node := v.Interface().(*jsonschema.Schema)
			if seen[node] {
				return
			}
			seen[node] = true
			s.count(node)
		}
		s.meter(v.Elem(), seen)
	case reflect.Struct:
		if !strings.HasSuffix(v.Type().PkgPath(), "jsonschema/v6") {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				s.meter(v.Field(i), seen)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.meter(v.Index(i), seen)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			s.meter(it.Key(), seen)
			s.meter(it.Value(), seen)
		}
	}
}

func (s *schema) count(node *jsonschema.Schema) {
	format := &jsonschema.Format{Name: "metered"}
	check := func(any) error { return nil }
	if old := node.Format; old != nil {
		format.Name, check = old.Name, old.Validate
	}
	format.Validate = func(v any) error {
		s.left -= lookWork
		s.spend(v)
		return check(v)
	}
	node.Format = format
}

// errWork ends a validation from deep inside.
var errWork = errors.New("the schema asks for too much work on this JSON")

// spend takes the size of the value from what is left.
func (s *schema) spend(v any) {
	if s.left--; s.left < 0 {
		panic(errWork)
	}
	switch v := v.(type) {
	case string:
		s.left -= len(v)
	case []any:
		for _, e := range v {
			s.spend(e)
		}
	case map[string]any:
		for k, e := range v {
			s.left -= len(k)
			s.spend(e)
		}
	}
}

// validate is nil for valid JSON, a *jsonschema.ValidationError for invalid
// one, and errWork where that took too long to find out.
func (s *schema) validate(v any) (err error) {
	defer func() {
		if p := recover(); p == errWork {
			err = errWork
		} else if p != nil {
			panic(p)
		}
	}()
	return s.Schema.Validate(v)
}
