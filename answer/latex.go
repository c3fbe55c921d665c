package answer

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// commands are the LaTeX commands that are known, with what replaces them.
// Arguments of groups are kept; those with a meaning are in latexWriter.command.
var commands = map[string]string{
	"left": "", "right": "", "big": "", "Big": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "", "displaystyle": "", "limits": "",
	"quad": " ", "qquad": " ", "text": "", "mathrm": "", "mathbf": "", "mathit": "", "mathsf": "", "mathbb": "", "mathcal": "", "mbox": "",
	"textbf": "", "textit": "", "textrm": "", "operatorname": "", "boxed": "", "fbox": "", "overline": "", "bar": "", "vec": "", "hat": "",
	"cdot": "*", "times": "*", "ast": "*", "div": "/", "pm": "±", "mp": "∓", "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=",
	"leqslant": "<=", "geqslant": ">=", "lt": "<", "gt": ">", "ne": "!=", "neq": "!=", "approx": "≈", "equiv": "≡", "in": "∈", "notin": "∉",
	"cup": "∪", "cap": "∩", "setminus": "∖", "emptyset": "∅", "varnothing": "∅", "subset": "⊂", "subseteq": "⊆", "infty": "∞",
	"to": "→", "rightarrow": "→", "Rightarrow": "⇒", "implies": "⇒", "iff": "⇔", "leftrightarrow": "↔", "land": "∧", "wedge": "∧",
	"lor": "∨", "vee": "∨", "neg": "¬", "lnot": "¬", "forall": "∀", "exists": "∃", "circ": "°", "degree": "°", "angle": "∠", "mid": "|", "vert": "|",
	"ldots": "...", "dots": "...", "cdots": "...", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "perp": "⊥", "parallel": "∥",
	"pi": "pi", "alpha": "alpha", "beta": "beta", "gamma": "gamma", "delta": "delta", "epsilon": "epsilon", "varepsilon": "epsilon",
	"theta": "theta", "lambda": "lambda", "mu": "mu", "sigma": "sigma", "tau": "tau", "phi": "phi", "varphi": "phi", "omega": "omega", "Omega": "Omega",
	"sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan",
	"log": "log", "ln": "ln", "exp": "exp", "min": "min", "max": "max", "gcd": "gcd", "lcm": "lcm", "det": "det", "bmod": " mod ",
	"frac": "", "dfrac": "", "tfrac": "", "cfrac": "", "sqrt": "", "begin": "", "end": "",
}

// isLaTeX reports whether the text holds LaTeX that latex would change. A
// backslash before an unknown word is none: it may be a string's own.
func isLaTeX(s string) bool {
	if strings.Contains(s, "^{") || strings.Contains(s, "_{") || strings.Contains(s, "√") {
		return true
	}
	for i := strings.IndexByte(s, '\\'); i >= 0 && i+1 < len(s); {
		name := commandName(s[i+1:])
		if _, ok := commands[name]; ok || name == "" && strings.IndexByte(`$%{}!,;:`, s[i+1]) >= 0 {
			return true
		}
		i++
		next := strings.IndexByte(s[i:], '\\')
		if next < 0 {
			return false
		}
		i += next
	}
	return false
}

func commandName(s string) string {
	i := 0
	for i < len(s) && isLetter(s[i]) {
		i++
	}
	return s[:i]
}

// latex rewrites a formula in one line of plain characters: \frac{a}{b} is
// a/b, \sqrt{x} is sqrt(x), sizes and blanks go. It is a light clean-up, no
// algebra: x+1 and 1+x stay two answers.
func latex(s string) string {
	w := &latexWriter{s: s}
	plain := string(w.group(nil, 0, false))
	// Blanks mean nothing in a formula, but between words they do.
	if !hasWords(plain) {
		plain = strings.ReplaceAll(plain, " ", "")
	}
	return mixed(trim(plain))
}

// hasWords reports whether there is a word of prose in a cleaned formula, or a
// number with its unit.
func hasWords(s string) bool {
	run := 0
	for i := range len(s) + 1 {
		if i < len(s) && isLetter(s[i]) {
			run++
			continue
		}
		if run > 2 && !functions[s[i-run:i]] {
			return true
		}
		if run > 0 && run == 2 && i-run > 0 && s[i-run-1] == ' ' { // 5 cm
			return true
		}
		run = 0
	}
	return false
}

// mixed turns the mixed number 2(1/2), as latexWriter writes it, into 2 1/2.
func mixed(s string) string {
	open := strings.IndexByte(s, '(')
	if open < 1 || s[len(s)-1] != ')' {
		return s
	}
	m := s[:open] + " " + s[open+1:len(s)-1]
	if number(m) == "" {
		return s
	}
	return m
}

// latexWriter reads LaTeX and writes plain characters.
type latexWriter struct {
	s string
	i int
}

// group appends the text up to the end of the group at w.i. inner says that
// the group has a brace at its end.
func (w *latexWriter) group(out []byte, depth int, inner bool) []byte {
	for w.i < len(w.s) {
		c := w.s[w.i]
		switch c {
		case '}':
			w.i++
			if inner {
				return out
			}
		case '{':
			w.i++
			if depth < maxNesting {
				out = w.group(out, depth+1, true)
			}
		case '\\':
			out = w.command(out, depth)
		case '^', '_':
			w.i++
			out = w.script(out, c, depth)
		case '$':
			w.i++
		case '~', '\n', '\t':
			w.i++
			out = append(out, ' ')
		case '&':
			w.i++
			out = append(out, ',')
		case 0xE2:
			if strings.HasPrefix(w.s[w.i:], "√") {
				w.i += len("√")
				out = root(out, w.argument(depth))
				continue
			}
			fallthrough
		default:
			out = append(out, c)
			w.i++
		}
	}
	return out
}

