package main

// Q8_0: 16 half-float scales, then 8 groups of 64 bytes, each weight + 128.
func init() {
	registerForm(form{
		name: "q8_0", subs: 1, sub: 544, signed: true, start: metaNeg128,
		unpack: func(s *isa, g int) {
			s.load("w", 32+groupBytes*g)
			if !s.wide {
				s.o("VPXOR %s, %s, %s", s.constant("mask80", splat(0x80)), s.r("w"), s.r("w"))
			}
		},
		scale: func(s *isa, _ int) { s.half("s", s.f16(0)) },
	})
}
