package weights

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"summit/tensor"
)

// write returns the bytes of a GGUF file.
func write(t *testing.T, meta *Metadata, tensors []tensor.Tensor) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, meta, tensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tensors {
		if _, err := w.Write(x.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// again writes what was read, reads it and compares.
func again(t *testing.T, meta *Metadata, tensors []tensor.Tensor) {
	t.Helper()
	meta2, tensors2, err := parseGGUF(write(t, meta, tensors))
	if err != nil {
		t.Fatal(err)
	}
	if len(meta2.keys) != len(meta.keys) || len(tensors2) != len(tensors) {
		t.Fatalf("%d keys and %d tensors became %d and %d", len(meta.keys), len(tensors), len(meta2.keys), len(tensors2))
	}
	for i, key := range meta.keys {
		// Through text, as NaN is not itself.
		if a, b := fmt.Sprintf("%T %#v", meta.values[key], meta.values[key]), fmt.Sprintf("%T %#v", meta2.values[key], meta2.values[key]); meta2.keys[i] != key || a != b {
			t.Errorf("key %q: %s became %s", key, a, b)
		}
	}
	for i, x := range tensors {
		if y := tensors2[i]; x.String() != y.String() || !bytes.Equal(x.Data, y.Data) {
			t.Errorf("%v became %v", x, y)
		}
	}
}

func allKinds() *Metadata {
	m := &Metadata{}
	m.Set("u8", uint8(200))
	m.Set("i8", int8(-100))
	m.Set("u16", uint16(60000))
	m.Set("i16", int16(-30000))
	m.Set("u32", uint32(4e9))
	m.Set("i32", int32(-2e9))
	m.Set("u64", uint64(math.MaxUint64))
	m.Set("i64", int64(math.MinInt64))
	m.Set("f32", float32(1.5))
	m.Set("f64", math.Pi)
	m.Set("yes", true)
	m.Set("text", "名字\x00\xff")
	m.Set("texts", []string{"", "b", "名"})
	m.Set("bools", []bool{true, false})
	m.Set("i32s", []int32{-1, 2})
	m.Set("u64s", []uint64{1, 2})
	m.Set("f32s", []float32{0.5, -1})
	m.Set("f64s", []float64{})
	return m
}

func TestRoundTrip(t *testing.T) {
	var list []tensor.Tensor
	for _, typ := range tensor.DTypes() {
		n, err := tensor.ByteSize(typ, []int{3, 256})
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i * 7)
		}
		list = append(list, tensor.Tensor{Name: "x." + typ.String(), Type: typ, Shape: []int{3, 256}, Data: data})
	}
	list = append(list, tensor.Tensor{Name: "odd", Type: tensor.I8, Shape: []int{2, 1, 3, 1}, Data: make([]byte, 6)})
	again(t, allKinds(), list)
	own := allKinds()
	own.Set(alignmentKey, uint32(256))
	again(t, own, list)
	again(t, &Metadata{}, nil)
}

func TestGetters(t *testing.T) {
	m := allKinds()
	for _, key := range []string{"u8", "i8", "u16", "i16", "u32", "i32", "i64"} {
		if _, err := m.Int(key); err != nil {
			t.Error(err)
		}
	}
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	_, err := m.Int("u64")
	f(err, `key "u64": got uint64 18446744073709551615, want a whole number`)
	_, err = m.Int("f64")
	f(err, `want a whole number`)
	_, err = m.Int("text")
	f(err, `key "text": got string`)
	_, err = m.Float("yes")
	f(err, `got bool true, want a number`)
	_, err = m.Bool("u8")
	f(err, `got uint8 200, want true or false`)
	_, err = m.String("texts")
	f(err, `got 3 x string, want a string`)
	_, err = m.Strings("i32s")
	f(err, `got 2 x int32, want a list of strings`)
	_, err = m.Floats("texts")
	f(err, `want a list of numbers`)
	_, err = m.Ints("u64")
	f(err, `want a list of whole numbers`)
	_, err = m.Bools("u64")
	f(err, `want a list of true or false`)
	_, err = m.Map("u64")
	f(err, `want an object`)
	if _, err = m.Int("none"); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("a missing key gives %v", err)
	}
	if v, err := m.Float("f32"); err != nil || v != 1.5 {
		t.Errorf("f32: %v, %v", v, err)
	}
	if v, err := m.Ints("i32s"); err != nil || !reflect.DeepEqual(v, []int64{-1, 2}) {
		t.Errorf("i32s: %v, %v", v, err)
	}
	m.Set("any", []any{int64(3), 2.0})
	if v, err := m.Floats("any"); err != nil || !reflect.DeepEqual(v, []float64{3, 2}) {
		t.Errorf("any: %v, %v", v, err)
	}
	m.Delete("any")
	if _, ok := m.Value("any"); ok || m.Clone().keys[0] != "u8" {
		t.Error("Delete or Clone")
	}
}

