package fusion

import (
	"context"
	"errors"
	"math"

	"summit/llm"
)

// voice is one member's part in an answer that is fused token by token. It
// tells what it expects next, symbol by symbol, and is told what came. Symbols
// are tokens where all voices share a vocabulary, else bytes and bytesEnd.
type voice interface {
	// expect returns the probabilities of the next symbol. They sum to 1, or
	// to less where the member doesn't tell all; it has no say in the rest.
	expect(ctx context.Context) (*expectation, error)
	// take tells what came. It is not the end.
	take(symbol int)
	// ahead is the probability of several symbols, as far as it can be told
	// without computing.
	ahead(symbols []byte) float64
	// length is how many tokens the answer has, cut as the member would.
	length() int
	// used is how many tokens of prompt and answer the member has computed.
	used() (input, output int)
	close()
}

// expectation is a distribution over symbols as the member has it, and as a
// sampler with the request's settings narrowed it.
type expectation struct {
	plain  []float64
	shaped []float64 // plain itself where nothing was narrowed
}

// bytesEnd is the symbol after the 256 bytes: the answer ends.
const (
	bytesEnd = 256
	byteSize = bytesEnd + 1
)

// Bounds of the ways in which one member's tokens can spell the text so far.
const (
	maxPaths  = 4
	leastPath = 0.01 // of the probability of all: rarer ways are given up
	keenPaths = 12   // the same where text is only measured
	keenPath  = 0.0005
)

// byteVoice tells a model's next byte. It follows the ways in which the
// model's tokens can spell the text so far: most of the time one token is in
// the middle of being spelled, and its bytes so far say which tokens it can
// be. Where a token may be over or go on, both ways are followed, each with
// its probability, so that the bytes' probabilities are those of the tokens,
// up to the ways that were given up as too rare.
type byteVoice struct {
	session llm.Session
	lex     *lexicon
	filter  *filter
	base    int   // tokens of the prompt
	at      []int // tokens after it that the session holds
	paths   []path
	text    []byte
	root    *row    // after the prompt
	rootCut *row    // the same, narrowed; nil = root
	wide    int     // most paths
	least   float64 // lightest path
	spent   int     // tokens of the answer computed, those that were taken back included
	lost    bool    // no path spells the text
	out     expectation
}

// path is one way to spell the text: whole tokens, and a token that is begun.
type path struct {
	ids    []int
	row    *row // after ids; nil = not looked at yet
	cut    *row // the same, narrowed; nil = row
	span   span // the tokens that the begun one can be
	end    bool // no token is begun: the answer may end here
	weight float64
}

func newByteVoice(s llm.Session, lex *lexicon, f *filter, keen bool) (*byteVoice, error) {
	v := &byteVoice{session: s, lex: lex, filter: f, base: s.Len(), wide: maxPaths, least: leastPath}
	if keen {
		v.wide, v.least = keenPaths, keenPath
	}
	logits := s.Logits()
	if logits == nil {
		return nil, errors.New("the session has no logits after the prompt")
	}
	v.root = lex.row(logits, nil)
	v.rootCut = v.narrowed(logits)
	v.begin()
	return v, nil
}

// begin makes the paths of no text at all. Some vocabularies put a space
// before the first word that is no part of the text: both ways are followed.
func (v *byteVoice) begin() {
	all := v.lex.all()
	space := v.lex.sub(all, ' ')
	root := path{row: v.root, cut: v.rootCut, span: all, weight: 1}
	v.paths = v.advance(v.paths[:0], root, ' ')
	root.span, root.end = span{0, space.lo, 0}, true
	v.paths = append(v.paths, root)
	root.span, root.end = span{space.hi, all.hi, 0}, false
	v.paths = append(v.paths, root)
	v.prune()
}

// narrowed returns what the sampler leaves of a row; nil = all of it.
func (v *byteVoice) narrowed(logits []float32) *row {
	if v.filter == nil || v.filter.temperature == 0 {
		return nil
	}
	return v.lex.row(logits, v.filter)
}

// mass is the probability of the path and all that it can become.
func (p *path) mass() float64 {
	if p.row == nil {
		return p.weight
	}
	m := p.row.mass(p.span.lo, p.span.hi)
	if p.end {
		m += p.row.end
	}
	return p.weight * m
}

