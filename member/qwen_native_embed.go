package member

import (
	"encoding/json"
	"io"

	"summit/dialect"
	"summit/llm"
)

// dashScopeVectors is DashScope's own form of embeddings.
// Source: help.aliyun.com/zh/model-studio, text embedding API (2026-10).
var dashScopeVectors = &vectors{
	path: func(string) string { return "/services/embeddings/text-embedding/text-embedding" },
	encode: func(model string, texts []string, dimensions int) []byte {
		type parameters struct {
			Dimension int `json:"dimension,omitempty"`
		}
		body, err := json.Marshal(struct {
			Model string `json:"model"`
			Input struct {
				Texts []string `json:"texts"`
			} `json:"input"`
			Parameters parameters `json:"parameters"`
		}{model, struct {
			Texts []string `json:"texts"`
		}{texts}, parameters{dimensions}})
		if err != nil {
			panic("member: dashscope: " + err.Error()) // texts and numbers alone
		}
		return body
	},
	read: readDashScopeVectors,
}

// readDashScopeVectors reads the answer: vectors by text_index, and usage as
// one total.
func readDashScopeVectors(q dialect.Quirks, r io.Reader, n, most int) ([][]float32, llm.Usage, error) {
	limit := int64(n)*int64(most)*24 + 1<<20 // a number takes up to 24 bytes
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, llm.Usage{}, &llm.Error{Kind: llm.Cut, Message: "the connection broke off in the middle of the answer", Err: err}
	}
	var v struct {
		Code   string `json:"code"`
		Output *struct {
			Embeddings []struct {
				Index  *int      `json:"text_index"`
				Vector []float32 `json:"embedding"`
			} `json:"embeddings"`
		} `json:"output"`
		Usage struct {
			Total int64 `json:"total_tokens"`
		} `json:"usage"`
	}
	switch {
	case int64(len(body)) > limit:
		return nil, llm.Usage{}, llm.Errorf(llm.Protocol, "the answer is longer than %d bytes", limit)
	case json.Unmarshal(body, &v) != nil:
		return nil, llm.Usage{}, llm.Errorf(llm.Protocol, "the answer is no JSON of the form {output: {embeddings: [...]}}")
	case v.Code != "" && v.Output == nil:
		return nil, llm.Usage{}, dialect.UpstreamError(q, 200, nil, body)
	case v.Output == nil:
		return nil, llm.Usage{}, llm.Errorf(llm.Protocol, "the answer has no output")
	}
	rows := make([][]float32, n)
	for i, e := range v.Output.Embeddings {
		at := i
		if e.Index != nil {
			at = *e.Index
		}
		if at < 0 || at >= n || rows[at] != nil || len(e.Vector) == 0 || len(e.Vector) > most {
			return nil, llm.Usage{}, llm.Errorf(llm.Protocol, "output.embeddings[%d]: text_index %d with %d numbers, want each of 0 to %d once", i, at, len(e.Vector), n-1)
		}
		rows[at] = e.Vector
	}
	for i, row := range rows {
		if row == nil {
			return nil, llm.Usage{}, llm.Errorf(llm.Protocol, "no vector for text %d of %d", i, n)
		}
	}
	var usage llm.Usage
	if v.Usage.Total > 0 {
		usage.Input = llm.Counted(v.Usage.Total)
	}
	return rows, usage, nil
}
