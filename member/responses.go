package member

import (
	"summit/dialect"
	"summit/llm"
)

// OpenAI by its newer protocol, and any other server that speaks Responses.
// Nothing is stored there: thoughts come encrypted and go back with the next
// request, so that a model goes on thinking between calls of tools.
// Source: https://platform.openai.com/docs/api-reference/responses and
// https://platform.openai.com/docs/pricing (prices as of 2026-11).
func init() {
	registerOpenAI(vendor{
		name: "responses", about: "any server that speaks OpenAI Responses; without base_url OpenAI itself", manual: true,
		baseURL: "https://api.openai.com/v1", model: "gpt-5.5", keyEnv: []string{"OPENAI_API_KEY"},
		quirks: dialect.Quirks{Pass: []string{"service_tier", "prompt_cache_key", "safety_identifier", "truncation"}},
		wire: func(c *Config, p params) (wire, error) {
			q := p.common().Quirks
			if err := ownQuirks(q); err != nil {
				return wire{}, err
			}
			key, err := headerKey(c.Key)
			if err != nil {
				return wire{}, err
			}
			return wire{signer: bearer(key), path: func(*llm.Request, string) string { return "/responses" }, speech: &speech{
				encode: func(r *llm.Request, model string, stream bool) ([]byte, []string, error) {
					return dialect.EncodeResponse(r, dialect.ResponseOptions{Model: model, Stream: stream, Efforts: q.Efforts, Strip: q.Strip, Pass: q.Pass})
				},
				decoder: func() decoder { return dialect.NewResponseStream() },
				fault:   dialect.ResponseUpstreamError,
			}}, nil
		},
		wrap: func(m *OpenAI, _ params) llm.Member { return &Native{m} },
	})
}
