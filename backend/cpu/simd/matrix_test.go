package simd

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"summit/tensor"
)

// randomBlocks makes bytes of a type's file layout: everything is random but
// the scales, which have to be ordinary numbers.
func randomBlocks(rng *rand.Rand, name string, rows, cols int) []byte {
	f := FormOf(name)
	n := rows * cols / f.Block
	out := make([]byte, 0, n*f.FileBytes)
	half := func(b []byte) { binary.LittleEndian.PutUint16(b, tensor.ToF16(float32(rng.NormFloat64()*0.02))) }
	at := map[string][]int{"q4_1": {0, 2}, "q5_1": {0, 2}, "q4_k": {0, 2}, "q5_k": {0, 2}, "q6_k": {208}, "q3_k": {108}, "q2_k": {80, 82}}[name]
	if at == nil {
		at = []int{0}
	}
	for range n {
		b := make([]byte, f.FileBytes)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		for _, i := range at {
			half(b[i:])
		}
		if name == "mxfp4" {
			b[0] = byte(rng.IntN(20) + 110)
		}
		out = append(out, b...)
	}
	return out
}

func packed(t testing.TB, name string, src []byte, rows, cols int) *Matrix {
	t.Helper()
	f := FormOf(name)
	data := make([]byte, f.PackedBytes(rows, cols))
	rowBytes, panel := cols/f.Block*f.FileBytes, len(data)/panels(rows)
	for p := range panels(rows) {
		if err := f.Pack(data[p*panel:][:panel], src[p*PanelRows*rowBytes:min((p+1)*PanelRows, rows)*rowBytes], cols); err != nil {
			t.Fatal(err)
		}
	}
	m, err := NewMatrix(name, rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func randomFloats(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

func quantized(t testing.TB, tier Tier, x []float32, tokens, cols int) *Activations {
	t.Helper()
	var a Activations
	if err := a.Reset(tokens, cols); err != nil {
		t.Fatal(err)
	}
	for i := range tokens {
		if err := a.Quantize(tier, i, x[i*cols:][:cols]); err != nil {
			t.Fatal(err)
		}
	}
	return &a
}

// sameTo fails where two results differ by more than tolerance times the
// largest magnitude of want.
func sameTo(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(float64(w)))
	}
	for i := range want {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= tolerance*largest) {
			t.Fatalf("%s: element %d is %v, want %v (off by %.2g of the largest)", what, i, got[i], want[i], d/largest)
		}
	}
}

// Every kernel in assembly against plain Go. The integer sums are the same;
// plain Go's fused multiply-add may round twice, hence the tolerance of a few
// units in the last place of the largest sum.
func TestMatMulMatchesPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range Forms() {
		for range 6 {
			rows, cols, tokens := 1+rng.IntN(70), FormOf(name).Block*(1+rng.IntN(5)), 1+rng.IntN(20)
			m := packed(t, name, randomBlocks(rng, name, rows, cols), rows, cols)
			x := quantized(t, Plain, randomFloats(rng, tokens*cols), tokens, cols)
			bias := randomFloats(rng, rows)
			run := func(tier Tier) []float32 {
				out := Out{Dst: make([]float32, tokens*(rows+3)), Stride: rows + 3, From: bias}
				if err := MatMul(tier, new(Tile), out, m, x, 0, m.Panels()); err != nil {
					t.Fatal(err)
				}
				return out.Dst
			}
			want := run(Plain)
			for _, tier := range Tiers()[1:] {
				sameTo(t, fmt.Sprintf("%s %s %dx%d, %d tokens", tier, name, rows, cols, tokens), run(tier), want, 2e-6)
			}
		}
	}
}

func TestMatMulFloatMatchesPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{"f32", "f16", "bf16"} {
		for range 10 {
			rows, cols, tokens := 1+rng.IntN(70), 1+rng.IntN(300), 1+rng.IntN(20)
			m, _ := packedFloat(t, rng, name, rows, cols)
			x := randomFloats(rng, tokens*(cols+1))
			from := randomFloats(rng, tokens*rows)
			run := func(tier Tier) []float32 {
				out := Out{Dst: make([]float32, tokens*rows), Stride: rows, From: from, FromStride: rows}
				if err := MatMulFloat(tier, new(Tile), out, m, x, cols+1, tokens, 0, m.Panels()); err != nil {
					t.Fatal(err)
				}
				return out.Dst
			}
			want := run(Plain)
			for _, tier := range Tiers()[1:] {
				sameTo(t, fmt.Sprintf("%s %s %dx%d, %d tokens", tier, name, rows, cols, tokens), run(tier), want, 2e-6)
			}
		}
	}
}

