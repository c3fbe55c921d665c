package simd

func init() {
	rows[AVX512] = &rowKernels{
		sumSquares: sumSquaresAVX512,
		normScale:  normScaleAVX512,
		addScaled:  addScaledAVX512,
		scale:      scaleAVX512,
		siluMul:    siluMulAVX512,
		geluMul:    geluMulAVX512,
		maxOf:      maxOfAVX512,
		expSum:     expSumAVX512,
		ropeNeoX:   ropeNeoXAVX512,
		ropeNorm:   ropeNormAVX512,
		toHalf:     toHalfAVX512,
	}
	rows[AVX2] = &rowKernels{
		sumSquares: sumSquaresAVX2,
		normScale:  normScaleAVX2,
		addScaled:  addScaledAVX2,
		scale:      scaleAVX2,
		siluMul:    siluMulAVX2,
		geluMul:    geluMulAVX2,
		maxOf:      maxOfAVX2,
		expSum:     expSumAVX2,
		ropeNeoX:   ropeNeoXAVX2,
		ropeNorm:   ropeNormAVX2,
		toHalf:     toHalfAVX2,
	}
}
