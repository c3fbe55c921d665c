package tensor

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// relativeError is the root mean square of the difference over that of want.
func relativeError(got, want []float32) float64 {
	var e, s float64
	for i := range want {
		d := float64(got[i] - want[i])
		e += d * d
		s += float64(want[i]) * float64(want[i])
	}
	return math.Sqrt(e / s)
}

// The bounds are up to 5 % above what the encoders reach on Gaussian numbers.
// Theory gives the same order: the step of Q8_0 is 1/127 of a block's peak,
// about 2.3 deviations for 32 numbers, and rounding leaves step/sqrt(12), so
// 0.52 %.
func TestRoundTripError(t *testing.T) {
	bound := map[DType]float64{
		F32: 0, F16: 2.2e-4, BF16: 1.75e-3, Q8_0: 0.0056,
		Q4_0: 0.090, Q4_1: 0.082, Q5_0: 0.045, Q5_1: 0.040,
		Q2_K: 0.281, Q3_K: 0.151, Q4_K: 0.0745, Q5_K: 0.0375, Q6_K: 0.0181,
		IQ4_NL: 0.077, IQ4_XS: 0.078, MXFP4: 0.120,
	}
	r := rand.New(rand.NewPCG(1, 2))
	want := make([]float32, 1<<16)
	for i := range want {
		want[i] = float32(r.NormFloat64()) * 0.02
	}
	for _, typ := range DTypes() {
		if !typ.CanQuantize() {
			continue
		}
		n, err := typ.RowBytes(len(want))
		if err != nil {
			t.Fatal(err)
		}
		b, got := make([]byte, n), make([]float32, len(want))
		if err := Quantize(b, typ, want); err != nil {
			t.Fatal(err)
		}
		if err := Dequantize(got, typ, b); err != nil {
			t.Fatal(err)
		}
		e := relativeError(got, want)
		t.Logf("%-7s %.5f", typ, e)
		limit, ok := bound[typ]
		if !ok || e > limit {
			t.Errorf("%s: relative error %.4f, want at most %.4f", typ, e, limit)
		}
		// What the type can say exactly, it says again with little loss.
		if err := Quantize(b, typ, got); err != nil {
			t.Fatal(err)
		}
		again := make([]float32, len(want))
		if err := Dequantize(again, typ, b); err != nil {
			t.Fatal(err)
		}
		if e2 := relativeError(again, got); e2 > limit/2 {
			t.Errorf("%s: a second trip loses %.4f, want at most half of %.4f", typ, e2, limit)
		}
	}
}

func TestExtremes(t *testing.T) {
	rows := map[string]func(i int) float32{
		"zeros":     func(int) float32 { return 0 },
		"ones":      func(int) float32 { return 1 },
		"minus one": func(int) float32 { return -1 },
		"one spike": func(i int) float32 { return map[bool]float32{true: -1}[i == 7] },
		"largest":   func(i int) float32 { return 65504 * float32(1-i%2*2) },
		"tiny":      func(i int) float32 { return 1e-30 * float32(i%5-2) },
		"subnormal": func(i int) float32 { return math.Float32frombits(uint32(i)) },
		"half tiny": func(i int) float32 { return 3e-8 * float32(i%7-3) },
	}
	for _, typ := range DTypes() {
		if !typ.CanQuantize() {
			continue
		}
		for name, f := range rows {
			x := make([]float32, 256)
			for i := range x {
				x[i] = f(i)
			}
			n, _ := typ.RowBytes(256)
			b, y := make([]byte, n), make([]float32, 256)
			if err := Quantize(b, typ, x); err != nil {
				t.Fatalf("%s of %s: %v", typ, name, err)
			}
			if err := Dequantize(y, typ, b); err != nil {
				t.Fatal(err)
			}
			peak := absMax(x)
			for i := range y {
				// Half a step of the coarsest type, and float16's smallest scale.
				if d := math.Abs(float64(y[i] - x[i])); !(d <= 0.35*float64(peak)+1e-5) {
					t.Fatalf("%s of %s: number %d is %g, want about %g", typ, name, i, y[i], x[i])
				}
			}
		}
	}
}

func TestQuantizeRefuses(t *testing.T) {
	f := func(typ DType, x float32, want string) {
		t.Helper()
		row := make([]float32, 256)
		row[9] = x
		n, err := typ.RowBytes(256)
		if err != nil {
			n = 256
		}
		err = Quantize(make([]byte, n), typ, row)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Quantize(%s, %g): %v, want %q", typ, x, err, want)
		}
	}
	f(Q4_K, float32(math.NaN()), "number 9 is NaN")
	f(Q8_0, float32(math.Inf(1)), "number 9 is +Inf")
	f(Q8_0, 70000, "within 65504")
	f(F16, -70000, "within 65504")
	f(I32, 1, "not written from float32")
	f(DType(200), 1, "type 200 is unknown")
	if err := Quantize(make([]byte, 33), Q8_0, make([]float32, 32)); err == nil {
		t.Error("33 bytes for a block of 34 were taken")
	}
	if err := Dequantize(make([]float32, 31), Q8_0, make([]byte, 34)); err == nil {
		t.Error("31 numbers of a block of 32 were taken")
	}
	if err := Dequantize(make([]float32, 4), I32, make([]byte, 16)); err == nil {
		t.Error("I32 was read as float32")
	}
}

