package arch

// Config is one decoder, as data: everything that a plan, a cost model or a reader needs to know besides the weights.
// No field names an architecture to act on: what differs between families is a switch here. Zero values mean "absent";
// scales are never zero (1 = no scaling).
//
// A forward pass reads it like this. x is the residual stream, one row of Dim numbers per token:
//
//	x = embed[token] * EmbedScale
//	for each layer l (Layers[l], weights Model.Layers[l]):      pre, post and sandwich placement
//	    h = x, normed by AttnNorm if there is one
//	    h = Mixer(h), normed by AttnPostNorm if there is one
//	    x = x + h * ResidualScale
//	    h = x, normed by FFNNorm if there is one
//	    h = FFN(h), normed by FFNPostNorm if there is one
//	    x = x + h * ResidualScale
//	                                                            parallel placement
//	    x = x + (Mixer(AttnNorm(x)) + FFN(FFNNorm(x))) * ResidualScale
//	logits = Head · OutputNorm(x) [+ HeadBias] * LogitScale, then LogitCap·tanh(logits/LogitCap) if LogitCap > 0
type Config struct {
	Arch       string // the registered name, for people to read; nothing may decide by it
	Name       string // the model's own name, or ""
	Unverified string // "" if checked against a reference engine; else what the description was written from

	Vocab         int // rows of the embedding and of the head
	Dim           int // width of the residual stream
	WindowTokens  int // longest context it was made for, in tokens
	SkippedLayers int // next-token-prediction (MTP) layers at the end of the file that are not run

	Norm NormKind // of all norms over Dim; qk-norms, MLA norms and the delta norm are always RMS
	Eps  float32  // added to the mean square (RMS) or the variance (Layer)

	EmbedScale    float32 // times the embedding row
	ResidualScale float32 // times what a mixer or a channel block adds to the residual stream
	LogitScale    float32 // times the logits
	LogitCap      float32 // 0 = none; else logits become cap·tanh(logits/cap)
	TiedHead      bool    // the head is the embedding matrix (Model.Head equals Model.Embed)

	Layers []LayerConfig
}

// NormKind tells how a row is normalised.
type NormKind uint8

const (
	RMS       NormKind = iota // x / sqrt(mean(x²) + eps) · weight
	LayerNorm                 // (x − mean) / sqrt(var + eps) · weight + bias
)

// Placement tells where a layer's norms stand. The weights agree with it: a norm that a placement does not have is nil.
type Placement uint8

const (
	Pre      Placement = iota // AttnNorm and FFNNorm, on what goes in
	Post                      // AttnPostNorm and FFNPostNorm, on what comes out, before it is added
	Sandwich                  // all four
	Parallel                  // AttnNorm and FFNNorm (may be the same tensor), both read the layer's input
)

// Mixer is the kind of a layer's first half, the one that looks at other tokens.
type Mixer uint8

const (
	NoMixer  Mixer = iota // the layer has only a channel block
	GQA                   // grouped-query attention: LayerConfig.Attn
	MLA                   // multi-head latent attention, absorbed: LayerConfig.MLA
	DeltaNet              // gated delta net, a recurrence: LayerConfig.Delta
)

// LayerConfig is one layer of a decoder. Of Attn, MLA and Delta only the one that Mixer names is filled.
type LayerConfig struct {
	Placement Placement
	Mixer     Mixer
	Attn      AttnConfig
	MLA       MLAConfig
	Delta     DeltaConfig
	FFN       FFNConfig
}

// AttnConfig is grouped-query attention. Query head h reads KV head h / (Heads/KVHeads).
//
// Order of work: q = Q·h + QBias, k, v alike; if QKNorm is set and QKNormAfterRope is not, norm q and k; rope; if
// QKNormAfterRope, norm q and k now; scores = Scale · q·k, capped by ScoreCap; softmax over the visible keys (with the
// head's sink as one more score that has no value); out = Σ p·v; out gated; result = Out·out + OutBias.
type AttnConfig struct {
	Heads    int
	KVHeads  int // divides Heads
	KeyDim   int // of one head of q and k
	ValueDim int // of one head of v

	// WindowTokens 0 = all earlier tokens; w > 0 = the query at position p sees keys p-w+1 … p.
	WindowTokens int
	Rope         Rope
	Scale        float32 // of q·k, mostly 1/sqrt(KeyDim)
	ScoreCap     float32 // 0 = none; else a score becomes cap·tanh(score/cap)

	QKNorm          QKNorm
	QKNormAfterRope bool
	QKEps           float32 // eps of the qk-norms

	Sinks bool       // Layer.Sinks [Heads] joins the softmax of each head
	Gate  OutputGate // what out is multiplied with before Layer.Out

	// KVLayer is the layer whose keys and values are read: the layer's own index, or an earlier GQA layer (cross-layer
	// attention). A layer that reads another's has no K, V, KNorm and writes nothing to the KV cache.
	KVLayer int
}

