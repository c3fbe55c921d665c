package main

// halfScale makes the scale of half a block of a form with signed byte scales.
func halfScale(s *isa, half int) {
	s.bytesTo("s", s.b8(16*half), "SX")
	s.half("u", s.hdr(0))
	s.mul("s", "s", "u")
}

// Q6_K: 16 half-float d; 8 times 16 signed scales for each half of the block,
// 4 vectors of nibbles, and 2 vectors of the upper two bits, four groups in
// each; a weight is the six bits - 32.
func init() {
	registerForm(form{
		name: "q6_k", subs: 8, head: 32, sub: 416, halves: true, start: metaNeg32,
		unpack: func(s *isa, g int) {
			if g%4 == 0 {
				s.load("h", 32+256+64*(g/4))
			}
			s.nibble(32, g)
			s.orMasked("w", s.shift("u", "h", 4-2*(g%4)), 0x30)
		},
		scale: halfScale,
	})
}