// Any bytes decode without a panic: lengths are all that is checked.
func TestDecodeAnyBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, typ := range DTypes() {
		if !typ.CanDequantize() {
			continue
		}
		n, _ := typ.RowBytes(2560)
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if err := Dequantize(make([]float32, 2560), typ, b); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// The hashes are of what another engine's decoder (llama.cpp, August 2026)
// makes of the same pseudo-random blocks, so layouts agree bit for bit,
// infinities and NaN included.
func TestDecodeBits(t *testing.T) {
	f := func(typ DType, want uint64) {
		t.Helper()
		n, _ := typ.RowBytes(2560)
		b, r := make([]byte, n), rand.New(rand.NewPCG(7, uint64(typ)))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		y := make([]float32, 2560)
		if err := Dequantize(y, typ, b); err != nil {
			t.Fatal(err)
		}
		h := uint64(14695981039346656037) // FNV-1a over the bits
		for _, v := range y {
			u := math.Float32bits(v)
			if v != v {
				u = 0x7fc00000
			}
			h = (h ^ uint64(u)) * 1099511628211
		}
		if h != want {
			t.Errorf("%s decodes to hash %#x, want %#x", typ, h, want)
		}
	}
	f(F16, 0x62d6bfd2de872b25)
	f(BF16, 0xb1314d5b0943eb25)
	f(Q8_0, 0x874acdb5f4563025)
	f(Q4_0, 0x86112f0d41781f25)
	f(Q4_1, 0xaa928b7efc164973)
	f(Q5_0, 0xdafab26a16e2125)
	f(Q5_1, 0xc106ecfbd336ee03)
	f(Q2_K, 0xda5c184db4791192)
	f(Q3_K, 0x6250067bbc1e425)
	f(Q4_K, 0x83a1e93bdb280108)
	f(Q5_K, 0x9b9b0427b76f65a8)
	f(Q6_K, 0x94cdf45672bdb3c3)
	f(IQ4_NL, 0x4f897c9fd1ffa165)
	f(IQ4_XS, 0x409fe4b724290e7f)
	f(MXFP4, 0xa29a1c192611eb25)
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		f := FromF16(uint16(h))
		if got := ToF16(f); got != uint16(h) && f == f {
			t.Fatalf("float16 %#x is %g, which is float16 %#x", h, f, got)
		}
		if f != f && ToF16(f)&0x7fff <= 0x7c00 {
			t.Fatalf("float16 %#x is NaN, which became %#x", h, ToF16(f))
		}
		// math's own float64 arithmetic gives the value by definition.
		exp, mant := h>>10&31, h&1023
		want := math.Ldexp(float64(1024+mant), exp-25)
		switch exp {
		case 0:
			want = math.Ldexp(float64(mant), -24)
		case 31:
			want = math.Inf(1)
		}
		if h>>15 == 1 {
			want = -want
		}
		if (exp != 31 || mant == 0) && float64(f) != want {
			t.Fatalf("float16 %#x is %g, want %g", h, f, want)
		}
		bf := FromBF16(uint16(h))
		if got := ToBF16(bf); got != uint16(h) && bf == bf {
			t.Fatalf("bfloat16 %#x is %g, which is bfloat16 %#x", h, bf, got)
		}
	}
	f := func(x float32, want uint16) {
		t.Helper()
		if got := ToF16(x); got != want {
			t.Errorf("ToF16(%g) = %#x, want %#x", x, got, want)
		}
	}
	f(65519, 0x7bff)
	f(65520, 0x7c00)
	f(1+1.0/2048, 0x3c00) // tie to even, down
	f(1+3.0/2048, 0x3c02) // tie to even, up
	f(0x1p-25, 0)         // tie to even, to zero
	f(math.Nextafter32(0x1p-25, 1), 1)
	f(-0x1p-24, 0x8001)
	if got := ToBF16(1 + 1.0/256); got != 0x3f80 {
		t.Errorf("a tie of bfloat16 is %#x, want 0x3f80", got)
	}
}

