package fake

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"net/http"
	"slices"
)

// Vectors is a model of a vendor that turns texts into vectors. The zero value
// is none.
type Vectors struct {
	Model string
	Size  int   // numbers of a vector, unless asked otherwise
	Sizes []int // other sizes that can be asked for
	Any   bool  // any size up to Size can be asked for
	Most  int   // texts of one call; 0 = no bound
}

// Vector returns the made-up vector of a text: size numbers, of unit length,
// the same for the same text.
func Vector(text string, size int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(text))
	x, sum := h.Sum64()|1, 0.0
	v := make([]float32, size)
	for i := range v {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		v[i] = float32(int32(x>>32)) / (1 << 31)
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// takes says what is wrong with a request for vectors; empty = nothing.
func (v *Vectors) takes(texts []string, size int) string {
	switch {
	case len(texts) == 0:
		return "the input is empty"
	case slices.Contains(texts, ""):
		return "a text of the input is empty"
	case v.Most > 0 && len(texts) > v.Most:
		return fmt.Sprintf("batch size is invalid, it should not be larger than %d", v.Most)
	case size != 0 && size != v.Size && !slices.Contains(v.Sizes, size) && !(v.Any && size > 0 && size < v.Size):
		return fmt.Sprintf("the dimensions %d are not supported", size)
	}
	return ""
}

// embed notes what is asked for, of the vendor's size where size is 0.
func (x *exchange) embed(texts []string, size int) {
	x.ask.Vendor, x.ask.Model = x.s.Vendor.Name, x.s.Vendor.Vectors.Model
	for _, t := range texts {
		x.ask.Turns = append(x.ask.Turns, Turn{Role: "user", Text: t})
	}
	if x.ask.Size = size; size == 0 {
		x.ask.Size = x.s.Vendor.Vectors.Size
	}
}

// rows returns the vectors of the answer.
func (x *exchange) rows() [][]float32 {
	var all [][]float32
	for _, t := range x.ask.Turns {
		all = append(all, Vector(t.Text, x.ask.Size))
	}
	return all
}

// embeddings is OpenAI's protocol for vectors, as a server of Chat Completions
// speaks it beside that. The last vector comes first: who reads them goes by
// their index.
// Source: https://platform.openai.com/docs/api-reference/embeddings
type embeddings struct{ *chat }

// embedFields are the fields of the protocol.
var embedFields = []string{"model", "input", "encoding_format", "dimensions", "user"}

func (c embeddings) serve(s *Server, w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, c)
}

// read reads and checks the request.
func (c embeddings) read(x *exchange) *problem {
	bad := func(param, message string) *problem { return &problem{what: invalid, message: message, param: param} }
	var fields map[string]json.RawMessage
	var q struct {
		Model  string          `json:"model"`
		Input  json.RawMessage `json:"input"`
		Format string          `json:"encoding_format"`
		Size   int             `json:"dimensions"`
	}
	if json.Unmarshal(x.body, &fields) != nil || json.Unmarshal(x.body, &q) != nil {
		return bad("", "the body is no request for embeddings")
	}
	for name := range fields {
		if x.is("extra-forbidden") && !slices.Contains(embedFields, name) {
			return bad(name, "Extra inputs are not permitted")
		}
		x.ask.Fields = append(x.ask.Fields, name)
	}
	slices.Sort(x.ask.Fields)
	texts := []string{""}
	if json.Unmarshal(q.Input, &texts[0]) != nil && json.Unmarshal(q.Input, &texts) != nil {
		return bad("input", "the input is neither a text nor a list of texts")
	}
	v := &x.s.Vendor.Vectors
	switch wrong := v.takes(texts, q.Size); {
	case q.Model != v.Model:
		return &problem{what: notFound, message: "The model `" + q.Model + "` does not exist or has no embeddings", param: "model"}
	case wrong != "":
		return bad("input", wrong)
	case q.Format != "" && q.Format != "float" && q.Format != "base64":
		return bad("encoding_format", "encoding_format is neither float nor base64")
	}
	x.ask.Base64 = q.Format == "base64"
	x.embed(texts, q.Size)
	return nil
}

func (c embeddings) whole(x *exchange, r Reply) []byte {
	var data []any
	for i, row := range x.rows() {
		v := map[string]any{"object": "embedding", "index": i, "embedding": row}
		if x.ask.Base64 {
			var b []byte
			for _, n := range row {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(n))
			}
			v["embedding"] = base64.StdEncoding.EncodeToString(b)
		}
		data = append(data, v)
	}
	slices.Reverse(data)
	v := map[string]any{"object": "list", "model": x.ask.Model, "data": data}
	if !x.is("usage-none") {
		v["usage"] = map[string]any{"prompt_tokens": r.Usage.Input, "total_tokens": r.Usage.Input}
	}
	return compact(v)
}

// stream returns nothing: vectors come whole.
func (embeddings) stream(*exchange, Reply) iter.Seq[frame] { return func(func(frame) bool) {} }
