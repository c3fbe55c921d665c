package tokenizer

import "unicode/utf8"

// GPT-2 writes each byte of a token as one printable character, so that a
// vocabulary file holds text only: printable Latin-1 stands for itself, the
// other 68 bytes are U+0100 and following, in order.
// Source: Radford et al. 2019, encoder.py, bytes_to_unicode.
var (
	alphabet  [256]rune
	alphabetB [0x144]int16 // by rune: the byte, or -1
)

func init() {
	for i := range alphabetB {
		alphabetB[i] = -1
	}
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if r < 0x21 || r > 0x7e && r < 0xa1 || r == 0xad {
			r = next
			next++
		}
		alphabet[b] = r
		alphabetB[r] = int16(b)
	}
}

// fromAlphabet returns the bytes that a token of GPT-2's alphabet stands for.
// Characters outside the alphabet stand for themselves.
func fromAlphabet(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < rune(len(alphabetB)) && alphabetB[r] >= 0 {
			out = append(out, byte(alphabetB[r]))
		} else {
			out = append(out, s[i:i+n]...)
		}
		i += n
	}
	return string(out)
}

// ToAlphabet writes bytes in GPT-2's alphabet, as the tokens and merges of a
// BPE vocabulary are written.
func ToAlphabet(b string) string {
	out := make([]rune, len(b))
	for i := range len(b) {
		out[i] = alphabet[b[i]]
	}
	return string(out)
}
