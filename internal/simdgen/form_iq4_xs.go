package main

// IQ4_XS: 16 half-float d; 8 times 16 signed scales (six bits in the file) and
// the nibbles of IQ4_NL.
func init() {
	registerForm(form{
		name: "iq4_xs", subs: 8, head: 32, sub: 272, signed: true, start: metaNeg128,
		unpack: func(s *isa, g int) { nonlinearNibble(s, 16, g) },
		scale:  halfScale,
	})
}
