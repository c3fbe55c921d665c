package alliance

import _ "embed" // the schemas

// ContractSchema is the JSON Schema (2020-12) of a contract, and TermsSchema
// that of the terms: for editors and other programs. Reading checks more: zones,
// days and names.
var (
	//go:embed contract.schema.json
	ContractSchema []byte
	//go:embed terms.schema.json
	TermsSchema []byte
)
