package everest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// freeNumber asks as people do, and for what is beyond the model.
func freeNumber(r *rand.Rand) Example {
	if r.IntN(4) == 0 {
		return beyondNumber(r)
	}
	var n int
	var kind, written string
	var zh, en []string
	switch r.IntN(4) {
	case 0:
		n, kind = digits(r, 6), "c"
		written = Chinese(n)
		zh = []string{"用中文写%d", "%d的中文", "%d中文怎么说", "把数字%d写成汉字", "%d写成汉字", "请把%d写成中文数字", "%d用汉字怎么写？", "用中文数字写%d"}
		en = []string{"%d in Chinese", "write %d in chinese numerals", "What is %d in Chinese numerals?", "How do you write %d in Chinese?", "chinese numeral for %d"}
	case 1:
		n, kind = digits(r, 6), "m"
		written = Financial(n)
		zh = []string{"%d元的大写", "%d元大写", "请把%d元写成大写", "%d块钱大写怎么写", "大写金额：%d元", "支票上%d元怎么写？", "%d元整的大写金额是什么", "用大写写%d元"}
		en = []string{"%d yuan in financial numerals", "write %d yuan as on a cheque in Chinese", "financial Chinese for %d yuan"}
	case 2:
		n, kind = between(r, 1, 3999), "r"
		if r.IntN(3) == 0 {
			n = between(r, 1800, 2100)
		}
		written = Roman(n)
		zh = []string{"用罗马数字写%d", "%d的罗马数字是什么", "%d罗马数字", "%d写成罗马数字", "请把%d转成罗马数字", "罗马数字%d怎么写？", "把%d变成罗马数字"}
		en = []string{"%d in roman", "%d in Roman numerals", "roman numeral for %d", "what's %d in roman numerals", "Convert %d to Roman numerals", "write %d as a Roman number", "How do you write %d in Roman numerals?", "Roman numerals of %d", "the year %d in Roman numerals", "%d to roman"}
	default:
		n, kind = digits(r, 4), "e"
		written = English(n)
		zh = []string{"用英文写%d", "%d的英文", "%d英文怎么写", "%d用英语怎么说", "把%d翻译成英文单词"}
		en = []string{"spell %d in English", "spell %d", "%d in words", "How do you spell %d?", "write out %d", "write %d as words", "%d in English", "What is %d in words?", "how is %d written in words"}
	}
	e := Example{Key: fmt.Sprintf("number %s%d", kind, n), Answer: written}
	if r.IntN(5) < 2 { // and back
		e.Answer = strconv.Itoa(n)
		shown := written
		if kind == "r" && r.IntN(4) == 0 {
			shown = strings.ToLower(written)
		}
		zh, en := []string{"%s等于多少", "%s是几", "把%s变成数字", "%s的阿拉伯数字", "%s用阿拉伯数字怎么写", "把%s写成数字", "%s是什么数字"}, []string{"what is %s as a number", "what is %s in digits", "%s as a number", "convert %s to digits", "%s in numbers", "the number %s", "Write %s in digits.", "%s to a number"}
		switch kind {
		case "r":
			zh, en = append(zh, "罗马数字%s是多少", "罗马数字%s代表几？"), append(en, "What does %s mean?", "what does the Roman numeral %s stand for", "%s in arabic numerals", "What number is the Roman numeral %s?", "Roman numeral %s", "read %s", "convert %s from Roman")
		case "m":
			zh = append(zh, "%s是多少钱", "%s等于多少元")
			if r.IntN(3) == 0 {
				shown = strings.TrimSuffix(shown, "整")
			}
		}
		e.Prompt, e.Lang = wording(r, zh, en, shown)
		return e
	}
	shown := strconv.Itoa(n)
	if n > 999 && r.IntN(6) == 0 {
		shown = shown[:len(shown)-3] + "," + shown[len(shown)-3:]
	}
	for _, list := range [][]string{zh, en} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "%d", "%s")
		}
	}
	e.Prompt, e.Lang = wording(r, zh, en, shown)
	return e
}

// beyondNumber asks for numbers that are too large, broken or in other systems.
func beyondNumber(r *rand.Rand) Example {
	large := long(r, 7, 12)
	roman := strconv.Itoa(between(r, 4000, 99999))
	if r.IntN(8) == 0 {
		roman = "0"
	}
	broken := strconv.Itoa(digits(r, 4)) + "." + long(r, 1, 2)
	english := long(r, 5, 9)
	n := strconv.Itoa(digits(r, 4))
	pair := one(r,
		[2]string{one(r, "把"+large+"写成中文数字", large+"用中文怎么写？", large+"的中文写法", "用中文写"+large), "Write " + large + " in Chinese numerals."},
		[2]string{one(r, large+"元大写", "把"+large+"元写成大写金额"), "Write " + large + " yuan in financial Chinese."},
		[2]string{one(r, "把"+roman+"写成罗马数字", roman+"的罗马数字", "用罗马数字写"+roman), one(r, "Write "+roman+" in Roman numerals.", roman+" in roman", "roman numeral for "+roman)},
		[2]string{one(r, "把"+roman+"写成罗马数字", roman+"的罗马数字", "用罗马数字写"+roman), one(r, "Write "+roman+" in Roman numerals.", "What is "+roman+" in Roman numerals?", "Convert "+roman+" to Roman numerals")},
		[2]string{one(r, broken+"元大写", "把"+broken+"元写成大写金额", broken+"用中文怎么写？"), one(r, "Write "+broken+" in words.", broken+" in Chinese numerals", "Write "+broken+" yuan in financial Chinese.")},
		[2]string{one(r, english+"用英文怎么写？", "把"+english+"写成英文"), one(r, "Write "+english+" in words.", "Spell out "+english+".", "spell "+english+" in English")},
		[2]string{"-" + n + "用中文怎么写？", one(r, "Write -"+n+" in words.", "-"+n+" in Chinese numerals")},
		[2]string{one(r, "把"+n+"写成二进制", "把"+n+"写成十六进制", n+"的二进制"), one(r, "Write "+n+" in binary.", n+" in hexadecimal", "What is "+n+" in binary?", n+" to hex")},
		[2]string{one(r, n+"用日语怎么说？", n+"用法语怎么写？"), one(r, "Write "+n+" in French.", n+" in Spanish words", "How do you say "+n+" in Japanese?")},
		[2]string{one(r, "第"+n+"用英文怎么写？", "四分之三用数字怎么写？", "百分之"+Chinese(digits(r, 2))+"是多少？"), one(r, "Write the ordinal of "+n+".", "What is three quarters as a number?", "Is "+n+" odd or even?", "Write "+n+" in scientific notation.")})
	return beyond(r, "number", pair[0], pair[1])
}
