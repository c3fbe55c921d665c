package main

// Q5_K: as Q4_K, with a vector of fifth bits after the nibbles.
func init() {
	registerForm(form{
		name: "q5_k", subs: 8, head: 64, sub: 352,
		unpack: func(s *isa, g int) {
			if g == 0 {
				s.load("h", 32+256)
			}
			s.nibble(32, g)
			fifthBit(s, g)
		},
		scale: subScale,
		min:   subMin,
	})
}