// QKNorm tells over what q and k are RMS-normed.
type QKNorm uint8

const (
	NoQKNorm QKNorm = iota
	PerHead         // each head by itself; QNorm and KNorm are [KeyDim], shared by the heads
	FullNorm        // all heads of a token together; QNorm is [Heads·KeyDim], KNorm [KVHeads·KeyDim]
)

// OutputGate tells what an attention output is multiplied with. The gate's input is the same normed h as q's.
type OutputGate uint8

const (
	NoGate      OutputGate = iota
	ElementGate            // sigmoid(OutGate·h), OutGate [Heads·ValueDim, Dim], element by element
	HeadGate               // sigmoid(OutGate·h), OutGate [Heads, Dim], one number a head
)

// MLAConfig is multi-head latent attention in its absorbed form: the cache keeps one row of KVRank + RopeDim numbers a
// token, shared by all heads.
//
//	q     = Q·h, or QB·RMS(QA·h, QANorm) if QRank > 0          [Heads, NopeDim+RopeDim], nope part first
//	c, kr = KVA·h                                              [KVRank], [RopeDim]
//	c     = RMS(c, KVANorm); kr, q's rope part = rope          cached row: c then kr
//	qa[h] = KB[h] · q[h].nope                                  [KVRank]
//	score = Scale · (qa[h]·c + q[h].rope·kr); softmax; ctx[h] = Σ p·c
//	out   = Out · concat over h of VB[h]·ctx[h]
type MLAConfig struct {
	Heads    int
	QRank    int // 0 = one matrix Q
	KVRank   int
	NopeDim  int // per head, without rope
	RopeDim  int // per head, with rope; = Rope.Dim
	ValueDim int
	Rope     Rope
	Scale    float32 // of q·k, with the square of YaRN's mscale in it
	Eps      float32 // of QANorm and KVANorm
}

// DeltaConfig is a gated delta net. Per token, with z = Z·h, u = QKV·h:
//
//	u     = silu(causal depthwise convolution of the last ConvWidth rows of u with Conv)
//	q,k,v = split of u: q, k [KeyHeads, KeyDim], v [ValueHeads, ValueDim], in this order
//	q, k  = l2-normed per head (x / max(‖x‖, Eps)), q times 1/sqrt(KeyDim)
//	beta  = sigmoid(Beta·h) [ValueHeads]; decay = exp(A · softplus(Alpha·h + DtBias)) [ValueHeads]
//	for each value head j with key head i (see Tiled), S [KeyDim, ValueDim]:
//	    S = S·decay; S += k ⊗ (beta · (v − kᵀS)); o = qᵀS
//	o     = RMS per head (o, DeltaNorm) · silu(z)
//	out   = Out·o
//
// State between tokens: S for each value head, and the last ConvWidth−1 rows of u before the convolution.
// Source: Yang et al. 2024, arXiv:2412.06464, with the arrangement of llama.cpp's GGUF tensors.
type DeltaConfig struct {
	KeyHeads   int
	ValueHeads int // a multiple of KeyHeads
	KeyDim     int
	ValueDim   int
	ConvWidth  int
	Tiled      bool    // key head of value head j: j mod KeyHeads if true, j / (ValueHeads/KeyHeads) if false
	Eps        float32 // of the l2 norms and of DeltaNorm
}

