package tensor

import (
	"reflect"
	"strings"
	"testing"
)

// TestContractStaysSmall holds the contract to its promise: a chip is few
// calls and few operations.
func TestContractStaysSmall(t *testing.T) {
	calls := reflect.TypeFor[Backend]().NumMethod() + reflect.TypeFor[Executable]().NumMethod()
	if calls > 20 {
		t.Errorf("%d calls, want at most 20", calls)
	}
	if Ops > 24 {
		t.Errorf("%d operations, want at most 24", Ops)
	}
	seen := map[string]bool{}
	tiers := map[Tier]int{}
	for op := range Op(Ops) {
		name := op.String()
		if name == "" || seen[name] || strings.HasPrefix(name, "op(") {
			t.Errorf("operation %d has the name %q", op, name)
		}
		seen[name] = true
		tiers[op.Tier()]++
	}
	if tiers[Dense] != 12 || tiers[MoE] != 3 || tiers[Latent] != 3 {
		t.Errorf("operations by tier: %v, want 12 dense, 3 moe, 3 latent", tiers)
	}
}

func matrix(name string, use Use, rows, cols int) WeightSpec {
	return WeightSpec{Name: name, Use: use, Parts: []Tensor{{Name: name, Type: F32, Shape: []int{rows, cols}, Data: make([]byte, 4*rows*cols)}}}
}

// sound is a program that checks, with a step of many kinds.
func sound() *Program {
	ref := func(reg, cols int) Ref { return Ref{Reg: reg, Cols: cols} }
	stack := matrix("stack", Stack, 8, 8)
	stack.Parts = append(stack.Parts, stack.Parts[0])
	return &Program{
		Regs: []Reg{
			{Name: "x", Cols: 8}, {Name: "y", Cols: 8}, {Name: "out", Cols: 8, Output: true}, {Name: "idx", Cols: 2, Int: true},
			{Name: "w", Cols: 2}, {Name: "wide", Cols: 16}, {Name: "z", Cols: 16},
		},
		Weights: []WeightSpec{matrix("table", Table, 5, 8), matrix("m", Matrix, 8, 8), matrix("v", Vector, 1, 8), stack, matrix("taps", Vector, 8, 3), matrix("a", Vector, 1, 2)},
		Buffers: []BufferSpec{
			{Name: "kv", Type: F32, Items: 2, BlockTokens: 4, Heads: 2, KDim: 4, VDim: 4}, {Name: "conv", Items: 1, Cols: 16}, {Name: "delta", Items: 1, Cols: 32},
		},
		Steps: []Instr{
			&Embed{Out: ref(0, 8), W: 0, Scale: 1},
			&MatMul{X: ref(0, 8), Out: []Ref{ref(1, 8), ref(5, 8)}, W: []int{1, 1}, Bias: []int{2, -1}},
			&Norm{X: ref(0, 8), Add: ref(1, 8), Out: ref(1, 8), Groups: 2, W: 2, B: -1},
			&Rope{X: []RopeView{{Ref: ref(0, 8), HeadDim: 4, From: 0}}, Freq: []float64{1, 2}, Scale: 1},
			&KVWrite{K: ref(0, 8), V: ref(1, 8), Cache: 0},
			&Attention{Q: ref(0, 8), Out: ref(1, 8), Cache: 0, Heads: 2, Scale: 1, Sinks: -1},
			&Activate{Gate: ref(0, 8), Up: ref(1, 8), Out: ref(0, 8)},
			&Add{X: ref(0, 8), Y: ref(1, 8), Out: ref(1, 8)},
			&Gate{X: ref(0, 8), G: ref(4, 2), Out: ref(0, 8)},
			&Softcap{X: ref(0, 8), Out: ref(0, 8), Cap: 1},
			&Copy{Dst: ref(5, 16), Src: ref(0, 8), Groups: 2, Cols: 4, SrcStride: 4, DstStride: 8},
			&Route{Logits: ref(0, 2), Bias: -1, ExpScale: -1, Idx: ref(3, 2), Out: ref(4, 2), K: 2},
			&ExpertMatMul{X: ref(0, 8), Idx: ref(3, 2), Out: []Ref{ref(5, 16)}, W: []int{3}, K: 2},
			&Combine{X: ref(5, 16), Weight: ref(4, 2), Out: ref(1, 8)},
			&HeadMatMul{X: ref(5, 16), Out: ref(6, 16), W: 3, XStride: 8, OutStride: 8},
			&Conv{X: ref(0, 8), Out: ref(1, 8), W: 4, Bias: -1, State: 1, Taps: 3},
			&DeltaNet{Q: ref(0, 4), K: ref(0, 4), V: ref(0, 8), Alpha: ref(4, 2), Beta: ref(4, 2), Out: ref(1, 8), A: 5, DtBias: -1, State: 2, KHeads: 1, VHeads: 2, KDim: 4, VDim: 4},
			&Gather{X: ref(0, 8), Out: ref(2, 8)},
		},
	}
}

