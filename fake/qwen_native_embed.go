package fake

import (
	"encoding/json"
	"iter"
)

// dashScopeVectors is the codec of DashScope's own form of embeddings, whose
// usage is one total.
// Source: help.aliyun.com/zh/model-studio, text embedding API (2026-10).
type dashScopeVectors struct{ dashScope }

// readDashScopeTexts reads a request for embeddings.
func readDashScopeTexts(x *exchange) *problem {
	var q struct {
		Model string `json:"model"`
		Input struct {
			Texts []string `json:"texts"`
		} `json:"input"`
		Parameters struct {
			Size int `json:"dimension"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return &problem{what: invalid, message: "the body has a field of the wrong type: " + err.Error()}
	}
	if v := &x.s.Vendor.Vectors; q.Model != v.Model {
		return &problem{what: notFound, message: "Model not exist."}
	} else if wrong := v.takes(q.Input.Texts, q.Parameters.Size); wrong != "" {
		return &problem{what: invalid, message: wrong}
	}
	x.embed(q.Input.Texts, q.Parameters.Size)
	return nil
}

func (dashScopeVectors) whole(x *exchange, r Reply) []byte {
	var all []any
	for i, row := range x.rows() {
		all = append(all, map[string]any{"text_index": i, "embedding": row})
	}
	v := map[string]any{"request_id": "fake-request", "output": map[string]any{"embeddings": all}}
	if !x.is("usage-none") {
		v["usage"] = map[string]any{"total_tokens": r.Usage.Input}
	}
	return compact(v)
}

// stream returns nothing: vectors come whole.
func (dashScopeVectors) stream(*exchange, Reply) iter.Seq[frame] { return func(func(frame) bool) {} }
