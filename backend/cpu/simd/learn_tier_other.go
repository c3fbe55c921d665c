//go:build !amd64

package simd

func dot(_ Tier, out, x, y *float32, _ uintptr)                      { panic(noTier) }
func dot3(_ Tier, out, x, y, z *float32, _ uintptr)                  { panic(noTier) }
func normBack(_ Tier, dx, dw, dy, x, w, factors *float32, _ uintptr) { panic(noTier) }
func siluBack(_ Tier, dgate, dup, dy, gate, up *float32, _ uintptr)  { panic(noTier) }
func geluBack(_ Tier, dgate, dup, dy, gate, up *float32, _ uintptr)  { panic(noTier) }
func geluExact(_ Tier, dst, gate, up *float32, _ uintptr)            { panic(noTier) }
func softmaxBack(_ Tier, ds, p, factors *float32, _ uintptr)         { panic(noTier) }
func mulAdd(_ Tier, dst, x, y *float32, _ uintptr)                   { panic(noTier) }
func adamW(_ Tier, w, m, v, g, p *float32, _ uintptr)                { panic(noTier) }
