package tensor

// Trainer is a backend's optional tier for learning: the operations of dense
// decoders, forward and backward, on float32 in host memory. Ask for it by
// type assertion.
//
// Work is done in lanes. Lanes may be used at once, each by one goroutine; what
// a lane computes depends on its arguments alone, bit for bit, not on other
// lanes or on how many there are.
type Trainer interface {
	Backend
	// Lane returns a new lane.
	Lane() Lane
}

// Rows is a view of n rows of Cols numbers that begin Stride apart.
type Rows struct {
	Data         []float32
	N            int
	Cols, Stride int
}

// RowsOf views whole rows of cols numbers.
func RowsOf(data []float32, cols int) Rows {
	return Rows{Data: data, N: len(data) / max(1, cols), Cols: cols, Stride: cols}
}

// Row returns row i.
func (r Rows) Row(i int) []float32 { return r.Data[i*r.Stride : i*r.Stride+r.Cols] }

// Slice views columns lo to lo+n of every row.
func (r Rows) Slice(lo, n int) Rows {
	if r.N == 0 {
		return Rows{Cols: n, Stride: r.Stride}
	}
	return Rows{Data: r.Data[lo : (r.N-1)*r.Stride+lo+n], N: r.N, Cols: n, Stride: r.Stride}
}

// Part views rows lo to hi.
func (r Rows) Part(lo, hi int) Rows {
	if lo == hi {
		return Rows{Cols: r.Cols, Stride: r.Stride}
	}
	return Rows{Data: r.Data[lo*r.Stride : (hi-1)*r.Stride+r.Cols], N: hi - lo, Cols: r.Cols, Stride: r.Stride}
}

// Packed is a matrix [rows, cols] in the forms that a lane multiplies with. It
// is only read by the products, so lanes may share it.
type Packed Resource

// Span is rows From to To of a batch that belong to one document: attention
// stays within it.
type Span struct{ From, To int }

// Turn is a rotary embedding of the first 2*Pairs numbers of each head. Cos
// and Sin have Pairs numbers a position.
type Turn struct {
	Kind     RopeKind
	Pairs    int
	Cos, Sin []float32
}

// Heads is the shape of grouped-query attention.
type Heads struct {
	Heads, KVHeads, KeyDim, ValueDim int
	Scale                            float32
	Window                           int // 0 = all earlier rows of the span; w = the last w, the row's own included
}

// Lane is the operations. Methods panic on sizes that do not fit: their caller
// owns all of them. Names of arguments: d before a name is the loss's gradient
// by it; what "adds" expects its target set, what "sets" does not.
type Lane interface {
	// Pack packs w [rows, cols] into old, if it has that size, or anew.
	Pack(old Packed, w []float32, rows, cols int) Packed
	// MatMul sets y [n, rows] to x [n, cols] times the transposed matrix, or
	// adds it.
	MatMul(y, x Rows, w Packed, add bool)
	// MatMulBack sets dx [n, cols] to dy [n, rows] times the matrix, or adds it.
	MatMulBack(dx, dy Rows, w Packed, add bool)
	// MatMulWeights adds dy[i]ᵀ x to dw[i] [rows, cols] for each i.
	MatMulWeights(dw [][]float32, dy []Rows, x Rows)
	// AddBias adds b to every row of y; BiasBack adds the sum of dy's rows to db.
	AddBias(y Rows, b []float32)
	BiasBack(db []float32, dy Rows)

	// RMSNorm sets y to x norm(x) w, each of the groups of a row by itself; w is of
	// one group. scale keeps each group's factor, [n*groups].
	// Source: Zhang & Sennrich 2019, arXiv:1910.07467.
	RMSNorm(y, x Rows, groups int, w []float32, eps float32, scale []float32)
	// RMSNormBack adds to dx and dw.
	RMSNormBack(dx Rows, dw []float32, dy, x Rows, groups int, w, scale []float32)

	// Rope turns the heads of x in place by the positions, or back.
	Rope(x Rows, headDim int, t *Turn, at []int32, back bool)

	// Attention sets out to softmax(Scale q k) v, causal within each span. lse
	// keeps the logarithm of each row's sum of exponentials, [n*Heads].
	Attention(out, q, k, v Rows, h Heads, spans []Span, lse []float32)
	// AttentionBack sets dq, dk and dv.
	AttentionBack(dq, dk, dv, dout, out, q, k, v Rows, h Heads, spans []Span, lse []float32)

	// Activate sets y to act(gate)*up; ActivateBack sets dgate and dup, which may
	// be gate's and up's memory. Kinds: SiLU and GELU.
	Activate(y, gate, up Rows, kind Act)
	ActivateBack(dgate, dup, dy, gate, up Rows, kind Act)

	// Gate multiplies x [n, heads*width] by sigmoid(g), g [n, heads] or of x's
	// width, and sets y. GateBack sets dx and dg.
	Gate(y, x, g Rows)
	GateBack(dx, dg, dy, x, g Rows)

	// CrossEntropy turns logits into their gradient, softmax minus one at the
	// target, times weight, row by row. It returns the sum of weighted losses in
	// nats, and how many targets were the likeliest.
	CrossEntropy(logits Rows, target []int32, weight []float32) (loss float64, right int)

	// Add adds src*factor to dst.
	Add(dst, src []float32, factor float32)
	// SumSquares is the sum of x², of lanes first, then in a tree.
	SumSquares(x []float32) float32
	// AdamW does one step on parameters w with moments m and v.
	AdamW(w, m, v, gradient []float32, p AdamW)
}

// AdamW is the numbers of one step of the optimiser.
//
//	g = gradient*Scale; m = Beta1*m + (1-Beta1)*g; v = Beta2*v + (1-Beta2)*g²
//	w -= Rate*(m/(1-Beta1^Step) / (sqrt(v/(1-Beta2^Step)) + Epsilon) + Decay*w)
//
// Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
type AdamW struct {
	Step                                      int // from 1
	Scale, Rate, Beta1, Beta2, Epsilon, Decay float64
}
