package everest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// beyond makes a problem of the skill's kind that is beyond its model, in one
// of two languages, with the answer that says so.
func beyond(r *rand.Rand, skill, zh, en string) Example {
	e := Example{Prompt: en, Lang: "en"}
	if en == "" || zh != "" && r.IntN(2) == 0 {
		e = Example{Prompt: zh, Lang: "zh"}
	}
	e.Key = "beyond " + skill + " " + e.Prompt
	s, err := Find(skill)
	if err != nil {
		panic(err) // a name in this package is wrong
	}
	e.Answer = s.Beyond(e.Lang)
	return e
}

// Near makes a prompt that no skill is for, but that has words of one: what a
// gate mistakes. Its key is the template, as of Other.
func Near(r *rand.Rand) Example {
	list, lang := nearEN, "en"
	if r.IntN(2) == 0 {
		list, lang = nearZH, "zh"
	}
	s := list[r.IntN(len(list))]
	e := Example{Key: s, Lang: lang, Prompt: s}
	switch r.IntN(12) {
	case 0: // no words at all
		e.Key, e.Prompt = "noise", strings.Join(distinct(between(r, 1, 4), func() string { return word(r, 2, 7) }), " ")
		return e
	case 1: // greetings with another ending
		all, end := othersEN[:8], one(r, "!", ".", "!!", "", ", summit", " :)", " there", "?")
		if lang == "zh" {
			all, end = othersZH[:9], one(r, "！", "。", "", "呀", "～", "啊", "，Summit")
		}
		e.Key = "greeting"
		e.Prompt = strings.TrimRight(all[r.IntN(len(all))], "?？") + end
		return e
	}
	for strings.Contains(e.Prompt, "%s") {
		thing := one(r, thingsEN...)
		if lang == "zh" {
			thing = one(r, thingsZH...)
		}
		e.Prompt = strings.Replace(e.Prompt, "%s", thing, 1)
	}
	for strings.Contains(e.Prompt, "%d") {
		e.Prompt = strings.Replace(e.Prompt, "%d", fmt.Sprint(digits(r, 4)), 1)
	}
	if lang == "en" && r.IntN(3) == 0 {
		e.Prompt = strings.ToLower(e.Prompt)
	}
	if r.IntN(4) == 0 {
		e.Prompt = strings.TrimRight(e.Prompt, "?？.。")
	}
	return e
}

var nearZH = strings.Split(strings.TrimSpace(`
%s有多大？
%s有多高？
%s有多重？
%s有多长？
%s有多少年历史？
%s有几种？
%s和%s哪个更大？
%s和%s谁更高？
%s和%s哪个更快？
%s比%s好吗？
%s大还是%s大？
%s是真的吗？
听说%s对身体好，是真的吗？
%s的下一步是什么？
%s的意思是什么？
%s是什么意思？
%s是谁发明的？
%s是谁写的？
%s是哪一年的事？
%s是几月几日？
%s在几点开门？
%s多少钱一个？
%s占百分之几？
%s里有什么？
%s里最有名的是什么？
世界上最大的%s在哪里？
世界上最小的%s是什么？
世界上有多少%s？
中国有多少%s？
今天几号？
现在几点？
今天星期几？
明天星期几？
我今年几岁？
一年有几个季节？
为什么一天有二十四小时？
为什么一周有七天？
距离%s还有多少天？
%d年发生了什么？
%d年谁是总统？
谁在%d年获得诺贝尔奖？
%d年的%s怎么样？
从北京到上海有多少千米？
%s的平均温度是多少？
1欧元等于多少日元？
黄金多少钱一克？
JSON和XML有什么区别？
什么是JSON格式？
CSV是什么文件？
SQL是什么？
怎么学SQL？
数据库里的表是什么？
用%s写一个排序函数
用Python写一个倒排索引
写一个反转链表的函数
用C语言写一个计算器
怎么用Excel排序？
变量命名有什么规范？
排序算法有哪些？
字符串是什么？
大写和小写有什么区别？
罗马数字是谁发明的？
罗马帝国是怎么灭亡的？
中文有多少个汉字？
英文有多少个单词？
英文单词怎么记？
%s的英文是什么？
%s用英文怎么说？
%s用日语怎么说？
“%s”的近义词是什么？
“%s”的反义词是什么？
“%s”有几种读音？
“%s”这个词怎么造句？
%s的拼音是什么？
数学家有哪些？
圆的面积公式是什么？
圆周率有多少位？
无穷大是多少？
最大的质数是多少？
什么是负数？
什么是质数？
人工智能的数学基础是什么？
讲一道逻辑题
什么是逻辑学？
逻辑和直觉哪个重要？
介绍一首唐诗
李白写过哪些诗？
杜甫的诗好在哪里？
《%s》的作者是谁？
《静夜思》表达了什么感情？
怎样写好一首诗？
背一首关于%s的诗
写一首关于%s的英文诗
写一首词，题目是%s
写一副关于%s的对联
写一首关于%s的儿歌
翻译这首诗
赏析一首关于%s的诗
绝句和律诗有什么区别？
诗人是什么样的人？
宋词和唐诗哪个好？
`), "\n")