func TestTypes(t *testing.T) {
	for _, typ := range DTypes() {
		got, err := ParseDType(strings.ToLower(typ.String()))
		if err != nil || got != typ {
			t.Errorf("ParseDType(%s) = %v, %v", typ, got, err)
		}
	}
	if _, err := ParseDType("Q9"); err == nil || !strings.Contains(err.Error(), "IQ4_NL") {
		t.Errorf("a wrong name gives %v, want the known ones", err)
	}
	if _, err := Q4_K.RowBytes(255); err == nil {
		t.Error("a row of 255 was taken")
	}
	if _, err := F64.RowBytes(maxInt); err == nil {
		t.Error("an overflowing row was taken")
	}
	if _, err := F32.RowBytes(-1); err == nil {
		t.Error("a negative row was taken")
	}
}

func TestTensorViews(t *testing.T) {
	data := make([]byte, 4*6*34)
	for i := range data {
		data[i] = byte(i / 34) // every block knows its number
	}
	x, err := New("w", Q8_0, []int{2, 6, 64}, data)
	if err != nil {
		t.Fatal(err)
	}
	e, err := x.At(1)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Rows(2, 5)
	if err != nil {
		t.Fatal(err)
	}
	if v.Data[0] != 16 || len(v.Data) != 6*34 || v.Shape[0] != 3 || v.Check() != nil {
		t.Errorf("rows 2 to 5 of expert 1: %v, first block %d, %d bytes", v.Shape, v.Data[0], len(v.Data))
	}
	if &v.Data[0] != &data[16*34] {
		t.Error("a view copied")
	}
	if !bytes.Equal(x.Row(7), e.Row(1)) {
		t.Error("row 7 of the stack is not row 1 of expert 1")
	}
	for _, bad := range [][2]int{{-1, 2}, {2, 2}, {3, 7}, {5, 4}} {
		if _, err := e.Rows(bad[0], bad[1]); err == nil {
			t.Errorf("rows %v were taken", bad)
		}
	}
	bias, _ := New("b", F32, []int{8}, make([]byte, 32))
	if v, err := bias.Rows(2, 5); err != nil || len(v.Data) != 12 {
		t.Errorf("numbers 2 to 5: %v, %v", v, err)
	}
	if _, err := bias.At(0); err == nil {
		t.Error("an element of a vector was taken")
	}
	if _, err := e.Reshape(3, 128); err != nil {
		t.Error(err)
	}
	if _, err := e.Reshape(5, 128); err == nil {
		t.Error("a reshape to more numbers was taken")
	}
}

func TestTensorRefuses(t *testing.T) {
	f := func(typ DType, shape []int, n int, want string) {
		t.Helper()
		_, err := New("blk.0", typ, shape, make([]byte, n))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"blk.0"`) {
			t.Errorf("New(%s, %v, %d bytes): %v, want %q and the name", typ, shape, n, err, want)
		}
	}
	f(F32, nil, 0, "no dimensions")
	f(F32, []int{2, 0}, 0, "positive")
	f(F32, []int{2, -3}, 0, "positive")
	f(Q4_K, []int{2, 128}, 144, "multiple of 256")
	f(F32, []int{2, 3}, 23, "want 24")
	f(F32, []int{maxInt / 2, maxInt / 2}, 0, "does not fit")
	f(Q4_K, []int{maxInt / 200, 256}, 0, "does not fit")
	f(DType(99), []int{2}, 8, "unknown")
}

func BenchmarkDequantize(b *testing.B) {
	for _, typ := range []DType{F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K} {
		b.Run(typ.String(), func(b *testing.B) {
			dst := make([]float32, 1<<16)
			n, _ := typ.RowBytes(len(dst))
			src := make([]byte, n)
			b.SetBytes(int64(4 * len(dst)))
			for b.Loop() {
				_ = Dequantize(dst, typ, src)
			}
		})
	}
}

func BenchmarkQuantize(b *testing.B) {
	for _, typ := range []DType{F16, Q8_0, Q4_0, Q4_K, Q6_K, IQ4_NL} {
		b.Run(typ.String(), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			src := make([]float32, 1<<16)
			for i := range src {
				src[i] = float32(r.NormFloat64())
			}
			n, _ := typ.RowBytes(len(src))
			dst := make([]byte, n)
			b.SetBytes(int64(4 * len(src)))
			for b.Loop() {
				_ = Quantize(dst, typ, src)
			}
		})
	}
}

func TestNearestLevel(t *testing.T) {
	for x := float32(-140); x < 130; x += 0.125 {
		best := 0
		for i, l := range levels {
			if d := x - l; d*d < (x-levels[best])*(x-levels[best]) {
				best = i
			}
		}
		if got := nearestLevel(x); int(got) != best {
			t.Fatalf("nearestLevel(%g) = %d (%g), want %d (%g)", x, got, levels[got], best, levels[best])
		}
	}
}
