package main

// nonlinear is the table of IQ4_NL and IQ4_XS.
var nonlinear = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func nonlinearNibble(s *isa, off, g int) {
	s.nibble(off, g)
	if s.wide {
		s.table("nonlinear", nonlinear, 128)
	} else {
		s.table("nonlinear", nonlinear, 0)
	}
}

// IQ4_NL: as Q4_0, with nibbles that are places in a table.
func init() {
	registerForm(form{
		name: "iq4_nl", subs: 1, sub: 288, signed: true, start: metaNeg128,
		unpack: func(s *isa, g int) { nonlinearNibble(s, 32, g) },
		scale:  func(s *isa, _ int) { s.half("s", s.f16(0)) },
	})
}