// packedFloat returns a random matrix, packed, and its values row by row.
func packedFloat(t testing.TB, rng *rand.Rand, name string, rows, cols int) (*Matrix, []float32) {
	t.Helper()
	f := FloatFormOf(name)
	var src []byte
	values := make([]float32, rows*cols)
	for i := range values {
		v := float32(rng.NormFloat64())
		switch name {
		case "f32":
			src = binary.LittleEndian.AppendUint32(src, math.Float32bits(v))
		case "f16":
			src = binary.LittleEndian.AppendUint16(src, tensor.ToF16(v))
		default:
			src = binary.LittleEndian.AppendUint16(src, uint16(math.Float32bits(v)>>16))
		}
		values[i] = f.value(src[len(src)-f.Size:])
	}
	data := make([]byte, f.PackedBytes(rows, cols))
	panel := PanelRows * cols * f.Size
	for p := range panels(rows) {
		if err := f.Pack(data[p*panel:][:panel], src[p*panel:min((p+1)*panel, len(src))], cols); err != nil {
			t.Fatal(err)
		}
	}
	m, err := NewMatrix(name, rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	return m, values
}

// Packed weights against the values that package tensor reads from the same
// bytes, summed in float64. The activations are taken as quantised, so only
// the float32 roundings of the block sums are left.
func TestMatMulIsTheProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, name := range Forms() {
		dtype, err := tensor.ParseDType(name)
		if err != nil {
			t.Fatal(err)
		}
		const rows, cols, tokens = 33, 1024, 3
		src := randomBlocks(rng, name, rows, cols)
		w := make([]float32, rows*cols)
		if err := tensor.Dequantize(w, dtype, src); err != nil {
			t.Fatal(err)
		}
		a := quantized(t, Plain, randomFloats(rng, tokens*cols), tokens, cols)
		want := make([]float32, tokens*rows)
		for tk := range tokens {
			for r := range rows {
				sum := 0.0
				for k := range cols {
					block := a.data[k/32*4*actBlock+tk*actBlock:]
					sum += float64(int8(block[k%32])) * float64(word32(block, metaScale)) * float64(w[r*cols+k])
				}
				want[tk*rows+r] = float32(sum)
			}
		}
		m := packed(t, name, src, rows, cols)
		for _, tier := range Tiers() {
			out := Out{Dst: make([]float32, tokens*rows), Stride: rows}
			if err := MatMul(tier, new(Tile), out, m, a, 0, m.Panels()); err != nil {
				t.Fatal(err)
			}
			sameTo(t, tier.String()+" "+name, out.Dst, want, 1e-5)
		}
	}
}

// Float panels against a plain sum in float64.
func TestMatMulFloatIsTheProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, name := range []string{"f32", "f16", "bf16"} {
		const rows, cols, tokens = 37, 129, 5
		m, w := packedFloat(t, rng, name, rows, cols)
		x := randomFloats(rng, tokens*cols)
		want := make([]float32, tokens*rows)
		for tk := range tokens {
			for r := range rows {
				sum := 0.0
				for k := range cols {
					sum += float64(x[tk*cols+k]) * float64(w[r*cols+k])
				}
				want[tk*rows+r] = float32(sum)
			}
		}
		for _, tier := range Tiers() {
			out := Out{Dst: make([]float32, tokens*rows), Stride: rows}
			if err := MatMulFloat(tier, new(Tile), out, m, x, cols, tokens, 0, m.Panels()); err != nil {
				t.Fatal(err)
			}
			sameTo(t, tier.String()+" "+name, out.Dst, want, 1e-5) // 129 roundings of float32
		}
	}
}

