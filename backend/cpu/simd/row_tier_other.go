//go:build !amd64

package simd

// There is no tier but Plain here, and Plain has none of these.

func sumSquares(_ Tier, out, x *float32, _ uintptr)           { panic(noTier) }
func normScale(_ Tier, dst, x, w, factor *float32, _ uintptr) { panic(noTier) }
func addScaled(_ Tier, x, y, factor *float32, _ uintptr)      { panic(noTier) }
func scale(_ Tier, x, factor *float32, _ uintptr)             { panic(noTier) }
func siluMul(_ Tier, dst, gate, up *float32, _ uintptr)       { panic(noTier) }
func geluMul(_ Tier, dst, gate, up *float32, _ uintptr)       { panic(noTier) }
func maxOf(_ Tier, out, x *float32, _ uintptr)                { panic(noTier) }
func expSum(_ Tier, out, x, top *float32, _ uintptr)          { panic(noTier) }
func ropeNeoX(_ Tier, x, y, cos, sin *float32, _ uintptr)     { panic(noTier) }
func ropeNorm(_ Tier, x, cos, sin *float32, _ uintptr)        { panic(noTier) }
func toHalf(_ Tier, dst *uint16, x *float32, _ uintptr)       { panic(noTier) }

const noTier = "simd: no assembly on this machine"
