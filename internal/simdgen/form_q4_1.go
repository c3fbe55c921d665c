package main

// Q4_1: 16 half-float scales, 16 half-float minima, then 4 vectors of nibbles.
func init() {
	registerForm(form{
		name: "q4_1", subs: 1, sub: 320, addMin: true,
		unpack: func(s *isa, g int) { s.nibble(64, g) },
		scale:  func(s *isa, _ int) { s.half("s", s.f16(0)) },
		min:    func(s *isa, _ int) { s.half("m", s.f16(32)) },
	})
}
