package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"

	"summit/tensor"
)

// Writer writes a GGUF v3 file as a stream: metadata and the list of tensors
// at once, then the data of the tensors through Write, in their order, in
// pieces of any size. Close checks that all came.
type Writer struct {
	out     io.Writer
	tensors []tensor.Tensor // Data stays empty
	sizes   []int64
	align   int64
	current int   // the tensor that Write fills
	filled  int64 // of it
	err     error
}

// NewWriter writes the header. Of the tensors, only name, type and shape
// matter. What a reader would refuse is refused here.
func NewWriter(out io.Writer, meta *Metadata, tensors []tensor.Tensor) (*Writer, error) {
	w := &Writer{out: out, tensors: tensors}
	head, err := w.header(meta)
	if err != nil {
		return nil, fmt.Errorf("weights: GGUF writer: %w", err)
	}
	if _, err := out.Write(head); err != nil {
		return nil, fmt.Errorf("weights: GGUF writer: %w", err)
	}
	w.skipFull()
	return w, nil
}

func (w *Writer) header(meta *Metadata) ([]byte, error) {
	align, err := alignment(meta)
	if err != nil {
		return nil, err
	}
	w.align = int64(align)
	b := append([]byte(ggufMagic), 3, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(w.tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(meta.keys)))
	for _, key := range meta.keys {
		if key == "" || len(key) > maxKey || strings.ContainsRune(key, 0) || !utf8.ValidString(key) {
			return nil, fmt.Errorf("key %q: want 1 to %d bytes of text without NUL", key, maxKey)
		}
		b = appendText(b, key)
		if b, err = appendValue(b, meta.values[key]); err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
	}
	names := map[string]bool{}
	var offset int64
	for _, t := range w.tensors {
		if t.Name == "" || len(t.Name) > maxTensorName || strings.ContainsRune(t.Name, 0) || !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("tensor %q: want a name of 1 to %d bytes without NUL", t.Name, maxTensorName)
		}
		if names[t.Name] {
			return nil, fmt.Errorf("tensor %q: the name stands twice", t.Name)
		}
		names[t.Name] = true
		if len(t.Shape) > maxDims {
			return nil, fmt.Errorf("tensor %q: %d dimensions, want %d at most", t.Name, len(t.Shape), maxDims)
		}
		size, err := tensor.ByteSize(t.Type, t.Shape)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		b = appendText(b, t.Name)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
		for i := range t.Shape {
			b = binary.LittleEndian.AppendUint64(b, uint64(t.Shape[len(t.Shape)-1-i]))
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
		b = binary.LittleEndian.AppendUint64(b, uint64(offset))
		w.sizes = append(w.sizes, int64(size))
		if offset > math.MaxInt64-int64(size)-w.align {
			return nil, fmt.Errorf("tensor %q: the file would be too big", t.Name)
		}
		offset = w.aligned(offset + int64(size))
	}
	if len(w.tensors) > 0 {
		b = append(b, make([]byte, w.aligned(int64(len(b)))-int64(len(b)))...)
	}
	return b, nil
}

func (w *Writer) aligned(n int64) int64 { return (n + w.align - 1) / w.align * w.align }

// Write takes the next bytes of the tensors' data.
func (w *Writer) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 && w.err == nil {
		if w.current == len(w.tensors) {
			w.err = fmt.Errorf("weights: GGUF writer: %d bytes more than the tensors have", len(p))
			break
		}
		m := min(int64(len(p)), w.sizes[w.current]-w.filled)
		var k int
		k, w.err = w.out.Write(p[:m])
		n, w.filled, p = n+k, w.filled+int64(k), p[m:]
		w.skipFull()
	}
	return n, w.err
}

// skipFull pads a tensor that is full and goes on to the next.
func (w *Writer) skipFull() {
	for w.err == nil && w.current < len(w.tensors) && w.filled == w.sizes[w.current] {
		_, w.err = w.out.Write(make([]byte, w.aligned(w.filled)-w.filled))
		w.current, w.filled = w.current+1, 0
	}
}

// Close reports whether all data came. It does not close what is below.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.current < len(w.tensors) {
		return fmt.Errorf("weights: GGUF writer: tensor %q has %d bytes, want %d", w.tensors[w.current].Name, w.filled, w.sizes[w.current])
	}
	w.err = errors.New("weights: GGUF writer: closed")
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

var kinds = map[reflect.Kind]uint32{
	reflect.Uint8: kindUint8, reflect.Int8: kindInt8, reflect.Uint16: kindUint16, reflect.Int16: kindInt16,
	reflect.Uint32: kindUint32, reflect.Int32: kindInt32, reflect.Float32: kindFloat32, reflect.Bool: kindBool,
	reflect.String: kindString, reflect.Uint64: kindUint64, reflect.Int64: kindInt64, reflect.Float64: kindFloat64,
}

// appendValue appends type and value.
func appendValue(b []byte, v any) ([]byte, error) {
	r := reflect.ValueOf(v)
	if !r.IsValid() {
		return nil, errors.New("a value of nothing")
	}
	if r.Kind() != reflect.Slice {
		kind, ok := kinds[r.Kind()]
		if !ok {
			return nil, fmt.Errorf("a value of type %T, want a bool, string or sized number, or a slice of those", v)
		}
		return appendOne(binary.LittleEndian.AppendUint32(b, kind), r), nil
	}
	kind, ok := kinds[r.Type().Elem().Kind()]
	if !ok {
		return nil, fmt.Errorf("a list of type %T, want bools, strings or sized numbers", v)
	}
	b = binary.LittleEndian.AppendUint32(b, kindArray)
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Len()))
	for i := range r.Len() {
		b = appendOne(b, r.Index(i))
	}
	return b, nil
}

func appendOne(b []byte, r reflect.Value) []byte {
	switch r.Kind() {
	case reflect.String:
		return appendText(b, r.String())
	case reflect.Bool:
		if r.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Float32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r.Float())))
	case reflect.Float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(r.Float()))
	}
	var u uint64
	if r.CanInt() {
		u = uint64(r.Int())
	} else {
		u = r.Uint()
	}
	switch r.Type().Size() {
	case 1:
		return append(b, byte(u))
	case 2:
		return binary.LittleEndian.AppendUint16(b, uint16(u))
	case 4:
		return binary.LittleEndian.AppendUint32(b, uint32(u))
	}
	return binary.LittleEndian.AppendUint64(b, u)
}
