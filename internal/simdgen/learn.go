package main

import "math"

// Row kernels of the backward passes and of the optimiser.
func init() {
	register("learn", func(f *file) {
		for _, wide := range []bool{true, false} {
			for _, k := range []func(*file, bool){emitDot, emitDot3, emitNormBack, emitSiLUBack, emitGELUBack, emitGELUExact, emitSoftmaxBack, emitMulAdd, emitAdamW} {
				k(f, wide)
			}
		}
	})
}

func emitDot(f *file, wide bool) {
	f.row("dot", "sets out to the sum of x*y over n numbers.", wide,
		[]param{{"out", "*float32"}, {"x", "*float32"}, {"y", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "DX", "CX"}, func(v *vec) {
			v.zero(0)
			v.loop([]string{"SI", "DX"}, func() {
				v.o("VMOVUPS (SI), %s", v.r(1))
				v.o("VFMADD231PS (DX), %s, %s", v.r(1), v.r(0))
			})
			v.fold("ADD")
			v.o("VMOVSS X0, (DI)")
		})
}

func emitDot3(f *file, wide bool) {
	f.row("dot3", "sets out to the sum of x*y*z over n numbers.", wide,
		[]param{{"out", "*float32"}, {"x", "*float32"}, {"y", "*float32"}, {"z", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "DX", "AX", "CX"}, func(v *vec) {
			v.zero(0)
			v.loop([]string{"SI", "DX", "AX"}, func() {
				v.o("VMOVUPS (SI), %s", v.r(1))
				v.o("VMULPS (DX), %s, %s", v.r(1), v.r(1))
				v.o("VFMADD231PS (AX), %s, %s", v.r(1), v.r(0))
			})
			v.fold("ADD")
			v.o("VMOVSS X0, (DI)")
		})
}

// emitNormBack: dx += dy*w*scale - x*pull, dw += dy*x*scale.
func emitNormBack(f *file, wide bool) {
	f.row("normBack", "adds dy*w*scale - x*pull to dx and dy*x*scale to dw.", wide,
		[]param{{"dx", "*float32"}, {"dw", "*float32"}, {"dy", "*float32"}, {"x", "*float32"}, {"w", "*float32"}, {"factors", "*float32"}, {"n", "uintptr"}},
		[]string{"DI", "R9", "SI", "DX", "R8", "AX", "CX"}, func(v *vec) {
			v.o("VBROADCASTSS (AX), %s", v.r(8))
			v.o("VBROADCASTSS 4(AX), %s", v.r(9))
			v.loop([]string{"DI", "R9", "SI", "DX", "R8"}, func() {
				v.o("VMULPS (SI), %s, %s", v.r(8), v.r(0)) // dy*scale
				v.o("VMOVUPS (DX), %s", v.r(1))            // x
				v.o("VMOVUPS (DI), %s", v.r(2))
				v.o("VFMADD231PS (R8), %s, %s", v.r(0), v.r(2))
				v.o("VFNMADD231PS %s, %s, %s", v.r(9), v.r(1), v.r(2))
				v.o("VMOVUPS %s, (DI)", v.r(2))
				v.o("VMOVUPS (R9), %s", v.r(3))
				v.o("VFMADD231PS %s, %s, %s", v.r(1), v.r(0), v.r(3))
				v.o("VMOVUPS %s, (R9)", v.r(3))
			})
		})
}

var gatedBackParams = []param{{"dgate", "*float32"}, {"dup", "*float32"}, {"dy", "*float32"}, {"gate", "*float32"}, {"up", "*float32"}, {"n", "uintptr"}}
var gatedBackRegs = []string{"DI", "R9", "SI", "DX", "R8", "CX"}

// emitSiLUBack: with s = sigmoid(g), dup = dy*g*s and dgate = dy*up*(s + g*s*(1-s)).
func emitSiLUBack(f *file, wide bool) {
	f.row("siluBack", "sets dgate and dup from dy, gate and up of gate*sigmoid(gate)*up.", wide, gatedBackParams, gatedBackRegs, func(v *vec) {
		v.expConstants()
		v.splatBits(9, 0x80000000)
		r := v.r
		v.loop([]string{"DI", "R9", "SI", "DX", "R8"}, func() {
			v.o("VMOVUPS (DX), %s", r(5))
			v.xor(9, 5, 0)
			v.exp()
			v.o("VADDPS %s, %s, %s", r(expOne), r(0), r(0))
			v.o("VDIVPS %s, %s, %s", r(0), r(expOne), r(0)) // s
			v.o("VMOVUPS (SI), %s", r(6))                   // dy
			v.o("VMULPS %s, %s, %s", r(0), r(5), r(1))      // g*s
			v.o("VMULPS %s, %s, %s", r(1), r(6), r(2))
			v.o("VMULPS (R8), %s, %s", r(6), r(6)) // before dup, which may lie there
			v.o("VMOVUPS %s, (R9)", r(2))
			v.o("VSUBPS %s, %s, %s", r(0), r(expOne), r(2)) // 1-s
			v.o("VFMADD231PS %s, %s, %s", r(2), r(1), r(0)) // s + gs(1-s)
			v.o("VMULPS %s, %s, %s", r(6), r(0), r(0))
			v.o("VMOVUPS %s, (DI)", r(0))
		})
	})
}

// normalCDF has x in register 5 and leaves the distribution function of the
// standard normal at x in register 7, and exp(-x²/2) in register 0. It uses 0
// to 4 and 6. Source: Abramowitz & Stegun 1964, 7.1.26, error of erf 1.5e-7.
func (v *vec) normalCDF() {
	r := v.r
	v.o("VMULPS %s, %s, %s", r(5), r(5), r(0))
	v.times(0, -0.5)
	v.exp()
	// t = 1/(1 + p|x|/sqrt2), q = ½ t·poly(t)·exp(-x²/2) = 1 - Φ(|x|).
	v.splatBits(4, 0x7fffffff)
	if v.wide {
		v.o("VPANDD Z4, Z5, Z4")
	} else {
		v.o("VANDPS Y4, Y5, Y4")
	}
	v.times(4, 0.3275911/math.Sqrt2)
	v.o("VADDPS %s, %s, %s", r(expOne), r(4), r(4))
	v.o("VDIVPS %s, %s, %s", r(4), r(expOne), r(4))
	v.splat(6, 1.061405429)
	for _, c := range []float64{-1.453152027, 1.421413741, -0.284496736, 0.254829592} {
		v.splat(3, c)
		v.o("VFMADD213PS %s, %s, %s", r(3), r(4), r(6))
	}
	v.o("VMULPS %s, %s, %s", r(4), r(6), r(6))
	v.times(6, 0.5)
	v.o("VMULPS %s, %s, %s", r(0), r(6), r(6)) // q
	v.o("VSUBPS %s, %s, %s", r(6), r(expOne), r(7))
	// Below zero it is q itself.
	v.zero(4)
	if v.wide {
		v.o("VCMPPS $1, Z4, Z5, K1")
		v.o("VMOVAPS Z6, K1, Z7")
	} else {
		v.o("VCMPPS $1, Y4, Y5, Y4")
		v.o("VBLENDVPS Y4, Y6, Y7, Y7")
	}
}

// times multiplies a register by a constant; it uses register 3.
func (v *vec) times(reg int, c float64) {
	v.splat(3, c)
	v.o("VMULPS %s, %s, %s", v.r(3), v.r(reg), v.r(reg))
}

func emitGELUExact(f *file, wide bool) {
	f.row("geluExact", "sets dst to gate*cdf(gate)*up, cdf of the standard normal.", wide, gatedParams, []string{"DI", "SI", "DX", "CX"}, func(v *vec) {
		v.expConstants()
		v.loop([]string{"SI", "DX", "DI"}, func() {
			v.o("VMOVUPS (SI), %s", v.r(5))
			v.normalCDF()
			v.o("VMULPS %s, %s, %s", v.r(5), v.r(7), v.r(7))
			v.o("VMULPS (DX), %s, %s", v.r(7), v.r(7))
			v.o("VMOVUPS %s, (DI)", v.r(7))
		})
	})
}

// emitGELUBack: dup = dy*g*Φ, dgate = dy*up*(Φ + g·φ), φ the density.
func emitGELUBack(f *file, wide bool) {
	f.row("geluBack", "sets dgate and dup from dy, gate and up of gate*cdf(gate)*up.", wide, gatedBackParams, gatedBackRegs, func(v *vec) {
		v.expConstants()
		r := v.r
		v.loop([]string{"DI", "R9", "SI", "DX", "R8"}, func() {
			v.o("VMOVUPS (DX), %s", r(5))
			v.normalCDF()
			v.times(0, 1/math.Sqrt(2*math.Pi)) // density
			v.o("VMOVUPS (SI), %s", r(6))
			v.o("VMULPS %s, %s, %s", r(7), r(5), r(1))
			v.o("VMULPS %s, %s, %s", r(1), r(6), r(1))
			v.o("VMULPS (R8), %s, %s", r(6), r(6)) // before dup, which may lie there
			v.o("VMOVUPS %s, (R9)", r(1))
			v.o("VFMADD231PS %s, %s, %s", r(0), r(5), r(7))
			v.o("VMULPS %s, %s, %s", r(6), r(7), r(7))
			v.o("VMOVUPS %s, (DI)", r(7))
		})
	})
}

// emitSoftmaxBack: ds = p*(ds - mean)*scale.
func emitSoftmaxBack(f *file, wide bool) {
	f.row("softmaxBack", "sets ds to p*(ds - mean)*scale; factors are mean and scale.", wide,
		[]param{{"ds", "*float32"}, {"p", "*float32"}, {"factors", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "AX", "CX"}, func(v *vec) {
			v.o("VBROADCASTSS (AX), %s", v.r(8))
			v.o("VBROADCASTSS 4(AX), %s", v.r(9))
			v.loop([]string{"DI", "SI"}, func() {
				v.o("VMOVUPS (DI), %s", v.r(0))
				v.o("VSUBPS %s, %s, %s", v.r(8), v.r(0), v.r(0))
				v.o("VMULPS (SI), %s, %s", v.r(0), v.r(0))
				v.o("VMULPS %s, %s, %s", v.r(9), v.r(0), v.r(0))
				v.o("VMOVUPS %s, (DI)", v.r(0))
			})
		})
}

func emitMulAdd(f *file, wide bool) {
	f.row("mulAdd", "adds x*y to dst.", wide,
		[]param{{"dst", "*float32"}, {"x", "*float32"}, {"y", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "DX", "CX"}, func(v *vec) {
			v.loop([]string{"DI", "SI", "DX"}, func() {
				v.o("VMOVUPS (SI), %s", v.r(0))
				v.o("VMOVUPS (DI), %s", v.r(1))
				v.o("VFMADD231PS (DX), %s, %s", v.r(0), v.r(1))
				v.o("VMOVUPS %s, (DI)", v.r(1))
			})
		})
}

// emitAdamW: the nine numbers of p are those of simd.AdamW, in its order.
func emitAdamW(f *file, wide bool) {
	f.row("adamW", "does one step of AdamW on n parameters from their gradient; p is the step's nine numbers.", wide,
		[]param{{"w", "*float32"}, {"m", "*float32"}, {"v", "*float32"}, {"grad", "*float32"}, {"p", "*float32"}, {"n", "uintptr"}}, []string{"DI", "SI", "DX", "R8", "AX", "CX"}, func(v *vec) {
			for i := range 9 {
				v.o("VBROADCASTSS %d(AX), %s", 4*i, v.r(7+i))
			}
			r := v.r
			v.loop([]string{"DI", "SI", "DX", "R8"}, func() {
				v.o("VMULPS (R8), %s, %s", r(7), r(0)) // g
				v.o("VMULPS (SI), %s, %s", r(8), r(1))
				v.o("VFMADD231PS %s, %s, %s", r(0), r(9), r(1)) // m
				v.o("VMOVUPS %s, (SI)", r(1))
				v.o("VMULPS %s, %s, %s", r(0), r(0), r(0))
				v.o("VMULPS (DX), %s, %s", r(10), r(2))
				v.o("VFMADD231PS %s, %s, %s", r(0), r(11), r(2)) // v
				v.o("VMOVUPS %s, (DX)", r(2))
				v.o("VMULPS %s, %s, %s", r(12), r(2), r(2))
				v.o("VSQRTPS %s, %s", r(2), r(2))
				v.o("VADDPS %s, %s, %s", r(13), r(2), r(2))
				v.o("VDIVPS %s, %s, %s", r(2), r(1), r(1))
				v.o("VMULPS (DI), %s, %s", r(15), r(0))
				v.o("VFNMADD231PS %s, %s, %s", r(14), r(1), r(0))
				v.o("VMOVUPS %s, (DI)", r(0))
			})
		})
}
