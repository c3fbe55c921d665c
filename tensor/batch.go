package tensor

import (
	"fmt"
	"math"
)

// Batch is what one run works on: rows of tokens of one or several sequences.
type Batch struct {
	IDs     []int32 // token of each row
	Seqs    []Seq   // in the order of their rows, which they cover without gaps
	Outputs []int32 // rows whose outputs are wanted, ascending
}

// Seq is the part of a batch that belongs to one sequence: rows [Row, Row+N)
// hold its positions [Pos, Pos+N).
type Seq struct {
	Row, N, Pos int
	Blocks      []int32 // its blocks in every KV cache; position p is in block p/BlockTokens
	Slot        int32   // its slot in every state; a sequence at Pos 0 begins with a state of zeros
}

// Limits are the largest batch that an Executable takes.
type Limits struct {
	Tokens, Outputs, Seqs int
}

// CheckBatch reports ids, rows, blocks and slots that do not fit. Backends
// call it before they touch memory. It allocates nothing unless it fails.
func CheckBatch(p *Program, lim Limits, b *Batch) error {
	n := len(b.IDs)
	if n == 0 || n > lim.Tokens || len(b.Outputs) > lim.Outputs || len(b.Seqs) > lim.Seqs {
		return fmt.Errorf("tensor: batch: %d tokens, %d outputs, %d sequences, want at most %d, %d, %d", n, len(b.Outputs), len(b.Seqs), lim.Tokens, lim.Outputs, lim.Seqs)
	}
	for i, row := range b.Outputs {
		if row < 0 || int(row) >= n || i > 0 && row <= b.Outputs[i-1] {
			return fmt.Errorf("tensor: batch: output %d is row %d of %d, want ascending rows", i, row, n)
		}
	}
	row := 0
	for i := range b.Seqs {
		s := &b.Seqs[i]
		if s.Row != row || s.N <= 0 || s.N > n-row || s.Pos < 0 || s.Pos > math.MaxInt32-s.N {
			return fmt.Errorf("tensor: batch: sequence %d: rows %d+%d at position %d, want them from row %d of %d", i, s.Row, s.N, s.Pos, row, n)
		}
		row += s.N
		for k := range p.Buffers {
			spec := &p.Buffers[k]
			if !spec.Cache() {
				if s.Slot < 0 || int(s.Slot) >= spec.Items {
					return fmt.Errorf("tensor: batch: sequence %d: slot %d of %d", i, s.Slot, spec.Items)
				}
				continue
			}
			need := (s.Pos + s.N + spec.BlockTokens - 1) / spec.BlockTokens
			if len(s.Blocks) < need {
				return fmt.Errorf("tensor: batch: sequence %d: %d blocks for %d positions, want %d", i, len(s.Blocks), s.Pos+s.N, need)
			}
			for _, id := range s.Blocks[:need] {
				if id < 0 || int(id) >= spec.Items {
					return fmt.Errorf("tensor: batch: sequence %d: block %d of %d", i, id, spec.Items)
				}
			}
		}
	}
	if row != n {
		return fmt.Errorf("tensor: batch: sequences cover %d rows of %d", row, n)
	}
	for _, s := range p.Steps {
		e, ok := s.(*Embed)
		if !ok {
			continue
		}
		rows := p.Weights[e.W].Rows()
		for i, id := range b.IDs {
			if id < 0 || int(id) >= rows {
				return fmt.Errorf("tensor: batch: row %d: token %d, want 0 to %d", i, id, rows-1)
			}
		}
	}
	return nil
}
