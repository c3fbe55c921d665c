package main

// MXFP4: 16 bytes of exponents, then nibbles that are places in a table of
// twice the values. The scale is 2^(e-128), zero for e < 2, where it would be
// below the smallest normal float32.
func init() {
	registerForm(form{
		name: "mxfp4", subs: 1, sub: 272, start: metaNeg16,
		unpack: func(s *isa, g int) {
			s.nibble(16, g)
			s.table("fp4", [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}, 16)
		},
		scale: func(s *isa, _ int) {
			s.o("VPMOVZXBD %s, %s", s.b8(0), s.r("s"))
			one := s.constant("one32", repeat32(1, 8))
			s.o("VPMAXUD %s, %s, %s", one, s.r("s"), s.r("s"))
			s.o("VPSUBD %s, %s, %s", one, s.r("s"), s.r("s"))
			s.o("VPSLLD $23, %s, %s", s.r("s"), s.r("s"))
		},
	})
}
