package weights

import (
	"os"
	"strings"
	"testing"
)

func TestFromMemory(t *testing.T) {
	data, err := os.ReadFile("../engine/testdata/qwen2-f32.gguf")
	if err != nil {
		t.Fatal(err)
	}
	a, err := FromMemory("inside", data)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := Open("../engine/testdata/qwen2-f32.gguf", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a.Path() != "inside" || a.Format() != "gguf" || a.Bytes() != b.Bytes() || len(a.Tensors()) != len(b.Tensors()) {
		t.Errorf("in memory %d tensors of %d bytes, in the file %d of %d", len(a.Tensors()), a.Bytes(), len(b.Tensors()), b.Bytes())
	}
	for _, bad := range [][]byte{nil, []byte("GGUF"), data[:len(data)/2]} {
		if _, err := FromMemory("inside", bad); err == nil || !strings.Contains(err.Error(), "inside") {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}
