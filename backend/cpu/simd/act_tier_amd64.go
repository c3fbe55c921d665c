package simd

func init() {
	quantizeBlocks[AVX512] = func(dst []byte, stride int, x []float32) { quantizeWith(quantizeAVX512, dst, stride, x) }
	quantizeBlocks[AVX2] = func(dst []byte, stride int, x []float32) { quantizeWith(quantizeAVX2, dst, stride, x) }
}

func quantizeWith(kernel func(*byte, uintptr, *float32, uintptr), dst []byte, stride int, x []float32) {
	const each = 1024 // blocks in one call
	for blocks := len(x) / 32; blocks > 0; {
		n := min(each, blocks)
		_ = dst[(n-1)*stride+actBlock-1]
		kernel(&dst[0], uintptr(stride), &x[0], uintptr(n))
		blocks -= n
		if blocks > 0 {
			dst, x = dst[n*stride:], x[n*32:]
		}
	}
}
