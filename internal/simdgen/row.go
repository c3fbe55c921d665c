package main

import (
	"fmt"
	"math"
)

// Row kernels: what is not a matrix. Lengths are multiples of 16; package simd
// does the rest of a row in Go.

// vec is one tier's view of a loop over a row: AVX-512 takes 16 numbers in one
// register, AVX2 in two.
type vec struct {
	*function
	wide bool
}

func init() {
	register("row", func(f *file) {
		for _, wide := range []bool{true, false} {
			for _, k := range []func(*file, bool){emitSumSquares, emitNormScale, emitAddScaled, emitSiLU, emitGELU, emitMax, emitExpSum, emitScale, emitRopeNeoX, emitRopeNorm, emitToHalf} {
				k(f, wide)
			}
		}
	})
}

func (f *file) row(name, doc string, wide bool, params []param, regs []string, build func(*vec)) {
	if wide {
		name += "AVX512"
	} else {
		name += "AVX2"
	}
	f.fn(name, name+" "+doc, params, regs, func(fn *function) { build(&vec{fn, wide}) })
}

func (v *vec) r(i int) string {
	if v.wide {
		return fmt.Sprintf("Z%d", i)
	}
	return fmt.Sprintf("Y%d", i)
}

// width is numbers in a register, bytes its size.
func (v *vec) width() int {
	if v.wide {
		return 16
	}
	return 8
}

func (v *vec) bytes() int { return 4 * v.width() }

// splat sets a register to one number.
func (v *vec) splat(reg int, value float64) {
	bits := floatBits(value)
	v.splatBits(reg, bits)
}

func (v *vec) splatBits(reg int, bits uint32) {
	name := fmt.Sprintf("c%08x", bits)
	v.f.consts[name] = repeat32(bits, 2)
	v.o("VBROADCASTSS %s<>(SB), %s", name, v.r(reg))
}

func (v *vec) zero(reg int) {
	if v.wide {
		v.o("VPXORD Z%d, Z%d, Z%d", reg, reg, reg)
	} else {
		v.o("VXORPS Y%d, Y%d, Y%d", reg, reg, reg)
	}
}

// loop runs body for every register's worth of the n numbers in CX and moves
// the pointers on.
func (v *vec) loop(pointers []string, body func()) {
	loop, done := v.label("loop"), v.label("done")
	v.o("TESTQ CX, CX")
	v.o("JZ %s", done)
	v.mark(loop)
	body()
	for _, p := range pointers {
		v.o("ADDQ $%d, %s", v.bytes(), p)
	}
	v.o("SUBQ $%d, CX", v.width())
	v.o("JNZ %s", loop)
	v.mark(done)
}

// fold reduces the lanes of register 0 to the lowest of X0 by op (ADD, MAX), in
// a tree: halves, quarters, pairs.
func (v *vec) fold(op string) {
	if v.wide {
		v.o("VEXTRACTF64X4 $1, Z0, Y1")
		v.o("V%sPS Y1, Y0, Y0", op)
	}
	v.o("VEXTRACTF128 $1, Y0, X1")
	v.o("V%sPS X1, X0, X0", op)
	v.o("VPERMILPS $0x4e, X0, X1")
	v.o("V%sPS X1, X0, X0", op)
	v.o("VPERMILPS $0xb1, X0, X1")
	v.o("V%sPS X1, X0, X0", op)
}

