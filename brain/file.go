package brain

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// A brain's file is the line magic, a line of JSON (the header), and then, as
// plain bytes: the rarities [buckets], the sketches [examples][dims] as signed
// bytes, the scores, costs and lengths, each [examples][members], and likewise
// the answers' marks, two bytes each, low one first: all keys, all forms. The last
// 32 bytes are the SHA-256 of all before. design.md says what each byte means.
const (
	magic   = "summit-brain\n"
	version = 3
)

// maxFigure bounds the figures of a model, either way: sums of 16 answers stay
// far from the ends of float64.
const maxFigure = 50

// Bounds of a file. The header of the largest brain has about 100 KB.
const (
	MaxFileBytes   = 128 << 20
	maxHeaderBytes = 1 << 20
	maxPoints      = 256
)

// MarshalJSON writes what people can read of a brain: all but the examples.
func (b *Brain) MarshalJSON() ([]byte, error) { return json.Marshal(&b.header) }

// Write writes the brain's file.
func (b *Brain) Write(w io.Writer) error {
	head, err := json.Marshal(&b.header)
	if err != nil {
		return fmt.Errorf("brain: %w", err)
	}
	var file bytes.Buffer
	file.WriteString(magic)
	file.Write(head)
	file.WriteByte('\n')
	file.Write(b.codes)
	for _, s := range b.sketches {
		file.WriteByte(byte(s))
	}
	for _, block := range [][]uint8{b.scores, b.costs, b.lengths} {
		file.Write(block)
	}
	for _, block := range [][]uint16{b.keys, b.forms} {
		for _, v := range block {
			file.Write([]byte{byte(v), byte(v >> 8)})
		}
	}
	sum := sha256.Sum256(file.Bytes())
	file.Write(sum[:])
	if file.Len() > MaxFileBytes {
		return fmt.Errorf("brain: the file has %d bytes, want at most %d", file.Len(), MaxFileBytes)
	}
	if _, err := w.Write(file.Bytes()); err != nil {
		return fmt.Errorf("brain: %w", err)
	}
	return nil
}

// Read reads a brain's file. It never holds more than about twice the input.
func Read(r io.Reader) (*Brain, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("brain: %w", err)
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("brain: more than %d bytes", MaxFileBytes)
	}
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("brain: the file doesn't begin with %q", magic)
	}
	end := bytes.IndexByte(rest[:min(len(rest), maxHeaderBytes)], '\n')
	if end < 0 && len(rest) < maxHeaderBytes {
		return nil, fmt.Errorf("brain: the file ends after %d bytes, within its header", len(data))
	}
	if end < 0 {
		return nil, fmt.Errorf("brain: the header doesn't end within %d bytes", maxHeaderBytes)
	}
	b := &Brain{}
	strict := json.NewDecoder(bytes.NewReader(rest[:end]))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&b.header); err != nil {
		return nil, fmt.Errorf("brain: header: %w", err)
	}
	if err := b.header.valid(); err != nil {
		return nil, fmt.Errorf("brain: header: %w", err)
	}
	rest = rest[end+1:]
	n, m := b.header.Examples, len(b.header.Members)
	if want := buckets + n*dims + 7*n*m + sha256.Size; len(rest) != want {
		return nil, fmt.Errorf("brain: %d bytes after the header, want %d for %d examples of %d members", len(rest), want, n, m)
	}
	body := len(data) - sha256.Size
	if sum := sha256.Sum256(data[:body]); !bytes.Equal(sum[:], data[body:]) {
		return nil, fmt.Errorf("brain: the checksum is wrong: the file is damaged")
	}
	take := func(k int) []byte {
		block := rest[:k:k]
		rest = rest[k:]
		return block
	}
	codes := take(buckets)
	b.store = store{n: n, members: m, sketches: make([]int8, n*dims)}
	for i, c := range take(n * dims) {
		b.sketches[i] = int8(c)
	}
	b.scores, b.costs, b.lengths = take(n*m), take(n*m), take(n*m)
	b.keys, b.forms = pairs(take(2*n*m)), pairs(take(2*n*m))
	b.finish(codes)
	return b, nil
}

