package train

// dropOut sets a share of x to zero and scales the rest up. Which ones follows
// from the key alone, so that the backward pass drops the same.
func dropOut(x []float32, key uint64, share float64) {
	limit := uint64(share * (1 << 16))
	keep := float32(1 / (1 - float64(limit)/(1<<16)))
	for i := 0; i < len(x); i += 4 {
		// SplitMix64; source: Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195.
		z := key + uint64(i/4+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		for j := i; j < min(i+4, len(x)); j++ {
			if z&0xffff < limit {
				x[j] = 0
			} else {
				x[j] *= keep
			}
			z >>= 16
		}
	}
}
