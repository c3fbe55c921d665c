package simd

// The calls are written out, not kept in a table: the compiler then knows that
// pointers to locals do not outlive them, and nothing is allocated.

func sumSquares(tier Tier, out, x *float32, n uintptr) {
	if tier == AVX512 {
		sumSquaresAVX512(out, x, n)
	} else {
		sumSquaresAVX2(out, x, n)
	}
}

func normScale(tier Tier, dst, x, w, factor *float32, n uintptr) {
	if tier == AVX512 {
		normScaleAVX512(dst, x, w, factor, n)
	} else {
		normScaleAVX2(dst, x, w, factor, n)
	}
}

func addScaled(tier Tier, x, y, factor *float32, n uintptr) {
	if tier == AVX512 {
		addScaledAVX512(x, y, factor, n)
	} else {
		addScaledAVX2(x, y, factor, n)
	}
}

func scale(tier Tier, x, factor *float32, n uintptr) {
	if tier == AVX512 {
		scaleAVX512(x, factor, n)
	} else {
		scaleAVX2(x, factor, n)
	}
}

func siluMul(tier Tier, dst, gate, up *float32, n uintptr) {
	if tier == AVX512 {
		siluMulAVX512(dst, gate, up, n)
	} else {
		siluMulAVX2(dst, gate, up, n)
	}
}

func geluMul(tier Tier, dst, gate, up *float32, n uintptr) {
	if tier == AVX512 {
		geluMulAVX512(dst, gate, up, n)
	} else {
		geluMulAVX2(dst, gate, up, n)
	}
}

func maxOf(tier Tier, out, x *float32, n uintptr) {
	if tier == AVX512 {
		maxOfAVX512(out, x, n)
	} else {
		maxOfAVX2(out, x, n)
	}
}

func expSum(tier Tier, out, x, top *float32, n uintptr) {
	if tier == AVX512 {
		expSumAVX512(out, x, top, n)
	} else {
		expSumAVX2(out, x, top, n)
	}
}

func ropeNeoX(tier Tier, x, y, cos, sin *float32, n uintptr) {
	if tier == AVX512 {
		ropeNeoXAVX512(x, y, cos, sin, n)
	} else {
		ropeNeoXAVX2(x, y, cos, sin, n)
	}
}

func ropeNorm(tier Tier, x, cos, sin *float32, n uintptr) {
	if tier == AVX512 {
		ropeNormAVX512(x, cos, sin, n)
	} else {
		ropeNormAVX2(x, cos, sin, n)
	}
}

func toHalf(tier Tier, dst *uint16, x *float32, n uintptr) {
	if tier == AVX512 {
		toHalfAVX512(dst, x, n)
	} else {
		toHalfAVX2(dst, x, n)
	}
}
