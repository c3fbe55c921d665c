package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"summit/tensor"
)

// maxHeader is the format's own bound on the JSON header.
const maxHeader = 100_000_000

func init() {
	registerFormat(format{name: "safetensors",
		match: func(path string, _ []byte) bool {
			return strings.HasSuffix(path, ".safetensors") || strings.HasSuffix(path, indexName)
		},
		open: openSafetensors,
	})
}

// safetensorsTypes are the format's names of our types.
var safetensorsTypes = map[string]tensor.DType{
	"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64,
	"I8": tensor.I8, "I16": tensor.I16, "I32": tensor.I32, "I64": tensor.I64,
}

type entry struct {
	Dtype   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// parseSafetensors reads one file. Tensors are views of data; notes are the
// texts under "__metadata__".
func parseSafetensors(data []byte) (notes map[string]string, tensors []tensor.Tensor, err error) {
	if len(data) < 8 {
		return nil, nil, fmt.Errorf("%d bytes, want 8 and a header", len(data))
	}
	size := binary.LittleEndian.Uint64(data)
	if size > maxHeader || size > uint64(len(data)-8) {
		return nil, nil, fmt.Errorf("a header of %d bytes, but the file has %d and the format allows %d", size, len(data)-8, maxHeader)
	}
	header, body := data[8:8+size], data[8+size:]
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("the header is not a JSON object")
	}
	var spans []span
	names := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("header: %w", err)
		}
		name, _ := token.(string) // a key is a string
		if names[name] {
			return nil, nil, fmt.Errorf("tensor %q: the name stands twice", name)
		}
		names[name] = true
		if name == "__metadata__" {
			if err := d.Decode(&notes); err != nil {
				return nil, nil, fmt.Errorf("header: __metadata__: %w", err)
			}
			continue
		}
		s, err := safetensor(d, name, body)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		spans = append(spans, s)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if rest := bytes.TrimRight(header[d.InputOffset():], " \x00"); len(rest) > 0 {
		return nil, nil, fmt.Errorf("header: %d bytes after the JSON object", len(rest))
	}
	tensors, err = fill(spans, len(body))
	return notes, tensors, err
}

func safetensor(d *json.Decoder, name string, body []byte) (span, error) {
	none := span{}
	if name == "" || strings.ContainsRune(name, 0) {
		return none, errors.New("the name is empty or has a NUL")
	}
	var e entry
	if err := d.Decode(&e); err != nil {
		return none, err
	}
	typ, ok := safetensorsTypes[e.Dtype]
	if !ok {
		return none, fmt.Errorf("type %q is not supported, want F32, F16, BF16, F64, I8, I16, I32 or I64", e.Dtype)
	}
	if len(e.Shape) > 8 {
		return none, fmt.Errorf("%d dimensions, want 8 at most", len(e.Shape))
	}
	shape := make([]int, 0, len(e.Shape))
	for _, n := range e.Shape {
		if n != int64(int(n)) {
			return none, fmt.Errorf("shape %v does not fit into memory", e.Shape)
		}
		shape = append(shape, int(n))
	}
	if len(shape) == 0 { // a scalar
		shape = []int{1}
	}
	if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] || e.Offsets[1] > int64(len(body)) {
		return none, fmt.Errorf("data_offsets %v, want two within the file's %d bytes of data", e.Offsets, len(body))
	}
	n, err := tensor.ByteSize(typ, shape)
	if err != nil {
		return none, err
	}
	if got := e.Offsets[1] - e.Offsets[0]; got != int64(n) {
		return none, fmt.Errorf("%s %v has %d bytes, want %d", typ, shape, got, n)
	}
	t, err := tensor.New(name, typ, shape, body[e.Offsets[0]:e.Offsets[1]:e.Offsets[1]])
	return span{t, uint64(e.Offsets[0])}, err
}

// fill checks, as the format demands, that tensors fill the data without a
// hole and share none of it, and returns them in that order.
func fill(spans []span, size int) ([]tensor.Tensor, error) {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
	tensors := make([]tensor.Tensor, len(spans))
	at := uint64(0)
	for i, s := range spans {
		switch {
		case s.offset < at:
			return nil, fmt.Errorf("tensor %q: its bytes overlap those of tensor %q", s.Name, spans[i-1].Name)
		case s.offset > at:
			return nil, fmt.Errorf("tensor %q: a hole of %d bytes before it", s.Name, s.offset-at)
		}
		at += uint64(len(s.Data))
		tensors[i] = s.Tensor
	}
	if at != uint64(size) {
		return nil, fmt.Errorf("%d bytes of data, but the tensors have %d", size, at)
	}
	return tensors, nil
}
