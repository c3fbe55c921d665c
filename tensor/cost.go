package tensor

// Cost is what a step moves and computes.
type Cost struct {
	WeightBytes int64 // weights read, as stored
	CacheBytes  int64 // KV cache and state read and written
	MoveBytes   int64 // registers read and written
	MACs        int64 // multiply-adds of matrices, attention and recurrences
}

// Plus adds two costs.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.WeightBytes + d.WeightBytes, c.CacheBytes + d.CacheBytes, c.MoveBytes + d.MoveBytes, c.MACs + d.MACs}
}

// Bytes is all that is moved.
func (c Cost) Bytes() int64 { return c.WeightBytes + c.CacheBytes + c.MoveBytes }

// Workload is the batch that a cost is for: Seqs sequences, each with Tokens new
// tokens after Context earlier ones, of which Outputs rows are wanted.
type Workload struct {
	Seqs, Tokens, Context, Outputs int
}

// StepCost returns what one step of the program costs. Experts are counted as
// if tokens chose evenly and independently: with k of n chosen, t tokens touch
// n(1-(1-k/n)^t) of them.
func (p *Program) StepCost(s Instr, l Workload) Cost {
	rows := int64(l.Seqs) * int64(l.Tokens)
	o := s.Operands()
	if len(o.Writes) > 0 && p.Regs[o.Writes[0].Reg].Output {
		rows = int64(l.Outputs)
	}
	var c Cost
	for _, r := range append(append([]Ref(nil), o.Reads...), o.Writes...) {
		c.MoveBytes += rows * int64(r.Cols) * 4
	}
	for _, w := range o.Weights {
		if p.Weights[w].Use == Vector {
			c.WeightBytes += p.Weights[w].Bytes()
		}
	}
	switch i := s.(type) {
	case *Embed:
		w := p.Weights[i.W]
		c.WeightBytes += rows * int64(len(w.Parts[0].Data)/w.Rows())
	case *MatMul:
		for _, id := range i.W {
			w := p.Weights[id]
			c.WeightBytes += w.Bytes()
			c.MACs += rows * int64(w.Rows()) * int64(w.Cols())
		}
	case *ExpertMatMul:
		for _, id := range i.W {
			w := p.Weights[id]
			n := len(w.Parts)
			idle := 1.0
			for range min(rows, 1<<12) {
				idle *= 1 - float64(i.K)/float64(n)
			}
			c.WeightBytes += int64(float64(w.Bytes()) * (1 - idle))
			c.MACs += rows * int64(i.K) * int64(w.Rows()) * int64(w.Cols())
		}
	case *HeadMatMul:
		w := p.Weights[i.W]
		c.WeightBytes += w.Bytes()
		c.MACs += rows * int64(len(w.Parts)) * int64(w.Rows()) * int64(w.Cols())
	case *KVWrite:
		b := p.Buffers[i.Cache]
		if n, err := b.ItemBytes(); err == nil {
			c.CacheBytes += rows * n / int64(b.BlockTokens)
		}
	case *Attention:
		b := p.Buffers[i.Cache]
		vdim := b.VDim
		if vdim == 0 {
			vdim = i.VDim
		}
		// A query at position p sees p+1 positions, or the window.
		var seen, last int64
		for t := range l.Tokens {
			n := int64(l.Context + t + 1)
			if i.Window > 0 {
				n = min(n, int64(i.Window))
			}
			seen += n
			last = n
		}
		c.MACs += int64(l.Seqs) * seen * int64(i.Heads) * int64(b.KDim+vdim)
		if n, err := b.ItemBytes(); err == nil {
			c.CacheBytes += int64(l.Seqs) * last * n / int64(b.BlockTokens)
		}
	case *Conv:
		c.MACs += rows * int64(i.X.Cols) * int64(i.Taps)
		c.CacheBytes += 2 * int64(l.Seqs) * int64(p.Buffers[i.State].Cols) * 4
	case *DeltaNet:
		c.MACs += 3 * rows * int64(i.VHeads) * int64(i.KDim) * int64(i.VDim)
		c.CacheBytes += 2 * int64(l.Seqs) * int64(p.Buffers[i.State].Cols) * 4
	}
	return c
}

// Cost adds up all steps.
func (p *Program) Cost(l Workload) Cost {
	var c Cost
	for _, s := range p.Steps {
		c = c.Plus(p.StepCost(s, l))
	}
	return c
}