// FFNConfig is a layer's channel block: dense (Hidden > 0), or a mixture of experts (Router.Experts > 0) with perhaps
// shared ones. Each is Down · (act(Gate·h) ∘ Up·h), as Activation says.
type FFNConfig struct {
	Activation Activation
	Hidden     int    // rows of the dense Gate and Up; 0 = no dense block (an MoE layer)
	Router     Router // Experts 0 = dense
	// SharedHidden is the width of the shared experts together (they lie one after the other in one matrix); 0 = none.
	SharedHidden int
	// SharedGated: the shared output is times sigmoid(SharedGate·h), one number a token.
	SharedGated bool
}

// Activation tells how gate g and up u become one row.
type Activation struct {
	Kind  ActivationKind
	Alpha float32 // ClampedSwiGLU only: of the sigmoid
	Limit float32 // ClampedSwiGLU and LimitedSiLU: the clamp
}

// ActivationKind is the function in a gated channel block.
type ActivationKind uint8

const (
	SiLU          ActivationKind = iota // g·sigmoid(g) · u
	GELU                                // g·Φ(g) · u, exact (erf)
	GELUTanh                            // g·½(1 + tanh(√(2/π)(g + 0.044715 g³))) · u
	ClampedSwiGLU                       // g = min(g, Limit), u = clamp(u, ±Limit): g·sigmoid(Alpha·g) · (u + 1)
	LimitedSiLU                         // u = clamp(u, ±Limit), g = min(g, Limit): g·sigmoid(g) · u
)

// Router is how the experts of a token are chosen and weighed.
//
//	s = Router·h + RouterBias                      [Experts]
//	p = softmax(s) | sigmoid(s) | s (SoftmaxChosen)
//	c = p + ChoiceBias (for the choice only)
//	chosen = by Choice from c; ties go to the lower index
//	w = p[chosen]; SoftmaxChosen: softmax over the chosen; Renormalise: w / max(Σw, MinSum)
//	w = w · Scale · ExpertScale[chosen]
//	out = Σ w·expert(h) + shared(h)
type Router struct {
	Experts int
	Used    int // experts a token goes to
	Hidden  int // rows of one expert's Gate and Up

	Score       Score
	Choice      Choice
	Groups      int // GroupLimited, OnePerGroup: the experts lie in this many equal, contiguous groups
	GroupsUsed  int // GroupLimited: the groups of the best scores that stay
	GroupTop    int // GroupLimited: a group's score is the sum of its GroupTop best c
	Renormalise bool
	MinSum      float32 // least divisor of Renormalise
	Scale       float32
}

// Score is how router outputs become probabilities.
type Score uint8

const (
	Softmax       Score = iota // over all experts
	Sigmoid                    // each by itself
	SoftmaxChosen              // softmax over the chosen ones only
)

// Choice is how experts are picked from their scores.
type Choice uint8

const (
	TopK         Choice = iota // the Used best
	GroupLimited               // the Used best within the GroupsUsed best groups
	OnePerGroup                // MoGE: the Used/Groups best of each group
)

// Rope is a rotary embedding of the first Dim numbers of each head of q and k; the rest is left as it is.
// Pair i of a token at position p is turned by the angle p·Freqs[i] and then multiplied by Magnitude:
// (a, b) → (a·cos − b·sin, a·sin + b·cos)·Magnitude. All scaling (linear, NTK, YaRN, llama-3 and long factors) is
// already in Freqs and Magnitude. Multi-section rope turns all its sections by the same position where there is only
// text, so it needs nothing more.
type Rope struct {
	Kind RopeKind
	Dim  int // even, at most the head's width

	Freqs     []float64 // [Dim/2] radians a position
	Magnitude float32   // 1, or YaRN's attention factor

	// LongFreqs and LongMagnitude take the place of Freqs and Magnitude for a sequence that may become longer than
	// ShortTokens (LongRoPE); nil = none. An engine decides once, by the window it was opened with.
	LongFreqs     []float64
	LongMagnitude float32
	ShortTokens   int

	// For people: what Freqs was made from.
	Base    float64
	Scaling string // "", "linear", "ntk", "yarn", "llama3", "factors", "longrope"
	Factor  float64
}

// RopeKind tells which two numbers of a head make pair i.
type RopeKind uint8

const (
	NoRope   RopeKind = iota
	RopeNorm          // 2i and 2i+1, neighbours
	RopeNeoX          // i and i + Dim/2, halves
)