// command appends what the command at w.i stands for.
func (w *latexWriter) command(out []byte, depth int) []byte {
	w.i++
	name := commandName(w.s[w.i:])
	if name == "" {
		if w.i == len(w.s) {
			return append(out, '\\')
		}
		c := w.s[w.i]
		w.i++
		switch c {
		case '!', '(', ')', '[', ']':
			return out
		case ',', ';', ':', ' ':
			return append(out, ' ')
		case '\\':
			return append(out, ';')
		}
		return append(out, c) // \$ \% \{ \}
	}
	w.i += len(name)
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		num, den := w.argument(depth), w.argument(depth)
		// Digits beside it must not run into it: 2\frac{1}{3}, \frac{1}{2}3.
		apart := len(out) > 0 && isDigit(out[len(out)-1]) || w.i < len(w.s) && isDigit(w.s[w.i])
		if apart {
			out = append(out, '(')
		}
		out = append(parenthesize(out, num, "+-"), '/')
		out = parenthesize(out, den, "+-*/")
		if apart {
			out = append(out, ')')
		}
		return out
	case "sqrt":
		if w.i < len(w.s) && w.s[w.i] == '[' {
			if end := strings.IndexByte(w.s[w.i:], ']'); end > 0 {
				degree := w.s[w.i+1 : w.i+end]
				w.i += end + 1
				out = parenthesize(out, w.argument(depth), "+-*/")
				return append(append(append(out, "^(1/"...), trim(degree)...), ')')
			}
		}
		return root(out, w.argument(depth))
	case "left", "right":
		if strings.HasPrefix(w.s[w.i:], ".") {
			w.i++
		}
		return out
	case "begin", "end": // matrices: [1,2;3,4]
		w.argument(depth)
		if name == "begin" {
			return append(out, '[')
		}
		return append(out, ']')
	}
	plain, ok := commands[name]
	if !ok {
		plain = name
	}
	if plain != "" && isLetter(plain[0]) && len(out) > 0 && isLetter(out[len(out)-1]) {
		out = append(out, ' ') // x\sin y is no word xsin
	}
	out = append(out, plain...)
	if plain == "" || !isLetter(plain[len(plain)-1]) {
		return out
	}
	// The blank that ends a command is none; between two letters it stays.
	for w.i < len(w.s) && w.s[w.i] == ' ' {
		w.i++
	}
	if w.i < len(w.s) && isLetter(w.s[w.i]) {
		out = append(out, ' ')
	}
	return out
}

// argument returns a command's next argument: a group, a command or one
// character.
func (w *latexWriter) argument(depth int) []byte {
	for w.i < len(w.s) && w.s[w.i] == ' ' {
		w.i++
	}
	if w.i == len(w.s) || depth >= maxNesting {
		return nil
	}
	switch w.s[w.i] {
	case '{':
		w.i++
		return w.group(nil, depth+1, true)
	case '\\':
		return w.command(nil, depth+1)
	case '}':
		return nil
	}
	_, n := utf8.DecodeRuneInString(w.s[w.i:])
	w.i += n
	return []byte(w.s[w.i-n : w.i])
}

// script appends an exponent or index: bare if it is a number or one letter
// and nothing runs into it. ^\circ is a degree sign.
func (w *latexWriter) script(out []byte, mark byte, depth int) []byte {
	if w.i == len(w.s) {
		return append(out, mark)
	}
	if c := w.s[w.i]; c != '{' && c != '\\' {
		// People write x^10 for x^{10}: what follows stays as it is.
		return append(out, mark)
	}
	arg := []byte(trim(string(w.argument(depth))))
	switch {
	case string(arg) == "°" && mark == '^':
		return append(out, arg...)
	case len(arg) == 0:
		return out
	}
	number := !bytes.ContainsFunc(arg, func(r rune) bool { return r < '0' || r > '9' })
	next := byte(0)
	if w.i < len(w.s) {
		next = w.s[w.i]
	}
	if number && !isDigit(next) && next != '{' || len(arg) == 1 && isLetter(arg[0]) && !isLetter(next) && !isDigit(next) ||
		arg[0] == '(' && closes(arg) {
		return append(append(out, mark), arg...)
	}
	return append(append(append(out, mark, '('), arg...), ')')
}

// parenthesize appends an operand, in parentheses where it holds one of the
// operators other than a sign at its beginning, or is a product of a number.
func parenthesize(out, arg []byte, operators string) []byte {
	arg = []byte(trim(string(arg)))
	bare := true
	for i, c := range arg {
		if strings.IndexByte(operators, c) >= 0 && (i > 0 || operators[0] != '+') ||
			i > 0 && strings.IndexByte(operators, '*') >= 0 && isDigit(arg[i-1]) != isDigit(c) && (isLetter(c) || isLetter(arg[i-1])) {
			bare = false
		}
	}
	if bare || len(arg) > 1 && arg[0] == '(' && closes(arg) {
		return append(out, arg...)
	}
	return append(append(append(out, '('), arg...), ')')
}

// closes reports whether the parenthesis at the beginning ends at the end.
func closes(arg []byte) bool {
	depth := 0
	for i, c := range arg {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i == len(arg)-1
			}
		}
	}
	return false
}

func root(out, arg []byte) []byte {
	out = append(out, "sqrt("...)
	if len(arg) > 1 && arg[0] == '(' && closes(arg) {
		arg = arg[1 : len(arg)-1]
	}
	return append(append(out, trim(string(arg))...), ')')
}
