package member

import (
	"context"
	"io"
	"net/http"
	"slices"

	"summit/dialect"
	"summit/llm"
)

// maxDimensions is the most numbers of one vector: those of the largest known
// models, four times over.
const maxDimensions = 4 * 8192

// vectors is how a server is asked for embeddings that has a form of its own
// for them.
type vectors struct {
	path   func(model string) string // after the base URL
	encode func(model string, texts []string, dimensions int) []byte
	// read reads the answer: n vectors of at most most numbers each.
	read func(q dialect.Quirks, r io.Reader, n, most int) ([][]float32, llm.Usage, error)
}

// openAIVectors is OpenAI's form.
var openAIVectors = vectors{path: func(string) string { return "/embeddings" }, encode: dialect.EncodeEmbed, read: dialect.ReadEmbeddings}

// Embed asks the server for the texts' vectors, in several calls where it takes
// fewer texts at once, one after the other. Usage is estimated where the server
// does not say what it used.
func (m *OpenAI) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, llm.Usage, error) {
	form := m.wire.vectors
	if form == nil && m.wire.plain() {
		form = &openAIVectors
	}
	var used llm.Usage
	if form == nil {
		return nil, used, &llm.Error{Kind: llm.Unsupported, Member: m.card.Name, Param: "model", Message: "has no embeddings by this protocol"}
	}
	most := m.params.Quirks.EmbedBatch
	if most == 0 {
		most = max(len(texts), 1)
	}
	var all [][]float32
	for some := range slices.Chunk(texts, most) {
		rows, usage, err := m.embed(ctx, form, some, dimensions)
		if err != nil {
			named := *llm.AsError(m.redact(err))
			named.Member = m.card.Name
			if named.Param == "messages" { // the texts are too long
				named.Param = "input"
			}
			return nil, used, &named
		}
		usage.Calls = llm.Count{N: 1, From: llm.OwnCount}
		usage.Output = llm.Count{From: llm.OwnCount}
		if !usage.Input.Known() {
			var t llm.Tally
			for _, text := range some {
				t.Add(text)
			}
			usage.Input = t.Count()
		}
		all = append(all, rows...)
		used = used.Add(usage)
	}
	return all, used, nil
}

// embed makes one call.
func (m *OpenAI) embed(ctx context.Context, form *vectors, texts []string, dimensions int) ([][]float32, llm.Usage, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.params.HeaderTimeout, llm.Errorf(llm.Timeout, "no answer within %v", m.params.HeaderTimeout))
	defer cancel()
	model, err := m.upstreamModel(ctx)
	if err != nil {
		return nil, llm.Usage{}, err
	}
	resp, err := m.do(ctx, http.MethodPost, form.path(model), "application/json", form.encode(model, texts, dimensions))
	if err != nil {
		return nil, llm.Usage{}, err
	}
	defer resp.Body.Close()
	if err := m.refused(ctx, resp); err != nil {
		e := llm.AsError(err)
		if e.Code == "" && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed) { // the path is not there
			return nil, llm.Usage{}, &llm.Error{Kind: llm.Unsupported, Status: e.Status, Param: "model", Message: "has no embeddings: " + e.Message}
		}
		return nil, llm.Usage{}, err
	}
	rows, usage, err := form.read(m.params.Quirks, resp.Body, len(texts), maxDimensions)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return rows, usage, err
}
