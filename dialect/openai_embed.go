package dialect

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"summit/llm"
)

// EmbedCall is one decoded request for embeddings.
type EmbedCall struct {
	Model      string
	Texts      []string
	Base64     bool // vectors as little-endian float32 in base64, else as numbers
	Dimensions int  // of the vectors; 0 = what the model gives
	User       string
}

// maxTexts is the most texts of one request for embeddings, as at OpenAI.
const maxTexts = 2048

// DecodeEmbed reads the body of POST /v1/embeddings. The error is an
// *llm.Error of kind Invalid whose Param is the path of the field.
// Source: https://platform.openai.com/docs/api-reference/embeddings
func DecodeEmbed(body []byte) (*EmbedCall, error) {
	if !utf8.Valid(body) {
		return nil, llm.Errorf(llm.Invalid, "the body is not UTF-8: byte %d", firstInvalid(body))
	}
	s := newScanner(body)
	c := &EmbedCall{}
	seen := false
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "model":
			c.Model = s.text()
		case "input":
			seen = true
			c.texts(s)
		case "encoding_format":
			switch f := s.text(); f {
			case "float":
			case "base64":
				c.Base64 = true
			default:
				s.fail("", "got %q, want float or base64", clip(f))
			}
		case "dimensions":
			c.Dimensions = s.count(1)
		case "user":
			c.User = s.text()
		default:
			s.skip()
		}
	}
	s.end()
	switch {
	case s.err != nil:
	case c.Model == "":
		s.fail("model", "missing, want the name of a model")
	case !seen || len(c.Texts) == 0:
		s.fail("input", "missing, want a text or an array of texts")
	}
	if err := s.as(llm.Invalid); err != nil {
		if s.err.offset >= 0 {
			err.Message = "the body is " + err.Message
		}
		return nil, err
	}
	return c, nil
}

func (c *EmbedCall) texts(s *scanner) {
	if s.kind() == '"' {
		c.Texts = []string{s.text()}
	} else if s.kind() != '[' {
		s.wrong("string or array of strings")
	} else {
		for range s.array("") {
			if k := s.kind(); k == '0' || k == '[' {
				s.fail("", "token ids, want texts: members have different vocabularies")
				s.skip()
				continue
			}
			if c.Texts = append(c.Texts, s.text()); len(c.Texts) > maxTexts {
				s.fail("", "more than %d texts", maxTexts)
			}
		}
	}
	for i, t := range c.Texts {
		if t == "" {
			s.fail("", "text %d is empty", i)
		}
	}
}

// AppendEmbeddings adds the body of the answer, one vector a text in their
// order. A number that is none has no place in it: that is an error.
func (c *EmbedCall) AppendEmbeddings(dst []byte, vectors [][]float32, u llm.Usage) ([]byte, error) {
	if len(vectors) != len(c.Texts) {
		return nil, llm.Errorf(llm.Protocol, "%d vectors for %d texts", len(vectors), len(c.Texts))
	}
	dst = append(dst, `{"object":"list","data":[`...)
	var raw []byte
	for i, v := range vectors {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `{"object":"embedding","index":`...), int64(i), 10)
		dst = append(dst, `,"embedding":`...)
		raw = raw[:0]
		for j, x := range v {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return nil, llm.Errorf(llm.Protocol, "number %d of vector %d is %v", j, i, x)
			}
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		if c.Base64 {
			dst = append(base64.StdEncoding.AppendEncode(append(dst, '"'), raw), `"}`...)
			continue
		}
		dst = append(dst, '[')
		for j, x := range v {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendFloat(dst, float64(x), 'g', -1, 32)
		}
		dst = append(dst, "]}"...)
	}
	dst = appendString(append(dst, `],"model":`...), c.Model)
	in := u.InputTotal()
	dst = strconv.AppendInt(append(dst, `,"usage":{"prompt_tokens":`...), in, 10)
	dst = strconv.AppendInt(append(dst, `,"total_tokens":`...), in, 10)
	if guessed(u) {
		dst = append(dst, `,"estimated":true`...)
	}
	return append(dst, "}}"...), nil
}

