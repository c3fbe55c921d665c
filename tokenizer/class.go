package tokenizer

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// class is what the pre-tokenizers ask of a character: sets of bits.
type class uint16

const (
	upper  class = 1 << iota // Lu, Lt
	lower                    // Ll
	caseno                   // Lm, Lo
	number                   // N
	mark                     // M
	punct                    // P
	symbol                   // S
	spaces                   // the property White_Space
	han                      // the script Han

	letter = upper | lower | caseno
	none   = class(0) // the rest: controls, formats, private and unassigned
)

// The classes of all characters, in pages of 256 of which equal ones are one.
var classes = sync.OnceValue(func() *classTable {
	const pages = (unicode.MaxRune + 1) >> 8
	flat := make([]class, unicode.MaxRune+1)
	set := func(c class, tables ...*unicode.RangeTable) {
		for _, t := range tables {
			for _, r := range t.R16 {
				for x := int(r.Lo); x <= int(r.Hi); x += int(r.Stride) {
					flat[x] |= c
				}
			}
			for _, r := range t.R32 {
				for x := int(r.Lo); x <= int(r.Hi); x += int(r.Stride) {
					flat[x] |= c
				}
			}
		}
	}
	set(upper, unicode.Lu, unicode.Lt)
	set(lower, unicode.Ll)
	set(caseno, unicode.Lm, unicode.Lo)
	set(number, unicode.N)
	set(mark, unicode.M)
	set(punct, unicode.P)
	set(symbol, unicode.S)
	set(spaces, unicode.White_Space)
	set(han, unicode.Han)
	// Go's tables are of Unicode 15.0. What 15.1 added, which the reference
	// engines have: CJK Extension I, and ideographic description characters.
	set(caseno|han, &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0x2ebf0, Hi: 0x2ee5d, Stride: 1}}})
	set(symbol, &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x2ffc, Hi: 0x2fff, Stride: 1}, {Lo: 0x31ef, Hi: 0x31ef, Stride: 1}}})

	t := &classTable{}
	seen := map[[256]class]uint16{}
	for p := range pages {
		page := [256]class(flat[p<<8:])
		i, ok := seen[page]
		if !ok {
			i = uint16(len(t.pages))
			t.pages = append(t.pages, page)
			seen[page] = i
		}
		t.index[p] = i
	}
	copy(t.ascii[:], flat)
	return t
})

type classTable struct {
	ascii [utf8.RuneSelf]class
	index [(unicode.MaxRune + 1) >> 8]uint16
	pages [][256]class
}

// reader looks at characters of a text. A byte that is not UTF-8 counts as
// U+FFFD, a symbol, one byte wide; the text itself is left as it is.
type reader struct{ t *classTable }

// at returns the character at s[i:], its class and width; width 0 at the end.
func (r reader) at(s string, i int) (rune, class, int) {
	if i >= len(s) {
		return -1, none, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return rune(c), r.t.ascii[c], 1
	}
	c, n := utf8.DecodeRuneInString(s[i:])
	return c, r.t.pages[r.t.index[c>>8]][byte(c)], n
}

// run returns where the run of characters of the set that begins at i ends.
func (r reader) run(s string, i int, set class) int {
	for {
		_, c, n := r.at(s, i)
		if c&set == 0 || n == 0 {
			return i
		}
		i += n
	}
}
