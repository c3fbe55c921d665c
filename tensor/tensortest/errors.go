package tensortest

import (
	"testing"

	"summit/tensor"
)

// testErrors holds a backend to errors where memory would be damaged.
func testErrors(t *testing.T, open func() (tensor.Backend, error)) {
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w, _ := weigh("table", tensor.Table, tensor.F32, 1, 11, 8)
	r := regs(8, 8, 8)
	p := &tensor.Program{
		Regs: r, Weights: []tensor.WeightSpec{w},
		Buffers: []tensor.BufferSpec{{Name: "kv", Type: tensor.F32, Items: 2, BlockTokens: 16, Heads: 1, KDim: 8, VDim: 8}, {Name: "state", Items: 2, Cols: 4}},
		Steps: []tensor.Instr{
			&tensor.Embed{Out: all(r, 0), W: 0, Scale: 1},
			&tensor.KVWrite{K: all(r, 0), V: all(r, 0), Cache: 0},
			&tensor.Attention{Q: all(r, 0), Out: all(r, 1), Cache: 0, Heads: 1, Scale: 1, Sinks: -1},
		},
	}
	table, err := b.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.Alloc(p.Buffers[0])
	if err != nil {
		t.Fatal(err)
	}
	state, err := b.Alloc(p.Buffers[1])
	if err != nil {
		t.Fatal(err)
	}
	exe, err := b.Compile(p, []tensor.Weight{table}, []tensor.Buffer{kv, state}, tensor.Limits{Tokens: 20, Outputs: 1, Seqs: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()

	run := func(name string, fails bool, ids, outputs []int32, seqs ...tensor.Seq) {
		t.Helper()
		err := exe.Run(&tensor.Batch{IDs: ids, Outputs: outputs, Seqs: seqs})
		if (err != nil) != fails {
			t.Errorf("%s: error %v, want one: %v", name, err, fails)
		}
	}
	blocks := []int32{1, 0}
	three := []int32{1, 2, 3}
	run("good", false, three, nil, tensor.Seq{N: 3, Blocks: blocks})
	run("empty", true, nil, nil)
	run("no sequence", true, three, nil)
	run("token too high", true, []int32{11}, nil, tensor.Seq{N: 1, Blocks: blocks})
	run("token negative", true, []int32{-1}, nil, tensor.Seq{N: 1, Blocks: blocks})
	run("too many tokens", true, make([]int32, 21), nil, tensor.Seq{N: 21, Blocks: blocks})
	run("too many outputs", true, three, []int32{0, 1}, tensor.Seq{N: 3, Blocks: blocks})
	run("output beyond the rows", true, three, []int32{3}, tensor.Seq{N: 3, Blocks: blocks})
	run("gap between sequences", true, three, nil, tensor.Seq{N: 1, Blocks: blocks}, tensor.Seq{Row: 2, N: 1, Blocks: blocks})
	run("rows beyond the batch", true, three, nil, tensor.Seq{N: 4, Blocks: blocks})
	run("negative position", true, three, nil, tensor.Seq{N: 3, Pos: -1, Blocks: blocks})
	run("too few blocks", true, three, nil, tensor.Seq{N: 3, Pos: 15, Blocks: blocks[:1]})
	run("block beyond the cache", true, three, nil, tensor.Seq{N: 3, Blocks: []int32{2}})
	run("negative block", true, three, nil, tensor.Seq{N: 3, Blocks: []int32{-1}})
	run("slot beyond the state", true, three, nil, tensor.Seq{N: 3, Blocks: blocks, Slot: 2})
	run("good again", false, three, []int32{2}, tensor.Seq{N: 3, Pos: 20, Blocks: blocks, Slot: 1})

	fails := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	row := make([]float32, 8)
	fails("read of no register", exe.Read(row, 3, 0))
	fails("read of half a row", exe.Read(row[:3], 0, 0))
	fails("read below", exe.Read(row, 0, -1))
	fails("read beyond", exe.Read(row, 0, 20))
	fails("write beyond", exe.Write(0, 20, row))
	fails("copy beyond", b.Copy(kv, 2, kv, 0))
	fails("copy between kinds", b.Copy(kv, 0, state, 0))
	fails("upload of the wrong length", b.Upload(kv, 0, row))
	fails("download beyond", b.Download(make([]float32, 256), kv, 2))
	_, err = b.Alloc(tensor.BufferSpec{Name: "none", Type: tensor.F32, BlockTokens: 16, Heads: 1, KDim: 8})
	fails("cache of no blocks", err)
	_, err = b.Alloc(tensor.BufferSpec{Name: "huge", Type: tensor.F32, Items: 1 << 40, BlockTokens: 1 << 20, Heads: 1 << 10, KDim: 1 << 20})
	fails("cache larger than any memory", err)
	bad := w
	bad.Parts = []tensor.Tensor{{Name: "short", Type: tensor.F32, Shape: []int{11, 8}, Data: w.Parts[0].Data[:8]}}
	_, err = b.Load(bad)
	fails("weight that is cut short", err)

	// A block survives a copy and the way to the host and back.
	n := p.Buffers[0].ItemLen()
	want, got := make([]float32, n), make([]float32, n)
	for i := range want {
		want[i] = float32(i) / 7
	}
	for _, err := range []error{b.Upload(kv, 0, want), b.Copy(kv, 1, kv, 0), b.Download(got, kv, 1)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("block after a copy: number %d is %v, want %v", i, got[i], want[i])
		}
	}
}
