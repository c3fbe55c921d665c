package everest

import (
	"strings"
	"unicode"
)

// Form is a form of classical verse: so many lines of so many characters.
type Form struct {
	Name, Short string // 五言绝句, 五绝
	Lines       int
	Characters  int // a line
}

// Forms are the four forms of the poet.
var Forms = []Form{
	{"五言绝句", "五绝", 4, 5}, {"七言绝句", "七绝", 4, 7},
	{"五言律诗", "五律", 8, 5}, {"七言律诗", "七律", 8, 7},
}

// FormNamed returns the form of that name, long or short.
func FormNamed(name string) (Form, bool) {
	for _, f := range Forms {
		if f.Name == name || f.Short == name {
			return f, true
		}
	}
	return Form{}, false
}

// Verses returns the lines of a poem without their punctuation. It is nil
// where anything but Chinese characters, blanks and punctuation is in it, or
// where a pair of lines does not end in a full stop, or a first one of a pair
// not in a comma.
func Verses(poem string) []string {
	var lines []string
	var line strings.Builder
	for _, c := range strings.TrimSpace(poem) {
		switch {
		case c == '，', c == '。', c == '？', c == '！', c == '；':
			if line.Len() == 0 {
				return nil
			}
			lines = append(lines, line.String())
			line.Reset()
			if (c == '，') != (len(lines)%2 == 1) {
				return nil
			}
		case unicode.Is(unicode.Han, c):
			line.WriteRune(c)
		case unicode.IsSpace(c):
		default:
			return nil
		}
	}
	if line.Len() > 0 {
		return nil
	}
	return lines
}

// Has reports whether the poem has the form.
func (f Form) Has(poem string) bool {
	lines := Verses(poem)
	if len(lines) != f.Lines {
		return false
	}
	for _, l := range lines {
		if len([]rune(l)) != f.Characters {
			return false
		}
	}
	return true
}

// formOf returns the form that a poem has.
func formOf(poem string) (Form, bool) {
	for _, f := range Forms {
		if f.Has(poem) {
			return f, true
		}
	}
	return Form{}, false
}

// Prosody is what was learned from a corpus of regulated verse about the tone
// and the rhyme of characters. No dictionary is behind it: in such verse the
// second, fourth and sixth character of a line alternate between level and
// oblique tones, the lines of a couplet oppose each other there, couplets
// adhere to each other, and rhymes are level. Tones follow from that up to
// errors, by propagation from the rhymes.
type Prosody struct {
	tone   map[rune]float64      // above 0 = level, below = oblique
	rhymes map[rune]map[rune]int // how often two characters rhymed
	ends   map[rune]int          // how often a character was in rhyme
}

// LearnProsody reads poems of the four forms.
func LearnProsody(poems [][]string) *Prosody {
	p := &Prosody{tone: map[rune]float64{}, rhymes: map[rune]map[rune]int{}, ends: map[rune]int{}}
	type edge struct{ a, b rune }
	opposed, alike := map[edge]float64{}, map[edge]float64{}
	put := func(m map[edge]float64, a, b rune) {
		if a > b {
			a, b = b, a
		}
		m[edge{a, b}]++
	}
	for _, lines := range poems {
		rows := make([][]rune, len(lines))
		for i, l := range lines {
			rows[i] = []rune(l)
		}
		var ends []rune
		for i, row := range rows {
			n := len(row)
			for j := 1; j+2 < n; j += 2 {
				put(opposed, row[j], row[j+2])
			}
			for j := 1; j < n-1; j += 2 {
				switch {
				case i%2 == 1:
					put(opposed, row[j], rows[i-1][j])
				case i > 0:
					put(alike, row[j], rows[i-1][j])
				}
			}
			if i%2 == 1 {
				ends = append(ends, row[n-1])
			}
		}
		for i, a := range ends {
			p.ends[a]++
			for _, b := range ends[:i] {
				p.count(a, b)
				p.count(b, a)
			}
		}
	}
	// Rhymes are level; lines that do not rhyme end mostly oblique.
	anchor, seen := map[rune]float64{}, map[rune]float64{}
	for _, lines := range poems {
		for i, l := range lines {
			row := []rune(l)
			c := row[len(row)-1]
			seen[c]++
			switch {
			case i%2 == 1:
				anchor[c]++
			case i > 0:
				anchor[c]--
			}
		}
	}
	for c, a := range anchor {
		p.tone[c] = a / (seen[c] + 2)
	}
	const rounds = 20
	for range rounds {
		sum, weight := map[rune]float64{}, map[rune]float64{}
		spread := func(m map[edge]float64, sign float64) {
			for e, n := range m {
				sum[e.a] += sign * n * p.tone[e.b]
				sum[e.b] += sign * n * p.tone[e.a]
				weight[e.a] += n
				weight[e.b] += n
			}
		}
		spread(opposed, -1)
		spread(alike, 1)
		next := map[rune]float64{}
		for c := range weight {
			next[c] = (sum[c] + 2*anchor[c]) / (weight[c] + 2*seen[c])
		}
		for c := range seen {
			if _, ok := next[c]; !ok {
				next[c] = p.tone[c]
			}
		}
		p.tone = next
		p.scale()
	}
	return p
}

// scale brings tones to -1 to 1, so that propagation does not fade.
func (p *Prosody) scale() {
	for c, t := range p.tone {
		p.tone[c] = max(-1, min(1, 2*t))
	}
}

func (p *Prosody) count(a, b rune) {
	if p.rhymes[a] == nil {
		p.rhymes[a] = map[rune]int{}
	}
	p.rhymes[a][b]++
}

// Level reports whether a character has the level tone; known is false where
// the corpus says little or characters have both.
func (p *Prosody) Level(c rune) (level, known bool) {
	t := p.tone[c]
	return t > 0, t > 0.2 || t < -0.2
}

// Rhymes reports whether two characters rhyme: the corpus has rhymed them, or
// most of what either rhymes with.
func (p *Prosody) Rhymes(a, b rune) bool {
	if a == b || p.rhymes[a][b] > 0 {
		return true
	}
	shared := 0
	for c := range p.rhymes[a] {
		if p.rhymes[b][c] > 0 {
			shared++
		}
	}
	return shared*2 > min(len(p.rhymes[a]), len(p.rhymes[b])) && shared >= 3
}

// Measure is how regular a poem is.
type Measure struct {
	Rhyme    bool // all even lines rhyme with the first even one, with different characters
	Tones    int  // places where a rule about tones applies and both tones are known
	Followed int  // of them, places where it is followed
}

// Measure measures a poem of one of the forms.
func (p *Prosody) Measure(lines []string) Measure {
	m := Measure{Rhyme: true}
	rows := make([][]rune, len(lines))
	for i, l := range lines {
		rows[i] = []rune(l)
	}
	rule := func(a, b rune, same bool) {
		x, ok := p.Level(a)
		y, too := p.Level(b)
		if ok && too {
			m.Tones++
			if (x == y) == same {
				m.Followed++
			}
		}
	}
	seen := map[rune]bool{}
	for i, row := range rows {
		n := len(row)
		for j := 1; j+2 < n; j += 2 {
			rule(row[j], row[j+2], false)
		}
		if n > 1 {
			switch {
			case i%2 == 1:
				rule(row[1], rows[i-1][1], false)
			case i > 0:
				rule(row[1], rows[i-1][1], true)
			}
		}
		if i%2 == 1 {
			end := row[n-1]
			if seen[end] || !p.Rhymes(rows[1][len(rows[1])-1], end) {
				m.Rhyme = false
			}
			seen[end] = true
		}
	}
	return m
}
