package main

import "fmt"

// prefetchAhead is how far ahead of themselves the kernels of several tokens
// ask for weights: they are too slow for the processor to do it well by itself.
// Measured with 8 tokens on Zen 5, GB/s of Q4_0 weights from memory: 17.8
// without, 16.6 with 1024, 18.0 with 2048, 19.7 with 4096.
const prefetchAhead = 4096

// isa is what a kernel's text needs to know of an instruction set: the names
// of its registers by role, and the few operations that are written
// differently. Both have 16 rows in a panel: AVX-512 holds them in one
// register, AVX2 in two, one half of the panel after the other.
type isa struct {
	*function
	wide   bool // AVX-512
	tokens int
	consts map[string]string
	next   int // next free constant register of AVX-512
}

// Where a panel's pieces are. With AVX-512 all three are R8; with AVX2 they
// are offset to the half of the rows being computed: 32 of 64 bytes of
// weights, 8 of 16 half floats, 8 of 16 bytes.
func (s *isa) q(off int) string   { return fmt.Sprintf("%d(R8)", off) }
func (s *isa) f16(off int) string { return s.at(off, "R8", "R9") }
func (s *isa) b8(off int) string  { return s.at(off, "R8", "R10") }
func (s *isa) hdr(off int) string { return fmt.Sprintf("%d(R11)", off) } // half floats of the super-block

func (s *isa) at(off int, wide, narrow string) string {
	if s.wide {
		return fmt.Sprintf("%d(%s)", off, wide)
	}
	return fmt.Sprintf("%d(%s)", off, narrow)
}

var narrowRegs = map[string]string{"w": "Y8", "l": "Y9", "h": "Y10", "s": "Y11", "m": "Y12", "t": "Y13", "u": "Y14", "ones": "Y15"}
var wideRegs = map[string]string{"w": "Z0", "t": "Z1", "l": "Z2", "h": "Z3", "s": "Z4", "m": "Z5", "u": "Z6"}

// r returns the register of a role.
func (s *isa) r(role string) string {
	if s.wide {
		return wideRegs[role]
	}
	return narrowRegs[role]
}

func (s *isa) iacc(t int) string {
	if s.wide {
		return fmt.Sprintf("Z%d", 8+t)
	}
	return fmt.Sprintf("Y%d", 4+t)
}

func (s *isa) facc(t int) string {
	if s.wide {
		return fmt.Sprintf("Z%d", 16+t)
	}
	return fmt.Sprintf("Y%d", t)
}

// constant returns an operand with the bytes splatted: a register that was
// loaded before the loop with AVX-512, memory with AVX2.
func (s *isa) constant(name string, data []byte) string {
	s.f.consts[name] = data
	if !s.wide {
		return name + "<>(SB)"
	}
	if r, ok := s.consts[name]; ok {
		return r
	}
	if s.next == 0 {
		s.next = 24
	}
	r := fmt.Sprintf("Z%d", s.next)
	s.next++
	if s.next > 32 {
		panic("simdgen: more constants than registers in " + s.name)
	}
	s.consts[name] = r
	fmt.Fprintf(&s.loads, "\tVBROADCASTI64X4 %s<>(SB), %s\n", name, r)
	return r
}

func (s *isa) load(dst string, off int) {
	if s.wide {
		if s.tokens > 1 {
			s.o("PREFETCHT0 %s", s.q(off+prefetchAhead))
		}
		s.o("VMOVDQU64 %s, %s", s.q(off), s.r(dst))
	} else {
		s.o("VMOVDQU %s, %s", s.q(off), s.r(dst))
	}
}

func (s *isa) and(dst, src string, mask byte) {
	c := s.constant(fmt.Sprintf("mask%02x", mask), splat(mask))
	if s.wide {
		s.o("VPANDD %s, %s, %s", c, s.r(src), s.r(dst))
	} else {
		s.o("VPAND %s, %s, %s", c, s.r(src), s.r(dst))
	}
}

// shift moves the bits of 16-bit lanes: left for n > 0, right for n < 0.
// Bits that cross a byte are for the mask that follows.
func (s *isa) shift(dst, src string, n int) string {
	switch {
	case n > 0:
		s.o("VPSLLW $%d, %s, %s", n, s.r(src), s.r(dst))
	case n < 0:
		s.o("VPSRLW $%d, %s, %s", -n, s.r(src), s.r(dst))
	default:
		return src
	}
	return dst
}

// orMasked does dst |= src & mask.
func (s *isa) orMasked(dst, src string, mask byte) {
	c := s.constant(fmt.Sprintf("mask%02x", mask), splat(mask))
	if s.wide {
		s.o("VPTERNLOGD $0xf8, %s, %s, %s", c, s.r(src), s.r(dst))
		return
	}
	s.o("VPAND %s, %s, %s", c, s.r(src), s.r("t"))
	s.o("VPOR %s, %s, %s", s.r("t"), s.r(dst), s.r(dst))
}

// nibble unpacks group g of the nibbles at off: vector v holds group 2v in
// its low and group 2v+1 in its high nibbles.
func (s *isa) nibble(off, g int) {
	if g%2 == 0 {
		s.load("l", off+64*(g/2))
		s.and("w", "l", 0x0f)
		return
	}
	s.shift("w", "l", -4)
	s.and("w", "w", 0x0f)
}

// table replaces the index in w by the table's byte.
func (s *isa) table(name string, values [16]int8, offset int) {
	var data []byte
	for range 2 {
		for _, v := range values {
			data = append(data, byte(int(v)+offset))
		}
	}
	c := s.constant(fmt.Sprintf("%s%d", name, offset), data)
	if s.wide {
		s.o("VPSHUFB %s, %s, %s", s.r("w"), c, s.r("w"))
		return
	}
	s.o("VMOVDQU %s, %s", c, s.r("t"))
	s.o("VPSHUFB %s, %s, %s", s.r("w"), s.r("t"), s.r("w"))
}

// half converts half floats in memory to float32.
func (s *isa) half(dst, mem string) { s.o("VCVTPH2PS %s, %s", mem, s.r(dst)) }

// bytesTo converts bytes in memory to float32; how is ZX or SX.
func (s *isa) bytesTo(dst, mem, how string) {
	s.o("VPMOV%sBD %s, %s", how, mem, s.r(dst))
	s.o("VCVTDQ2PS %s, %s", s.r(dst), s.r(dst))
}

func (s *isa) mul(dst, a, b string) { s.o("VMULPS %s, %s, %s", s.r(a), s.r(b), s.r(dst)) }
