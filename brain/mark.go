package brain

import (
	"math"
	"slices"
	"unicode"
)

// mark is what is kept of an answer: enough to see that the same one, or one
// of its form, was given before, not enough to read it. Zero = none.
type mark struct{ key, form uint16 }

// maxForm is how many runs of an answer its form tells.
const maxForm = 12

// markOf returns the mark of an answer's normal form; none for an empty one.
func markOf(key string) mark {
	if key == "" {
		return mark{}
	}
	whole, form := uint64(14695981039346656037), uint64(14695981039346656037)
	last, runs := rune(0), 0
	for _, r := range key {
		whole = (whole ^ uint64(r)) * 1099511628211
		if runs >= maxForm {
			continue
		}
		// What it is made of: a run of digits is as good as another.
		c := r
		switch {
		case unicode.IsDigit(r):
			c = -1
		case unicode.Is(unicode.Han, r):
			c = -2
		case unicode.IsUpper(r):
			c = -3
		case unicode.IsLetter(r):
			c = -4
		}
		if c < 0 && c == last {
			continue
		}
		form = (form ^ uint64(c)) * 1099511628211
		last = c
		runs++
	}
	return mark{short(whole), short(form)}
}

// short folds a hash to what is kept of it; never zero.
func short(h uint64) uint16 { return uint16(mix(h)%math.MaxUint16) + 1 }

// echo is what neighbours say of an answer: by how much, in log-odds, those
// who gave it, or one of its form, were right there more often than they are
// overall. own is how much more that is for the member who gives it now.
type echo struct{ key, keyOwn, form, formOwn float64 }

const (
	// echoHold and ownHold are as how many answers, all alike, overall
	// accuracies count against an echo.
	echoHold, ownHold = 6, 2
)

// ear hears what neighbours say of one answer after the other to a question.
type ear struct {
	usual     []float64 // overall accuracies, by member
	key, form heard
}

// heard is what neighbours scored with one answer or form.
type heard struct {
	given, score, usual float64   // over all members; usual as they score overall
	by, scored          []float64 // by member
}

// ear begins to listen. self is the example that is looked at while training,
// whose own scores then don't count; -1 = none.
func (b *Brain) ear(self int) *ear {
	n := len(b.header.Members)
	all := make([]float64, 5*n)
	part := func(i int) []float64 { return all[i*n : (i+1)*n : (i+1)*n] }
	e := &ear{part(0), heard{by: part(1), scored: part(2)}, heard{by: part(3), scored: part(4)}}
	for j := range e.usual {
		e.usual[j] = b.without(self, j)
	}
	return e
}

// without returns how accurate member j is on all examples but one; -1 = all.
func (b *Brain) without(self, j int) float64 {
	m := &b.header.Members[j]
	if self >= 0 && m.Asked > 1 {
		if s := b.scores[b.store.at(self, j)]; s != unasked {
			return (m.Accuracy*float64(m.Asked) - float64(s)/scoreUnit) / float64(m.Asked-1)
		}
	}
	return m.Accuracy
}

const (
	// maxFar is how many examples speak where there are no neighbours, and
	// farWeight what each counts, where a neighbour of the same text counts 1.
	maxFar    = 512
	farWeight = 0.1
)

// listen gathers what the examples near a prompt say of an answer and of its
// form. A prompt without features has no neighbours: then some of all examples
// speak, each a little.
func (b *Brain) listen(neighbours []near, self int, m mark, e *ear) {
	e.key.clear()
	e.form.clear()
	if m == (mark{}) {
		return
	}
	if len(neighbours) > 0 {
		for _, n := range neighbours {
			b.hark(int(n.example), float64(n.cosine)*float64(n.cosine), m, e)
		}
		return
	}
	most := min(b.store.n, maxFar)
	for i := range most {
		if at := i * b.store.n / most; at != self {
			b.hark(at, farWeight, m, e)
		}
	}
}

// hark adds what one example says.
func (b *Brain) hark(example int, weight float64, m mark, e *ear) {
	at := b.store.at(example, 0)
	forms, keys := b.forms[at:at+b.store.members], b.keys[at:at+b.store.members]
	for j, f := range forms {
		if f != m.form {
			continue
		}
		score, usual := weight*float64(b.scores[at+j])/scoreUnit, weight*e.usual[j]
		e.form.add(j, weight, score, usual)
		if keys[j] == m.key {
			e.key.add(j, weight, score, usual)
		}
	}
}

func (h *heard) clear() {
	clear(h.by)
	clear(h.scored)
	h.given, h.score, h.usual = 0, 0, 0
}

func (h *heard) add(j int, weight, score, usual float64) {
	h.given += weight
	h.score += score
	h.usual += usual
	h.by[j] += weight
	h.scored[j] += score
}

// common returns the echo over all members.
func (h *heard) common() float64 {
	if h.given == 0 {
		return 0
	}
	usual := h.usual / h.given
	return logit((h.score+echoHold*usual)/(h.given+echoHold)) - logit(usual)
}

// own returns the echo of member j's, beyond that of all.
func (h *heard) own(j int, usual, common float64) float64 {
	if h.by[j] == 0 {
		return 0
	}
	usual = sigmoid(logit(usual) + common)
	return logit((h.scored[j]+ownHold*usual)/(h.by[j]+ownHold)) - logit(usual)
}

// echo returns what was heard, for member j; -1 = one that isn't known.
func (e *ear) echo(j int) echo {
	all := echo{key: e.key.common(), form: e.form.common()}
	if j >= 0 {
		all.keyOwn, all.formOwn = e.key.own(j, e.usual[j], all.key), e.form.own(j, e.usual[j], all.form)
	}
	return all
}

// echo returns that of a seat's answer.
func (c *Case) echo(i int, key string) echo {
	if key == "" {
		return echo{}
	}
	if c.ear == nil {
		c.ear = c.b.ear(-1)
	}
	c.b.listen(c.near, -1, markOf(key), c.ear)
	return c.ear.echo(c.seats[i].member)
}

// listen gathers the echoes of all answers of the examples.
func (t *trainer) listen() {
	t.echoes = make([][]echo, len(t.examples))
	t.each(len(t.echoes), func(i int) {
		replies := t.examples[i].Replies
		t.echoes[i] = make([]echo, len(replies))
		ear := t.b.ear(i)
		for k := range replies {
			if replies[k].Key == "" || slices.ContainsFunc(replies[:k], func(r Reply) bool { return r.Key == replies[k].Key }) {
				continue
			}
			t.b.listen(t.near[i], i, markOf(replies[k].Key), ear)
			for l := k; l < len(replies); l++ {
				if replies[l].Key == replies[k].Key {
					t.echoes[i][l] = ear.echo(replies[l].Member)
				}
			}
		}
	})
}

// echo returns that of member j's answer to example i, which it was asked.
func (t *trainer) echo(i, j int) *echo { return &t.echoes[i][t.rows[i*len(t.b.header.Members)+j]] }
