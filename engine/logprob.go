package engine

import "math"

// Explain tells the last choice's log-probability by the model's own logits, and the likeliest tokens, best first. The
// list is the caller's to keep.
func (s *Sampler) Explain() (float32, []Logprob) { return s.logprob, s.top }

// explain computes what Explain tells.
func (s *Sampler) explain(id int) {
	top := math.Inf(-1)
	for _, v := range s.raw {
		if float64(v) > top {
			top = float64(v)
		}
	}
	sum := 0.0
	for _, v := range s.raw {
		if v == v {
			sum += math.Exp(float64(v) - top)
		}
	}
	all := top + math.Log(sum)
	s.logprob = float32(float64(s.raw[id]) - all)
	n := min(s.set.TopLogprobs, s.vocab)
	if s.top = nil; n == 0 {
		return
	}
	if len(s.arena) < n {
		s.arena = make([]Logprob, 64*n)
	}
	list := s.arena[:0:n]
	s.arena = s.arena[n:]
	for i, v := range s.raw {
		if v != v || len(list) == n && v <= list[n-1].Logprob {
			continue
		}
		if len(list) < n {
			list = append(list, Logprob{})
		}
		at := len(list) - 1
		for at > 0 && list[at-1].Logprob < v {
			list[at] = list[at-1]
			at--
		}
		list[at] = Logprob{i, v}
	}
	for i := range list {
		list[i].Logprob = float32(float64(list[i].Logprob) - all)
	}
	s.top = list
}
