package member

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"summit/dialect"
	"summit/llm"
)

// Anthropic by its own protocol, and any other server that speaks Messages.
// Thoughts come signed and have to go back with calls of tools. Prices of its
// cache are not listed here, so cached input is priced as fresh.
// Source: docs.anthropic.com, Messages; models and prices by way of models.dev (2026-07).
func init() {
	registerOpenAI(vendor{
		name: "anthropic", about: "Anthropic Claude, and any server that speaks Messages", maker: "anthropic",
		baseURL: "https://api.anthropic.com/v1", model: "claude-sonnet-5", keyEnv: []string{"ANTHROPIC_API_KEY"},
		params: func() params { return &AnthropicParams{} },
		wire: func(c *Config, p params) (wire, error) {
			own := p.(*AnthropicParams)
			if err := ownQuirks(own.Quirks); err != nil {
				return wire{}, err
			}
			key, err := headerKey(c.Key)
			if err != nil {
				return wire{}, err
			}
			var sign signer = keyHeader{"X-Api-Key", key}
			if own.Bearer {
				sign = bearer(key)
			}
			return wire{signer: sign, speech: own.speech(c.Card.MaxOutputTokens), header: own.header,
				path: func(*llm.Request, string) string { return "/messages" }}, nil
		},
		wrap: func(m *OpenAI, p params) llm.Member { return &Anthropic{Native{m}, p.(*AnthropicParams)} },
	})
}

// AnthropicParams are the settings of servers that speak Messages.
type AnthropicParams struct {
	OpenAIParams `yaml:",inline"`
	Version      string   `yaml:"version" json:"version,omitempty" jsonschema_description:"header anthropic-version; empty = 2023-06-01"`
	Beta         []string `yaml:"beta" json:"beta,omitempty" jsonschema_description:"values of the header anthropic-beta"`
	Bearer       bool     `yaml:"bearer" json:"bearer,omitempty" jsonschema_description:"the key is sent as a bearer token instead of x-api-key"`
	MaxTokens    int      `yaml:"max_tokens" json:"max_tokens,omitempty" jsonschema:"minimum=0" jsonschema_description:"longest answer where a request says nothing, because the protocol wants a limit; 0 = what the model allows, else 16384"`
	Budgets      bool     `yaml:"budgets" json:"budgets,omitempty" jsonschema_description:"thoughts are turned on with a budget of tokens, as models up to 4.6 want it; else as adaptive"`
	Display      string   `yaml:"display" json:"display,omitempty" jsonschema_description:"thinking.display, such as summarized; empty = not sent"`
}

func (p *AnthropicParams) header(req *http.Request, _ bool) {
	req.Header.Set("Anthropic-Version", cmp.Or(p.Version, "2023-06-01"))
	if len(p.Beta) > 0 {
		req.Header.Set("Anthropic-Beta", strings.Join(p.Beta, ","))
	}
}

func (p *AnthropicParams) options(model string, stream bool) dialect.MessageOptions {
	return dialect.MessageOptions{Model: model, Stream: stream, MaxTokens: p.MaxTokens, Budgets: p.Budgets, Display: p.Display,
		Strip: p.Quirks.Strip, Pass: p.Quirks.Pass}
}

func (p *AnthropicParams) speech(most int) *speech {
	if p.MaxTokens == 0 {
		p.MaxTokens = most
	}
	return &speech{
		encode: func(r *llm.Request, model string, stream bool) ([]byte, []string, error) {
			return dialect.EncodeMessages(r, p.options(model, stream))
		},
		decoder: func() decoder { return dialect.NewMessageStream() },
		fault:   dialect.MessageUpstreamError,
	}
}

// Anthropic is a member on a server that speaks Messages. It is a
// llm.TokenCounter besides.
type Anthropic struct {
	Native
	params *AnthropicParams
}

// CountTokens asks the server how many input tokens the request has.
func (m *Anthropic) CountTokens(ctx context.Context, r *llm.Request) (int, error) {
	model, err := m.server.upstreamModel(ctx)
	if err != nil {
		return 0, err
	}
	o := m.params.options(model, false)
	o.Count = true
	body, _, err := dialect.EncodeMessages(r, o)
	if err != nil {
		return 0, err
	}
	return m.server.count(ctx, "/messages/count_tokens", body)
}
