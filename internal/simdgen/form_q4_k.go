package main

// subScale and subMin make a block of a K form: the super-block has half
// floats d and dmin, the block 16 bytes of scales and 16 of minima.
func subScale(s *isa, _ int) {
	s.bytesTo("s", s.b8(0), "ZX")
	s.half("u", s.hdr(0))
	s.mul("s", "s", "u")
}

func subMin(s *isa, _ int) {
	s.bytesTo("m", s.b8(16), "ZX")
	s.half("u", s.hdr(32))
	s.mul("m", "m", "u")
}

// Q4_K: 16 half-float d, 16 half-float dmin; 8 times 16 scales, 16 minima (a
// byte each; six bits in the file) and 4 vectors of nibbles.
func init() {
	registerForm(form{
		name: "q4_k", subs: 8, head: 64, sub: 288,
		unpack: func(s *isa, g int) { s.nibble(32, g) },
		scale:  subScale,
		min:    subMin,
	})
}
