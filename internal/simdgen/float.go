package main

import "fmt"

// Float weights: a panel is [columns][16 rows]. Two sums are kept, of the even
// and of the odd columns, for any number of tokens alike.
func init() {
	for _, name := range []string{"f32", "f16", "bf16"} {
		register("float_"+name, func(f *file) {
			for _, tokens := range []int{1, 2, 4, 8} {
				emitFloat(f, name, true, tokens)
			}
			for _, tokens := range []int{1, 2, 4} {
				emitFloat(f, name, false, tokens)
			}
			f.init = append(f.init,
				fmt.Sprintf("registerFloat(%q, AVX512, floatKernels{%sx1AVX512, %sx2AVX512, %sx4AVX512, %sx8AVX512})", name, name, name, name, name),
				fmt.Sprintf("registerFloat(%q, AVX2, floatKernels{%sx1AVX2, %sx2AVX2, %sx4AVX2, nil})", name, name, name, name))
		})
	}
}

var floatParams = []param{{"dst", "*float32"}, {"dstStride", "uintptr"}, {"from", "*float32"}, {"fromStride", "uintptr"}, {"w", "*byte"}, {"x", "*float32"}, {"xStride", "uintptr"}, {"columns", "uintptr"}}

func emitFloat(f *file, weight string, wide bool, tokens int) {
	tier, reg, half := "AVX2", "Y", 2
	if wide {
		tier, reg, half = "AVX512", "Z", 1
	}
	size := 2
	if weight == "f32" {
		size = 4
	}
	name := fmt.Sprintf("%sx%d%s", weight, tokens, tier)
	doc := fmt.Sprintf("%s sets dst to from plus a panel of 16 rows of %s times %d rows of x; strides are in bytes.", name, weight, tokens)
	f.fn(name, doc, floatParams, []string{"DI", "R13", "R12", "R11", "R8", "SI", "BX", "CX"}, func(fn *function) {
		o := fn.o
		acc := func(t, odd int) string {
			if wide {
				return fmt.Sprintf("Z%d", 8+t+8*odd)
			}
			return fmt.Sprintf("Y%d", t+4*odd)
		}
		w, tmp := reg+"0", reg+"1"
		if !wide {
			w, tmp = "Y8", "Y9"
		}
		x := func(t, k int) string {
			base := "SI"
			if t >= 4 {
				base = "DX"
			}
			switch t % 4 {
			case 0:
				return fmt.Sprintf("%d(%s)", 4*k, base)
			case 1:
				return fmt.Sprintf("%d(%s)(BX*1)", 4*k, base)
			case 2:
				return fmt.Sprintf("%d(%s)(BX*2)", 4*k, base)
			}
			return fmt.Sprintf("%d(%s)(AX*1)", 4*k, base)
		}
		column := func(k, odd int) {
			off := k * 16 * size
			switch weight {
			case "f32":
				o("VMOVUPS %d(R8), %s", off, w)
			case "f16":
				o("VCVTPH2PS %d(R8), %s", off, w)
			case "bf16":
				o("VPMOVZXWD %d(R8), %s", off, w)
				o("VPSLLD $16, %s, %s", w, w)
			}
			for t := range tokens {
				if wide {
					o("VFMADD231PS.BCST %s, %s, %s", x(t, k), w, acc(t, odd))
				} else {
					o("VBROADCASTSS %s, %s", x(t, k), tmp)
					o("VFMADD231PS %s, %s, %s", tmp, w, acc(t, odd))
				}
			}
		}
		for h := range half {
			if h == 1 {
				o("MOVQ w+32(FP), R8")
				o("MOVQ x+40(FP), SI")
				o("MOVQ columns+56(FP), CX")
				o("MOVQ from+16(FP), R12")
				o("MOVQ dst+0(FP), DI")
				o("ADDQ $32, DI")
				o("ADDQ $32, R12")
				o("ADDQ $%d, R8", 8*size)
			}
			if tokens > 2 {
				o("LEAQ (BX)(BX*2), AX")
			}
			if tokens > 4 {
				o("LEAQ (SI)(BX*4), DX")
			}
			for t := range tokens {
				for odd := range 2 {
					a := acc(t, odd)
					if wide {
						o("VPXORD %s, %s, %s", a, a, a)
					} else {
						o("VXORPS %s, %s, %s", a, a, a)
					}
				}
			}
			loop, tail, done := fn.label("pair"), fn.label("tail"), fn.label("done")
			o("SUBQ $2, CX")
			o("JL %s", tail)
			fn.mark(loop)
			column(0, 0)
			column(1, 1)
			o("ADDQ $%d, R8", 2*16*size)
			o("ADDQ $8, SI")
			if tokens > 4 {
				o("ADDQ $8, DX")
			}
			o("SUBQ $2, CX")
			o("JGE %s", loop)
			fn.mark(tail)
			o("ADDQ $2, CX")
			o("JZ %s", done)
			column(0, 0)
			fn.mark(done)
			for t := range tokens {
				o("VADDPS %s, %s, %s", acc(t, 1), acc(t, 0), acc(t, 0))
				o("VADDPS (R12), %s, %s", acc(t, 0), acc(t, 0))
				o("VMOVUPS %s, (DI)", acc(t, 0))
				if t+1 < tokens {
					o("ADDQ R13, DI")
					o("ADDQ R11, R12")
				}
			}
		}
	})
}