// EncodeEmbed writes a request for embeddings as numbers, of that many
// dimensions where it is not zero.
func EncodeEmbed(model string, texts []string, dimensions int) []byte {
	dst := appendString([]byte(`{"model":`), model)
	dst = append(dst, `,"encoding_format":"float"`...)
	if dimensions > 0 {
		dst = strconv.AppendInt(append(dst, `,"dimensions":`...), int64(dimensions), 10)
	}
	dst = append(dst, `,"input":[`...)
	for i, t := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, t)
	}
	return append(dst, "]}"...)
}

// ReadEmbeddings reads a server's answer to EncodeEmbed, whose vectors may
// stand in any order: n of them, of at most most numbers each. Usage is
// unknown where the server does not say, or says zero. What stands in the place
// of vectors may be an error, which is typed as UpstreamError does.
func ReadEmbeddings(q Quirks, r io.Reader, n, most int) ([][]float32, llm.Usage, error) {
	body, usage, err := readVectors(r, n, most)
	if err != nil {
		return nil, usage, err
	}
	vectors := make([][]float32, n)
	s := newScanner(body)
	s.loose = true
	var f fault
	answered, total := false, int64(0)
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "data" && s.kind() == '[':
			answered = true
			place := 0
			for range s.array("array of embeddings") {
				v, index := readVector(s, place, most)
				if s.err == nil && (index < 0 || index >= n || vectors[index] != nil) {
					s.fail(".index", "got %d, want each of 0 to %d once", index, n-1)
				} else if s.err == nil {
					vectors[index] = v
				}
				place++
			}
		case string(name) == "usage":
			for name := range s.object() {
				switch {
				case s.kind() != '0':
					s.skip()
				case string(name) == "prompt_tokens":
					if n := s.integer(math.MinInt64); n > 0 && n <= maxTokens {
						usage.Input = llm.Counted(n)
					}
				case string(name) == "total_tokens":
					total = s.integer(math.MinInt64)
				default:
					s.skip()
				}
			}
		case !f.field(s, string(name)):
			s.skip()
		}
	}
	if err := s.as(llm.Protocol); err != nil {
		return nil, usage, err
	}
	if said, wrong := f.said(answered); wrong {
		return nil, usage, said.error(q, 200)
	}
	if !usage.Input.Known() && total > 0 && total <= maxTokens {
		usage.Input = llm.Counted(total)
	}
	for i, v := range vectors {
		if v == nil {
			return nil, usage, llm.Errorf(llm.Protocol, "no vector for text %d of %d", i, n)
		}
	}
	return vectors, usage, nil
}

// readVectors reads a body that holds n vectors of at most most numbers each.
func readVectors(r io.Reader, n, most int) (body []byte, _ llm.Usage, _ error) {
	limit := int64(n)*int64(most)*24 + 1<<20 // a number takes up to 24 bytes
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, llm.Usage{}, &llm.Error{Kind: llm.Cut, Message: "the connection broke off in the middle of the answer", Err: err}
	}
	if int64(len(body)) > limit {
		return nil, llm.Usage{}, llm.Errorf(llm.Protocol, "the answer is longer than %d bytes", limit)
	}
	return body, llm.Usage{}, nil
}

func readVector(s *scanner, index, most int) ([]float32, int) {
	v := []float32{}
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "index" && s.kind() == '0':
			index = int(s.integer(math.MinInt64))
		case string(name) == "embedding" && s.kind() == '"': // base64 although numbers were asked for
			raw, err := base64.StdEncoding.DecodeString(s.text())
			if err == nil && (len(raw)%4 != 0 || len(raw) > 4*most) {
				err = errors.New("not whole numbers, or too many")
			}
			if err != nil {
				s.fail("", "no vector in base64: %v", err)
			}
			for ; len(raw) >= 4; raw = raw[4:] {
				v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
		case string(name) == "embedding":
			for range s.array("array of numbers") {
				if v = append(v, float32(s.number())); len(v) > most {
					s.fail("", "more than %d numbers", most)
				}
			}
		default:
			s.skip()
		}
	}
	return v, index
}