// TestCheck breaks a sound program in one place after another: every broken
// one must be refused, with the step's name.
func TestCheck(t *testing.T) {
	if err := sound().Check(); err != nil {
		t.Fatalf("a sound program: %v", err)
	}
	f := func(name, want string, breaks func(*Program)) {
		t.Helper()
		p := sound()
		breaks(p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	// Every view of every step: gone, beyond the registers, beyond the columns.
	for i, s := range sound().Steps {
		refs := views(reflect.ValueOf(s).Elem())
		for k := range refs {
			for name, r := range map[string]Ref{
				"no such register": {Reg: 7, Cols: 8}, "beyond the columns": {Reg: 0, Off: 1, Cols: 8}, "negative": {Reg: 0, Off: -1, Cols: 2},
				"empty": {Reg: 0}, "huge": {Reg: 0, Off: maxInt, Cols: maxInt},
			} {
				f(s.Op().String()+", view "+name, s.Op().String(), func(p *Program) {
					*views(reflect.ValueOf(p.Steps[i]).Elem())[k] = r
				})
			}
		}
	}
	f("weight that is not there", "weight 6 of 6", func(p *Program) { p.Steps[0].(*Embed).W = 6 })
	f("weight that is missing", "a weight is missing", func(p *Program) { p.Steps[0].(*Embed).W = -1 })
	f("weight of another use", "loaded as matrix, want table", func(p *Program) { p.Steps[0].(*Embed).W = 1 })
	f("weight of another shape", "want [8, 4]", func(p *Program) { p.Steps[1].(*MatMul).X.Cols = 4 })
	f("weight that is cut short", "has 4 bytes", func(p *Program) { p.Weights[1].Parts[0].Data = make([]byte, 4) })
	f("weight of no parts", "no parts", func(p *Program) { p.Weights[1].Parts = nil })
	f("bias of another length", "want a vector", func(p *Program) { p.Steps[1].(*MatMul).Bias[0] = 5 })
	f("too few biases", "1 biases for 2", func(p *Program) { m := p.Steps[1].(*MatMul); m.Bias = m.Bias[:1] })
	f("matrix in place", "one register", func(p *Program) { p.Steps[1].(*MatMul).Out[0].Reg = 0 })
	f("groups that do not divide", "3 groups", func(p *Program) { p.Steps[2].(*Norm).Groups = 3 })
	f("no groups", "0 groups", func(p *Program) { p.Steps[2].(*Norm).Groups = 0 })
	f("rope wider than a head", "columns 1 to 5", func(p *Program) { p.Steps[3].(*Rope).X[0].From = 1 })
	f("rope of no frequencies", "no frequencies", func(p *Program) { p.Steps[3].(*Rope).Freq = nil })
	f("state in place of a cache", "other kind", func(p *Program) { p.Steps[4].(*KVWrite).Cache = 1 })
	f("buffer that is not there", "buffer 3 of 3", func(p *Program) { p.Steps[4].(*KVWrite).Cache = 3 })
	f("heads that do not divide", "3 heads", func(p *Program) { p.Steps[5].(*Attention).Heads = 3 })
	f("negative window", "window -1", func(p *Program) { p.Steps[5].(*Attention).Window = -1 })
	f("cap of nothing", "cap 0", func(p *Program) { p.Steps[9].(*Softcap).Cap = 0 })
	f("runs beyond the register", "leave", func(p *Program) { p.Steps[10].(*Copy).Groups = 3 })
	f("more experts than there are", "3 of 2", func(p *Program) { p.Steps[11].(*Route).K = 3 })
	f("ids into numbers", "int register", func(p *Program) { p.Regs[3].Int = false })
	f("one tap", "1 taps", func(p *Program) { p.Steps[15].(*Conv).Taps = 1 })
	f("state of another size", "state of 32", func(p *Program) { p.Steps[16].(*DeltaNet).KDim = 2 })
	f("gather to tokens", "tokens to outputs", func(p *Program) { p.Regs[2].Output = false })
	f("register of no columns", "register \"x\"", func(p *Program) { p.Regs[0].Cols = 0 })
}

// views returns the places of all views in a step.
func views(v reflect.Value) []*Ref {
	var out []*Ref
	switch v.Kind() {
	case reflect.Struct:
		if r, ok := v.Addr().Interface().(*Ref); ok {
			return []*Ref{r}
		}
		for i := range v.NumField() {
			out = append(out, views(v.Field(i))...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, views(v.Index(i))...)
		}
	}
	return out
}

func TestDecompose(t *testing.T) {
	p := sound()
	var names []string
	for _, s := range p.Steps {
		for _, part := range Decompose(s) {
			names = append(names, part.Op().String())
			if m, ok := part.(*MatMul); ok && len(m.W) != 1 {
				t.Errorf("a part with %d matrices", len(m.W))
			}
		}
	}
	p.Steps = nil
	for _, s := range sound().Steps {
		p.Steps = append(p.Steps, Decompose(s)...)
	}
	if err := p.Check(); err != nil {
		t.Errorf("the parts: %v", err)
	}
	if got, want := strings.Join(names[:5], " "), "embed matmul matmul add norm"; got != want {
		t.Errorf("parts %s, want %s", got, want)
	}
}

func TestCost(t *testing.T) {
	p := sound()
	f := func(step int, l Workload, want Cost) {
		t.Helper()
		if got := p.StepCost(p.Steps[step], l); got != want {
			t.Errorf("%s: %+v, want %+v", p.Line(p.Steps[step]), got, want)
		}
	}
	one := Workload{Seqs: 1, Tokens: 1, Context: 9, Outputs: 1}
	f(0, one, Cost{WeightBytes: 32, MoveBytes: 32})
	f(1, one, Cost{WeightBytes: 2*256 + 32, MoveBytes: 96, MACs: 128})
	f(1, Workload{Seqs: 2, Tokens: 5}, Cost{WeightBytes: 2*256 + 32, MoveBytes: 960, MACs: 1280})
	f(4, one, Cost{CacheBytes: 64, MoveBytes: 64})
	f(5, one, Cost{CacheBytes: 640, MoveBytes: 64, MACs: 160})                                      // 10 positions of 2 heads
	f(5, Workload{Seqs: 1, Tokens: 3, Outputs: 1}, Cost{CacheBytes: 192, MoveBytes: 192, MACs: 96}) // 1+2+3 of them
	f(12, one, Cost{WeightBytes: 512, MoveBytes: 104, MACs: 128})                                   // both of two experts
	f(17, Workload{Seqs: 4, Tokens: 8, Outputs: 2}, Cost{MoveBytes: 128})                           // two rows
}
