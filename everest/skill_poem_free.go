package everest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// freePoem asks for a poem as people do, mostly without a form. The gate
// learns from it; the poet does not.
func freePoem(r *rand.Rand) Example {
	f := Forms[r.IntN(len(Forms))]
	form := one(r, f.Name, f.Short, "诗", "古诗", "古体诗", "唐诗", "古典诗", "绝句", "律诗", "七言诗", "五言诗")
	about := topics[r.IntN(len(topics))]
	topic := about.zh
	if r.IntN(2) == 0 {
		topic = one(r, "月亮", "春天", "秋天", "雪景", "梅花", "荷花", "思乡", "母亲", "故乡", "长城", "黄河", "长江", "离别", "友情", "中秋", "重阳", "除夕", "落日", "田园", "边塞", "江南", "西湖", "泰山", "大海", "夜雨", "老师", "孤独", "理想")
	}
	kind := one(r, "five-character quatrain", "seven-character quatrain", "five-character octet", "seven-character octet", "poem", "classical poem", "verse", "quatrain")
	e := Example{Answer: f.Name}
	if r.IntN(5) == 0 {
		e.Lang = "en"
		e.Prompt = fmt.Sprintf(one(r, "write me a Chinese %[1]s about %[2]s", "Compose a Chinese %[1]s about %[2]s", "Write a classical Chinese %[1]s on %[2]s.", "a Chinese %[1]s about %[2]s please", "Can you write a Chinese %[1]s about %[2]s?", "I want a classical Chinese %[1]s on %[2]s"), kind, about.en)
	} else {
		e.Lang = "zh"
		e.Prompt = fmt.Sprintf(one(r, "来首%[1]s吧，写%[2]s", "给我写首%[1]s，主题是%[2]s", "能不能作一首关于%[2]s的%[1]s", "帮我写首%[1]s，写%[2]s", "请创作一首%[1]s描写%[2]s", "写一首%[1]s咏%[2]s", "写一首关于%[2]s的%[1]s", "写一首%[2]s的%[1]s", "写首%[2]s的%[1]s", "作%[1]s一首，题为《%[3]s》", "写一首%[1]s，题目是%[3]s", "请你写一首描写%[2]s的%[1]s", "写首%[1]s", "来一首%[1]s", "作首%[1]s，题目《%[3]s》", "以%[2]s为题写一首%[1]s", "请以“%[2]s”为题作%[1]s", "咏%[2]s", "赋诗一首：%[2]s", "用%[1]s写%[2]s"), form, topic, title(r))
	}
	e.Key = "poem " + e.Prompt
	return e
}

// inAForm is a prompt that names one of the poet's four forms: a poem of no
// form in particular is asked for as a quatrain of seven characters.
func inAForm(prompt string) string {
	for _, f := range Forms {
		if strings.Contains(prompt, f.Name) || strings.Contains(prompt, f.Short) {
			return prompt
		}
	}
	if strings.Contains(prompt, "-character ") {
		return prompt
	}
	for _, word := range [][2]string{
		{"绝句", "七言绝句"}, {"律诗", "七言律诗"}, {"五言诗", "五言绝句"}, {"七言诗", "七言绝句"},
		{"古体诗", "七言绝句"}, {"古典诗", "七言绝句"}, {"古诗", "七言绝句"}, {"唐诗", "七言绝句"}, {"诗", "七言绝句"},
		{"quatrain", "seven-character quatrain"}, {"octet", "seven-character octet"},
		{"classical poem", "seven-character quatrain"}, {"poem", "seven-character quatrain"}, {"verse", "seven-character quatrain"},
	} {
		if strings.Contains(prompt, word[0]) {
			return strings.Replace(prompt, word[0], word[1], 1)
		}
	}
	if n := len([]rune(prompt)); strings.HasPrefix(prompt, "咏") && n <= 6 {
		return "写一首" + prompt + "的七言绝句"
	}
	return prompt
}
