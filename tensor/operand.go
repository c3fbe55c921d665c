package tensor

// operands drops the operands that are absent.
func operands(buffer int, reads, writes []Ref, weights ...[]int) Operands {
	o := Operands{Buffer: buffer}
	for _, r := range reads {
		if r.Ok() {
			o.Reads = append(o.Reads, r)
		}
	}
	for _, r := range writes {
		if r.Ok() {
			o.Writes = append(o.Writes, r)
		}
	}
	for _, list := range weights {
		for _, w := range list {
			if w >= 0 {
				o.Weights = append(o.Weights, w)
			}
		}
	}
	return o
}

// Op is OpEmbed.
func (*Embed) Op() Op { return OpEmbed }

// Op is OpMatMul.
func (*MatMul) Op() Op { return OpMatMul }

// Op is OpNorm.
func (*Norm) Op() Op { return OpNorm }

// Op is OpRope.
func (*Rope) Op() Op { return OpRope }

// Op is OpKVWrite.
func (*KVWrite) Op() Op { return OpKVWrite }

// Op is OpAttention.
func (*Attention) Op() Op { return OpAttention }

// Op is OpActivate.
func (*Activate) Op() Op { return OpActivate }

// Op is OpAdd.
func (*Add) Op() Op { return OpAdd }

// Op is OpGate.
func (*Gate) Op() Op { return OpGate }

// Op is OpSoftcap.
func (*Softcap) Op() Op { return OpSoftcap }

// Op is OpCopy.
func (*Copy) Op() Op { return OpCopy }

// Op is OpGather.
func (*Gather) Op() Op { return OpGather }

// Op is OpRoute.
func (*Route) Op() Op { return OpRoute }

// Op is OpExpertMatMul.
func (*ExpertMatMul) Op() Op { return OpExpertMatMul }

// Op is OpCombine.
func (*Combine) Op() Op { return OpCombine }

// Op is OpHeadMatMul.
func (*HeadMatMul) Op() Op { return OpHeadMatMul }

// Op is OpConv.
func (*Conv) Op() Op { return OpConv }

// Op is OpDeltaNet.
func (*DeltaNet) Op() Op { return OpDeltaNet }

// Operands lists what the step touches.
func (i *Embed) Operands() Operands {
	return operands(-1, nil, []Ref{i.Out}, []int{i.W})
}

// Operands lists what the step touches.
func (i *MatMul) Operands() Operands {
	return operands(-1, []Ref{i.X}, i.Out, i.W, i.Bias)
}

// Operands lists X as written too if something is added to it.
func (i *Norm) Operands() Operands {
	kept := None
	if i.Add.Ok() {
		kept = i.X
	}
	return operands(-1, []Ref{i.X, i.Add}, []Ref{kept, i.Out}, []int{i.W, i.B})
}

// Operands lists the rotated registers as read and as written.
func (i *Rope) Operands() Operands {
	refs := make([]Ref, len(i.X))
	for k, x := range i.X {
		refs[k] = x.Ref
	}
	return operands(-1, refs, refs)
}

// Operands lists what the step touches.
func (i *KVWrite) Operands() Operands {
	return operands(i.Cache, []Ref{i.K, i.V}, nil)
}

// Operands lists what the step touches.
func (i *Attention) Operands() Operands {
	return operands(i.Cache, []Ref{i.Q}, []Ref{i.Out}, []int{i.Sinks})
}

// Operands lists what the step touches.
func (i *Activate) Operands() Operands {
	return operands(-1, []Ref{i.Gate, i.Up}, []Ref{i.Out})
}

// Operands lists what the step touches.
func (i *Add) Operands() Operands {
	return operands(-1, []Ref{i.X, i.Y}, []Ref{i.Out})
}

// Operands lists what the step touches.
func (i *Gate) Operands() Operands {
	return operands(-1, []Ref{i.X, i.G}, []Ref{i.Out})
}

// Operands lists what the step touches.
func (i *Softcap) Operands() Operands {
	return operands(-1, []Ref{i.X}, []Ref{i.Out})
}

// Operands lists what the step touches.
func (i *Copy) Operands() Operands {
	return operands(-1, []Ref{i.Src}, []Ref{i.Dst})
}

// Operands lists what the step touches.
func (i *Gather) Operands() Operands {
	return operands(-1, []Ref{i.X}, []Ref{i.Out})
}

// Operands lists what the step touches.
func (i *Route) Operands() Operands {
	return operands(-1, []Ref{i.Logits}, []Ref{i.Idx, i.Out}, []int{i.Bias, i.ExpScale})
}

// Operands lists what the step touches.
func (i *ExpertMatMul) Operands() Operands {
	return operands(-1, []Ref{i.X, i.Idx}, i.Out, i.W, i.Bias)
}

// Operands lists what the step touches.
func (i *Combine) Operands() Operands {
	return operands(-1, []Ref{i.X, i.Weight}, []Ref{i.Out})
}

// Operands lists what the step touches.
func (i *HeadMatMul) Operands() Operands {
	return operands(-1, []Ref{i.X}, []Ref{i.Out}, []int{i.W})
}

// Operands lists what the step touches.
func (i *Conv) Operands() Operands {
	return operands(i.State, []Ref{i.X}, []Ref{i.Out}, []int{i.W, i.Bias})
}

// Operands lists what the step touches.
func (i *DeltaNet) Operands() Operands {
	return operands(i.State, []Ref{i.Q, i.K, i.V, i.Alpha, i.Beta}, []Ref{i.Out}, []int{i.A, i.DtBias})
}