func TestWriterRefuses(t *testing.T) {
	x := func(name string, shape ...int) []tensor.Tensor {
		return []tensor.Tensor{{Name: name, Shape: shape}}
	}
	f := func(meta *Metadata, list []tensor.Tensor, want string) {
		t.Helper()
		if _, err := NewWriter(&bytes.Buffer{}, meta, list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	pair := func(key string, v any) *Metadata {
		m := &Metadata{}
		m.Set(key, v)
		return m
	}
	f(pair("", true), nil, `key ""`)
	f(pair("n", 3), nil, "value of type int")
	f(pair("n", nil), nil, "value of nothing")
	f(pair("n", [][]int32{}), nil, "list of type")
	f(pair(alignmentKey, uint32(7)), nil, "power of two")
	f(&Metadata{}, x("", 1), `tensor ""`)
	f(&Metadata{}, x(strings.Repeat("x", 65), 1), "64 bytes")
	f(&Metadata{}, append(x("a", 1), x("a", 1)...), "twice")
	f(&Metadata{}, x("a", 1, 1, 1, 1, 1), "5 dimensions")
	f(&Metadata{}, x("a", 0), "positive")
	w, err := NewWriter(&bytes.Buffer{}, &Metadata{}, x("a", 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), `"a" has 0 bytes, want 8`) {
		t.Errorf("a file without its data: %v", err)
	}
	if n, err := w.Write(make([]byte, 9)); n != 8 || err == nil || !strings.Contains(err.Error(), "1 bytes more") {
		t.Errorf("9 bytes of 8: %d, %v", n, err)
	}
}

// parts writes a model of three files and returns the folder.
func parts(t *testing.T, change func(i int, m *Metadata)) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 3 {
		m := &Metadata{}
		if i == 0 {
			m.Set("general.name", "split")
		}
		m.Set("split.no", uint16(i))
		m.Set("split.count", uint16(3))
		m.Set("split.tensors.count", int32(3))
		if change != nil {
			change(i, m)
		}
		x := tensor.Tensor{Name: fmt.Sprintf("w%d", i), Shape: []int{2}, Data: []byte{byte(i), 0, 0, 0, 0, 0, 0, 0}}
		path := filepath.Join(dir, fmt.Sprintf("m-%05d-of-00003.gguf", i+1))
		if err := os.WriteFile(path, write(t, m, []tensor.Tensor{x}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSplit(t *testing.T) {
	dir := parts(t, nil)
	for _, name := range []string{"m-00001-of-00003.gguf", "m-00003-of-00003.gguf", ""} {
		f, err := Open(filepath.Join(dir, name), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if x, ok := f.Tensor("w2"); !ok || x.Data[0] != 2 || len(f.Tensors()) != 3 {
			t.Errorf("%q: %v", name, f.TensorNames())
		}
		if s, err := f.Meta().String("general.name"); err != nil || s != "split" {
			t.Errorf("%q: %q, %v", name, s, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	refuse := func(dir, want string) {
		t.Helper()
		if f, err := Open(filepath.Join(dir, "m-00001-of-00003.gguf"), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v %v, want %q", f, err, want)
		}
	}
	refuse(parts(t, func(i int, m *Metadata) { m.Set("split.no", uint16(0)) }), "part 2 of 3: key \"split.no\": got 0, want 1")
	refuse(parts(t, func(i int, m *Metadata) { m.Set("split.count", uint16(9)) }), `"split.count": got 9, want 3`)
	refuse(parts(t, func(i int, m *Metadata) { m.Delete("split.no") }), "split.no")
	refuse(parts(t, func(i int, m *Metadata) { m.Set("split.tensors.count", int32(4)) }), "3 tensors, want 4")
	os.Remove(filepath.Join(dir, "m-00002-of-00003.gguf"))
	refuse(dir, "part 2 of 3: no such file")
	dir = parts(t, nil)
	b, _ := os.ReadFile(filepath.Join(dir, "m-00001-of-00003.gguf"))
	os.WriteFile(filepath.Join(dir, "alone.gguf"), b, 0o600)
	if _, err := Open(filepath.Join(dir, "alone.gguf"), Options{}); err == nil || !strings.Contains(err.Error(), "model of 3 files") {
		t.Errorf("a part under another name: %v", err)
	}
}

func TestFixtures(t *testing.T) {
	files, _ := filepath.Glob("../../shared/gguf-fixtures/*.gguf")
	if len(files) == 0 {
		t.Skip("the GGUF fixtures are not here")
	}
	for _, path := range files {
		f, err := Open(path, Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		name, err := f.Meta().String("general.architecture")
		if err != nil || !strings.HasPrefix(filepath.Base(path), name) && len(f.tensors) == 0 {
			t.Errorf("%s: %q, %v", path, name, err)
		}
		for i, x := range f.Tensors() {
			if i%4 == 0 && x.Type.CanDequantize() { // some of each: 39 MB under the race detector are slow
				y, err := x.Float32s()
				if err != nil {
					t.Error(err)
				}
				for i, v := range y {
					if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 1e3 {
						t.Fatalf("%s: %v: number %d is %g", path, x, i, v)
					}
				}
			}
			f.Release(x)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range f.maps { // released pages come back
			if !bytes.Equal(before, m.data) {
				t.Errorf("%s: the mapping differs from the file", path)
			}
		}
		again(t, f.Meta(), f.Tensors())
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
