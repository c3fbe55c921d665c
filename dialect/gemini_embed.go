package dialect

import (
	"io"
	"strconv"
	"strings"

	"summit/llm"
)

// EncodeGeminiEmbed writes a batchEmbedContents body for the texts, of that
// many dimensions where it is not zero.
// Source: https://ai.google.dev/api/embeddings
func EncodeGeminiEmbed(model string, texts []string, dimensions int) []byte {
	dst := []byte(`{"requests":[`)
	name := "models/" + strings.TrimPrefix(model, "models/")
	for i, t := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"model":`...), name)
		dst = append(appendString(append(dst, `,"content":{"parts":[{"text":`...), t), "}]}"...)
		if dimensions > 0 {
			dst = strconv.AppendInt(append(dst, `,"outputDimensionality":`...), int64(dimensions), 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// ReadGeminiEmbeddings reads the answer to EncodeGeminiEmbed: n vectors in
// their order, of at most most numbers each. Usage is unknown where the server
// does not say.
func ReadGeminiEmbeddings(_ Quirks, r io.Reader, n, most int) ([][]float32, llm.Usage, error) {
	body, usage, err := readVectors(r, n, most)
	if err != nil {
		return nil, usage, err
	}
	var vectors [][]float32
	var wrong bool
	s := newScanner(body)
	s.loose = true
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "embeddings":
			for range s.array("array of embeddings") {
				if len(vectors) == n {
					s.fail("", "more than %d vectors", n)
				}
				vectors = append(vectors, s.vector(most))
			}
		case string(name) == "usageMetadata":
			for name := range s.object() {
				if string(name) == "promptTokenCount" && s.kind() == '0' {
					if n := s.integer(0); n > 0 {
						usage.Input = llm.Counted(n)
					}
				} else {
					s.skip()
				}
			}
		case string(name) == "error":
			wrong = true
			s.skip()
		default:
			s.skip()
		}
	}
	switch err := s.as(llm.Protocol); {
	case err != nil:
		return nil, usage, err
	case wrong:
		return nil, usage, GeminiUpstreamError(200, nil, body)
	case len(vectors) != n:
		return nil, usage, llm.Errorf(llm.Protocol, "%d vectors for %d texts", len(vectors), n)
	}
	return vectors, usage, nil
}

// vector reads an object with values.
func (s *scanner) vector(most int) []float32 {
	v := []float32{}
	for name := range s.object() {
		if string(name) != "values" || s.null() {
			s.skip()
			continue
		}
		for range s.array("array of numbers") {
			if v = append(v, float32(s.number())); len(v) > most {
				s.fail("", "more than %d numbers", most)
			}
		}
	}
	return v
}
