package main

// Q3_K: 16 half-float d; 8 times 16 signed scales for each half of the block,
// 2 vectors of the lower two bits, four groups in each, and one vector of the
// third bits; a weight is the three bits - 4.
func init() {
	registerForm(form{
		name: "q3_k", subs: 8, head: 32, sub: 224, halves: true, start: metaNeg32, right: 3,
		unpack: func(s *isa, g int) {
			if g == 0 {
				s.load("h", 32+128)
			}
			twoBits(s, 32, g)
			s.orMasked("w", s.shift("u", "h", 2-g), 0x04)
		},
		scale: halfScale,
	})
}

// twoBits unpacks group g of two-bit weights at off: a vector holds four groups.
func twoBits(s *isa, off, g int) {
	if g%4 == 0 {
		s.load("l", off+64*(g/4))
	}
	s.and("w", s.shift("w", "l", -2*(g%4)), 0x03)
}
