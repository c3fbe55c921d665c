package tensor

import "fmt"

// checker collects what is wrong with one step.
type checker struct {
	p     *Program
	where string
	errs  []error
}

func (c *checker) want(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("tensor: "+c.where+": "+format, args...))
	}
}

func (c *checker) ref(r Ref) {
	if r.Reg >= len(c.p.Regs) {
		c.want(false, "register %d of %d", r.Reg, len(c.p.Regs))
		return
	}
	reg := c.p.Regs[r.Reg]
	c.want(r.Off >= 0 && r.Cols > 0 && r.Off <= reg.Cols-r.Cols, "columns %d to %d of register %q of %d", r.Off, r.Off+r.Cols, reg.Name, reg.Cols)
}

// there reports operands that must not be None and rows that differ in kind.
func (c *checker) there(refs ...Ref) bool {
	for _, r := range refs {
		if !r.Ok() {
			c.want(false, "an operand is missing")
			return false
		}
	}
	for _, r := range refs {
		a, b := c.p.Regs[refs[0].Reg], c.p.Regs[r.Reg]
		c.want(a.Output == b.Output, "registers %q and %q have rows of different kinds", a.Name, b.Name)
	}
	return true
}

func (c *checker) cols(r Ref, n int) {
	if r.Ok() {
		c.want(r.Cols == n, "register %q: %d columns, want %d", c.p.Regs[r.Reg].Name, r.Cols, n)
	}
}

func (c *checker) floats(refs ...Ref) {
	for _, r := range refs {
		c.want(!r.Ok() || !c.p.Regs[r.Reg].Int, "an int register among the numbers")
	}
}

// weight checks shape and use; rows < 0 is any number of rows.
func (c *checker) weight(w, rows, cols int, use Use, parts int) {
	if w < 0 {
		c.want(false, "a weight is missing")
		return
	}
	s := c.p.Weights[w]
	c.want((rows < 0 || s.Rows() == rows) && s.Cols() == cols, "weight %q: [%d, %d], want [%d, %d]", s.Name, s.Rows(), s.Cols(), rows, cols)
	c.want(s.Use == use, "weight %q: loaded as %s, want %s", s.Name, s.Use, use)
	c.want(parts <= 0 || len(s.Parts) == parts, "weight %q: %d parts, want %d", s.Name, len(s.Parts), parts)
}

// vector checks a weight of few numbers, whatever its shape; -1 is fine.
func (c *checker) vector(w int, lens ...int) {
	if w < 0 {
		return
	}
	s := c.p.Weights[w]
	n := s.Parts[0].Elements()
	ok := false
	for _, l := range lens {
		ok = ok || n == l
	}
	c.want(ok && s.Use == Vector, "weight %q: %s of %d numbers, want a vector of %v", s.Name, s.Use, n, lens)
}

func (c *checker) list(bias []int, n int) {
	c.want(bias == nil || len(bias) == n, "%d biases for %d matrices", len(bias), n)
}

func (c *checker) buffer(b int, cache bool) (BufferSpec, bool) {
	if b < 0 {
		c.want(false, "a buffer is missing")
		return BufferSpec{}, false
	}
	s := c.p.Buffers[b]
	c.want(s.Cache() == cache, "buffer %q is of the other kind", s.Name)
	return s, s.Cache() == cache
}

func (i *Embed) check(c *checker) {
	if c.there(i.Out) {
		c.weight(i.W, -1, i.Out.Cols, Table, 1)
		c.floats(i.Out)
		c.want(!c.p.Regs[i.Out.Reg].Output, "writes a register of outputs")
	}
}

func (i *MatMul) check(c *checker) {
	c.want(len(i.Out) == len(i.W) && len(i.W) > 0, "%d outputs of %d matrices", len(i.Out), len(i.W))
	c.list(i.Bias, len(i.W))
	if len(c.errs) > 0 || !c.there(append([]Ref{i.X}, i.Out...)...) {
		return
	}
	c.floats(append([]Ref{i.X}, i.Out...)...)
	for k, w := range i.W {
		c.weight(w, i.Out[k].Cols, i.X.Cols, Matrix, 1)
		c.want(i.Out[k].Reg != i.X.Reg, "reads and writes one register")
		if i.Bias != nil {
			c.vector(i.Bias[k], i.Out[k].Cols)
		}
	}
}

