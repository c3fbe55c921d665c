package weights

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"summit/tensor"
)

func TestRandom(t *testing.T) {
	fill := func(seed uint64, x tensor.Tensor) tensor.Tensor {
		t.Helper()
		var b bytes.Buffer
		if err := (&Random{Seed: seed}).Fill(&b, x, 0, 0.5); err != nil {
			t.Fatal(err)
		}
		x.Data = b.Bytes()
		if err := x.Check(); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, typ := range tensor.DTypes() {
		if !typ.CanQuantize() {
			continue
		}
		for _, shape := range [][]int{{3, 256}, {300, 768}} {
			if shape[0] == 300 && typ != tensor.Q8_0 && typ != tensor.BF16 && typ != tensor.Q4_K {
				continue // a pool takes long to encode, and is the same code for all
			}
			x := fill(1, tensor.Tensor{Name: "x", Type: typ, Shape: shape})
			if !bytes.Equal(x.Data, fill(1, x).Data) {
				t.Errorf("%v: the same seed gave other bytes", x)
			}
			if bytes.Equal(x.Data, fill(2, x).Data) {
				t.Errorf("%v: another seed gave the same bytes", x)
			}
			y := x
			y.Name = "y"
			if bytes.Equal(x.Data, fill(1, y).Data) {
				t.Errorf("%v: another name gave the same bytes", x)
			}
			v, err := x.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			var sum float64
			for _, n := range v {
				sum += float64(n) * float64(n)
			}
			if d := math.Sqrt(sum / float64(len(v))); math.Abs(d-0.5) > 0.05 {
				t.Errorf("%v: deviation %.3f, want 0.5", x, d)
			}
		}
	}
	// An odd width takes small pieces.
	fill(1, tensor.Tensor{Name: "odd", Type: tensor.F16, Shape: []int{2000, 99}})
	if err := (&Random{}).Fill(&bytes.Buffer{}, tensor.Tensor{Name: "w", Type: tensor.Q8_0, Shape: []int{9}}, 0, 1); err == nil || !strings.Contains(err.Error(), `"w"`) {
		t.Errorf("a row of 9 in Q8_0: %v", err)
	}
}

func save(t *testing.T, f *File, o Rewrite) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, o); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRewriteSplitToWhole(t *testing.T) {
	f, err := Open(parts(t, nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := Open(save(t, f, Rewrite{Type: tensor.Q8_0}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, ok := g.Value("split.count"); ok || !reflect.DeepEqual(f.Tensors(), g.Tensors()) {
		t.Errorf("%v became %v with keys %v", f.Tensors(), g.Tensors(), g.Meta().Keys())
	}
	if err := f.Write(&bytes.Buffer{}, Rewrite{Type: tensor.I8}); err == nil || !strings.Contains(err.Error(), "I8 is not a type to quantise to") {
		t.Errorf("to I8: %v", err)
	}
}

// A folder that became one file opens as the folder did.
func TestRewriteFolder(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"config.json":    []byte(`{"model_type":"plain","n":[1,2.5],"eps":1e-5,"rope":{"factor":4.5}}`),
		"tokenizer.json": []byte("{\n}"),
		"model.safetensors": safe(`{"model.embed_tokens.weight":{"dtype":"BF16","shape":[2,64],"data_offsets":[0,256]},`+
			`"q_proj.weight":{"dtype":"BF16","shape":[2,64],"data_offsets":[256,512]},`+
			`"norm.weight":{"dtype":"BF16","shape":[64],"data_offsets":[512,640]},`+
			`"mlp.gate.weight":{"dtype":"BF16","shape":[2,64],"data_offsets":[640,896]}}`, 896),
	})
	// Bytes of 0 to 255 as BF16 have NaN among them; make all plain numbers.
	path := filepath.Join(dir, "model.safetensors")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) - 896 + 1; i < len(b); i += 2 {
		b[i] = 0x3f
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := Open(save(t, f, Rewrite{Type: tensor.Q4_0, Embed: tensor.Q8_0}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.Format() != "safetensors" || !reflect.DeepEqual(f.meta, g.meta) || !reflect.DeepEqual(f.sides, g.sides) {
		t.Errorf("%s %v %q, want %v %q", g.Format(), g.meta, g.sides, f.meta, f.sides)
	}
	want := map[string]tensor.DType{"model.embed_tokens.weight": tensor.Q8_0, "q_proj.weight": tensor.Q4_0, "norm.weight": tensor.BF16, "mlp.gate.weight": tensor.BF16}
	for _, x := range g.Tensors() {
		if x.Type != want[x.Name] {
			t.Errorf("%v, want %s", x, want[x.Name])
		}
	}
}
