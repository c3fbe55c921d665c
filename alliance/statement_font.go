package alliance

import _ "embed" // the font

// pdfFont is a part of the font Droid Sans Fallback (Copyright 2006-2010 Google
// Corp., Apache License 2.0): the Chinese characters that statements need and
// no others, so that they are seen where no Chinese font is.
//
//go:embed statement.ttf
var pdfFont []byte

// pdfRunes are the characters of pdfFont, pdfGlyphs where each is in it.
const pdfRunes = "、。一上下中为争他付以件任余保值偿元充免兑入其决冻准出分判利别动单变可号合同后员在型备外客密尾差币年应底延开式成户扣报抵换收数整文方日月期未末本条模款每求汇注消用申盈盟种税笔算类累红结联能补裁计让议请调责账费赔足转输还退递都金钥预额％（），：；"

var pdfGlyphs = [...]uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123}

// pdfGlyph finds each character's place.
var pdfGlyph = func() map[rune]uint16 {
	m := map[rune]uint16{}
	i := 0
	for _, r := range pdfRunes {
		m[r] = pdfGlyphs[i]
		i++
	}
	return m
}()
