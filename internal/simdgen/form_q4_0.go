package main

// Q4_0: 16 half-float scales, then 4 vectors of nibbles; a weight is nibble - 8.
func init() {
	registerForm(form{
		name: "q4_0", subs: 1, sub: 288, start: metaNeg8,
		unpack: func(s *isa, g int) { s.nibble(32, g) },
		scale:  func(s *isa, _ int) { s.half("s", s.f16(0)) },
	})
}
