package main

import "fmt"

// Displacements in a block of activations: 32 int8, then these words. The
// Go side (package simd) has the same list.
const (
	metaScale   = 32 // float32 scale
	metaSum     = 36 // float32 scale x sum of the 32
	metaNeg128  = 40 // int32 -128 x sum
	metaNeg8    = 44
	metaNeg16   = 48
	metaNeg32   = 52 // int32 -32 x sum of the first 16, then of the second 16
	actBlock    = 64
	panelRows   = 16
	groupBytes  = 64 // 16 rows x 4 weights
	blockGroups = 8
)

// form describes how a panel of 16 rows of one quantised type lies in memory
// and is unpacked. A panel is a run of super-blocks; each has a head and subs
// blocks of 32 weights a row.
type form struct {
	name   string
	subs   int  // blocks of 32 in a super-block: 1 or 8
	head   int  // bytes of the super-block's head
	sub    int  // bytes of each block
	halves bool // two scales in a block of 32, one for each 16 weights
	signed bool // unpack gives signed bytes on AVX2, where u8 x s8 pairs of 255 would saturate
	start  int  // word of the activations with which an integer accumulator starts; 0: none
	right  int  // arithmetic shift of that word
	unpack func(s *isa, group int)
	scale  func(s *isa, half int) // to "s"
	min    func(s *isa, half int) // to "m"; nil: none
	addMin bool                   // the minimum is added, not taken away
}

func registerForm(fm form) {
	register("quant_"+fm.name, func(f *file) {
		for _, tokens := range []int{1, 4, 8} {
			fm.emit(f, true, tokens)
		}
		for _, tokens := range []int{1, 4} {
			fm.emit(f, false, tokens)
		}
		for _, tier := range []string{"AVX512", "AVX2"} {
			k8 := fm.fnName(tier, 8)
			if tier == "AVX2" {
				k8 = "nil"
			}
			f.init = append(f.init, fmt.Sprintf("registerQuant(%q, %s, quantKernels{%s, %s, %s})", fm.name, tier, fm.fnName(tier, 1), fm.fnName(tier, 4), k8))
		}
	})
}

func (fm form) fnName(tier string, tokens int) string {
	return fmt.Sprintf("%sx%d%s", fm.name, tokens, tier)
}

var quantParams = []param{{"dst", "*float32"}, {"dstStride", "uintptr"}, {"from", "*float32"}, {"fromStride", "uintptr"}, {"w", "*byte"}, {"x", "*byte"}, {"xStride", "uintptr"}, {"blocks", "uintptr"}}
var quantRegs = []string{"DI", "R13", "R12", "AX", "R8", "SI", "BX", "CX"}

// emit writes the kernel of one tier and number of tokens:
// dst[t][row] = from[t][row] + sum over blocks, in order, of float32(integer dot) x scales.
func (fm form) emit(f *file, wide bool, tokens int) {
	tier := "AVX2"
	if wide {
		tier = "AVX512"
	}
	name := fm.fnName(tier, tokens)
	doc := fmt.Sprintf("%s sets dst to from plus a panel of 16 rows of %s times %d tokens; blocks counts super-blocks, strides are in bytes.", name, fm.name, tokens)
	f.fn(name, doc, quantParams, quantRegs, func(fn *function) {
		s := &isa{function: fn, wide: wide, tokens: tokens, consts: map[string]string{}}
		if wide {
			fm.pass(s)
			return
		}
		s.f.consts["ones16"] = repeat32(0x00010001, 8)
		// The two halves one after the other: the pointers of the second are
		// made again from the arguments.
		for half := range 2 {
			if half == 0 {
				s.o("VMOVDQU ones16<>(SB), Y15")
			} else {
				s.o("MOVQ w+32(FP), R8")
				s.o("MOVQ x+40(FP), SI")
				s.o("MOVQ blocks+56(FP), CX")
				s.o("MOVQ from+16(FP), R12")
				s.o("MOVQ dst+0(FP), DI")
				s.o("ADDQ $32, DI")
				s.o("ADDQ $32, R12")
			}
			s.o("LEAQ %d(R8), R9", 16*half)
			s.o("LEAQ %d(R8), R10", 8*half)
			if half == 1 {
				s.o("ADDQ $32, R8")
			}
			fm.pass(s)
		}
	})
}

// pass emits the loops over the blocks of a panel (or of half of one).
func (fm form) pass(s *isa) {
	s.rows("VMOVUPS (R12), %s", "ADDQ AX, R12")
	loop, done := s.label("block"), s.label("done")
	s.o("TESTQ CX, CX")
	s.o("JZ %s", done)
	s.mark(loop)
	if fm.subs > 1 {
		s.o("MOVQ %s, R11", map[bool]string{true: "R8", false: "R9"}[s.wide])
		s.advance(fm.head)
		s.o("MOVQ $%d, DX", fm.subs)
		inner := s.label("sub")
		s.mark(inner)
		fm.block(s)
		s.advance(fm.sub)
		s.o("ADDQ BX, SI")
		s.o("DECQ DX")
		s.o("JNZ %s", inner)
	} else {
		fm.block(s)
		s.advance(fm.sub)
		s.o("ADDQ BX, SI")
	}
	s.o("DECQ CX")
	s.o("JNZ %s", loop)
	s.mark(done)
	s.rows("VMOVUPS %s, (DI)", "ADDQ R13, DI")
}