// pairs reads numbers of two bytes each.
func pairs(data []byte) []uint16 {
	all := make([]uint16, len(data)/2)
	for i := range all {
		all[i] = uint16(data[2*i]) | uint16(data[2*i+1])<<8
	}
	return all
}

// valid checks a header that came from outside, so that no figure in it leads
// to an index outside, or to a number that isn't one.
func (h *header) valid() error {
	switch n, m := h.Examples, len(h.Members); {
	case h.Version != version:
		return fmt.Errorf("version %d, want %d", h.Version, version)
	case m == 0 || m > MaxMembers:
		return fmt.Errorf("%d members, want 1 to %d", m, MaxMembers)
	case n < 0 || n > MaxExamples:
		return fmt.Errorf("%d examples, want 0 to %d", n, MaxExamples)
	case h.Best < 0 || h.Best >= m:
		return fmt.Errorf("best is member %d, want 0 to %d", h.Best, m-1)
	case len(h.Curve) > maxPoints || len(h.Plans) != len(h.Curve):
		return fmt.Errorf("%d points of the curve for %d plans, want one for each and at most %d", len(h.Curve), len(h.Plans), maxPoints)
	}
	if len(h.Currency) > maxCurrency {
		return fmt.Errorf("currency %.20q, want an ISO code", h.Currency)
	}
	names := map[string]bool{}
	for i := range h.Members {
		m := &h.Members[i]
		if m.Name == "" || len(m.Name) > maxName || len(m.Vendor) > maxName || names[m.Name] {
			return fmt.Errorf("member %d is named %.80q, want a name of its own of at most %d bytes", i, m.Name, maxName)
		}
		names[m.Name] = true
		if m.Asked < 0 || m.Asked > MaxExamples {
			return fmt.Errorf("member %q was asked %d times, want 0 to %d", m.Name, m.Asked, MaxExamples)
		}
	}
	var bad error
	in := func(what string, v, low, high float64) {
		if bad == nil && !(v >= low && v <= high) {
			bad = fmt.Errorf("%s is %v, want %v to %v", what, v, low, high)
		}
	}
	for i := range h.Members {
		m := &h.Members[i]
		in(m.Name+": accuracy", m.Accuracy, 0, 1)
		in(m.Name+": cost_x", m.CostX, 0, 1e9)
		in(m.Name+": length", m.Length, 0, 100)
		in(m.Name+": spread", m.Spread, 0, 100)
		in(m.Name+": bonus", m.Bonus, -maxFigure, maxFigure)
	}
	in("unit", h.Unit, math.SmallestNonzeroFloat64, 1e12)
	in("shape: power", h.Shape.Power, 0, 100)
	in("shape: prior", h.Shape.Prior, 1e-3, 1e3)
	for _, v := range []float64{h.Solo.Base, h.Solo.Overall, h.Solo.Common, h.Solo.Special} {
		in("solo: a figure", v, -maxFigure, maxFigure)
	}
	for _, f := range h.Model.figures() {
		in("model: "+f.name, *f.at, -maxFigure, maxFigure)
	}
	h.Ahead.each(in)
	in("alone: slope", h.Alone.Slope, 0, 10)
	in("alone: shift", h.Alone.Shift, -10, 10)
	for i := range h.Plans {
		p := &h.Plans[i]
		in("plan: price", p.Price, 0, 1e9)
		in("plan: keen", p.Keen, 0, 100)
		in("plan: trust: slope", p.Trust.Slope, 0, 10)
		in("plan: trust: shift", p.Trust.Shift, -10, 10)
		in("plan: steps", float64(len(p.Steps)), 1, maxSteps)
		for _, s := range p.Steps {
			in("plan: step: member", float64(s.Member), -1, float64(len(h.Members)-1))
			in("plan: step: pick", s.Pick, 0, 1e9)
		}
	}
	for _, p := range h.Curve {
		in("curve: price", p.Price, 0, 1e9)
		in("curve: cost_x", p.CostX, 0, 1e9)
		in("curve: accuracy", p.Accuracy, 0, 1)
		in("curve: calls", p.Calls, 0, MaxMembers)
		in("curve: gain", p.Gain, -1, 1)
		in("curve: err", p.Err, 0, 1)
	}
	return bad
}