func emitSumSquares(f *file, wide bool) {
	f.row("sumSquares", "sets out to the sum of squares of n numbers.", wide,
		[]param{{"out", "*float32"}, {"x", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "CX"}, func(v *vec) {
			v.zero(0)
			v.loop([]string{"SI"}, func() {
				v.o("VMOVUPS (SI), %s", v.r(1))
				v.o("VFMADD231PS %s, %s, %s", v.r(1), v.r(1), v.r(0))
			})
			v.fold("ADD")
			v.o("VMOVSS X0, (DI)")
		})
}

func emitNormScale(f *file, wide bool) {
	f.row("normScale", "sets dst to (x*factor)*w.", wide,
		[]param{{"dst", "*float32"}, {"x", "*float32"}, {"w", "*float32"}, {"factor", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "DX", "AX", "CX"}, func(v *vec) {
			v.o("VBROADCASTSS (AX), %s", v.r(2))
			v.loop([]string{"SI", "DX", "DI"}, func() {
				v.o("VMULPS (SI), %s, %s", v.r(2), v.r(0))
				v.o("VMULPS (DX), %s, %s", v.r(0), v.r(0))
				v.o("VMOVUPS %s, (DI)", v.r(0))
			})
		})
}

func emitAddScaled(f *file, wide bool) {
	f.row("addScaled", "sets x to x + y*factor, rounded once.", wide,
		[]param{{"x", "*float32"}, {"y", "*float32"}, {"factor", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "AX", "CX"}, func(v *vec) {
			v.o("VBROADCASTSS (AX), %s", v.r(2))
			v.loop([]string{"SI", "DI"}, func() {
				v.o("VMOVUPS (DI), %s", v.r(0))
				v.o("VFMADD231PS (SI), %s, %s", v.r(2), v.r(0))
				v.o("VMOVUPS %s, (DI)", v.r(0))
			})
		})
}

func emitScale(f *file, wide bool) {
	f.row("scale", "multiplies x by factor.", wide,
		[]param{{"x", "*float32"}, {"factor", "*float32"}, {"n", "uintptr"}}, []string{"DI", "AX", "CX"}, func(v *vec) {
			v.o("VBROADCASTSS (AX), %s", v.r(2))
			v.loop([]string{"DI"}, func() {
				v.o("VMULPS (DI), %s, %s", v.r(2), v.r(0))
				v.o("VMOVUPS %s, (DI)", v.r(0))
			})
		})
}

// The constants of exp. exp(x) = 2^n exp(r) with n = round(x/ln 2), r = x - n
// ln 2 in two parts (Cody and Waite), and exp(r) by its Taylor polynomial of
// degree 7, whose remainder below ln 2/2 is under 6e-9: the error is that of
// the float32 roundings, measured below 2 units in the last place.
const (
	expLog2e = 10 + iota // 1/ln 2
	expHigh              // upper part of ln 2
	expLow               // lower part
	expFloor             // below it the result is zero
	expCeil              // above it infinity
	expOne
)

func (v *vec) expConstants() {
	v.splat(expLog2e, math.Log2E)
	v.splat(expHigh, 0.693359375)
	v.splat(expLow, math.Ln2-0.693359375)
	v.splat(expCeil, 88.72283)
	v.splat(expOne, 1)
	if v.wide {
		v.splat(expFloor, -110)
	} else {
		v.splat(expFloor, -87.3)
	}
}

// exp sets register 0 to its exponential; it uses 1 to 3. A NaN stays one.
func (v *vec) exp() {
	if v.wide {
		v.o("VMAXPS Z0, Z%d, Z0", expFloor) // the second source is what a NaN leaves
		v.o("VMULPS Z%d, Z0, Z1", expLog2e)
		v.o("VRNDSCALEPS $0, Z1, Z1")
	} else {
		v.o("VMOVAPS Y0, Y4")
		v.o("VMAXPS Y0, Y%d, Y0", expFloor)
		v.o("VMINPS Y0, Y%d, Y0", expCeil)
		v.o("VMULPS Y%d, Y0, Y1", expLog2e)
		v.o("VROUNDPS $0, Y1, Y1")
	}
	r := v.r
	v.o("VFNMADD231PS %s, %s, %s", r(expHigh), r(1), r(0))
	v.o("VFNMADD231PS %s, %s, %s", r(expLow), r(1), r(0))
	// Horner.
	coefficients := []float64{1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1}
	v.splat(2, coefficients[0])
	for _, c := range coefficients[1:] {
		if c == 1 {
			v.o("VFMADD213PS %s, %s, %s", r(expOne), r(0), r(2))
			continue
		}
		name := fmt.Sprintf("c%08x", floatBits(c))
		v.f.consts[name] = repeat32(floatBits(c), 2)
		if v.wide {
			v.o("VFMADD213PS.BCST %s<>(SB), Z0, Z2", name)
		} else {
			v.o("VBROADCASTSS %s<>(SB), Y3", name)
			v.o("VFMADD213PS Y3, Y0, Y2")
		}
	}
	if v.wide {
		v.o("VSCALEFPS Z1, Z2, Z0")
		return
	}
	// 2^n in two steps, so that n = 128 does not overflow before it must.
	v.o("VCVTPS2DQ Y1, Y1")
	v.o("VPSRAD $1, Y1, Y3")
	v.o("VPSUBD Y3, Y1, Y1")
	v.o("VPSLLD $23, Y3, Y3")
	v.o("VPSLLD $23, Y1, Y1")
	v.o("VPADDD Y%d, Y3, Y3", expOne)
	v.o("VPADDD Y%d, Y1, Y1", expOne)
	v.o("VMULPS Y3, Y2, Y2")
	v.o("VMULPS Y1, Y2, Y0")
	v.o("VCMPPS $1, Y%d, Y4, Y3", expFloor) // below the floor: zero
	v.o("VANDNPS Y0, Y3, Y0")
}

var gatedParams = []param{{"dst", "*float32"}, {"gate", "*float32"}, {"up", "*float32"}, {"n", "uintptr"}}

// emitSiLU: g / (1 + exp(-g)) * u.
func emitSiLU(f *file, wide bool) {
	f.row("siluMul", "sets dst to gate*sigmoid(gate)*up.", wide, gatedParams, []string{"DI", "SI", "DX", "CX"}, func(v *vec) {
		v.expConstants()
		v.splatBits(9, 0x80000000)
		v.loop([]string{"SI", "DX", "DI"}, func() {
			v.o("VMOVUPS (SI), %s", v.r(5))
			v.xor(9, 5, 0)
			v.sigmoidTimes()
		})
	})
}

// sigmoidTimes has -z in register 0 and stores register 5 * sigmoid(z) * (DX).
func (v *vec) sigmoidTimes() {
	v.exp()
	v.o("VADDPS %s, %s, %s", v.r(expOne), v.r(0), v.r(0))
	v.o("VDIVPS %s, %s, %s", v.r(0), v.r(5), v.r(0))
	v.o("VMULPS (DX), %s, %s", v.r(0), v.r(0))
	v.o("VMOVUPS %s, (DI)", v.r(0))
}

func (v *vec) xor(a, b, dst int) {
	if v.wide {
		v.o("VPXORD Z%d, Z%d, Z%d", a, b, dst)
	} else {
		v.o("VXORPS Y%d, Y%d, Y%d", a, b, dst)
	}
}

// emitGELU: the approximation by tanh, 0.5 (1 + tanh y) = sigmoid(2y).
func emitGELU(f *file, wide bool) {
	f.row("geluMul", "sets dst to gate*sigmoid(2*sqrt(2/pi)*(gate + 0.044715*gate^3))*up.", wide, gatedParams, []string{"DI", "SI", "DX", "CX"}, func(v *vec) {
		v.expConstants()
		k := -2 * math.Sqrt(2/math.Pi)
		v.splat(8, k)
		v.splat(9, k*0.044715)
		v.loop([]string{"SI", "DX", "DI"}, func() {
			v.o("VMOVUPS (SI), %s", v.r(5))
			v.o("VMULPS %s, %s, %s", v.r(5), v.r(5), v.r(0))
			v.o("VMOVAPS %s, %s", v.r(8), v.r(1))
			v.o("VFMADD231PS %s, %s, %s", v.r(9), v.r(0), v.r(1))
			v.o("VMULPS %s, %s, %s", v.r(5), v.r(1), v.r(0))
			v.sigmoidTimes()
		})
	})
}

func emitMax(f *file, wide bool) {
	f.row("maxOf", "sets out to the larger of itself and the largest of n numbers.", wide,
		[]param{{"out", "*float32"}, {"x", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "CX"}, func(v *vec) {
			v.o("VBROADCASTSS (DI), %s", v.r(0))
			v.loop([]string{"SI"}, func() { v.o("VMAXPS (SI), %s, %s", v.r(0), v.r(0)) })
			v.fold("MAX")
			v.o("VMOVSS X0, (DI)")
		})
}

func emitExpSum(f *file, wide bool) {
	f.row("expSum", "sets x to exp(x - top) and out to the sum.", wide,
		[]param{{"out", "*float32"}, {"x", "*float32"}, {"top", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "AX", "CX"}, func(v *vec) {
			v.expConstants()
			v.o("VBROADCASTSS (AX), %s", v.r(8))
			v.zero(9)
			v.loop([]string{"SI"}, func() {
				v.o("VMOVUPS (SI), %s", v.r(0))
				v.o("VSUBPS %s, %s, %s", v.r(8), v.r(0), v.r(0))
				v.exp()
				v.o("VMOVUPS %s, (SI)", v.r(0))
				v.o("VADDPS %s, %s, %s", v.r(0), v.r(9), v.r(9))
			})
			v.o("VMOVAPS %s, %s", v.r(9), v.r(0))
			v.fold("ADD")
			v.o("VMOVSS X0, (DI)")
		})
}

func emitRopeNeoX(f *file, wide bool) {
	f.row("ropeNeoX", "turns the pairs (x[i], y[i]) by the angle with cos[i], sin[i].", wide,
		[]param{{"x", "*float32"}, {"y", "*float32"}, {"cos", "*float32"}, {"sin", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "AX", "DX", "CX"}, func(v *vec) {
			v.loop([]string{"DI", "SI", "AX", "DX"}, func() {
				v.o("VMOVUPS (DI), %s", v.r(0))
				v.o("VMOVUPS (SI), %s", v.r(1))
				v.o("VMOVUPS (AX), %s", v.r(2))
				v.o("VMOVUPS (DX), %s", v.r(3))
				v.o("VMULPS %s, %s, %s", v.r(3), v.r(1), v.r(4))
				v.o("VFMSUB231PS %s, %s, %s", v.r(2), v.r(0), v.r(4))
				v.o("VMULPS %s, %s, %s", v.r(3), v.r(0), v.r(5))
				v.o("VFMADD231PS %s, %s, %s", v.r(2), v.r(1), v.r(5))
				v.o("VMOVUPS %s, (DI)", v.r(4))
				v.o("VMOVUPS %s, (SI)", v.r(5))
			})
		})
}

// emitRopeNorm: n numbers of x are n/2 pairs of neighbours.
func emitRopeNorm(f *file, wide bool) {
	f.row("ropeNorm", "turns the pairs (x[2i], x[2i+1]) by the angle with cos[i], sin[i]; n counts numbers.", wide,
		[]param{{"x", "*float32"}, {"cos", "*float32"}, {"sin", "*float32"}, {"n", "uintptr"}}, []string{"DI", "AX", "DX", "CX"}, func(v *vec) {
			f.consts["twice"] = words(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7)
			v.o("VMOVUPS twice<>(SB), %s", v.r(6))
			half := "Y"
			if !wide {
				half = "X"
			}
			v.loop([]string{"DI"}, func() {
				v.o("VMOVUPS (DI), %s", v.r(0))
				v.o("VMOVUPS (AX), %s1", half)
				v.o("VMOVUPS (DX), %s2", half)
				v.o("VPERMPS %s, %s, %s", v.r(1), v.r(6), v.r(1))
				v.o("VPERMPS %s, %s, %s", v.r(2), v.r(6), v.r(2))
				v.o("VPERMILPS $0xb1, %s, %s", v.r(0), v.r(3))
				v.o("VMULPS %s, %s, %s", v.r(2), v.r(3), v.r(3))
				v.o("VFMADDSUB231PS %s, %s, %s", v.r(1), v.r(0), v.r(3))
				v.o("VMOVUPS %s, (DI)", v.r(3))
				v.o("ADDQ $%d, AX", v.bytes()/2)
				v.o("ADDQ $%d, DX", v.bytes()/2)
			})
		})
}

func emitToHalf(f *file, wide bool) {
	f.row("toHalf", "rounds n numbers to half floats, those out of range to the largest.", wide,
		[]param{{"dst", "*uint16"}, {"x", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "CX"}, func(v *vec) {
			v.splat(1, 65504)
			v.splat(2, -65504)
			v.loop([]string{"SI"}, func() {
				v.o("VMINPS (SI), %s, %s", v.r(1), v.r(0))
				v.o("VMAXPS %s, %s, %s", v.r(0), v.r(2), v.r(0))
				v.o("VCVTPS2PH $0, %s, (DI)", v.r(0))
				v.o("ADDQ $%d, DI", v.bytes()/2)
			})
		})
}
