package brain

import (
	"math"
)

// maxKinds is how many different answers to one question are told apart. Who
// gives another one counts as asked, and can't win.
const maxKinds = 12

// model says how answers are weighed: about as many figures as a page has
// lines, so that they hardly overfit. The probability that an answer is right
// is its share of the exponentials of the scores of all answers that were
// given, and of none being right.
// Source of the form: McFadden 1974, conditional logit.
type model struct {
	// A member adds to the score of its answer
	//   Base + Overall*o + Common*c + Special*s + Length*l + Length2*l^2
	//   + Key*k + KeyOwn*k' + Form*f + FormOwn*f'
	// and what is its own (Member.Bonus).
	// o: the log-odds of its overall accuracy. c: by how much all members do
	// better on the neighbours than overall. s: by how much it does beyond
	// that. l: how long its reply is, in deviations from what was expected.
	// k, k', f and f': the answer's echo.
	Base    float64 `json:"base"`
	Overall float64 `json:"overall"`
	Common  float64 `json:"common"`
	Special float64 `json:"special"`
	Length  float64 `json:"length"`
	Length2 float64 `json:"length2"`
	Key     float64 `json:"key"`
	KeyOwn  float64 `json:"key_own"`
	Form    float64 `json:"form"`
	FormOwn float64 `json:"form_own"`
	// Those who agree aren't independent: an answer's score also has Count
	// times the logarithm of how many gave it, Vendor times that for the share
	// of them that have a companion of the same vendor, Share times its share
	// of all replies, and Most where no other answer was given more often.
	Count  float64 `json:"count"`
	Vendor float64 `json:"vendor"`
	Share  float64 `json:"share"`
	Most   float64 `json:"most"`
	// Able times the log-odds of the most able of them being right by itself.
	Able float64 `json:"able"`
	// The score of none being right: constant, by the logarithm of how many
	// were asked, by how many answers there are for each reply, by the
	// logarithm of the number of answers, by the log-odds of the most able who
	// was asked and by their mean, and by c.
	None       float64 `json:"none"`
	NoneAsked  float64 `json:"none_asked"`
	NoneSplit  float64 `json:"none_split"`
	NoneKinds  float64 `json:"none_kinds"`
	NoneAble   float64 `json:"none_able"`
	NoneMean   float64 `json:"none_mean"`
	NoneCommon float64 `json:"none_common"`
}

// figures is how many figures a model has, and figure is one of them.
const (
	figures = 22
	atEach  = 0  // the first of what a member adds
	atAgree = 10 // the first of what those who agree add
	atNone  = 15 // the first of what none being right has
)

type figure struct {
	name  string
	at    *float64
	prior float64 // where it begins, and what it is held to
}

// figures returns the model's. Their priors are about the means over ten
// suites and pools of public results (train): what a brain believes that has
// seen nothing yet.
func (m *model) figures() [figures]figure {
	return [figures]figure{
		{"base", &m.Base, -0.3}, {"overall", &m.Overall, 0.72}, {"common", &m.Common, 0}, {"special", &m.Special, 0.2},
		{"length", &m.Length, -0.1}, {"length2", &m.Length2, 0},
		{"key", &m.Key, 0.15}, {"key_own", &m.KeyOwn, 0.1}, {"form", &m.Form, 0.4}, {"form_own", &m.FormOwn, 0.1},
		{"count", &m.Count, 1.7}, {"vendor", &m.Vendor, -0.4}, {"share", &m.Share, 0.6}, {"most", &m.Most, -0.2},
		{"able", &m.Able, 0},
		{"none", &m.None, -0.4}, {"none_asked", &m.NoneAsked, -0.1}, {"none_split", &m.NoneSplit, 0.3},
		{"none_kinds", &m.NoneKinds, 0.9}, {"none_able", &m.NoneAble, 0}, {"none_mean", &m.NoneMean, 0}, {"none_common", &m.NoneCommon, -1},
	}
}

// figureHold is as how many replies the priors count.
const figureHold = 10

// voice is what one member's answer says.
type voice struct {
	weight float64 // added to the score of its answer
	able   float64 // the log-odds of its being right by itself
	vendor uint64  // one bit
}

// voiceOf is a member's, by what the neighbours say of it, before it answered.
func (b *Brain) voiceOf(v *view, j int) voice {
	m, member := &b.header.Model, &b.header.Members[j]
	return voice{
		able:   b.header.Solo.odds(v, j),
		weight: m.Base + m.Overall*v.overall[j] + m.Common*v.common + m.Special*v.special[j] + member.Bonus,
		vendor: member.vendor,
	}
}