func (i *Norm) check(c *checker) {
	if !c.there(i.X, i.Out) {
		return
	}
	if i.Add.Ok() {
		c.there(i.X, i.Add)
	}
	c.floats(i.X, i.Add, i.Out)
	c.cols(i.Out, i.X.Cols)
	c.cols(i.Add, i.X.Cols)
	if i.Groups <= 0 || i.X.Cols%i.Groups != 0 {
		c.want(false, "%d groups of %d columns", i.Groups, i.X.Cols)
		return
	}
	c.want(i.Kind <= L2, "norm kind %d", i.Kind)
	c.vector(i.W, i.X.Cols/i.Groups, i.X.Cols)
	c.vector(i.B, i.X.Cols/i.Groups, i.X.Cols)
}

func (i *Rope) check(c *checker) {
	c.want(len(i.Freq) > 0, "no frequencies")
	for _, x := range i.X {
		if !c.there(x.Ref) {
			return
		}
		c.floats(x.Ref)
		c.want(x.HeadDim > 0 && x.Cols%max(1, x.HeadDim) == 0, "heads of %d in %d columns", x.HeadDim, x.Cols)
		end := x.From + 2*len(i.Freq)
		c.want(x.From >= 0 && end <= x.HeadDim, "columns %d to %d of a head of %d", x.From, end, x.HeadDim)
		c.want(!c.p.Regs[x.Reg].Output, "rotates a register of outputs")
	}
}

func (i *KVWrite) check(c *checker) {
	s, ok := c.buffer(i.Cache, true)
	if !ok || !c.there(i.K) {
		return
	}
	c.floats(i.K, i.V)
	c.cols(i.K, s.Heads*s.KDim)
	c.want(i.V.Ok() == (s.VDim > 0), "values are given: %v, want %v", i.V.Ok(), s.VDim > 0)
	c.cols(i.V, s.Heads*s.VDim)
}

func (i *Attention) check(c *checker) {
	s, ok := c.buffer(i.Cache, true)
	if !ok || !c.there(i.Q, i.Out) {
		return
	}
	c.floats(i.Q, i.Out)
	vdim := s.VDim
	if vdim == 0 {
		vdim = i.VDim
		c.want(vdim > 0 && vdim <= s.KDim, "values of %d in keys of %d", vdim, s.KDim)
	}
	c.want(i.Heads > 0 && s.Heads > 0 && i.Heads%max(1, s.Heads) == 0, "%d heads on %d KV heads", i.Heads, s.Heads)
	c.cols(i.Q, i.Heads*s.KDim)
	c.cols(i.Out, i.Heads*vdim)
	c.want(i.Window >= 0, "window %d", i.Window)
	c.vector(i.Sinks, i.Heads)
	c.want(i.Q.Reg != i.Out.Reg, "reads and writes one register")
}

func (i *Activate) check(c *checker) {
	if !c.there(i.Gate, i.Out) {
		return
	}
	if i.Up.Ok() {
		c.there(i.Gate, i.Up)
	}
	c.want(i.Kind <= ClampedSiLU, "activation %d", i.Kind)
	c.want(i.Kind != ClampedSiLU || i.Up.Ok(), "%s without up", i.Kind)
	c.floats(i.Gate, i.Up, i.Out)
	c.cols(i.Up, i.Gate.Cols)
	c.cols(i.Out, i.Gate.Cols)
}

func (i *Add) check(c *checker) {
	if !c.there(i.X, i.Out) {
		return
	}
	if i.Y.Ok() {
		c.there(i.X, i.Y)
	}
	c.floats(i.X, i.Y, i.Out)
	c.cols(i.Y, i.X.Cols)
	c.cols(i.Out, i.X.Cols)
}

