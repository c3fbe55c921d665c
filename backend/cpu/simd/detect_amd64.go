package simd

import "golang.org/x/sys/cpu"

// detect asks the processor; golang.org/x/sys/cpu also asks whether the
// operating system saves the wide registers.
func detect() Tier {
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA || !x.HasF16C {
		return Plain
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI {
		return AVX512
	}
	return AVX2
}
