package gateway

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"

	"summit/llm"
	"summit/run"
)

const (
	// soon is within what time a question that comes again is about the answer
	// to the first: a guess.
	soon = 10 * time.Minute
	// maxRemembered is how many questions are remembered, the latest ones.
	maxRemembered = 8192
	// alike is in how many of 64 bits two versions of one question may differ.
	// Unrelated texts differ in 32 on average, with a deviation of 4.
	alike = 20
)

// signals remembers the latest questions, by figures from which they can't be
// read, to see whether one is asked again. It is in memory only.
type signals struct {
	seed maphash.Seed

	mu     sync.Mutex
	whole  map[uint64]*remembered // by the whole conversation
	before map[uint64]*remembered // by all but its last question
	ring   []*remembered
	next   int
}

// remembered is one question that was answered.
type remembered struct {
	run           string
	whole, before uint64 // before is zero where nobody had answered yet
	shape         uint64 // of the last question
	ended         time.Time
}

func newSignals() *signals {
	return &signals{seed: maphash.MakeSeed(), whole: map[uint64]*remembered{}, before: map[uint64]*remembered{}}
}

// signal notes what the request says of an answer: of its own where the client
// left in the middle of it, of an earlier one where it asks again.
func (x *exchange) signal(took time.Duration) {
	s := x.g.signals
	if s == nil || x.call.Request == nil || x.call.Request.Summit.Unlearned {
		return
	}
	note := func(id string, source run.Source) {
		x.g.runs.Note(run.Feedback{Run: id, At: x.start.Add(took), Score: 0, Source: source, KeyID: x.key.ID, Tenant: x.key.Tenant})
	}
	if x.err != nil {
		// Before anything was sent, leaving says nothing of an answer.
		if x.err.Kind == llm.Canceled && x.w.status != 0 && x.r.Context().Err() != nil {
			note(x.runID, run.SourceAbort)
		}
		return
	}
	earlier, source := s.ask(x, x.start.Add(took))
	if earlier != "" {
		note(earlier, source)
	}
}

// ask remembers the request and returns the run that it asks again, if any.
// Only an answer that had ended before counts: who asks twice at once wants
// two answers.
func (s *signals) ask(x *exchange, ended time.Time) (earlier string, source run.Source) {
	q := s.look(x, ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := func(o *remembered) bool {
		return o != nil && !o.ended.After(x.start) && x.start.Sub(o.ended) <= soon
	}
	if o := s.whole[q.whole]; fresh(o) {
		earlier, source = o.run, run.SourceRetry
	} else if o := s.before[q.before]; q.before != 0 && fresh(o) && o.whole != q.whole && bits.OnesCount64(o.shape^q.shape) <= alike {
		earlier, source = o.run, run.SourceEdit
	}
	s.keep(q)
	return earlier, source
}

func (s *signals) keep(q *remembered) {
	if len(s.ring) < maxRemembered {
		s.ring = append(s.ring, q)
	} else {
		old := s.ring[s.next]
		if s.whole[old.whole] == old {
			delete(s.whole, old.whole)
		}
		if s.before[old.before] == old {
			delete(s.before, old.before)
		}
		s.ring[s.next] = q
		s.next = (s.next + 1) % maxRemembered
	}
	s.whole[q.whole] = q
	if q.before != 0 {
		s.before[q.before] = q
	}
}

// look makes the figures of a request.
func (s *signals) look(x *exchange, ended time.Time) *remembered {
	r := x.call.Request
	q := &remembered{run: x.runID, ended: ended}
	last := -1
	answered := false
	for i := range r.Messages {
		switch r.Messages[i].Role {
		case llm.RoleUser:
			last = i
		case llm.RoleAssistant:
			answered = true
		}
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	text := func(t string) {
		maphash.WriteComparable(&h, len(t))
		h.WriteString(t)
	}
	for _, t := range []string{x.key.Tenant, x.key.ID, r.User, x.model} {
		text(t)
	}
	for i := range r.Messages {
		m := &r.Messages[i]
		if i == last && answered && i == len(r.Messages)-1 {
			q.before = h.Sum64() | 1
			q.shape = s.shape(m.Text())
		}
		text(string(m.Role))
		for _, p := range m.Parts {
			text(string(p.Kind))
			text(p.Text)
			if p.Media != nil {
				text(p.Media.URL)
				text(p.Media.FileID)
				h.Write(p.Media.Data)
			}
			if p.Call != nil {
				text(p.Call.Name)
				text(p.Call.Args)
			}
			if p.Result != nil {
				for _, part := range p.Result.Parts {
					text(part.Text)
				}
			}
		}
	}
	q.whole = h.Sum64()
	return q
}

// shape returns 64 bits that are alike for texts that share most of their runs
// of three characters.
// Source: Charikar 2002, Similarity Estimation Techniques from Rounding
// Algorithms (simhash).
func (s *signals) shape(text string) uint64 {
	const most = 4096 // characters that are looked at
	var sums [64]int
	var window [3]rune
	n := 0
	for _, r := range text {
		if n >= most {
			break
		}
		window[0], window[1], window[2] = window[1], window[2], r
		if n++; n < 3 {
			continue
		}
		h := maphash.Comparable(s.seed, window)
		for b := range sums {
			sums[b] += int(h>>b&1)*2 - 1
		}
	}
	var bits uint64
	for b, sum := range sums {
		if sum > 0 {
			bits |= 1 << b
		}
	}
	return bits
}
