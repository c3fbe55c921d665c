package tensor

// Ref is a view of a register: all of its rows, columns [Off, Off+Cols).
// The zero Ref is register 0's empty view; None says that there is none.
type Ref struct {
	Reg, Off, Cols int
}

// None is the Ref of an operand that is absent.
var None = Ref{Reg: -1}

// Ok reports whether the operand is there.
func (r Ref) Ok() bool { return r.Reg >= 0 }

// Slice returns the columns [off, off+cols) of the view.
func (r Ref) Slice(off, cols int) Ref { return Ref{r.Reg, r.Off + off, cols} }

// Instr is one step of a program: plain data, so that it can be printed,
// costed and carried out elsewhere. W, Bias and the like are indices into
// Program.Weights, Cache and State into Program.Buffers; -1 is none.
// All registers are float32 but for the chosen experts' ids.
type Instr interface {
	Op() Op
	Operands() Operands
	check(*checker)
}

// Operands lists what a step touches.
type Operands struct {
	Reads, Writes []Ref
	Weights       []int // indices into Program.Weights
	Buffer        int   // index into Program.Buffers, or -1
}

// Embed writes Scale times row id of the table for every token of the batch.
type Embed struct {
	Out   Ref
	W     int // [vocabulary, Out.Cols]
	Scale float32
}

// MatMul writes Out[i] = W[i] X + Bias[i]. Several matrices on one input are
// one step, so that a backend can convert its input once (query, key and
// value; gate and up).
//
// Precise says that errors of this step are felt most in what the model says:
// a backend that rounds X should keep about 16 bits of it.
type MatMul struct {
	X       Ref
	Out     []Ref
	W       []int // [Out[i].Cols, X.Cols]
	Bias    []int // nil, or one vector or -1 for each
	Precise bool
}

// NormKind is the formula of a Norm.
type NormKind uint8

// RMS is x/sqrt(mean(x²)+eps), Layer is (x-mean)/sqrt(variance+eps), L2 is
// x/max(sqrt(sum(x²)), eps).
const (
	RMS NormKind = iota
	Layer
	L2
)

func (k NormKind) String() string { return [...]string{"rms", "layer", "l2"}[k] }

// Norm normalises each of Groups equal parts of every row by itself and
// multiplies by W and adds B. If Add is there, X += AddScale*Add comes first
// and is kept in X: the residual. Out may be X.
// Source of RMS: Zhang & Sennrich 2019, arXiv:1910.07467.
type Norm struct {
	Kind     NormKind
	X        Ref
	Add      Ref
	AddScale float32
	Out      Ref
	Groups   int
	W, B     int // -1, or of length X.Cols/Groups (shared by the groups) or X.Cols
	Eps      float32
}

// RopeKind says which columns are rotated together.
type RopeKind uint8

// Norm pairs are neighbours (0,1), (2,3); NeoX pairs are halves (0, n/2).
const (
	RopeNorm RopeKind = iota
	RopeNeoX
)

func (k RopeKind) String() string { return [...]string{"norm", "neox"}[k] }

// RopeView is a register whose heads are rotated: columns From to
// From+2*len(Freq) of each HeadDim columns.
type RopeView struct {
	Ref
	HeadDim, From int
}

// Rope rotates pair i of every head by position*Freq[i], times Scale, in
// place. Every published scaling (linear, NTK, YaRN, llama-3 factors, long
// factors) is a choice of Freq and Scale.
// Source: Su et al. 2021, arXiv:2104.09864.
type Rope struct {
	X     []RopeView
	Kind  RopeKind
	Freq  []float64 // radians per position
	Scale float32   // of the rotated columns; YaRN's magnitude
}

// KVWrite stores K and V of every token at its position in its sequence's
// blocks. V is None for a latent cache, whose values are part of the keys.
type KVWrite struct {
	K, V  Ref
	Cache int
}

// Attention writes, for every head of every token, the mean of the values of
// its sequence's positions <= its own, weighted by
// softmax(cap(Scale * q·k)). Head h reads KV head h*KVHeads/Heads.
//
// With Window > 0 only the last Window positions count. Sinks adds one
// logit a head to the softmax whose value is zero. With Softcap c > 0
// cap(x) = c*tanh(x/c).
type Attention struct {
	Q, Out  Ref // Heads*KDim, Heads*VDim columns
	Cache   int // heads and dims of keys are those of its spec
	Heads   int
	VDim    int // of a latent cache (VDim 0 in its spec): the first VDim columns of a key
	Scale   float32
	Softcap float32
	Window  int
	Sinks   int // -1, or a vector of Heads
}

// Act is an activation function.
type Act uint8

// The activations. GELU is the exact one with erf, GELUTanh its usual
// approximation. ClampedSiLU is gpt-oss': with g = min(gate, Limit) and
// u = clamp(up, ±Limit) it gives g*sigmoid(Alpha*g)*(u+1).
const (
	SiLU Act = iota
	GELU
	GELUTanh
	ReLU
	ReLU2
	ClampedSiLU
)

