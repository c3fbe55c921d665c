package answer

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// fold brings full-width forms (５，Ａ), typographic quotes and the minus sign
// to ASCII and replaces what is no UTF-8.
func fold(s string) string {
	i := 0
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	if i == len(s) {
		return s
	}
	change := false
	for _, r := range s[i:] {
		if narrow(r) != r || r == utf8.RuneError {
			change = true
			break
		}
	}
	if !change {
		return s
	}
	return strings.Map(narrow, s)
}

func narrow(r rune) rune {
	switch {
	case r >= 0xFF01 && r <= 0xFF5E:
		return r - 0xFF01 + '!'
	case r < 0x2018:
		if r == 0xA0 {
			return ' '
		}
		return r
	}
	switch r {
	case '\u3000':
		return ' '
	case '\u2018', '\u2019':
		return '\''
	case '\u201c', '\u201d':
		return '"'
	case '\u2212':
		return '-'
	case '\uffe5':
		return '¥'
	}
	return r
}

// text returns the key of an answer that is no other kind. Case and inner
// blanks count, for the answer may be a string that a program made; only the
// first letter of plain words doesn't ("Blue" is "blue"), nor do the blanks
// around the operators of a formula.
func text(s string) string {
	switch words, formula := shape(s); {
	case words && isUpper(s[0]):
		return string(s[0]|0x20) + s[1:]
	case formula:
		return formulaText(s)
	}
	return s
}

// shape reports whether the text is plain words (ASCII letters, blanks and
// word punctuation, no capital but the first) or a formula with blanks around
// its operators (a digit, and no word of three letters other than a function).
func shape(s string) (words, formula bool) {
	words = len(s) > 1 && isLetter(s[0]) && !isUpper(s[1])
	var blank, digit, operator bool
	run := 0 // letters in a row
	formula = true
	for i := range len(s) {
		switch c := s[i]; {
		case isLower(c):
			run++
			continue
		case isUpper(c):
			words = words && i == 0
			run++
			continue
		case c == ' ':
			blank = true
		case c == '-':
			operator = true
		case c == ',' || c == '\'':
		case isDigit(c):
			digit, words = true, false
		case strings.IndexByte("+*/^=<>", c) >= 0:
			operator, words = true, false
		case c >= utf8.RuneSelf, c == '(', c == ')', c == '.', c == '%', c == '_':
			words = false
		default:
			words, formula = false, false
		}
		if run > 2 && !functions[s[i-run:i]] {
			formula = false
		}
		run = 0
		if !words && !formula {
			return false, false
		}
	}
	if run > 2 && !functions[s[len(s)-run:]] {
		formula = false
	}
	return words, formula && blank && digit && operator
}

// functions are the words that a formula may hold.
var functions = map[string]bool{
	"sqrt": true, "sin": true, "cos": true, "tan": true, "cot": true, "sec": true, "csc": true, "log": true,
	"exp": true, "abs": true, "min": true, "max": true, "mod": true, "gcd": true, "lcm": true, "det": true,
	"arcsin": true, "arccos": true, "arctan": true, "sinh": true, "cosh": true, "tanh": true,
	"theta": true, "alpha": true, "beta": true, "gamma": true, "delta": true, "lambda": true, "sigma": true, "omega": true, "phi": true,
}

// formulaText removes the blanks around operators that have one on both
// sides: "a + b" is "a+b", but "4 -9" stays two numbers.
func formulaText(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' {
			j := i
			for j < len(s) && s[j] == ' ' {
				j++
			}
			k := j // the operator, perhaps of two characters
			for k < len(s) && strings.IndexByte("+-*/^=<>", s[k]) >= 0 {
				k++
			}
			if k > j && k < len(s) && s[k] == ' ' && len(b) > 0 {
				b = append(b, s[j:k]...)
				for k < len(s) && s[k] == ' ' {
					k++
				}
				i = k - 1
				continue
			}
			b = append(b, s[i:j]...)
			i = j - 1
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// refusals are how replies begin that decline to answer. Those that end in a
// blank need one of refusedVerbs behind them: "I can't decode that" declines,
// "I can't believe it" may be what was asked for.
var refusals = []string{
	"i can't ", "i cannot ", "i can not ", "i'm unable to ", "i am unable to ", "i'm not able to ", "i am not able to ", "i won't ", "we cannot ",
	"sorry, i can't ", "sorry, i cannot ", "sorry, but i can't ", "sorry, but i cannot ", "sorry, i'm unable to ", "sorry, i won't ",
	"unfortunately, i can't ", "unfortunately, i cannot ", "unfortunately, i'm unable to ",
	"i'm sorry, but", "i am sorry, but", "i'm sorry, i ", "i don't know the answer", "i do not know the answer", "i must decline", "as an ai",
	"unable to answer", "cannot answer", "can't answer",
	"无法回答", "无法提供", "不能回答", "抱歉", "很抱歉", "非常抱歉", "对不起，", "对不起,", "我不能回答", "我不能提供", "我无法", "我不知道",
	"作为一个人工智能", "作为人工智能", "作为一个ai", "作为ai", "作为一名ai", "作为一个语言模型", "作为语言模型",
}

// bareRefusals decline where they are all that is said.
var bareRefusals = map[string]bool{
	"i can't": true, "i cannot": true, "i won't": true, "sorry": true, "i'm sorry": true, "i am sorry": true, "i don't know": true, "i do not know": true,
	"对不起": true, "不知道": true, "不能": true, "无法": true, "我不会": true, "我不能": true,
}

var refusedVerbs = map[string]bool{
	"answer": true, "help": true, "assist": true, "provide": true, "determine": true, "decode": true, "decrypt": true, "solve": true, "do": true,
	"comply": true, "fulfill": true, "fulfil": true, "give": true, "find": true, "generate": true, "complete": true, "say": true, "tell": true,
	"share": true, "access": true, "see": true, "view": true, "verify": true, "compute": true, "calculate": true, "discuss": true, "engage": true,
	"create": true, "write": true, "support": true, "produce": true, "offer": true, "respond": true, "reply": true, "process": true, "perform": true,
	"continue": true, "recommend": true, "identify": true, "reliably": true, "confidently": true, "directly": true, "accurately": true,
}

// longestRefusal bounds in bytes what is looked at.
const longestRefusal = 64

// isRefusal reports whether the text begins like a refusal.
func isRefusal(s string) bool {
	switch s[0] | 0x20 {
	case 'i', 's', 'a', 'u', 'c', 'n', 'w':
	case 0xE6, 0xE5, 0xE4, 0xE9: // the first bytes of 无 抱 我 对 作 不 很 非
	default:
		return false
	}
	var buf [longestRefusal]byte
	head := buf[:copy(buf[:], s)]
	for i, c := range head {
		if isUpper(c) {
			head[i] = c | 0x20
		}
	}
	if len(s) < longestRefusal && bareRefusals[string(head)] {
		return true
	}
	for _, r := range refusals {
		rest, ok := bytes.CutPrefix(head, []byte(r))
		if !ok {
			continue
		}
		if r[len(r)-1] != ' ' {
			return true
		}
		word, _, _ := bytes.Cut(rest, []byte(" "))
		if refusedVerbs[string(bytes.TrimRight(word, ",."))] {
			return true
		}
	}
	return false
}