// A token's result has the same bits whatever is computed beside it, in
// whatever panels.
func TestMatMulDoesNotDependOnTheBatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const rows, tokens = 50, 23
	for _, tier := range Tiers() {
		for _, name := range Forms() {
			cols := 512
			m := packed(t, name, randomBlocks(rng, name, rows, cols), rows, cols)
			x := randomFloats(rng, tokens*cols)
			all := Out{Dst: make([]float32, tokens*rows), Stride: rows}
			a := quantized(t, tier, x, tokens, cols)
			for p := range m.Panels() {
				if err := MatMul(tier, new(Tile), all, m, a, p, p+1); err != nil {
					t.Fatal(err)
				}
			}
			for lo := 0; lo < tokens; {
				n := min(1+rng.IntN(9), tokens-lo)
				some := Out{Dst: make([]float32, n*rows), Stride: rows}
				if err := MatMul(tier, new(Tile), some, m, quantized(t, tier, x[lo*cols:(lo+n)*cols], n, cols), 0, m.Panels()); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(some.Dst, all.Dst[lo*rows:(lo+n)*rows]) {
					t.Fatalf("%s %s: tokens %d to %d differ when computed apart", tier, name, lo, lo+n)
				}
				lo += n
			}
		}
		for _, name := range []string{"f32", "f16", "bf16"} {
			cols := 5001 // more than one call of assembly
			m, _ := packedFloat(t, rng, name, rows, cols)
			x := randomFloats(rng, tokens*cols)
			all := Out{Dst: make([]float32, tokens*rows), Stride: rows}
			if err := MatMulFloat(tier, new(Tile), all, m, x, cols, tokens, 0, m.Panels()); err != nil {
				t.Fatal(err)
			}
			for i := range tokens {
				one := Out{Dst: make([]float32, rows), Stride: rows}
				if err := MatMulFloat(tier, new(Tile), one, m, x[i*cols:], cols, 1, 0, m.Panels()); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(one.Dst, all.Dst[i*rows:(i+1)*rows]) {
					t.Fatalf("%s %s: token %d differs when computed apart", tier, name, i)
				}
			}
		}
	}
}

func TestMatMulRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	m := packed(t, "q8_0", randomBlocks(rng, "q8_0", 20, 64), 20, 64)
	x := quantized(t, Plain, randomFloats(rng, 128), 2, 64)
	f := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	good := Out{Dst: make([]float32, 40), Stride: 20}
	if err := MatMul(Best(), new(Tile), good, m, x, 0, 2); err != nil {
		t.Fatal(err)
	}
	f("short result", MatMul(Best(), new(Tile), Out{Dst: make([]float32, 39), Stride: 20}, m, x, 0, 2))
	f("overlapping rows", MatMul(Best(), new(Tile), Out{Dst: make([]float32, 40), Stride: 19}, m, x, 0, 2))
	f("short bias", MatMul(Best(), new(Tile), Out{Dst: make([]float32, 40), Stride: 20, From: make([]float32, 19)}, m, x, 0, 2))
	f("panel past the end", MatMul(Best(), new(Tile), good, m, x, 0, 3))
	f("wrong width", MatMul(Best(), new(Tile), good, m, quantized(t, Plain, randomFloats(rng, 192), 2, 96), 0, 2))
	_, err := NewMatrix("q8_0", 20, 64, make([]byte, 10))
	f("short data", err)
	_, err = NewMatrix("q8_0", 20, 33, make([]byte, 10))
	f("half a block", err)
	_, err = NewMatrix("q9", 20, 32, nil)
	f("unknown type", err)
	f("negative token", x.Quantize(Best(), -1, make([]float32, 64)))
	f("short vector", x.Quantize(Best(), 0, make([]float32, 63)))
}

func TestQuantizeMatchesPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 20 {
		cols, tokens := 32*(1+rng.IntN(40)), 1+rng.IntN(12)
		x := randomFloats(rng, tokens*cols)
		clear(x[:32])
		for i := range 32 {
			x[cols-1-i] *= 1e-33 // too small for an inverse
		}
		want := quantized(t, Plain, x, tokens, cols)
		for _, tier := range Tiers()[1:] {
			got := quantized(t, tier, x, tokens, cols)
			for b := 0; b < len(want.data); b += actBlock {
				if !slices.Equal(got.data[b:b+60], want.data[b:b+60]) {
					t.Fatalf("%s: block %d of %d tokens is\n%v, want\n%v", tier, b/actBlock, tokens, got.data[b:b+60], want.data[b:b+60])
				}
			}
		}
	}
}
