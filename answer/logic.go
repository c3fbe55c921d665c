package answer

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// logic returns the class of a logic formula: the same formula with one sign
// for each connective, operands of ∧, ∨, ⊕ and ↔ in a fixed order, and bound
// variables numbered. What follows from each other stays apart: "q ∧ q" is not
// "q".
func logic(s string) (string, bool) {
	if len(s) > maxClassBytes || !strings.ContainsAny(s, "∧∨¬→⇒↔⇔⊕∀∃&∼") {
		return "", false
	}
	p := &logicParser{s: s}
	out, ok := p.formula(0, 0)
	if p.blanks(); !ok || p.i < len(p.s) || !p.connected {
		return "", false
	}
	return "≡" + out, true
}

type logicParser struct {
	s         string
	i         int
	bound     []string // variables of the quantifiers around, outermost first
	connected bool     // there is a connective
}

func (p *logicParser) blanks() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *logicParser) take(any ...string) bool {
	p.blanks()
	for _, what := range any {
		if strings.HasPrefix(p.s[p.i:], what) {
			p.i += len(what)
			return true
		}
	}
	return false
}

// connectives from the loosest to the tightest, each with its spellings.
var connectives = []struct {
	sign      string
	spellings []string
}{
	{"↔", []string{"↔", "⇔", "<->", "<=>"}},
	{"→", []string{"→", "⇒", "->", "=>"}},
	{"⊕", []string{"⊕"}},
	{"∨", []string{"∨", "||", "|"}},
	{"∧", []string{"∧", "&&", "&"}},
}

// formula reads operands of the connective at that level and tighter ones.
func (p *logicParser) formula(level, depth int) (string, bool) {
	if depth > maxTermDepth {
		return "", false
	}
	if level == len(connectives) {
		return p.negated(depth)
	}
	c := connectives[level]
	first, ok := p.formula(level+1, depth)
	if !ok {
		return "", false
	}
	operands := []string{first}
	for p.take(c.spellings...) {
		p.connected = true
		var next string
		if c.sign == "→" { // from the right
			next, ok = p.formula(level, depth+1)
		} else {
			next, ok = p.formula(level+1, depth)
		}
		if !ok {
			return "", false
		}
		operands = append(operands, next)
	}
	if len(operands) == 1 {
		return first, true
	}
	if c.sign != "→" {
		flat := operands[:0:0]
		for _, o := range operands {
			// An operand with the same sign, in parentheses.
			if inner, ok := strings.CutPrefix(o, "("+c.sign+"\x00"); ok {
				flat = append(flat, cutOperands(inner[:len(inner)-1])...)
			} else {
				flat = append(flat, o)
			}
		}
		slices.Sort(flat)
		operands = flat
	}
	return "(" + c.sign + "\x00" + strings.Join(operands, "\x00") + ")", true
}

// cutOperands takes what formula joined apart again.
func cutOperands(s string) []string {
	var all []string
	depth, start := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case 0:
			if depth == 0 {
				all, start = append(all, s[start:i]), i+1
			}
		}
	}
	return append(all, s[start:])
}

// negated reads a negation, a quantifier, parentheses or an atom.
func (p *logicParser) negated(depth int) (string, bool) {
	if depth > maxTermDepth {
		return "", false
	}
	switch {
	case p.take("¬", "∼", "~", "!"):
		p.connected = true
		inner, ok := p.negated(depth + 1)
		return "(¬" + inner + ")", ok
	case p.take("∀"):
		return p.quantified("∀", depth)
	case p.take("∃"):
		return p.quantified("∃", depth)
	}
	p.blanks()
	if p.i < len(p.s) && p.s[p.i] == '(' {
		before, bound, connected := p.i, len(p.bound), p.connected
		p.i++
		inner, ok := p.formula(0, depth+1)
		if ok && p.take(")") && !p.operator() {
			return inner, true
		}
		p.i, p.bound, p.connected = before, p.bound[:bound], connected
	}
	return p.atom()
}

// quantified reads the variable and what it stands for.
func (p *logicParser) quantified(sign string, depth int) (string, bool) {
	p.blanks()
	start := p.i
	if p.i < len(p.s) && isLetter(p.s[p.i]) {
		p.i++
	}
	if p.i == start {
		return "", false
	}
	p.connected = true
	p.bound = append(p.bound, p.s[start:p.i])
	p.take(".", ":")
	inner, ok := p.negated(depth + 1)
	p.bound = p.bound[:len(p.bound)-1]
	return "(" + sign + inner + ")", ok
}

// operator reports whether an operator of arithmetic or a relation follows:
// the parentheses were part of an atom.
func (p *logicParser) operator() bool {
	p.blanks()
	return p.i < len(p.s) && (strings.IndexByte("=<+-*/^", p.s[p.i]) >= 0 && !strings.HasPrefix(p.s[p.i:], "->") && !strings.HasPrefix(p.s[p.i:], "=>") && !strings.HasPrefix(p.s[p.i:], "<=>") && !strings.HasPrefix(p.s[p.i:], "<->"))
}

// atom reads a name, a predicate with its arguments or a relation: all up to
// the next connective or closing parenthesis.
func (p *logicParser) atom() (string, bool) {
	depth, start := 0, p.i
scan:
	for p.i < len(p.s) {
		r, n := utf8.DecodeRuneInString(p.s[p.i:])
		switch {
		case r == '(':
			depth++
		case r == ')':
			if depth == 0 {
				break scan
			}
			depth--
		case r == ',' && depth > 0:
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == ' ' || strings.ContainsRune("+*^/≠≤≥'", r):
		case r == '=' && !strings.HasPrefix(p.s[p.i:], "=>"):
		default:
			break scan
		}
		p.i += n
	}
	text := strings.ReplaceAll(trim(p.s[start:p.i]), " ", "")
	if text == "" || depth != 0 || strings.Contains(trim(p.s[start:p.i]), "  ") {
		return "", false
	}
	return p.renamed(text), true
}

// renamed writes an atom with numbers for the variables that are bound.
func (p *logicParser) renamed(text string) string {
	if len(p.bound) == 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && isLetter(text[j]) {
			j++
		}
		if j == i {
			b.WriteByte(text[i])
			i++
			continue
		}
		name := text[i:j]
		for k := len(p.bound) - 1; k >= 0; k-- {
			if p.bound[k] == name {
				name = "$" + strconv.Itoa(k)
				break
			}
		}
		b.WriteString(name)
		i = j
	}
	return b.String()
}