// reply returns what a reply adds to its member's weight, by the excess of its
// length and its answer's echo.
func (m *model) reply(excess float64, e *echo) float64 {
	return m.Length*excess + m.Length2*excess*excess + m.Key*e.key + m.KeyOwn*e.keyOwn + m.Form*e.form + m.FormOwn*e.formOwn
}

// tally is the answers so far. It is a value: who looks ahead copies it.
type tally struct {
	kinds, asked int32
	count, twins [maxKinds]int32 // supporters, and those with a companion of the same vendor before them
	weight       [maxKinds]float64
	able         [maxKinds]float64 // the most able supporter's
	vendors      [maxKinds]uint64
	most, sum    float64 // of all that were asked: the most able's, and the sum
}

// add takes note of an answer of the kind; kind = kinds is a new one.
func (t *tally) add(v voice, kind int32) {
	t.miss(v)
	if kind >= maxKinds {
		return
	}
	if kind == t.kinds {
		t.kinds++
	}
	if t.count[kind] == 0 || v.able > t.able[kind] {
		t.able[kind] = v.able
	}
	t.count[kind]++
	t.weight[kind] += v.weight
	if t.vendors[kind]&v.vendor != 0 {
		t.twins[kind]++
	}
	t.vendors[kind] |= v.vendor
}

// miss takes note of a reply that holds no answer.
func (t *tally) miss(v voice) {
	if t.asked == 0 || v.able > t.most {
		t.most = v.able
	}
	t.sum += v.able
	t.asked++
}

// odds are the probabilities of the answers of a tally.
type odds struct {
	p    [maxKinds]float64
	none float64
}

// top returns the likeliest answer and its probability; -1 = there is none.
func (o *odds) top(kinds int32) (p float64, kind int32) {
	kind = -1
	for h := range kinds {
		if o.p[h] > p {
			p, kind = o.p[h], h
		}
	}
	return
}

// weigh writes the probabilities of the answers.
func (t *tally) weigh(m *model, common float64, o *odds) {
	x := t.noneFacts()
	none := m.None + m.NoneAsked*x[1] + m.NoneSplit*x[2] + m.NoneKinds*x[3] + m.NoneAble*x[4] + m.NoneMean*x[5] + m.NoneCommon*common
	most := none
	for h := range t.kinds {
		o.p[h] = t.score(m, h)
		most = max(most, o.p[h])
	}
	o.none = math.Exp(none - most)
	sum := o.none
	for h := range t.kinds {
		o.p[h] = math.Exp(o.p[h] - most)
		sum += o.p[h]
	}
	o.none /= sum
	for h := range t.kinds {
		o.p[h] /= sum
	}
}

// score returns an answer's.
func (t *tally) score(m *model, kind int32) float64 {
	e := t.facts(kind)
	return t.weight[kind] + m.Count*e[0] + m.Vendor*e[1] + m.Share*e[2] + m.Most*e[3] + m.Able*e[4]
}

// leader returns the likeliest answer, without the probabilities; -1 = there is
// none.
func (t *tally) leader(m *model) int32 {
	win, most := int32(-1), math.Inf(-1)
	for h := range t.kinds {
		if s := t.score(m, h); s > most {
			win, most = h, s
		}
	}
	return win
}

// facts are what an answer's score depends on beside its supporters' weights,
// in the order of the model's figures from Count on.
func (t *tally) facts(kind int32) [5]float64 {
	n := t.count[kind]
	most := 1.0
	for h := range t.kinds {
		if t.count[h] > n {
			most = 0
			break
		}
	}
	return [5]float64{logOf(n), float64(t.twins[kind]) / float64(n) * logOf(n), float64(n) / float64(t.asked), most, t.able[kind]}
}

// noneFacts are what the score of none being right depends on, in the order of
// the model's figures from None on, but for the last.
func (t *tally) noneFacts() [6]float64 {
	n := float64(max(t.asked, 1))
	return [6]float64{1, logOf(t.asked), float64(t.kinds) / n, logOf(t.kinds), t.most, t.sum / n}
}

// logOf is the logarithm of a small number, zero of zero.
func logOf(n int32) float64 {
	if n < int32(len(logs)) {
		return logs[n]
	}
	return math.Log(float64(n))
}

var logs = func() (l [64]float64) {
	for i := 1; i < len(l); i++ {
		l[i] = math.Log(float64(i))
	}
	return
}()