func (a Act) String() string {
	return [...]string{"silu", "gelu", "gelu_tanh", "relu", "relu2", "clamped_silu"}[a]
}

// Activate writes act(Gate)*Up, or act(Gate) without Up. Out may be either.
// With Limit > 0 and another Act than ClampedSiLU, act's input is clamped to
// at most Limit and Up to ±Limit.
type Activate struct {
	Kind          Act
	Gate, Up, Out Ref
	Limit, Alpha  float32
}

// Add writes X*XScale + Y*YScale, or X*XScale without Y. Out may be either.
type Add struct {
	X, Y, Out      Ref
	XScale, YScale float32
}

// Gate writes X * sigmoid(G). G has a divisor of X.Cols columns: each stands
// for that many neighbours (1 a row, 1 a head, or 1 each). Out may be X.
type Gate struct {
	X, G, Out Ref
}

// Softcap writes Cap*tanh(X/Cap). Out may be X.
type Softcap struct {
	X, Out Ref
	Cap    float32
}

// Copy moves Groups runs of Cols columns: run g is from Src.Off + g*SrcStride
// to Dst.Off + g*DstStride. A SrcStride of 0 repeats one run. The registers
// differ.
type Copy struct {
	Dst, Src             Ref // Cols is the whole span
	Groups               int
	Cols                 int
	SrcStride, DstStride int
}

// Gather writes the rows of X that the batch lists as outputs. Out's register
// has one row an output.
type Gather struct {
	X, Out Ref
}

// Score turns a router's logits into what experts are chosen by.
type Score uint8

// Softmax and Sigmoid score before the choice; SoftmaxChosen chooses by the
// logits and takes the softmax over those chosen.
const (
	Softmax Score = iota
	Sigmoid
	SoftmaxChosen
)

func (s Score) String() string { return [...]string{"softmax", "sigmoid", "softmax_chosen"}[s] }

// Route chooses K experts for every token and their weights, best first,
// ties to the lowest id.
//
// Bias is added to the scores for the choice only. With Groups > 1 the
// experts form equal groups, each worth the sum of its GroupTop best, and
// only those of the TopGroups best groups are eligible; with PerGroup > 0 each
// group gives exactly that many (Pangu's MoGE; K = Groups*PerGroup). With
// Renorm the weights are divided by max(their sum, RenormMin); then they are
// multiplied by Scale and by ExpScale of their expert.
type Route struct {
	Logits    Ref // one column an expert
	Bias      int // -1, or a vector
	ExpScale  int // -1, or a vector: times the weight of a chosen expert
	Idx       Ref // K columns of an int register
	Out       Ref // K columns
	K         int
	Score     Score
	Groups    int
	TopGroups int
	GroupTop  int
	PerGroup  int
	Renorm    bool
	RenormMin float32
	Scale     float32
}

// ExpertMatMul writes, for the k-th chosen expert e of a token,
// Out[i][k] = W[i][e] x + Bias[i][e]. x is X, or its k-th part if X has K
// parts.
type ExpertMatMul struct {
	X    Ref // in columns, or K*in
	Idx  Ref // K columns
	Out  []Ref
	W    []int // [experts, out, in]
	Bias []int // nil, or [experts, out] or -1 for each
	K    int
}

// Combine writes the sum over k of Weight[k] * X's k-th part, k ascending.
type Combine struct {
	X      Ref // K*Out.Cols columns
	Weight Ref // K columns
	Out    Ref
}

// HeadMatMul writes Out's head h = W[h] X's head h. Head h of X begins at
// column h*XStride of the view, of Out at h*OutStride.
type HeadMatMul struct {
	X, Out             Ref
	W                  int // [heads, out, in]
	XStride, OutStride int
}

// Conv writes the causal convolution over time of every column by itself:
// the sum over j of W[c, j] * x[t-Taps+1+j], plus Bias, then SiLU if asked.
// State keeps the last Taps-1 inputs of every sequence.
type Conv struct {
	X, Out Ref
	W      int // [columns, Taps]
	Bias   int
	State  int // [Taps-1, columns] a slot
	Taps   int
	SiLU   bool
}

// DeltaNet runs the gated delta rule over every sequence, token by token. For
// value head h with its state S [KDim, VDim] and key head k:
//
//	S *= exp(A[h]*softplus(Alpha + DtBias))
//	d  = (v - Sᵀk) * sigmoid(Beta)
//	S += k dᵀ
//	out = Sᵀ(q*Scale)
//
// Alpha has one column a value head, or KDim of them (Kimi's KDA: the decay
// is then by rows of S). A is negative. Key head of h is h*KHeads/VHeads, or
// h%KHeads with Tiled.
// Source: Yang et al. 2024, arXiv:2412.06464; for KDA arXiv:2510.26692.
type DeltaNet struct {
	Q, K, V        Ref
	Alpha, Beta    Ref
	Out            Ref
	A, DtBias      int // vectors of VHeads; DtBias of as many as Alpha's columns, or -1
	State          int // [VHeads, KDim, VDim] a slot
	KHeads, VHeads int
	KDim, VDim     int
	Scale          float32
	Tiled          bool
}
