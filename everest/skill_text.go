package everest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

func init() {
	register(Skill{
		Name: "text", Arch: "pangu-embedded",
		About:   "strings and lists: reverse, sort, count, change case, take apart and join",
		AboutZH: "字符串与列表：倒写、排序、计数、大小写、拆开与连接",
		Can:     "rearrange letters, words and lists", CanZH: "字词与列表的整理",
		Limit:   "reverse, sort, count and change words up to 12 letters and lists up to 6",
		LimitZH: "12个字母以内的单词和6项以内的列表的倒写、排序、计数与大小写",
		Make:    makeText, Free: freeText, Right: sameConclusion,
	})
}

// word makes a string of letters that reads like a word.
func word(r *rand.Rand, shortest, longest int) string {
	n := between(r, shortest, longest)
	var b strings.Builder
	for vowel := r.IntN(2) == 0; b.Len() < n; vowel = !vowel {
		from := "bcdfghjklmnpqrstvwxyz"
		if vowel {
			from = "aeiou"
		}
		b.WriteByte(from[r.IntN(len(from))])
		if r.IntN(6) == 0 {
			vowel = !vowel
		}
	}
	return b.String()
}

// distinct makes n different things.
func distinct[T comparable](n int, f func() T) []T {
	var all []T
	for len(all) < n {
		if v := f(); !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

const commonCharacters = "春江花月夜山水风云天地人日星雪雨草木石田土火金玉龙虎马牛羊鸟鱼东西南北上下左右大小多少红黄青白黑长短高低远近来去开明光心手足口目耳"

func makeText(r *rand.Rand) Example {
	switch r.IntN(9) {
	case 0, 1:
		return reverse(r)
	case 2:
		w := word(r, 3, 8)
		letters := strings.Split(w, "")
		slices.Sort(letters)
		return textExample(r, "letters", w, "→"+strings.Join(letters, ""),
			[]string{"把%s的字母按顺序排列", "给%s的字母排序", "%s的字母从a到z排序"},
			[]string{"Sort the letters of %s.", "Put the letters of %s in alphabetical order."})
	case 3:
		numbers := distinct(between(r, 3, 6), func() int { return between(r, 1, 99) })
		shown := joined(numbers)
		if r.IntN(2) == 0 {
			slices.Sort(numbers)
			return textExample(r, "up", shown, "→"+joined(numbers),
				[]string{"把%s从小到大排列", "从小到大排序：%s", "给%s排序"}, []string{"Sort %s.", "Sort these numbers: %s", "Order %s from smallest to largest."})
		}
		slices.SortFunc(numbers, func(a, b int) int { return cmp.Compare(b, a) })
		return textExample(r, "down", shown, "→"+joined(numbers),
			[]string{"把%s从大到小排列", "从大到小排序：%s"}, []string{"Sort %s in descending order.", "Order %s from largest to smallest."})
	case 4:
		words := distinct(between(r, 2, 4), func() string { return word(r, 3, 5) })
		shown := strings.Join(words, " ")
		if r.IntN(2) == 0 {
			slices.Sort(words)
			return textExample(r, "words", shown, "→"+strings.Join(words, " "),
				[]string{"把单词按字母顺序排列：%s", "单词排序：%s"}, []string{"Sort these words: %s", "Sort alphabetically: %s"})
		}
		slices.Reverse(words)
		return textExample(r, "backwards", shown, "→"+strings.Join(words, " "),
			[]string{"把单词的顺序倒过来：%s", "倒序排列单词：%s"}, []string{"Reverse the order of the words: %s", "Reverse this list: %s"})
	case 5:
		return count(r)
	case 6:
		w := word(r, 3, 8)
		switch r.IntN(3) {
		case 0:
			return textExample(r, "upper", w, "→"+strings.ToUpper(w), []string{"把%s改成大写字母", "%s变大写"}, []string{"Write %s in upper case.", "Uppercase %s", "Capitalise all letters of %s."})
		case 1:
			return textExample(r, "lower", strings.ToUpper(w), "→"+w, []string{"把%s改成小写字母", "%s变小写"}, []string{"Write %s in lower case.", "Lowercase %s"})
		}
		return textExample(r, "title", w, "→"+strings.ToUpper(w[:1])+w[1:], []string{"把%s的首字母改成大写", "%s首字母大写"}, []string{"Capitalise the first letter of %s.", "Capitalize %s"})
	case 7:
		w := word(r, 3, 8)
		switch r.IntN(3) {
		case 0:
			return textExample(r, "spell", w, "→"+strings.Join(strings.Split(w, ""), "-"), []string{"用连字符拼写%s", "把%s的字母用短横线连起来"}, []string{"Spell %s with hyphens.", "Put hyphens between the letters of %s."})
		case 1:
			return textExample(r, "first", w, "→"+w[:1], []string{"%s的第一个字母是什么？", "%s的首字母是什么？"}, []string{"What is the first letter of %s?", "First letter of %s"})
		}
		return textExample(r, "last", w, "→"+w[len(w)-1:], []string{"%s的最后一个字母是什么？", "%s的末尾字母是什么？"}, []string{"What is the last letter of %s?", "Last letter of %s"})
	}
	numbers := distinct(between(r, 3, 6), func() int { return between(r, 1, 99) })
	shown := joined(numbers)
	if r.IntN(2) == 0 {
		return textExample(r, "max", shown, "→"+strconv.Itoa(slices.Max(numbers)), []string{"%s里最大的是哪个？", "%s中的最大数"}, []string{"What is the largest of %s?", "Find the maximum of %s."})
	}
	return textExample(r, "min", shown, "→"+strconv.Itoa(slices.Min(numbers)), []string{"%s里最小的是哪个？", "%s中的最小数"}, []string{"What is the smallest of %s?", "Find the minimum of %s."})
}

func joined(numbers []int) string {
	var b strings.Builder
	for i, n := range numbers {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

func textExample(r *rand.Rand, kind, shown, answer string, zh, en []string) Example {
	e := Example{Key: "text " + kind + " " + shown, Answer: answer}
	e.Prompt, e.Lang = wording(r, zh, en, shown)
	return e
}

func reverse(r *rand.Rand) Example {
	if r.IntN(3) == 0 {
		c := []rune(commonCharacters)
		s := distinct(between(r, 2, 7), func() rune { return c[r.IntN(len(c))] })
		shown := string(s)
		slices.Reverse(s)
		return textExample(r, "reverse", shown, "→"+string(s), []string{"把“%s”倒过来写", "倒写：%s", "“%s”反过来怎么写？", "把%s反转"}, nil)
	}
	w := word(r, 3, 8)
	b := []byte(w)
	slices.Reverse(b)
	return textExample(r, "reverse", w, "→"+string(b), []string{"把%s倒过来写", "倒写：%s", "%s反过来怎么写？", "反转字符串%s"},
		[]string{"Reverse %s.", "Reverse the word %s.", "Write %s backwards.", "What is %s spelled backwards?"})
}

// spelled writes a word's letters down with their numbers, and how many there are.
func spelled(w string) string {
	var steps strings.Builder
	for i := range w {
		fmt.Fprintf(&steps, "%c%d", w[i], i+1)
	}
	return fmt.Sprintf("%s →%d", steps.String(), len(w))
}

// hits writes a word's letters down with a number after every c, and how many there are.
func hits(w string, c byte) string {
	var steps strings.Builder
	n := 0
	for i := range w {
		if steps.WriteByte(w[i]); w[i] == c {
			n++
			steps.WriteString(strconv.Itoa(n))
		}
	}
	return fmt.Sprintf("%s →%d", steps.String(), n)
}

// count counts a letter, with every hit written down.
func count(r *rand.Rand) Example {
	w := word(r, 4, 9)
	if r.IntN(2) == 0 {
		return textExample(r, "length", w, spelled(w), []string{"%s有几个字母？", "%s的长度是多少？"}, []string{"How many letters are in %s?", "How long is the word %s?"})
	}
	c := w[r.IntN(len(w))]
	if r.IntN(3) > 0 { // mostly one that is there twice or more
		b := []byte(w)
		b[r.IntN(len(b))], b[r.IntN(len(b))] = c, c
		w = string(b)
	}
	e := Example{Key: fmt.Sprintf("text count %c %s", c, w), Answer: hits(w, c)}
	e.Prompt, e.Lang = wording(r, []string{"%[1]s里有几个%[2]s？", "数一数%[1]s中的字母%[2]s"}, []string{"How many %[2]s are in %[1]s?", "How often does %[2]s occur in %[1]s?", "Count the letter %[2]s in %[1]s."}, w, string(c))
	return e
}
