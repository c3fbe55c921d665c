package summit

import (
	_ "embed"
	"slices"
)

// schema is generated from the types by the tests (go test -update), with
// every kind of member and every strategy, and held up to date by them.
//
//go:embed docs/config.schema.json
var schema []byte

// Schema returns the JSON Schema of the configuration file.
func Schema() []byte { return slices.Clone(schema) }