// advance adds to list what becomes of a path when c comes.
func (v *byteVoice) advance(list []path, p path, c byte) []path {
	s := v.lex.sub(p.span, c)
	if s.lo == s.hi {
		return list
	}
	over := v.lex.exact(s)
	for i := s.lo; i < over; i++ {
		if q := p.row.p[i]; q > 0 {
			list = append(list, path{ids: append(p.ids[:len(p.ids):len(p.ids)], int(v.lex.ids[i])), span: v.lex.all(), end: true, weight: p.weight * q})
		}
	}
	if over < s.hi {
		p.span, p.end = span{over, s.hi, s.depth}, false
		if p.row.mass(over, s.hi) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// prune gives up the lightest paths and scales the others, so that they sum
// to 1.
func (v *byteVoice) prune() {
	total := 0.0
	for i := range v.paths {
		total += v.paths[i].mass()
	}
	kept := v.paths[:0]
	for _, p := range v.paths {
		if total > 0 && p.mass() >= v.least*total {
			kept = append(kept, p)
		}
	}
	for len(kept) > v.wide {
		low := 0
		for i := range kept {
			if kept[i].mass() < kept[low].mass() {
				low = i
			}
		}
		kept = append(kept[:low], kept[low+1:]...)
	}
	total = 0
	for i := range kept {
		total += kept[i].mass()
	}
	for i := range kept {
		kept[i].weight /= total
	}
	v.paths = kept
}

// take extends the text by a byte.
func (v *byteVoice) take(symbol int) {
	c := byte(symbol)
	v.text = append(v.text, c)
	if v.lost {
		return
	}
	var next []path
	for _, p := range v.paths {
		next = v.advance(next, p, c)
	}
	v.paths = next
	v.prune()
	v.lost = len(v.paths) == 0
}

// expect computes the rows that are still missing and sums over the paths.
func (v *byteVoice) expect(ctx context.Context) (*expectation, error) {
	if v.lost {
		if err := v.spell(ctx); err != nil {
			return nil, err
		}
	}
	for i := range v.paths {
		if p := &v.paths[i]; p.row == nil {
			if err := v.look(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	v.out.plain = v.sums(v.out.plain, func(p *path) *row { return p.row })
	v.out.shaped = v.out.plain
	if v.filter != nil && v.filter.temperature > 0 {
		if v.out.shaped = v.sums(nil, func(p *path) *row { return p.cut }); v.out.shaped == nil {
			v.out.shaped = v.out.plain // the sampler would never have come here
		}
	}
	return &v.out, nil
}

// sums writes the next byte's distribution by the rows that of gives, nil
// where these leave nothing.
func (v *byteVoice) sums(dst []float64, of func(*path) *row) []float64 {
	if dst == nil {
		dst = make([]float64, byteSize)
	}
	clear(dst)
	total := 0.0
	for i := range v.paths {
		p := &v.paths[i]
		r := of(p)
		add := func(symbol int, m float64) {
			dst[symbol] += m
			total += m
		}
		if p.end {
			add(bytesEnd, p.weight*r.end)
		}
		for s := p.span; s.lo < s.hi; {
			c := v.lex.text[s.lo][s.depth]
			next := v.lex.sub(s, c)
			add(int(c), p.weight*r.mass(next.lo, next.hi))
			s.lo = next.hi
		}
	}
	if !(total > 0) {
		return nil
	}
	for i := range dst {
		dst[i] /= total
	}
	return dst
}

// ahead returns the probability that the text goes on with these bytes, as far
// as the tokens tell that can be the begun one.
func (v *byteVoice) ahead(next []byte) float64 {
	sum, total := 0.0, 0.0
	for i := range v.paths {
		p := &v.paths[i]
		if p.row == nil {
			continue
		}
		total += p.mass()
		s := p.span
		for _, c := range next {
			s = v.lex.sub(s, c)
		}
		sum += p.weight * p.row.mass(s.lo, s.hi)
	}
	if total == 0 {
		return 0
	}
	return sum / total
}

// look computes the row of a path.
func (v *byteVoice) look(ctx context.Context, p *path) error {
	logits, err := v.follow(ctx, p.ids)
	if err != nil {
		return err
	}
	p.row = v.lex.row(logits, nil)
	p.cut = v.narrowed(logits)
	return nil
}

// follow brings the session to these tokens after the prompt, by taking back
// those that differ, and returns the logits after them.
func (v *byteVoice) follow(ctx context.Context, ids []int) ([]float32, error) {
	same := 0
	for same < len(ids) && same < len(v.at) && ids[same] == v.at[same] {
		same++
	}
	if same == len(ids) {
		same-- // its logits are gone: compute them again
	}
	if same < len(v.at) {
		v.session.Truncate(v.base + same)
		v.at = v.at[:same]
	}
	rows, err := v.session.Append(ctx, ids[same:])
	if err != nil {
		return nil, err
	}
	v.spent += len(ids) - same
	v.at = append(v.at, ids[same:]...)
	return rows[len(rows)-1], nil
}

// spell cuts the text into tokens anew, after bytes came that no path had. The
// last token may be the beginning of a longer one.
func (v *byteVoice) spell(ctx context.Context) error {
	ids := v.encode()
	v.lost = false
	if len(ids) == 0 { // the vocabulary has nothing of the text
		v.begin()
		return nil
	}
	last := len(ids) - 1
	p := path{ids: ids[:last:last], span: v.lex.all(), weight: 1}
	if last == 0 {
		p.row, p.cut = v.root, v.rootCut
	} else if err := v.look(ctx, &p); err != nil {
		return err
	}
	v.paths = v.paths[:0]
	spelled := []path{p}
	for _, c := range v.lex.vocab.Bytes(ids[last]) {
		var next []path
		for _, q := range spelled {
			if q.row != nil { // whole tokens on the way would be cut otherwise than the model was taught
				next = v.advance(next, q, c)
			}
		}
		spelled = next
	}
	v.paths = append(v.paths, spelled...)
	v.prune()
	if len(v.paths) == 0 { // the last token is a stand-in for what can't be spelled
		v.paths = append(v.paths, path{ids: ids, span: v.lex.all(), end: true, weight: 1})
	}
	return nil
}

// encode cuts the text as the model was taught to, where that gives the text.
func (v *byteVoice) encode() []int {
	e, ok := v.lex.vocab.(llm.Encoder)
	if !ok {
		return v.lex.encode(v.text)
	}
	ids := e.Encode(string(v.text), false)
	var spelled []byte
	for _, id := range ids {
		spelled = append(spelled, v.lex.vocab.Bytes(id)...)
	}
	if s, t := string(spelled), string(v.text); s == t || s == " "+t {
		return ids
	}
	if whole := v.lex.encode(v.text); len(whole) > 0 {
		return whole
	}
	return ids
}

func (v *byteVoice) length() int               { return len(v.at) }
func (v *byteVoice) used() (input, output int) { return v.base, v.spent }
func (v *byteVoice) close()                    { v.session.Close() }

// tokenVoice tells a model's next token.
type tokenVoice struct {
	session llm.Session
	lex     *lexicon
	base    int
	next    int // taken and not yet appended; -1 = none
	logits  []float32
	out     expectation
}

func newTokenVoice(s llm.Session, lex *lexicon) (*tokenVoice, error) {
	v := &tokenVoice{session: s, lex: lex, base: s.Len(), next: -1, logits: s.Logits()}
	if v.logits == nil {
		return nil, errors.New("the session has no logits after the prompt")
	}
	return v, nil
}

func (v *tokenVoice) expect(ctx context.Context) (*expectation, error) {
	if v.next >= 0 {
		rows, err := v.session.Append(ctx, []int{v.next})
		if err != nil {
			return nil, err
		}
		v.logits, v.next = rows[0], -1
	}
	if v.out.plain == nil {
		v.out.plain = make([]float64, v.lex.vocab.Len())
	}
	softmax(v.out.plain, v.logits, v.lex)
	v.out.shaped = v.out.plain
	return &v.out, nil
}

func (v *tokenVoice) ahead([]byte) float64      { return 0 }
func (v *tokenVoice) length() int               { return v.session.Len() - v.base + 1 }
func (v *tokenVoice) take(symbol int)           { v.next = symbol }
func (v *tokenVoice) used() (input, output int) { return v.base, v.session.Len() - v.base }
func (v *tokenVoice) close()                    { v.session.Close() }

// softmax writes the probabilities of the tokens that add bytes or end the
// answer; the others have none.
func softmax(dst []float64, logits []float32, lex *lexicon) {
	clear(dst)
	top := math.Inf(-1)
	each := func(visit func(id int32, logit float64)) {
		for _, list := range [][]int32{lex.ids, lex.ends} {
			for _, id := range list {
				if int(id) < len(logits) && logits[id] == logits[id] {
					visit(id, float64(logits[id]))
				}
			}
		}
	}
	each(func(_ int32, logit float64) { top = max(top, logit) })
	if math.IsInf(top, 0) {
		return
	}
	total := 0.0
	each(func(id int32, logit float64) {
		dst[id] = math.Exp(logit - top)
		total += dst[id]
	})
	for i := range dst {
		dst[i] /= total
	}
}
