package main

// Q2_K: 16 half-float d, 16 half-float dmin; 8 times 16 bytes for each half of
// the block, scale in the low and minimum in the high nibble, and 2 vectors of
// two-bit weights.
func init() {
	registerForm(form{
		name: "q2_k", subs: 8, head: 64, sub: 160, halves: true,
		unpack: func(s *isa, g int) { twoBits(s, 32, g) },
		scale: func(s *isa, half int) {
			s.o("VPMOVZXBD %s, %s", s.b8(16*half), s.r("s"))
			s.and("s", "s", 0x0f)
			s.o("VCVTDQ2PS %s, %s", s.r("s"), s.r("s"))
			s.half("u", s.hdr(0))
			s.mul("s", "s", "u")
		},
		min: func(s *isa, half int) {
			s.o("VPMOVZXBD %s, %s", s.b8(16*half), s.r("m"))
			s.o("VPSRLD $4, %s, %s", s.r("m"), s.r("m"))
			s.o("VCVTDQ2PS %s, %s", s.r("m"), s.r("m"))
			s.half("u", s.hdr(32))
			s.mul("m", "m", "u")
		},
	})
}
