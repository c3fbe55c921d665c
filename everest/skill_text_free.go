package everest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// englishWords are words that people try such models with.
var englishWords = strings.Fields(`apple banana cherry orange lemon grape melon peach pear plum strawberry raspberry blueberry mango summit mountain
river valley forest desert island ocean beach cloud storm thunder rainbow winter summer spring autumn january monday sunday hello world
computer keyboard monitor printer internet language program function variable number letter string window table chair bottle kitchen garden
flower animal elephant tiger rabbit monkey giraffe dolphin penguin butterfly mississippi committee banana coffee chocolate cookie
happy yellow purple silver golden green little letter success address balloon bookkeeper pepper kangaroo squirrel umbrella
python golang java rust kotlin swift linux everest poem sum date logic text alphabet planet rocket galaxy doctor teacher student
school market station airport ticket hammer needle pencil paper rhythm level radar madam noon racecar stats cat dog bird fish tree house
book river lamp door key star moon sun sea sky road bridge train truck bus car ship boat`)

func realWord(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return word(r, 3, 10)
	}
	return englishWords[r.IntN(len(englishWords))]
}

// freeText asks as people do, with words of English, longer ones, lists with
// other marks between; and what is beyond the model.
func freeText(r *rand.Rand) Example {
	w := realWord(r)
	named := w
	if r.IntN(5) == 0 {
		named = one(r, `"`+w+`"`, "'"+w+"'", "“"+w+"”")
	}
	switch r.IntN(12) {
	case 0, 1:
		if r.IntN(4) == 0 {
			c := []rune(commonCharacters + "上海自来水王李张赵我你他好是不了在有学生老师家国")
			s := make([]rune, between(r, 2, 6))
			for i := range s {
				s[i] = c[r.IntN(len(c))]
			}
			shown := string(s)
			slices.Reverse(s)
			return textExample(r, "reverse", shown, "→"+string(s),
				[]string{"把“%s”倒过来", "“%s”倒过来念是什么？", "%s倒过来写是什么", "请把%s反过来写", "反转“%s”", "%s倒着写"}, nil)
		}
		b := []byte(w)
		slices.Reverse(b)
		return freeWord(r, "reverse", w, named, "→"+string(b),
			[]string{"请把%s倒过来", "%s倒过来是什么", "把单词%s反转", "把字符串%s反转", "%s倒着拼", "%s反过来拼写"},
			[]string{"reverse the string %s", "reverse %s", "Reverse the letters of %s", "Spell %s backwards", "%s backwards", "please reverse %s", "Can you reverse %s?", "what is %s reversed?", "Please reverse the word %s", "spell %s in reverse", "reverse: %s"})
	case 2:
		if one(r, true, false) {
			e := count(r) // the problem is made, its words are changed
			if word, ok := strings.CutPrefix(e.Key, "text length "); ok {
				e.Prompt, e.Lang = wording(r, []string{"%s有多少个字母", "数数%s有几个字母", "单词%s有多长？"}, []string{"how many letters does %s have?", "Count the letters of %s", "length of %s", "number of letters in %s"}, word)
				return e
			}
		}
		return freeWord(r, "length", w, named, spelled(w),
			[]string{"%s有多少个字母", "%s有多少个字母？", "数数%s有几个字母", "单词%s有多长？", "%s这个词有几个字母？"},
			[]string{"how many letters does %s have?", "How many letters in %s?", "Count the letters of %s", "length of %s", "number of letters in %s", "What is the length of %s?"})
	case 3, 4:
		c := w[r.IntN(len(w))]
		if r.IntN(6) == 0 {
			c = byte('a' + r.IntN(26))
		}
		e := Example{Key: fmt.Sprintf("text count %c %s", c, w), Answer: hits(w, c)}
		e.Prompt, e.Lang = wording(r,
			[]string{"%[1]s里面有几个%[2]s", "单词%[1]s里有多少个字母%[2]s？", "%[1]s中有几个字母%[2]s？", "字母%[2]s在%[1]s里出现几次？", "%[1]s有几个%[2]s？"},
			[]string{"how many %[2]s's in %[1]s?", "How many %[2]s's are in %[1]s?", "how many %[2]s in %[1]s", "How many times does the letter %[2]s appear in %[1]s?", "How many letters %[2]s are there in %[1]s?", "count the %[2]s in %[1]s", "number of %[2]s's in %[1]s", "How many times does %[2]s occur in %[1]s?"}, named, string(c))
		return e
	case 5, 6:
		return freeList(r)
	case 7:
		words := distinct(between(r, 2, 4), func() string { return realWord(r) })
		shown := strings.Join(words, " ")
		listed := strings.Join(words, one(r, " ", ", ", " ", "、"))
		if r.IntN(3) > 0 {
			slices.Sort(words)
			return freeWord(r, "words", shown, listed, "→"+strings.Join(words, " "),
				[]string{"把%s按字母顺序排列", "按字母顺序排：%s", "给这些单词排序：%s", "%s按字母排序"},
				[]string{"sort %s alphabetically", "Sort the words %s", "alphabetical order: %s", "Put %s in alphabetical order", "please sort %s by letter", "Alphabetize %s"})
		}
		slices.Reverse(words)
		return freeWord(r, "backwards", shown, listed, "→"+strings.Join(words, " "),
			[]string{"把%s的顺序反过来", "倒序：%s", "把这些单词倒过来排：%s"}, []string{"Reverse the order of %s", "list backwards: %s", "Reverse the list %s"})
	case 8:
		switch r.IntN(3) {
		case 0:
			return freeWord(r, "upper", w, named, "→"+strings.ToUpper(w), []string{"把%s变成大写", "%s的大写", "%s转大写", "请把%s写成大写"}, []string{"make %s uppercase", "%s to uppercase", "%s in capital letters", "convert %s to upper case", "uppercase: %s", "Capitalise every letter in %s"})
		case 1:
			u := strings.ToUpper(w)
			return freeWord(r, "lower", u, u, "→"+w, []string{"把%s变成小写", "%s的小写", "%s转小写"}, []string{"%s to lowercase", "make %s lowercase", "convert %s to lower case", "lowercase: %s", "%s in small letters"})
		}
		return freeWord(r, "title", w, named, "→"+strings.ToUpper(w[:1])+w[1:], []string{"把%s首字母变成大写", "%s的首字母大写"}, []string{"capitalise %s", "make the first letter of %s a capital", "capitalize the first letter of %s"})
	case 9:
		switch r.IntN(3) {
		case 0:
			return freeWord(r, "spell", w, named, "→"+strings.Join(strings.Split(w, ""), "-"), []string{"把%s拆成字母，用短横线隔开", "用-连接%s的字母"}, []string{"spell %s with dashes", "put dashes between the letters of %s", "hyphenate every letter of %s"})
		case 1:
			return freeWord(r, "first", w, named, "→"+w[:1], []string{"%s以什么字母开头？", "单词%s的首字母"}, []string{"what's the first letter of %s", "Which letter does %s start with?", "first letter in %s"})
		}
		return freeWord(r, "last", w, named, "→"+w[len(w)-1:], []string{"%s以什么字母结尾？", "单词%s的最后一个字母"}, []string{"what's the last letter of %s", "Which letter does %s end with?", "last letter in %s", "final letter of %s"})
	}
	return beyondText(r)
}