func (i *Gate) check(c *checker) {
	if !c.there(i.X, i.G, i.Out) {
		return
	}
	c.floats(i.X, i.G, i.Out)
	c.cols(i.Out, i.X.Cols)
	c.want(i.X.Cols%i.G.Cols == 0, "%d gates for %d columns", i.G.Cols, i.X.Cols)
}

func (i *Softcap) check(c *checker) {
	if c.there(i.X, i.Out) {
		c.floats(i.X, i.Out)
		c.cols(i.Out, i.X.Cols)
		c.want(i.Cap > 0, "cap %v", i.Cap)
	}
}

func (i *Copy) check(c *checker) {
	if !c.there(i.Dst, i.Src) {
		return
	}
	c.floats(i.Dst, i.Src)
	c.want(i.Dst.Reg != i.Src.Reg, "reads and writes one register")
	c.want(i.Groups > 0 && i.Cols > 0 && i.SrcStride >= 0 && i.DstStride >= i.Cols, "%d runs of %d columns, strides %d and %d", i.Groups, i.Cols, i.SrcStride, i.DstStride)
	c.want((i.Groups-1)*i.SrcStride+i.Cols <= i.Src.Cols && (i.Groups-1)*i.DstStride+i.Cols <= i.Dst.Cols, "runs leave their registers")
}

func (i *Gather) check(c *checker) {
	if !i.X.Ok() || !i.Out.Ok() {
		c.want(false, "an operand is missing")
		return
	}
	c.floats(i.X, i.Out)
	c.cols(i.Out, i.X.Cols)
	c.want(!c.p.Regs[i.X.Reg].Output && c.p.Regs[i.Out.Reg].Output, "gathers from tokens to outputs only")
}

func (i *Route) check(c *checker) {
	if !c.there(i.Logits, i.Idx, i.Out) {
		return
	}
	n := i.Logits.Cols
	c.floats(i.Logits, i.Out)
	c.want(c.p.Regs[i.Idx.Reg].Int, "ids go to an int register")
	c.want(i.K > 0 && i.K <= n, "%d of %d experts", i.K, n)
	c.cols(i.Idx, i.K)
	c.cols(i.Out, i.K)
	c.vector(i.Bias, n)
	c.vector(i.ExpScale, n)
	c.want(i.Score <= SoftmaxChosen, "score %d", i.Score)
	if i.Groups <= 1 {
		return
	}
	c.want(n%i.Groups == 0, "%d groups of %d experts", i.Groups, n)
	size := n / i.Groups
	if i.PerGroup > 0 {
		c.want(i.PerGroup <= size && i.PerGroup*i.Groups == i.K, "%d experts from each of %d groups, want %d", i.PerGroup, i.Groups, i.K)
		return
	}
	c.want(i.TopGroups > 0 && i.TopGroups <= i.Groups && i.GroupTop > 0 && i.GroupTop <= size, "%d of %d groups by their best %d of %d", i.TopGroups, i.Groups, i.GroupTop, size)
	c.want(i.TopGroups*size >= i.K, "%d experts from %d groups of %d", i.K, i.TopGroups, size)
}

func (i *ExpertMatMul) check(c *checker) {
	c.want(len(i.Out) == len(i.W) && len(i.W) > 0, "%d outputs of %d stacks", len(i.Out), len(i.W))
	c.list(i.Bias, len(i.W))
	if len(c.errs) > 0 || !c.there(append([]Ref{i.X, i.Idx}, i.Out...)...) {
		return
	}
	c.floats(append([]Ref{i.X}, i.Out...)...)
	c.want(c.p.Regs[i.Idx.Reg].Int, "ids come from an int register")
	c.cols(i.Idx, i.K)
	for k, w := range i.W {
		if w < 0 {
			c.want(false, "a weight is missing")
			return
		}
		s := c.p.Weights[w]
		c.cols(i.Out[k], s.Rows()*i.K)
		c.want(i.X.Cols == s.Cols() || i.X.Cols == s.Cols()*i.K, "weight %q: %d columns for %d", s.Name, s.Cols(), i.X.Cols)
		c.want(s.Use == Stack && len(s.Parts) == len(c.p.Weights[i.W[0]].Parts), "weight %q: a %s of %d parts", s.Name, s.Use, len(s.Parts))
		c.want(i.Out[k].Reg != i.X.Reg, "reads and writes one register")
		if i.Bias != nil {
			c.vector(i.Bias[k], s.Rows()*len(s.Parts))
		}
	}
}

