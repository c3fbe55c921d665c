package main

// fifthBit puts bit g of the bytes of h on the nibble in w.
func fifthBit(s *isa, g int) { s.orMasked("w", s.shift("u", "h", 4-g), 0x10) }

// Q5_0: 16 half-float scales, 4 vectors of nibbles, then one vector of fifth
// bits, bit g for group g; a weight is the five bits - 16.
func init() {
	registerForm(form{
		name: "q5_0", subs: 1, sub: 352, start: metaNeg16,
		unpack: func(s *isa, g int) {
			if g == 0 {
				s.load("h", 32+256)
			}
			s.nibble(32, g)
			fifthBit(s, g)
		},
		scale: func(s *isa, _ int) { s.half("s", s.f16(0)) },
	})
}
