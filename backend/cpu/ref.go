package cpu

import (
	"math"

	"summit/tensor"
)

// reference returns the phases of the plain-Go kernels.
func reference(x *compiler, s tensor.Instr) []phase {
	switch i := s.(type) {
	case *tensor.Embed:
		return []phase{&refEmbed{Embed: i, w: x.weights[i.W]}}
	case *tensor.MatMul:
		return refMatMuls(x, i)
	case *tensor.Norm:
		return []phase{&refNorm{Norm: i, w: x.vec(i.W), b: x.vec(i.B)}}
	case *tensor.Rope:
		return []phase{&refRope{Rope: i, table: x.ropeTable(i)}}
	case *tensor.KVWrite:
		return []phase{&refKVWrite{KVWrite: i, cache: x.buffers[i.Cache]}}
	case *tensor.Attention:
		return []phase{&refAttention{Attention: i, cache: x.buffers[i.Cache], sinks: x.vec(i.Sinks)}}
	case *tensor.Activate:
		return []phase{&refActivate{i}}
	case *tensor.Add:
		return []phase{&refAdd{i}}
	case *tensor.Gate:
		return []phase{&refGate{i}}
	case *tensor.Softcap:
		return []phase{&refSoftcap{i}}
	case *tensor.Copy:
		return []phase{&refCopy{i}}
	case *tensor.Gather:
		return []phase{&refGather{i}}
	case *tensor.Route:
		return []phase{&refRoute{Route: i, bias: x.vec(i.Bias), expScale: x.vec(i.ExpScale)}}
	case *tensor.ExpertMatMul:
		return refExperts(x, i)
	case *tensor.Combine:
		return []phase{&refCombine{i}}
	case *tensor.HeadMatMul:
		return []phase{&refHeadMatMul{HeadMatMul: i, w: x.weights[i.W]}}
	case *tensor.Conv:
		return []phase{&refConv{Conv: i, w: x.vec(i.W), bias: x.vec(i.Bias), state: x.buffers[i.State]}}
	case *tensor.DeltaNet:
		return []phase{&refDeltaNet{DeltaNet: i, a: x.vec(i.A), dt: x.vec(i.DtBias), state: x.buffers[i.State]}}
	}
	return nil
}

// dot returns the sum of x[i]*y[i] in the house's fixed order: eight running
// sums over i mod 8, added up in a tree. len(y) >= len(x).
func dot(x, y []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	y = y[:len(x)]
	i := 0
	for ; i+8 <= len(x); i += 8 {
		a, b := x[i:i+8:i+8], y[i:i+8:i+8]
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		s4 += a[4] * b[4]
		s5 += a[5] * b[5]
		s6 += a[6] * b[6]
		s7 += a[7] * b[7]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func clamp(x, limit float32) float32 { return max(-limit, min(limit, x)) }

// activate applies the activation to a gate.
func activate(k tensor.Act, x, alpha float32) float32 {
	v := float64(x)
	switch k {
	case tensor.SiLU:
		return float32(v / (1 + math.Exp(-v)))
	case tensor.GELU:
		return float32(v * 0.5 * (1 + math.Erf(v/math.Sqrt2)))
	case tensor.GELUTanh:
		return float32(0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
	case tensor.ReLU:
		return max(0, x)
	case tensor.ReLU2:
		x = max(0, x)
		return x * x
	}
	return float32(v / (1 + math.Exp(-v*float64(alpha)))) // ClampedSiLU
}