// rows loads or stores the accumulators of all tokens.
func (s *isa) rows(move, next string) {
	for t := range s.tokens {
		s.o(move, s.facc(t))
		if t+1 < s.tokens {
			s.o("%s", next)
		}
	}
}

func (s *isa) advance(n int) {
	s.o("ADDQ $%d, R8", n)
	if !s.wide {
		s.o("ADDQ $%d, R9", n)
		s.o("ADDQ $%d, R10", n)
	}
}

// block emits one block of 32 weights a row.
func (fm form) block(s *isa) {
	parts, each := 1, blockGroups
	if fm.halves {
		parts, each = 2, blockGroups/2
	}
	// One token alone would wait for each dot product's latency: two integer
	// sums, which are exact in any order, halve the wait.
	twin := s.wide && s.tokens == 1
	for p := range parts {
		start := fm.start
		if !s.wide && fm.signed {
			start = 0
		}
		if start != 0 {
			start += 4 * p
		}
		for t := range s.tokens {
			s.startSum(s.iacc(t), start, t, fm.right)
		}
		if twin {
			s.startSum(s.iacc(1), 0, 0, 0)
		}
		for g := p * each; g < (p+1)*each; g++ {
			fm.unpack(s, g)
			if !s.wide && fm.signed {
				s.o("VPABSB %s, %s", s.r("w"), s.r("u"))
			}
			for t := range s.tokens {
				acc := s.iacc(t)
				if twin {
					acc = s.iacc(g % 2)
				}
				s.dot(acc, t*actBlock+g*4, fm.signed)
			}
		}
		if twin {
			s.o("VPADDD %s, %s, %s", s.iacc(1), s.iacc(0), s.iacc(0))
		}
		fm.scale(s, p)
		if fm.min != nil {
			fm.min(s, p)
		}
		for t := range s.tokens {
			fm.finish(s, t, p)
		}
	}
}

func (s *isa) startSum(acc string, word, t, right int) {
	if word == 0 {
		if s.wide {
			s.o("VPXORD %s, %s, %s", acc, acc, acc)
		} else {
			s.o("VPXOR %s, %s, %s", acc, acc, acc)
		}
		return
	}
	s.o("VPBROADCASTD %d(SI), %s", t*actBlock+word, acc)
	if right > 0 {
		s.o("VPSRAD $%d, %s, %s", right, acc, acc)
	}
}

// dot adds four products a lane: the unsigned bytes of w times the signed
// four of the activations at off.
func (s *isa) dot(acc string, off int, signed bool) {
	if s.wide {
		s.o("VPDPBUSD.BCST %d(SI), %s, %s", off, s.r("w"), acc)
		return
	}
	t := s.r("t")
	s.o("VPBROADCASTD %d(SI), %s", off, t)
	if signed {
		s.o("VPSIGNB %s, %s, %s", s.r("w"), t, t)
		s.o("VPMADDUBSW %s, %s, %s", t, s.r("u"), t)
	} else {
		s.o("VPMADDUBSW %s, %s, %s", t, s.r("w"), t)
	}
	s.o("VPMADDWD %s, %s, %s", s.r("ones"), t, t)
	s.o("VPADDD %s, %s, %s", t, acc, acc)
}

// finish adds the integer sum times both scales to the token's float sum.
func (fm form) finish(s *isa, t, part int) {
	i, f, tmp := s.iacc(t), s.facc(t), s.r("t")
	s.o("VCVTDQ2PS %s, %s", i, i)
	s.mulWord(tmp, s.r("s"), t*actBlock+metaScale)
	s.o("VFMADD231PS %s, %s, %s", tmp, i, f)
	if fm.min == nil {
		return
	}
	op := "VFNMADD231PS"
	if fm.addMin {
		op = "VFMADD231PS"
	}
	if !fm.halves {
		if s.wide {
			s.o("%s.BCST %d(SI), %s, %s", op, t*actBlock+metaSum, s.r("m"), f)
			return
		}
		s.o("VBROADCASTSS %d(SI), %s", t*actBlock+metaSum, tmp)
		s.o("%s %s, %s, %s", op, tmp, s.r("m"), f)
		return
	}
	// Half a block's scale x sum is not stored: it is made of -32 x sum.
	s.o("VPBROADCASTD %d(SI), %s", t*actBlock+metaNeg32+4*part, i)
	s.o("VCVTDQ2PS %s, %s", i, i)
	s.mulWord(i, i, t*actBlock+metaScale)
	c := s.constant("minus32nd", repeat32(floatBits(-1.0/32), 8))
	s.o("VMULPS %s, %s, %s", c, i, i)
	s.o("%s %s, %s, %s", op, i, s.r("m"), f)
}

// mulWord does dst = a x the float32 at off in the activations.
func (s *isa) mulWord(dst, a string, off int) {
	if s.wide {
		s.o("VMULPS.BCST %d(SI), %s, %s", off, a, dst)
		return
	}
	if dst == a {
		s.o("VBROADCASTSS %d(SI), %s", off, s.r("t"))
		s.o("VMULPS %s, %s, %s", s.r("t"), a, dst)
		return
	}
	s.o("VBROADCASTSS %d(SI), %s", off, dst)
	s.o("VMULPS %s, %s, %s", dst, a, dst)
}
