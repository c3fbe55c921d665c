package everest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

func init() {
	register(Skill{
		Name: "poem", Arch: "qwen3",
		About:   "classical Chinese verse: quatrains and octets of five or seven characters, to a title, a topic or a first line",
		AboutZH: "古典诗：按题目、题材或首句写五绝、七绝、五律、七律",
		Can:     "write classical Chinese poems", CanZH: "写古诗",
		Temperature: 0.8, TopP: 0.95,
		Ask: askPoem, Free: freePoem, Put: inAForm,
		Right: func(reply, reference string) bool {
			f, ok := FormNamed(reference)
			return ok && f.Has(reply)
		},
	})
}

// topics are what poems are asked about in one or two characters, and what
// English calls it.
var topics = []struct{ zh, en string }{
	{"月", "the moon"}, {"花", "flowers"}, {"雪", "snow"}, {"春", "spring"}, {"夏", "summer"}, {"秋", "autumn"}, {"冬", "winter"},
	{"山", "mountains"}, {"水", "water"}, {"江", "the river"}, {"湖", "a lake"}, {"海", "the sea"}, {"风", "the wind"}, {"雨", "rain"}, {"云", "clouds"},
	{"梅", "plum blossom"}, {"兰", "orchids"}, {"竹", "bamboo"}, {"菊", "chrysanthemums"}, {"荷", "the lotus"}, {"松", "pines"}, {"柳", "willows"}, {"桃", "peach blossom"},
	{"酒", "wine"}, {"茶", "tea"}, {"琴", "the zither"}, {"夜", "the night"}, {"晓", "the dawn"}, {"楼", "a tower"}, {"寺", "a temple"}, {"僧", "a monk"},
	{"舟", "a boat"}, {"马", "horses"}, {"雁", "wild geese"}, {"鸟", "birds"}, {"蝉", "cicadas"}, {"友", "a friend"}, {"客", "a traveller"}, {"归", "coming home"},
	{"别", "parting"}, {"送", "a farewell"}, {"梦", "a dream"}, {"田", "the fields"}, {"村", "a village"}, {"渔", "a fisherman"}, {"边", "the frontier"}, {"古", "the past"},
}

// titles are titles of our own for prompts of the gate and the tests.
func title(r *rand.Rand) string {
	t := func() string { return topics[r.IntN(len(topics))].zh }
	return one(r,
		one(r, "咏", "赋", "望", "题", "观", "听", "对", "忆")+t(),
		one(r, "春", "夏", "秋", "冬", "早春", "暮春", "初夏", "深秋", "岁暮")+one(r, "夜", "日", "晓", "晚", "雨", "望", "思", "行", "兴"),
		one(r, "送", "寄", "别", "赠", "怀")+one(r, "友人", "故人", "李生", "王郎", "山僧", "诸弟"),
		one(r, "登", "过", "宿", "游", "题")+one(r, "西山", "东湖", "江楼", "古寺", "山亭", "南浦", "北固", "云台"),
		t()+one(r, "下", "中", "前", "上")+one(r, "独坐", "小饮", "即事", "有感", "偶成", "书怀"))
}

func askPoem(r *rand.Rand) Example {
	f := Forms[r.IntN(len(Forms))]
	line := ""
	if r.IntN(4) == 0 {
		c := []rune(commonCharacters)
		for range f.Characters {
			line += string(c[r.IntN(len(c))])
		}
	}
	e := poemPrompt(r, f, title(r), topics[r.IntN(len(topics))].zh, line)
	e.Answer = f.Name
	e.Key = "poem " + e.Prompt
	return e
}

// poemPrompt asks for a poem of the form: by its title, or by a topic, or by
// a first line where one is given. Topics that are not in the list are asked
// for in Chinese.
func poemPrompt(r *rand.Rand, f Form, title, topic, line string) Example {
	form := one(r, f.Name, f.Name, f.Short)
	e := Example{Lang: "zh"}
	switch {
	case line != "":
		e.Prompt = fmt.Sprintf(one(r, "以“%[2]s”开头写一首%[1]s", "%[1]s，首句：%[2]s", "续写%[1]s：%[2]s"), form, line)
	case topic != "" && (title == "" || r.IntN(2) == 0):
		if r.IntN(8) == 0 {
			for _, t := range topics {
				if t.zh == topic {
					kind := map[string]string{"五绝": "five-character quatrain", "七绝": "seven-character quatrain", "五律": "five-character octet", "七律": "seven-character octet"}[f.Short]
					return Example{Lang: "en", Prompt: fmt.Sprintf(one(r, "Write a Chinese %s about %s.", "A classical Chinese %s on %s"), kind, t.en)}
				}
			}
		}
		e.Prompt = fmt.Sprintf(one(r, "写一首咏%[2]s的%[1]s", "写一首关于%[2]s的%[1]s", "作一首%[1]s，写%[2]s", "来一首%[2]s的%[1]s", "%[1]s，咏%[2]s", "请写一首咏%[2]s的%[1]s"), form, topic)
	default:
		e.Prompt = fmt.Sprintf(one(r, "%[1]s《%[2]s》", "%[1]s《%[2]s》", "写一首%[1]s，题为《%[2]s》", "以《%[2]s》为题写一首%[1]s", "写%[1]s《%[2]s》"), form, title)
	}
	return e
}

// Poem is one poem of the corpus.
type Poem struct {
	Title string   `json:"title"`
	Lines []string `json:"lines"` // couplets, with their punctuation
}

// Text is the poem as the model writes it: all lines in one row, commas and
// full stops as the only punctuation.
func (p *Poem) Text() string {
	return strings.NewReplacer("？", "。", "！", "。", "；", "。").Replace(strings.Join(p.Lines, ""))
}

// plainTitle is a title without what stands in brackets and without numbers
// of a series; empty where it is too long to be asked for.
func plainTitle(s string) string {
	if i := strings.IndexAny(s, "（(《　 "); i >= 0 {
		s = s[:i]
	}
	const most = 12
	if n := len([]rune(s)); n == 0 || n > most {
		return ""
	}
	return s
}

// ask makes the training example of a poem: the prompt by its title, a topic
// that it has a character of, or its first line.
func (p *Poem) ask(r *rand.Rand) (Example, bool) {
	text := p.Text()
	f, ok := formOf(text)
	if !ok {
		return Example{}, false
	}
	lines := Verses(text)
	title, topic, line := plainTitle(p.Title), "", ""
	var about []string
	for _, t := range topics {
		if strings.Contains(title, t.zh) || strings.Contains(lines[0]+lines[1], t.zh) {
			about = append(about, t.zh)
		}
	}
	if len(about) > 0 {
		topic = about[r.IntN(len(about))]
	}
	if r.IntN(6) == 0 || title == "" && topic == "" {
		line = lines[0]
	}
	e := poemPrompt(r, f, title, topic, line)
	e.Answer = text
	return e, true
}