var nearEN = strings.Split(strings.TrimSpace(`
How big is %s?
How old is %s?
How tall is %s?
How long is %s?
How heavy are %s?
How fast are %s?
How many %s are there in the world?
How many people like %s?
How many people live in %s?
How many countries are in Europe?
How many moons does %s have?
How many legs do %s have?
How much does %s cost?
How much is a ticket to %s?
How often should I do %s?
Which is larger, %s or %s?
Which is better, %s or %s?
Which is bigger, %s or %s?
Who is taller, my brother or the president?
Are %s bigger than %s?
Is it true that %s is bad?
Is %s true or false?
Is %s real?
True or false: %s is old.
What comes after %s?
What is the largest city in %s?
What is the smallest country in the world?
What is the longest river in %s?
What is the first step in %s?
What is the last book about %s?
What is the value of %s?
What is the order of %s?
What is the opposite of %s?
What is another word for %s?
What letter does %s remind you of?
What does the word %s mean?
What number is lucky in %s?
What day is it today?
What is the date today?
What time is it now?
What time is it in %s?
What year did %s begin?
What happened in %d?
What happened on that Monday?
When did %s start?
When is the next holiday in %s?
How many days until my birthday?
How many hours should I sleep?
How far is %s from %s in km?
How many metres high is the tower in %s?
What is the temperature in %s?
Who was president in %d?
Who wrote the book %d?
Was %d a good year for %s?
Tell me about the year %d.
What is JSON?
What is CSV used for?
What is SQL?
How do I learn SQL?
Explain JSON to me.
Why use JSON instead of XML?
Write a function that sorts %s.
Write a program in %s that reverses text.
How do I sort in Excel?
How do I parse a file in %s?
How does sorting work in %s?
Why is naming variables hard?
Write a regex for %s.
Write a test for this function.
Who invented Roman numerals?
Who were the Romans?
What is the history of numbers?
What is a number?
What is a prime number?
What is infinity?
What is pi?
What is logic?
What is mathematics good for?
Why do we use base ten?
Explain fractions to a child.
Teach me arithmetic.
Give me a riddle.
Give me a synonym for %s.
Count the people in this picture.
Convert me to a better person.
Convert this document to PDF.
Translate this list into French.
Reverse engineer this protocol.
Sort out my life.
Order a pizza with %s.
Find the best hotel in %s.
Find a restaurant near me.
Summarise what we said about %s.
Please summarise this page.
Write a limerick about %s.
Write a sonnet about %s.
Write a rhyme about %s for children.
Write a free verse poem about %s.
What is a poem?
What is a haiku?
Who is the best poet of %s?
Explain this poem about %s.
Recite a poem about %s.
Who are you and what can you do?
Which model are you?
ok
yes
no
thanks a lot
hmm
test
help
`), "\n")
