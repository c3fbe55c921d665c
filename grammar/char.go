package grammar

import "unicode/utf8"

// runeRange is the characters from lo to hi.
type runeRange struct{ lo, hi rune }

// chars is one character out of the ranges, in UTF-8. Surrogates are left out.
func (b *builder) chars(name string, ranges []runeRange) elem {
	r := b.rule(name)
	var ascii byteSet
	some := false
	for _, x := range ranges {
		for _, part := range utf8Parts(x.lo, x.hi) {
			if len(part) == 1 {
				ascii.add(part[0].lo, part[0].hi)
				some = true
				continue
			}
			seq := make([]elem, len(part))
			for i, p := range part {
				var s byteSet
				s.add(p.lo, p.hi)
				seq[i] = b.set(s)
			}
			b.add(r, seq...)
		}
	}
	if some {
		b.add(r, b.set(ascii))
	}
	return r
}

type byteRange struct{ lo, hi byte }

// utf8Parts splits a range of characters into sequences of byte ranges, such that all combinations are exactly the
// UTF-8 of the characters. The method is that of Russ Cox's "Regular Expression Matching in the Wild" (2010).
func utf8Parts(lo, hi rune) [][]byteRange {
	var out [][]byteRange
	lo, hi = max(lo, 0), min(hi, utf8.MaxRune)
	work := []runeRange{{lo, hi}}
	for len(work) > 0 {
		r := work[len(work)-1]
		work = work[:len(work)-1]
		if r.lo > r.hi {
			continue
		}
		if r.lo <= 0xDFFF && r.hi >= 0xD800 {
			work = append(work, runeRange{0xE000, r.hi}, runeRange{r.lo, 0xD7FF}) // an empty one falls out above
			continue
		}
		split := false
		for _, last := range []rune{0x7F, 0x7FF, 0xFFFF} {
			if r.lo <= last && r.hi > last {
				work = append(work, runeRange{last + 1, r.hi}, runeRange{r.lo, last})
				split = true
				break
			}
		}
		if split {
			continue
		}
		if r.hi > 0x7F {
			for i := 1; i < utf8.RuneLen(r.lo); i++ {
				m := rune(1)<<(6*i) - 1
				if r.lo&^m == r.hi&^m {
					continue
				}
				if r.lo&m != 0 {
					work = append(work, runeRange{(r.lo | m) + 1, r.hi}, runeRange{r.lo, r.lo | m})
					split = true
					break
				}
				if r.hi&m != m {
					work = append(work, runeRange{r.hi &^ m, r.hi}, runeRange{r.lo, r.hi&^m - 1})
					split = true
					break
				}
			}
		}
		if split {
			continue
		}
		var a, z [utf8.UTFMax]byte
		n := utf8.EncodeRune(a[:], r.lo)
		utf8.EncodeRune(z[:], r.hi)
		part := make([]byteRange, n)
		for i := range part {
			part[i] = byteRange{a[i], z[i]}
		}
		out = append(out, part)
	}
	return out
}

// others is every character that is not in the ranges, which are in order and apart.
func others(ranges []runeRange) []runeRange {
	var out []runeRange
	next := rune(0)
	for _, r := range ranges {
		if r.lo > next {
			out = append(out, runeRange{next, r.lo - 1})
		}
		next = max(next, r.hi+1)
	}
	if next <= utf8.MaxRune {
		out = append(out, runeRange{next, utf8.MaxRune})
	}
	return out
}
