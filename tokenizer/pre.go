package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// split cuts text into the pieces within which BPE may merge, in order and
// without a gap, in time linear in the text.
type split func(text string, piece func(string))

// pre is one family of pre-tokenizers.
type pre struct {
	split  split
	whole  bool // a piece that is a token is taken whole, without merging
	addBOS bool // where the file doesn't say
	// patterns is the published form: regular expressions that are applied one
	// after the other, each within the pieces that the last one left. A
	// tokenizer.json is recognised by them, and the tests run them.
	patterns []string
}

var pres = map[string]pre{}

// registerPre adds a family under GGUF's names for it.
func registerPre(p pre, names ...string) {
	for _, name := range names {
		if _, ok := pres[name]; ok {
			panic("tokenizer: pre-tokenizer " + name + " registered twice")
		}
		pres[name] = p
	}
}

// Pres lists the names of all pre-tokenizers, sorted.
func Pres() []string { return slices.Sorted(maps.Keys(pres)) }

// match returns how much of the text at s[i:] the family's rule takes; 0 =
// nothing. It must be quick to say no.
type match func(r reader, s string, i int) int

// isolate makes each match a piece, and each stretch between matches.
func isolate(m match) split {
	return func(s string, piece func(string)) {
		r := reader{classes()}
		gap := 0
		for i := 0; i < len(s); {
			n := m(r, s, i)
			if n == 0 {
				_, _, n = r.at(s, i)
				i += n
				continue
			}
			if gap < i {
				piece(s[gap:i])
			}
			piece(s[i : i+n])
			i += n
			gap = i
		}
		if gap < len(s) {
			piece(s[gap:])
		}
	}
}

// then cuts the pieces of each step again by the next one.
func then(steps ...split) split {
	if len(steps) == 1 {
		return steps[0]
	}
	rest := then(steps[1:]...)
	return func(s string, piece func(string)) {
		steps[0](s, func(s string) { rest(s, piece) })
	}
}

// contraction returns the length of an English one at s[i:], such as 's or
// 'll, in lower case or, with fold, in any case.
func contraction(s string, i int, fold bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return 0
	}
	a, b := s[i+1], byte(0)
	if i+2 < len(s) {
		b = s[i+2]
	}
	if fold {
		a, b = lowerASCII(a), lowerASCII(b)
	}
	switch {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 3
	}
	return 0
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// blank returns the length of white space at s[i:] that is one piece. With
// lines: up to its last line break, if it has any (\s*[\r\n]+). Else all of
// it at the end of the text, and all but its last character before another
// (\s+(?!\S)), but never nothing (\s+).
func blank(r reader, s string, i int, lines bool) int {
	from, last, line := i, i, i
	for {
		c, k, n := r.at(s, i)
		if k&spaces == 0 || n == 0 {
			break
		}
		last = i
		i += n
		if c == '\r' || c == '\n' {
			line = i
		}
	}
	switch {
	case lines && line > from:
		return line - from
	case i < len(s) && last > from:
		return last - from
	}
	return i - from
}

// words is the rule that began with GPT-4 and that most families vary: an
// English contraction; letters with one character before that is no letter,
// digit or line break; digits; other characters with a space before and line
// breaks after; white space.
type words struct {
	contraction bool   // contractions are pieces of their own, in any case
	letters     class  // what words are made of
	cased       bool   // a word is upper case, then lower case, then a contraction
	bare        bool   // with cased: no contraction
	notHan      bool   // words hold no Han; runs of Han are pieces
	digits      int    // digits in a piece; 0 = none are taken
	other       class  // what the run of other characters leaves out
	only        class  // if set, the run of other characters has these only
	before      class  // what may not stand before a word
	tail        string // what may follow other characters
}

func (w *words) match(r reader, s string, i int) int {
	c, k, n := r.at(s, i)
	if w.contraction {
		if n := contraction(s, i, true); n > 0 {
			return n
		}
	}
	if w.notHan && k&han != 0 {
		return r.run(s, i, han) - i
	}
	if end := w.word(r, s, i, c, k, n); end > i {
		return end - i
	}
	if k&number != 0 && w.digits > 0 {
		end := i
		for range w.digits {
			_, k, n := r.at(s, end)
			if k&number == 0 {
				break
			}
			end += n
		}
		return end - i
	}
	if end := w.others(r, s, i); end > i {
		return end - i
	}
	return blank(r, s, i, true)
}

// others matches " ?[other]+[tail]*".
func (w *words) others(r reader, s string, i int) int {
	from := i
	if s[i] == ' ' {
		i++
	}
	end := i
	for {
		_, k, n := r.at(s, end)
		if n == 0 || k&w.other != 0 || w.only != 0 && k&w.only == 0 {
			break
		}
		end += n
	}
	if end == i {
		return from
	}
	for end < len(s) && has(w.tail, s[end]) {
		end++
	}
	return end
}

func has(set string, c byte) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}

// word matches "[^\r\n before]?[letters]+" or, with cased, two such forms; it
// returns where the word ends, i where none begins.
func (w *words) word(r reader, s string, i int, c rune, k class, n int) int {
	lead := c != '\r' && c != '\n' && k&w.before == 0
	if !w.cased {
		if k&w.letters != 0 { // a mark may also be the character before: the same
			return r.run(s, i, w.letters)
		}
		if lead {
			if end := r.run(s, i+n, w.letters); end > i+n {
				return end
			}
		}
		return i
	}
	// The first form ends in lower case; it is tried with the character
	// before and without; then the second, which may end in upper case.
	var with, without int
	var low bool
	if lead {
		if with, low = w.caseRun(r, s, i+n); low {
			return w.shortened(s, with)
		}
	}
	if without, low = w.caseRun(r, s, i); low {
		return w.shortened(s, without)
	}
	if lead && with > i+n {
		return w.shortened(s, with)
	}
	if without > i {
		return w.shortened(s, without)
	}
	return i
}

// shortened takes in a contraction that follows a word.
func (w *words) shortened(s string, end int) int {
	if w.bare {
		return end
	}
	return end + contraction(s, end, true)
}

// caseRun matches "[upper]*[lower]+" at s[i:], where letters without case and
// marks are in both sets, and says so by low; else it returns where "[upper]*"
// ends. One pass: giving back characters can only go to the last that is in
// both sets.
func (w *words) caseRun(r reader, s string, i int) (end int, low bool) {
	const both = caseno | mark
	in := func(k, set class) bool { return k&set != 0 && (!w.notHan || k&han == 0) }
	last := -1 // end of the last character in both sets
	end = i
	for {
		_, k, n := r.at(s, end)
		if n == 0 || !in(k, upper|both) {
			if n > 0 && in(k, lower) {
				for n > 0 && in(k, lower|both) {
					end += n
					_, k, n = r.at(s, end)
				}
				return end, true
			}
			break
		}
		end += n
		if k&both != 0 {
			last = end
		}
	}
	if last >= 0 {
		return last, true
	}
	return end, false
}

// Split cuts text as the named pre-tokenizer does, for who builds a BPE
// vocabulary: the pieces within which tokens may be merged.
func Split(pre, text string, piece func(string)) error {
	p, ok := pres[pre]
	if !ok {
		return fmt.Errorf("tokenizer: pre-tokenizer %q: unknown, want one of %s", pre, strings.Join(Pres(), ", "))
	}
	p.split(text, piece)
	return nil
}
