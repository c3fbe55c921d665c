package main

import "fmt"

// Products of float32 matrices, for training. A tile of C has some rows and 32
// columns (AVX-512) or 16 (AVX2); each of its numbers is one chain of fused
// multiply-adds over k, so that neither the tile nor the tier shows in it.
// The right matrix is packed in panels [k][32]; the left one is read where it
// lies, by two strides, so that it may be transposed.
func init() {
	register("gemm", func(f *file) {
		var wide, narrow string
		for _, rows := range []int{1, 2, 4, 8, 12} {
			emitGemm(f, true, rows)
			wide += fmt.Sprintf("{%d, gemm%dAVX512}, ", rows, rows)
		}
		for _, rows := range []int{1, 2, 4, 6} {
			emitGemm(f, false, rows)
			narrow += fmt.Sprintf("{%d, gemm%dAVX2}, ", rows, rows)
		}
		f.init = append(f.init,
			"gemmKernels[AVX512] = gemmTier{32, []gemmRows{"+wide+"}}",
			"gemmKernels[AVX2] = gemmTier{16, []gemmRows{"+narrow+"}}")
	})
}

var gemmParams = []param{{"c", "*float32"}, {"ldc", "uintptr"}, {"a", "*float32"}, {"aRow", "uintptr"}, {"aCol", "uintptr"}, {"b", "*float32"}, {"k", "uintptr"}, {"add", "uintptr"}}

func emitGemm(f *file, wide bool, rows int) {
	tier, reg, size := "AVX2", "Y", 32
	if wide {
		tier, reg, size = "AVX512", "Z", 64
	}
	name := fmt.Sprintf("gemm%d%s", rows, tier)
	doc := fmt.Sprintf("%s sets %d rows of c, or adds to them, the product of a and a packed panel; strides are in bytes.", name, rows)
	f.fn(name, doc, gemmParams, []string{"DI", "R13", "SI", "BX", "R12", "R8", "CX", "R10"}, func(fn *function) {
		o := fn.o
		acc := func(r, half int) string {
			if wide {
				return fmt.Sprintf("Z%d", 8+2*r+half)
			}
			return fmt.Sprintf("Y%d", 4+2*r+half)
		}
		base := []string{"SI", "DX", "R9"}
		a := func(r int) string {
			index := []string{"", "(BX*1)", "(BX*2)", "(AX*1)"}
			return "(" + base[r/4] + ")" + index[r%4]
		}
		bases := (rows + 3) / 4
		if rows > 3 {
			o("LEAQ (BX)(BX*2), AX")
		}
		for i := 1; i < bases; i++ {
			o("LEAQ (%s)(BX*4), %s", base[i-1], base[i])
		}
		zero, start := fn.label("zero"), fn.label("start")
		o("MOVQ DI, R11")
		o("TESTQ R10, R10")
		o("JZ %s", zero)
		for r := range rows {
			for half := range 2 {
				o("VMOVUPS %d(R11), %s", size*half, acc(r, half))
			}
			if r+1 < rows {
				o("ADDQ R13, R11")
			}
		}
		o("JMP %s", start)
		fn.mark(zero)
		for r := range rows {
			for half := range 2 {
				if wide {
					o("VPXORD %s, %s, %s", acc(r, half), acc(r, half), acc(r, half))
				} else {
					o("VXORPS %s, %s, %s", acc(r, half), acc(r, half), acc(r, half))
				}
			}
		}
		fn.mark(start)
		loop := fn.label("loop")
		fn.mark(loop)
		o("VMOVUPS (R8), %s0", reg)
		o("VMOVUPS %d(R8), %s1", size, reg)
		for r := range rows {
			tmp := fmt.Sprintf("%s%d", reg, 2+r%2)
			if wide {
				tmp = fmt.Sprintf("Z%d", 2+r%6)
			}
			o("VBROADCASTSS %s, %s", a(r), tmp)
			o("VFMADD231PS %s0, %s, %s", reg, tmp, acc(r, 0))
			o("VFMADD231PS %s1, %s, %s", reg, tmp, acc(r, 1))
		}
		o("ADDQ $128, R8")
		for i := range bases {
			o("ADDQ R12, %s", base[i])
		}
		o("DECQ CX")
		o("JNZ %s", loop)
		for r := range rows {
			for half := range 2 {
				o("VMOVUPS %s, %d(DI)", acc(r, half), size*half)
			}
			if r+1 < rows {
				o("ADDQ R13, DI")
			}
		}
	})
}