func freeWord(r *rand.Rand, kind, problem, shown, answer string, zh, en []string) Example {
	e := Example{Key: "text " + kind + " " + problem, Answer: answer}
	e.Prompt, e.Lang = wording(r, zh, en, shown)
	return e
}

func freeList(r *rand.Rand) Example {
	most := one(r, 9, 99, 99, 999)
	numbers := distinct(between(r, 3, 6), func() int { return between(r, 0, most) })
	problem := joined(numbers)
	shown := strings.ReplaceAll(problem, ", ", one(r, " ", ", ", ",", "、", " "))
	switch r.IntN(6) {
	case 0, 1:
		slices.Sort(numbers)
		return freeWord(r, "up", problem, shown, "→"+joined(numbers),
			[]string{"从小到大排列 %s", "%s从小到大排", "把%s排序", "请把这些数从小到大排列：%s", "升序排列：%s"}, []string{"sort %s", "sort the numbers %s", "put %s in order", "sort ascending: %s", "order these: %s", "Please sort %s from small to large"})
	case 2, 3:
		slices.SortFunc(numbers, func(a, b int) int { return cmp.Compare(b, a) })
		return freeWord(r, "down", problem, shown, "→"+joined(numbers),
			[]string{"从大到小排列 %s", "%s从大到小排", "请把这些数从大到小排列：%s", "降序排列：%s"}, []string{"sort %s from big to small", "sort descending: %s", "sort %s in reverse order", "order %s, largest first"})
	case 4:
		return freeWord(r, "max", problem, shown, "→"+strconv.Itoa(slices.Max(numbers)), []string{"%s哪个最大？", "%s的最大值", "找出%s中最大的"}, []string{"max of %s", "largest of %s", "which is the biggest: %s", "maximum of %s", "What is the biggest number in %s?"})
	}
	return freeWord(r, "min", problem, shown, "→"+strconv.Itoa(slices.Min(numbers)), []string{"%s哪个最小？", "%s的最小值", "找出%s中最小的"}, []string{"min of %s", "smallest of %s", "which is the smallest: %s", "minimum of %s", "What is the smallest number in %s?"})
}

// beyondText asks for words and lists that are too long, and for sentences.
func beyondText(r *rand.Rand) Example {
	w := word(r, 13, 22)
	sentence := strings.Join(distinct(between(r, 5, 8), func() string { return realWord(r) }), " ")
	numbers := strings.Join(distinct(between(r, 8, 14), func() string { return strconv.Itoa(between(r, 0, 99)) }), one(r, ", ", " "))
	pair := one(r,
		[2]string{"把" + w + "倒过来写", "Reverse " + w + "."}, [2]string{w + "有几个字母？", "How many letters are in " + w + "?"},
		[2]string{w + "里有几个" + w[:1] + "？", "How many " + w[:1] + " are in " + w + "?"}, [2]string{"把" + w + "改成大写字母", "make " + w + " uppercase"},
		[2]string{"把" + numbers + "从小到大排列", "Sort " + numbers + "."}, [2]string{numbers + "里最大的是哪个？", "What is the largest of " + numbers + "?"},
		[2]string{"把这句话倒过来：" + sentence, "Reverse the sentence: " + sentence}, [2]string{"单词排序：" + sentence, "Sort these words: " + sentence},
		[2]string{"“" + sentence + "”有几个单词？", "How many words are in: " + sentence + "?"},
		[2]string{realWord(r) + "有几个元音字母？", "How many vowels are in " + realWord(r) + "?"},
		[2]string{realWord(r) + "是回文吗？", "Is " + realWord(r) + " a palindrome?"},
		[2]string{realWord(r) + "和" + realWord(r) + "是字谜吗？", "What rhymes with " + realWord(r) + "?"},
		[2]string{"去掉" + realWord(r) + "里的元音", "Remove the vowels from " + realWord(r)},
		[2]string{"把" + realWord(r) + "里的" + w[:1] + "换成" + w[1:2], "Replace " + w[:1] + " by " + w[1:2] + " in " + realWord(r)})
	return beyond(r, "text", pair[0], pair[1])
}
