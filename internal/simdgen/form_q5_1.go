package main

// Q5_1: scales, minima, nibbles and fifth bits, as Q4_1 and Q5_0.
func init() {
	registerForm(form{
		name: "q5_1", subs: 1, sub: 384, addMin: true,
		unpack: func(s *isa, g int) {
			if g == 0 {
				s.load("h", 64+256)
			}
			s.nibble(64, g)
			fifthBit(s, g)
		},
		scale: func(s *isa, _ int) { s.half("s", s.f16(0)) },
		min:   func(s *isa, _ int) { s.half("m", s.f16(32)) },
	})
}
