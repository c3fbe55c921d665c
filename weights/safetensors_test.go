package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/tensor"
)

// safe builds a safetensors file from a header and so many bytes of data.
func safe(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range data {
		b = append(b, byte(i))
	}
	return b
}

func one(name, dtype, shape string, lo, hi int) string {
	return fmt.Sprintf(`{%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}}`, name, dtype, shape, lo, hi)
}

var badSafetensors = []struct {
	name string
	data []byte
	want string
}{
	{"empty file", nil, "0 bytes"},
	{"seven bytes", make([]byte, 7), "7 bytes"},
	{"header of 2^63", binary.LittleEndian.AppendUint64(nil, 1<<63), "header of 9223372036854775808"},
	{"header of 2^64-1", append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), 0, 0), "header of"},
	{"header beyond the file", binary.LittleEndian.AppendUint64(nil, 100), "header of 100 bytes"},
	{"no JSON", safe("nonsense", 0), "not a JSON object"},
	{"a list", safe("[1]", 0), "not a JSON object"},
	{"cut JSON", safe(`{"w":{"dtype":"F32"`, 0), "w"},
	{"two objects", safe(`{} {}`, 0), "after the JSON object"},
	{"deep JSON", safe(`{"w":`+strings.Repeat("[", 100_000), 0), `tensor "w"`},
	{"deep JSON in the notes", safe(`{"__metadata__":`+strings.Repeat(`{"a":`, 100_000), 0), "__metadata__"},
	{"notes that are no texts", safe(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
	{"notes twice", safe(`{"__metadata__":{},"__metadata__":{}}`, 0), "twice"},
	{"tensor twice", safe(strings.TrimSuffix(one("w", "F32", "[1]", 0, 4), "}")+","+one("w", "F32", "[1]", 0, 4)[1:], 4), "twice"},
	{"empty name", safe(one("", "F32", "[1]", 0, 4), 4), "empty"},
	{"NUL in name", safe(`{"a\u0000":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "NUL"},
	{"type F8_E4M3", safe(one("w", "F8_E4M3", "[4]", 0, 4), 4), `tensor "w": type "F8_E4M3" is not supported`},
	{"type U8", safe(one("w", "U8", "[4]", 0, 4), 4), `tensor "w": type "U8"`},
	{"no type", safe(`{"w":{"shape":[1],"data_offsets":[0,4]}}`, 4), `tensor "w": type ""`},
	{"shape of -1", safe(one("w", "F32", "[-1]", 0, 4), 4), `tensor "w": shape [-1]`},
	{"shape of 0", safe(one("w", "F32", "[0]", 0, 0), 0), `tensor "w": shape [0]`},
	{"shape of 2^62 twice", safe(one("w", "F32", "[4611686018427387904,4611686018427387904]", 0, 4), 4), `tensor "w"`},
	{"shape beyond int64", safe(one("w", "F32", "[9223372036854775808]", 0, 4), 4), `tensor "w"`},
	{"shape of nine", safe(one("w", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4), 4), `tensor "w": 9 dimensions`},
	{"shape of half", safe(one("w", "F32", "[0.5]", 0, 4), 4), `tensor "w"`},
	{"one offset", safe(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), `tensor "w": data_offsets`},
	{"three offsets", safe(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), `tensor "w": data_offsets`},
	{"offset of -4", safe(one("w", "F32", "[1]", -4, 0), 4), `tensor "w": data_offsets`},
	{"offsets backwards", safe(one("w", "F32", "[1]", 4, 0), 4), `tensor "w": data_offsets`},
	{"offset beyond the file", safe(one("w", "F32", "[2]", 0, 8), 4), `tensor "w": data_offsets [0 8], want two within the file's 4 bytes`},
	{"size other than shape", safe(one("w", "F32", "[2]", 0, 4), 4), `tensor "w": F32 [2] has 4 bytes, want 8`},
	{"overlap", safe(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `tensor "b": its bytes overlap those of tensor "a"`},
	{"a hole", safe(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12), `tensor "b": a hole of 4 bytes`},
	{"data left over", safe(one("w", "F32", "[1]", 0, 4), 8), "8 bytes of data, but the tensors have 4"},
}

func TestBadSafetensors(t *testing.T) {
	for _, row := range badSafetensors {
		t.Run(row.name, func(t *testing.T) {
			var err error
			modest(t, row.name, len(row.data), func() { _, _, err = parseSafetensors(row.data) })
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

func FuzzSafetensors(f *testing.F) {
	for _, row := range badSafetensors {
		f.Add(row.data)
	}
	f.Add(safe(one("w", "BF16", "[2,2]", 0, 8), 8))
	f.Add(safe(`{"__metadata__":{"format":"pt"},"s":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}   `, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		var list []tensor.Tensor
		var err error
		modest(t, "fuzz", len(data), func() { _, list, err = parseSafetensors(data) })
		if err != nil {
			return
		}
		total := 0
		for _, x := range list {
			if err := x.Check(); err != nil {
				t.Error(err)
			}
			total += len(x.Data)
		}
		if total > len(data) {
			t.Errorf("tensors have %d bytes, the file %d", total, len(data))
		}
	})
}

// folder writes files into a new folder.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolder(t *testing.T) {
	config := []byte(`{"model_type":"plain","hidden_size":64,"rope_theta":1e6,"eps":1e-5,"tie":true,"none":null,"huge":1e999,"rope":{"factor":4.0,"n":[1,2.5]}}`)
	dir := folder(t, map[string][]byte{
		"config.json":                      config,
		"tokenizer.json":                   []byte(`{"model":{}}`),
		"model-00001-of-00002.safetensors": safe(one("a", "F32", "[2]", 0, 8), 8),
		"model-00002-of-00002.safetensors": safe(`{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}`, 2),
		indexName:                          []byte(`{"metadata":{"total_size":10},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`),
	})
	f, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Format() != "safetensors" || len(f.Tensors()) != 2 || f.Bytes() != 10 {
		t.Errorf("%s, %v, %d bytes", f.Format(), f.TensorNames(), f.Bytes())
	}
	if x, _ := f.Tensor("b"); len(x.Shape) != 1 || x.Shape[0] != 1 || x.Type != tensor.BF16 {
		t.Errorf("the scalar is %v", x)
	}
	m := f.Meta()
	if n, err := m.Int("hidden_size"); err != nil || n != 64 {
		t.Errorf("hidden_size: %v, %v", n, err)
	}
	if x, err := m.Float("rope_theta"); err != nil || x != 1e6 {
		t.Errorf("rope_theta: %v, %v", x, err)
	}
	rope, err := m.Map("rope")
	if err != nil || rope["factor"] != 4.0 || rope["n"].([]any)[0] != int64(1) {
		t.Errorf("rope: %v, %v", rope, err)
	}
	if v, ok := m.Value("huge"); v != "1e999" || !ok {
		t.Errorf("huge: %v", v)
	}
	if v, ok := m.Value("none"); v != nil || !ok {
		t.Errorf("none: %v", v)
	}
	if notes, _ := m.Value("__metadata__"); notes.(map[string]string)["format"] != "pt" {
		t.Errorf("notes: %v", notes)
	}
	if b, ok := f.Side("tokenizer.json"); !ok || string(b) != `{"model":{}}` {
		t.Errorf("tokenizer.json: %q", b)
	}
	if _, ok := f.Side("merges.txt"); ok {
		t.Error("a side file that is not there")
	}
}

func TestFolderRefuses(t *testing.T) {
	f := func(want string, files map[string][]byte) {
		t.Helper()
		dir := folder(t, files)
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	w := safe(one("w", "F32", "[1]", 0, 4), 4)
	index := func(s string) []byte { return []byte(`{"weight_map":` + s + `}`) }
	f("neither a .safetensors nor a .gguf", map[string][]byte{"readme": nil})
	f("2 models", map[string][]byte{"a.safetensors": w, "b.safetensors": w})
	f("config.json", map[string][]byte{"model.safetensors": w, "config.json": []byte("{")})
	f("config.json", map[string][]byte{"model.safetensors": w, "config.json": []byte(strings.Repeat("[", 1e5))})
	f("weight_map is empty", map[string][]byte{indexName: index(`{}`)})
	f(`tensor "w" is in "../w.safetensors"`, map[string][]byte{indexName: index(`{"w":"../w.safetensors"}`)})
	f(`plain name`, map[string][]byte{indexName: index(`{"w":"/etc/passwd"}`)})
	f(`plain name`, map[string][]byte{indexName: index(`{"w":"a\\b.safetensors"}`)})
	f(`plain name`, map[string][]byte{indexName: index(`{"w":""}`)})
	f(`a.safetensors: no such file`, map[string][]byte{indexName: index(`{"w":"a.safetensors"}`)})
	f(`tensor "v": the index says it is in a.safetensors`, map[string][]byte{indexName: index(`{"w":"a.safetensors","v":"a.safetensors"}`), "a.safetensors": w})
	f(`tensor "w": the index says it is in b.safetensors`, map[string][]byte{indexName: index(`{"w":"b.safetensors","v":"a.safetensors"}`), "a.safetensors": w, "b.safetensors": w})
	f(`tensor "w": the name stands twice`, map[string][]byte{indexName: index(`{"x":"b.safetensors","v":"a.safetensors"}`), "a.safetensors": w, "b.safetensors": w})
	if _, err := Open(filepath.Join(t.TempDir(), "none.gguf"), Options{}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Open(folder(t, map[string][]byte{"x": []byte("hello, world")})+"/x", Options{}); err == nil || !strings.Contains(err.Error(), "neither GGUF nor safetensors") {
		t.Errorf("a text: %v", err)
	}
}

func TestQuantizeOnLoad(t *testing.T) {
	list := []tensor.Tensor{
		{Name: "model.embed_tokens.weight", Type: tensor.F32, Shape: []int{4, 256}},
		{Name: "a.q_proj.weight", Type: tensor.F32, Shape: []int{37, 256}},
		{Name: "a.narrow.weight", Type: tensor.F32, Shape: []int{4, 64}},
		{Name: "a.odd.weight", Type: tensor.F32, Shape: []int{4, 33}},
		{Name: "a.bias", Type: tensor.F32, Shape: []int{256}},
		{Name: "experts", Type: tensor.F32, Shape: []int{2, 3, 256}},
		{Name: "done", Type: tensor.Q8_0, Shape: []int{2, 256}},
	}
	for i, x := range list {
		n, _ := tensor.ByteSize(x.Type, x.Shape)
		list[i].Data = make([]byte, n)
		if x.Type == tensor.F32 {
			v := make([]float32, n/4)
			for j := range v {
				v[j] = float32(math.Sin(float64(j) * 1.7))
			}
			if err := tensor.Quantize(list[i].Data, tensor.F32, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, write(t, &Metadata{}, list), 0o600); err != nil {
		t.Fatal(err)
	}
	var last, total int64
	f, err := Open(path, Options{Quantize: tensor.Q4_K, Progress: func(d, n int64) { last, total = d, n }})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []tensor.DType{tensor.F32, tensor.Q4_K, tensor.Q8_0, tensor.F32, tensor.F32, tensor.Q4_K, tensor.Q8_0}
	for i, x := range f.Tensors() {
		if x.Type != want[i] || x.Check() != nil || x.Name != list[i].Name {
			t.Errorf("%v, want %s; %v", x, want[i], x.Check())
		}
		a, err := list[i].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		b, err := x.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		for j := range a {
			if math.Abs(float64(a[j]-b[j])) > 0.12 { // half a step of 1/15 of the range and its scale's error
				t.Fatalf("%v: number %d is %g, was %g", x, j, b[j], a[j])
			}
		}
	}
	if last != total || total == 0 {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	if _, err := Open(path, Options{Quantize: tensor.I32}); err == nil || !strings.Contains(err.Error(), "I32 is not a type to quantise to") {
		t.Errorf("to I32: %v", err)
	}
	bad := list[1]
	bad.Data = append([]byte(nil), bad.Data...)
	binary.LittleEndian.PutUint32(bad.Data[4*256*5:], math.Float32bits(float32(math.NaN())))
	if err := Convert(make([]byte, 37*144), tensor.Q4_K, bad); err == nil || !strings.Contains(err.Error(), `tensor "a.q_proj.weight": row 5: tensor: Q4_K: number 0 is NaN`) {
		t.Errorf("NaN: %v", err)
	}
}
