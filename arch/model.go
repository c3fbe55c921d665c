package arch

import "summit/tensor"

// Model is a decoder ready to be compiled: its facts and its weights, bound to the places where they are used.
// Tensors are views into the file (or, where a file's order had to be changed, copies of a few rows); they are valid
// as long as the file is open. Fused tensors are split, permutations are told by Rope.Kind.
//
// A matrix is [rows = out, cols = in], so y = W·x. A nil pointer = the model does not have it.
type Model struct {
	Config

	Embed      *tensor.Tensor // [Vocab, Dim]
	OutputNorm NormWeights    // before the head
	Head       *tensor.Tensor // [Vocab, Dim]; the same pointer as Embed if TiedHead
	HeadBias   *tensor.Tensor // [Vocab]

	Weights []Layer // one for each of Config.Layers
}

// NormWeights are the weights of one norm over a row.
type NormWeights struct {
	Weight *tensor.Tensor // nil = there is no such norm
	Bias   *tensor.Tensor // LayerNorm only; nil = none
}

// Linear is one matrix with perhaps a bias: y = Weight·x + Bias.
type Linear struct {
	Weight *tensor.Tensor // [out, in]; nil = the layer does not have it
	Bias   *tensor.Tensor // [out]; nil = none
}

// Has says whether the matrix exists.
func (l Linear) Has() bool { return l.Weight != nil }

// Stack is one matrix per expert, all of one shape and type: Weight[e] is [out, in], Bias [experts, out] or nil.
// Whole is the same as one tensor [experts, out, in] where the matrices lie one after the other in memory, else nil
// (experts fused with something else, or stored one by one).
type Stack struct {
	Weight []tensor.Tensor
	Whole  *tensor.Tensor
	Bias   *tensor.Tensor
}

// Has says whether the stack exists.
func (s Stack) Has() bool { return len(s.Weight) > 0 }

// Layer is the weights of one layer. Which are set follows from the LayerConfig of the same index.
type Layer struct {
	// Norms over Dim. See Placement: Pre uses AttnNorm and FFNNorm, Post AttnPostNorm and FFNPostNorm, Sandwich all,
	// Parallel AttnNorm and FFNNorm.
	AttnNorm, AttnPostNorm, FFNNorm, FFNPostNorm NormWeights

	// GQA.
	Q       Linear         // [Heads·KeyDim, Dim]
	K       Linear         // [KVHeads·KeyDim, Dim]; absent if KVLayer is another layer
	V       Linear         // [KVHeads·ValueDim, Dim]; absent alike
	Out     Linear         // [Dim, Heads·ValueDim]; also of MLA [Dim, Heads·ValueDim] and DeltaNet [Dim, ValueHeads·ValueDim]
	QNorm   *tensor.Tensor // PerHead [KeyDim], FullNorm [Heads·KeyDim]
	KNorm   *tensor.Tensor // PerHead [KeyDim], FullNorm [KVHeads·KeyDim]; absent if KVLayer is another layer
	Sinks   *tensor.Tensor // [Heads]
	OutGate Linear         // ElementGate [Heads·ValueDim, Dim], HeadGate [Heads, Dim]

	// MLA. Q is set if QRank is 0: [Heads·(NopeDim+RopeDim), Dim].
	QA      Linear         // [QRank, Dim]
	QANorm  *tensor.Tensor // [QRank]
	QB      Linear         // [Heads·(NopeDim+RopeDim), QRank]
	KVA     Linear         // [KVRank+RopeDim, Dim]
	KVANorm *tensor.Tensor // [KVRank]
	KB      *tensor.Tensor // [Heads, KVRank, NopeDim]
	VB      *tensor.Tensor // [Heads, ValueDim, KVRank]

	// DeltaNet, with C = 2·KeyHeads·KeyDim + ValueHeads·ValueDim channels.
	QKV       Linear         // [C, Dim]: q, k, v
	Z         Linear         // [ValueHeads·ValueDim, Dim]
	Beta      Linear         // [ValueHeads, Dim]
	Alpha     Linear         // [ValueHeads, Dim]
	Conv      *tensor.Tensor // [C, ConvWidth], oldest row first
	DtBias    *tensor.Tensor // [ValueHeads]
	A         *tensor.Tensor // [ValueHeads], negative: −exp of the trained logarithm
	DeltaNorm *tensor.Tensor // [ValueDim]

	// Dense channel block.
	Gate, Up Linear // [Hidden, Dim]
	Down     Linear // [Dim, Hidden]

	// Experts.
	Router      Linear         // [Experts, Dim]; its bias is added to the scores
	ChoiceBias  *tensor.Tensor // [Experts], added for the choice only
	ExpertScale *tensor.Tensor // [Experts], times the weight of a chosen expert
	GateExps    Stack          // Router.Hidden × Dim each
	UpExps      Stack          // Router.Hidden × Dim each
	DownExps    Stack          // Dim × Router.Hidden each

	// Shared experts, run for every token.
	SharedGateProj, SharedUp Linear         // [SharedHidden, Dim]
	SharedDown               Linear         // [Dim, SharedHidden]
	SharedGate               *tensor.Tensor // [Dim]: the row whose product with h, through a sigmoid, scales the shared output
}