func (i *Combine) check(c *checker) {
	if !c.there(i.X, i.Weight, i.Out) {
		return
	}
	c.floats(i.X, i.Weight, i.Out)
	c.cols(i.X, i.Weight.Cols*i.Out.Cols)
	c.want(i.Out.Reg != i.X.Reg, "reads and writes one register")
}

func (i *HeadMatMul) check(c *checker) {
	if !c.there(i.X, i.Out) || i.W < 0 {
		c.want(i.W >= 0, "a weight is missing")
		return
	}
	c.floats(i.X, i.Out)
	s := c.p.Weights[i.W]
	n := len(s.Parts)
	c.want(s.Use == Stack, "weight %q: loaded as %s, want %s", s.Name, s.Use, Stack)
	c.want(i.XStride >= s.Cols() && (n-1)*i.XStride+s.Cols() <= i.X.Cols, "%d heads every %d columns of %d", n, i.XStride, i.X.Cols)
	c.want(i.OutStride >= s.Rows() && (n-1)*i.OutStride+s.Rows() <= i.Out.Cols, "%d heads every %d columns of %d", n, i.OutStride, i.Out.Cols)
	c.want(i.Out.Reg != i.X.Reg, "reads and writes one register")
}

func (i *Conv) check(c *checker) {
	s, ok := c.buffer(i.State, false)
	if !ok || !c.there(i.X, i.Out) {
		return
	}
	c.floats(i.X, i.Out)
	c.cols(i.Out, i.X.Cols)
	c.want(i.Taps > 1, "%d taps, want 2 or more", i.Taps)
	c.vector(i.W, i.X.Cols*i.Taps)
	c.vector(i.Bias, i.X.Cols)
	c.want(i.W >= 0, "a weight is missing")
	c.want(s.Cols == (i.Taps-1)*i.X.Cols, "state of %d, want %d", s.Cols, (i.Taps-1)*i.X.Cols)
	c.want(i.X.Reg != i.Out.Reg, "reads and writes one register")
}

func (i *DeltaNet) check(c *checker) {
	s, ok := c.buffer(i.State, false)
	if !ok || !c.there(i.Q, i.K, i.V, i.Alpha, i.Beta, i.Out) {
		return
	}
	c.floats(i.Q, i.K, i.V, i.Alpha, i.Beta, i.Out)
	c.want(i.KHeads > 0 && i.VHeads > 0 && i.VHeads%max(1, i.KHeads) == 0, "%d value heads on %d key heads", i.VHeads, i.KHeads)
	c.cols(i.Q, i.KHeads*i.KDim)
	c.cols(i.K, i.KHeads*i.KDim)
	c.cols(i.V, i.VHeads*i.VDim)
	c.cols(i.Out, i.VHeads*i.VDim)
	c.cols(i.Beta, i.VHeads)
	c.want(i.Alpha.Cols == i.VHeads || i.Alpha.Cols == i.VHeads*i.KDim, "decay of %d columns, want %d or %d", i.Alpha.Cols, i.VHeads, i.VHeads*i.KDim)
	c.want(i.A >= 0, "a weight is missing")
	c.vector(i.A, i.VHeads)
	c.vector(i.DtBias, i.Alpha.Cols)
	c.want(s.Cols == i.VHeads*i.KDim*i.VDim, "state of %d, want %d", s.Cols, i.VHeads*i.KDim*i.VDim)
	c.want(i.Out.Reg != i.V.Reg, "reads and writes one register")
}
