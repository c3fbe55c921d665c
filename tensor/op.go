package tensor

import "fmt"

// Op names one of the operations that a program is made of.
type Op uint8

// The operations, by tier. A backend with T0 alone runs dense decoders with
// grouped attention; TMoE and TLatent add the sparse and the recurrent ones.
const (
	OpEmbed        Op = iota // rows of a table by token id
	OpMatMul                 // one input times one or several matrices
	OpNorm                   // RMS, layer or L2 norm, optionally after a residual add
	OpRope                   // rotary positions, in place
	OpKVWrite                // append keys and values to the paged cache
	OpAttention              // queries against the paged cache
	OpActivate               // act(gate) * up
	OpAdd                    // x*a + y*b
	OpGate                   // x * sigmoid(g)
	OpSoftcap                // c * tanh(x/c)
	OpCopy                   // strided columns from one register to another
	OpGather                 // the rows whose outputs are wanted
	OpRoute                  // choose experts
	OpExpertMatMul           // the chosen experts' matrices
	OpCombine                // weighted sum over the chosen experts
	OpHeadMatMul             // one small matrix per head
	OpConv                   // short causal convolution with state
	OpDeltaNet               // gated delta rule with state
	opCount
)

// Ops is how many operations there are; a test holds it at 24 or fewer.
const Ops = int(opCount)

// Tier groups operations by the models that need them.
type Tier uint8

// The tiers of Op.Tier. Collectives and training are contracts of their own,
// outside of these.
const (
	Dense  Tier = iota // dense decoders with grouped attention
	MoE                // mixtures of experts
	Latent             // latent attention and recurrent mixers
)

func (t Tier) String() string {
	return [...]string{"dense", "moe", "latent"}[t]
}

var opNames = [...]string{
	OpEmbed: "embed", OpMatMul: "matmul", OpNorm: "norm", OpRope: "rope", OpKVWrite: "kv_write",
	OpAttention: "attention", OpActivate: "activate", OpAdd: "add", OpGate: "gate", OpSoftcap: "softcap",
	OpCopy: "copy", OpGather: "gather", OpRoute: "route", OpExpertMatMul: "expert_matmul",
	OpCombine: "combine", OpHeadMatMul: "head_matmul", OpConv: "conv", OpDeltaNet: "delta_net",
}

func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Tier returns the tier that the operation belongs to.
func (o Op) Tier() Tier {
	switch {
	case o <= OpGather:
		return Dense
	case o <= OpCombine:
		return MoE
	}
	return Latent
}
