package fake

import (
	"encoding/json"
	"iter"
	"strings"
)

// geminiVectors is the codec of batchEmbedContents, which says nothing of usage.
// Source: https://ai.google.dev/api/embeddings
type geminiVectors struct{ gemini }

// readGeminiTexts reads a request of batchEmbedContents.
func readGeminiTexts(x *exchange) *problem {
	var q struct {
		Requests []struct {
			Model   string `json:"model"`
			Content struct {
				Parts []geminiPart `json:"parts"`
			} `json:"content"`
			Size int `json:"outputDimensionality"`
		} `json:"requests"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return &problem{what: invalid, message: "Invalid JSON payload received. " + err.Error()}
	}
	var texts []string
	size := 0
	for _, one := range q.Requests {
		text := ""
		for _, p := range one.Content.Parts {
			text += p.Text
		}
		if strings.TrimPrefix(one.Model, "models/") != x.s.Vendor.Vectors.Model || size != 0 && one.Size != size {
			return &problem{what: invalid, message: "the requests are not all of the model, or not all of one size"}
		}
		texts, size = append(texts, text), one.Size
	}
	if wrong := x.s.Vendor.Vectors.takes(texts, size); wrong != "" {
		return &problem{what: invalid, message: wrong}
	}
	x.embed(texts, size)
	return nil
}

func (geminiVectors) whole(x *exchange, _ Reply) []byte {
	var all []any
	for _, row := range x.rows() {
		all = append(all, map[string]any{"values": row})
	}
	return compact(map[string]any{"embeddings": all})
}

// stream returns nothing: vectors come whole.
func (geminiVectors) stream(*exchange, Reply) iter.Seq[frame] { return func(func(frame) bool) {} }
