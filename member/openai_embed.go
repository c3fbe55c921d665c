package member

import (
	"context"
	"net/http"

	"summit/dialect"
	"summit/llm"
)

// maxDimensions is the most numbers of one vector: those of the largest known
// models, four times over.
const maxDimensions = 4 * 8192

// Embed asks the server for the texts' vectors. Usage is estimated where the
// server does not say what it used.
func (m *OpenAI) Embed(ctx context.Context, texts []string) ([][]float32, llm.Usage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.params.HeaderTimeout, llm.Errorf(llm.Timeout, "no answer within %v", m.params.HeaderTimeout))
	defer cancel()
	vectors, usage, err := m.embed(ctx, texts)
	if err != nil {
		named := *llm.AsError(m.redact(err))
		named.Member = m.card.Name
		return nil, usage, &named
	}
	usage.Calls = llm.Count{N: 1, From: llm.OwnCount}
	usage.Output = llm.Count{From: llm.OwnCount}
	if !usage.Input.Known() {
		var t llm.Tally
		for _, text := range texts {
			t.Add(text)
		}
		usage.Input = t.Count()
	}
	return vectors, usage, nil
}

func (m *OpenAI) embed(ctx context.Context, texts []string) ([][]float32, llm.Usage, error) {
	model, err := m.upstreamModel(ctx)
	if err != nil {
		return nil, llm.Usage{}, err
	}
	resp, err := m.do(ctx, http.MethodPost, "/embeddings", "application/json", dialect.EncodeEmbed(model, texts))
	if err != nil {
		return nil, llm.Usage{}, err
	}
	defer resp.Body.Close()
	if err := m.refused(ctx, resp); err != nil {
		return nil, llm.Usage{}, err
	}
	vectors, usage, err := dialect.ReadEmbeddings(resp.Body, len(texts), maxDimensions)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return vectors, usage, err
}
