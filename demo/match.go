package demo

import (
	"slices"
	"strings"
	"unicode"

	"summit/internal/nearest"
)

const (
	// maxAskedBytes is how long a text may be and still be one of our
	// questions: several times the longest.
	maxAskedBytes = 2000
	// similar is the share of character pairs that a text must have in common
	// with a question to be taken for it.
	similar = 0.8
)

// form is a question's text as it is compared.
type form struct {
	text  string   // lower case, half width, without blanks and punctuation
	words []string // words of letters, numbers, single Chinese characters
	pairs []string // of neighbouring characters of text, sorted
}

// formOf brings a text to the form in which texts are compared.
func formOf(s string) form {
	var f form
	var text, word []rune
	flush := func() {
		if len(word) > 0 {
			f.words = append(f.words, string(word))
			word = word[:0]
		}
	}
	runes := []rune(s)
	for i, r := range runes {
		if r >= 0xFF01 && r <= 0xFF5E { // full width
			r -= 0xFF01 - '!'
		}
		r = unicode.ToLower(r)
		digit := unicode.IsDigit(r)
		switch {
		case r == '.' && i > 0 && i+1 < len(runes) && unicode.IsDigit(runes[i-1]) && unicode.IsDigit(runes[i+1]):
			digit = true // 2.5 is not 25
		case !unicode.IsLetter(r) && !digit:
			flush()
			continue
		}
		text = append(text, r)
		if r >= 0x2E80 {
			flush()
			f.words = append(f.words, string(r))
			continue
		}
		if len(word) > 0 && digit != (unicode.IsDigit(word[0]) || word[0] == '.') {
			flush()
		}
		word = append(word, r)
	}
	flush()
	f.text = string(text)
	for i := 0; i+1 < len(text); i++ {
		f.pairs = append(f.pairs, string(text[i:i+2]))
	}
	slices.Sort(f.pairs)
	return f
}

// find returns the question that the text asks: the same but for case, width,
// blanks and punctuation, or alike but for small typos.
func (b *book) find(asked string) (int, bool) {
	if len(asked) > maxAskedBytes {
		return 0, false
	}
	f := formOf(asked)
	if i, ok := b.byText[f.text]; ok {
		return i, true
	}
	best, at := 0.0, 0
	for i := range b.forms {
		if s := likeness(b.forms[i].pairs, f.pairs); s >= similar && s > best && sameWords(b.forms[i].words, f.words) {
			best, at = s, i
		}
	}
	return at, best > 0
}

// likeness is the Dice coefficient of two sorted lists: twice what they have
// in common over what they have in all.
func likeness(a, b []string) float64 {
	if len(a)+len(b) == 0 {
		return 0
	}
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch c := strings.Compare(a[i], b[j]); {
		case c == 0:
			common++
			i++
			j++
		case c < 0:
			i++
		default:
			j++
		}
	}
	return 2 * float64(common) / float64(len(a)+len(b))
}

// polite are words that change nothing about a question.
var polite = map[string]bool{
	"please": true, "hi": true, "hello": true, "tell": true, "me": true, "the": true, "a": true, "an": true, "can": true, "could": true, "you": true,
	"请": true, "问": true, "您": true, "好": true, "吗": true, "呢": true, "啊": true, "呀": true, "吧": true, "的": true, "了": true,
}

// sameWords reports whether two questions have the same words but for typos
// and politeness. One word makes another question: France and Italy for
// France and Spain, 101 days for 100, 西岳 for 东岳.
func sameWords(a, b []string) bool {
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && sameWord(a[i], b[j]):
			i++
			j++
		case j < len(b) && polite[b[j]]:
			j++
		case i < len(a) && polite[a[i]]:
			i++
		default:
			return false
		}
	}
	return true
}

// sameWord reports whether b is a, perhaps with typos: one for four letters,
// two for eight. Numbers and Chinese characters have none.
func sameWord(a, b string) bool {
	if a == b {
		return true
	}
	allowed := min(len(a)/4, 2)
	return allowed > 0 && a[0] >= 'a' && a[0] <= 'z' && max(len(a)-len(b), len(b)-len(a)) <= allowed && nearest.Distance(a, b) <= allowed
}
