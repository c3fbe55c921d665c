package cpu

import (
	"testing"

	"summit/tensor"
	"summit/tensor/tensortest"
)

// lame is a backend that does every second operation and no fused step, and
// sees no type but F32 and Q8_0.
type lame struct{ *CPU }

func (l lame) Supports(op tensor.Op, t tensor.DType) bool {
	return op%2 == 1 && (t == tensor.F32 || t == tensor.Q8_0)
}

func (l lame) Caps() tensor.Caps {
	c := l.CPU.Caps()
	c.Name, c.Fused = "lame", false
	return c
}

func TestFallback(t *testing.T) {
	var last tensor.Backend
	open := func() (tensor.Backend, error) {
		native, err := plain()
		if err != nil {
			return nil, err
		}
		ref, err := plain()
		last = tensor.WithFallback(lame{native.(*CPU)}, ref)
		return last, err
	}
	tensortest.Suite(t, open, plain, tensortest.Bounds{})

	// A program of both kinds: what was helped is counted.
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	regs := []tensor.Reg{{Name: "x", Cols: 4}, {Name: "y", Cols: 4}}
	x, y := tensor.Ref{Reg: 0, Cols: 4}, tensor.Ref{Reg: 1, Cols: 4}
	p := &tensor.Program{Regs: regs, Steps: []tensor.Instr{
		&tensor.Norm{X: x, Add: y, AddScale: 2, Out: y, Groups: 1, W: -1, B: -1, Eps: 1}, // taken apart: an add (native) and a norm
		&tensor.Add{X: y, Y: x, Out: x, XScale: 1, YScale: 1},
	}}
	exe, err := b.Compile(p, nil, nil, tensor.Limits{Tokens: 2, Outputs: 1, Seqs: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	for reg, row := range [][]float32{{1, 2, 3, 4}, {0.5, 0, 0, 0}} {
		if err := exe.Write(reg, 0, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := exe.Run(&tensor.Batch{IDs: []int32{0}, Seqs: []tensor.Seq{{N: 1}}}); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 4)
	if err := exe.Read(got, 0, 0); err != nil {
		t.Fatal(err)
	}
	// x = [2 2 3 4], mean square 8.25, plus 1 = 9.25.
	for i, want := range []float32{2.657596, 2.657596, 3.986394, 5.315192} {
		if d := got[i] - want; d > 1e-5 || d < -1e-5 {
			t.Errorf("x[%d] = %v, want %v", i, got[i], want)
		}
	}
	for _, c := range b.Counters() {
		want := map[tensor.Op][2]int64{tensor.OpAdd: {2, 0}, tensor.OpNorm: {0, 1}}[c.Op]
		if c.Native != want[0] || c.Fallback != want[1] {
			t.Errorf("%s: %d native and %d helped, want %v", c.Op, c.Native, c.Fallback, want)
		}
	}
}
