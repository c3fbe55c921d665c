package engine

import (
	"testing"

	"summit/backend/cpu"
	"summit/tensor"
)

// half is a chip that can do matrices and norms only, one matrix at a time.
type half struct{ *cpu.CPU }

func (half) Supports(op tensor.Op, _ tensor.DType) bool {
	return op == tensor.OpMatMul || op == tensor.OpNorm
}

func (h half) Caps() tensor.Caps {
	c := h.CPU.Caps()
	c.Name, c.Fused = "half", false
	return c
}

// TestFallback runs whole models on a chip that does half of the work: the
// results are those of the reference, and the help is counted.
func TestFallback(t *testing.T) {
	files := []string{"testdata/qwen2-f32.gguf"}
	if len(fixtures(t)) > 1 {
		for _, name := range []string{"qwen35-f32", "deepseek2-mla-f32", "gpt-oss-f32"} {
			files = append(files, "../../shared/gguf-fixtures/"+name+".gguf")
		}
	}
	for _, file := range files {
		m := openFile(t, file)
		exact := tensor.Options{Exact: true, Threads: 1}
		want := logits(t, openModel(t, m, exact, Options{}), ids(40, 1))
		native, err := cpu.Open(exact)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := cpu.Open(exact)
		if err != nil {
			t.Fatal(err)
		}
		b := tensor.WithFallback(half{native}, ref)
		e, err := Open(m, b, Options{CacheTokens: 512, StepTokens: 16})
		if err != nil {
			t.Fatal(err)
		}
		same(t, file, logits(t, e, ids(40, 1)), want)
		var own, helped int64
		for _, c := range b.Counters() {
			own, helped = own+c.Native, helped+c.Fallback
			if (c.Op == tensor.OpMatMul || c.Op == tensor.OpNorm) != (c.Fallback == 0) {
				t.Errorf("%s: %s: %d native, %d helped", file, c.Op, c.Native, c.Fallback)
			}
		}
		if own == 0 || helped == 0 {
			t.Errorf("%s: %d native, %d helped, want some of both", file, own, helped)
		}
		e.Close()
	}
}
