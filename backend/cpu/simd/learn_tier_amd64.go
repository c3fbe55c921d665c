package simd

// As in row_tier_amd64.go, calls are written out so that nothing escapes.

func dot(tier Tier, out, x, y *float32, n uintptr) {
	if tier == AVX512 {
		dotAVX512(out, x, y, n)
	} else {
		dotAVX2(out, x, y, n)
	}
}

func dot3(tier Tier, out, x, y, z *float32, n uintptr) {
	if tier == AVX512 {
		dot3AVX512(out, x, y, z, n)
	} else {
		dot3AVX2(out, x, y, z, n)
	}
}

func normBack(tier Tier, dx, dw, dy, x, w, factors *float32, n uintptr) {
	if tier == AVX512 {
		normBackAVX512(dx, dw, dy, x, w, factors, n)
	} else {
		normBackAVX2(dx, dw, dy, x, w, factors, n)
	}
}

func siluBack(tier Tier, dgate, dup, dy, gate, up *float32, n uintptr) {
	if tier == AVX512 {
		siluBackAVX512(dgate, dup, dy, gate, up, n)
	} else {
		siluBackAVX2(dgate, dup, dy, gate, up, n)
	}
}

func geluBack(tier Tier, dgate, dup, dy, gate, up *float32, n uintptr) {
	if tier == AVX512 {
		geluBackAVX512(dgate, dup, dy, gate, up, n)
	} else {
		geluBackAVX2(dgate, dup, dy, gate, up, n)
	}
}

func geluExact(tier Tier, dst, gate, up *float32, n uintptr) {
	if tier == AVX512 {
		geluExactAVX512(dst, gate, up, n)
	} else {
		geluExactAVX2(dst, gate, up, n)
	}
}

func softmaxBack(tier Tier, ds, p, factors *float32, n uintptr) {
	if tier == AVX512 {
		softmaxBackAVX512(ds, p, factors, n)
	} else {
		softmaxBackAVX2(ds, p, factors, n)
	}
}

func mulAdd(tier Tier, dst, x, y *float32, n uintptr) {
	if tier == AVX512 {
		mulAddAVX512(dst, x, y, n)
	} else {
		mulAddAVX2(dst, x, y, n)
	}
}

func adamW(tier Tier, w, m, v, g, p *float32, n uintptr) {
	if tier == AVX512 {
		adamWAVX512(w, m, v, g, p, n)
	} else {
		adamWAVX2(w, m, v, g, p, n)
	}
}
