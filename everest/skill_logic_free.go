package everest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// freeLogic asks as people do, of persons instead of letters, and for what is
// beyond the model.
func freeLogic(r *rand.Rand) Example {
	switch r.IntN(11) {
	case 0, 1:
		e := boolean(r)
		s := strings.TrimPrefix(e.Key, "logic ")
		if r.IntN(4) == 0 { // with "not" before parentheses
			s = fmt.Sprintf("not (%s %s %s)", one(r, "true", "false"), one(r, "and", "or"), one(r, "true", "false"))
			e = Example{Key: "logic " + s, Answer: simplify(s)}
		}
		shown := s
		if r.IntN(6) == 0 {
			shown = strings.NewReplacer("true", "True", "false", "False").Replace(s)
		}
		e.Prompt, e.Lang = wording(r, []string{"%s等于什么？", "%s是真还是假", "请求值 %s", "计算%s", "%s的结果"}, []string{"what is %s", "evaluate %s", "%s?", "%s = ?", "is %s true or false", "value of %s", "simplify %s", "what does %s evaluate to?"}, shown)
		return e
	case 2, 3:
		e := larger(r)
		a, b, _ := strings.Cut(strings.TrimPrefix(e.Key, "larger "), " ")
		if one(r, true, false) {
			a, b = b, a
		}
		e.Answer = compare(a, b)
		e.Prompt, e.Lang = wording(r, []string{"%[1]s与%[2]s谁大", "%[1]s和%[2]s比，哪个大？", "%[1]s和%[2]s哪个更大", "%[1]s大还是%[2]s大？", "%[1]s与%[2]s相比谁更大", "哪个更大：%[1]s还是%[2]s？"},
			[]string{"Which is bigger, %[1]s or %[2]s?", "which is greater %[1]s or %[2]s", "what's larger: %[1]s or %[2]s", "%[1]s or %[2]s, which is bigger?", "Which number is larger: %[1]s or %[2]s?", "compare %[1]s and %[2]s", "which is more, %[1]s or %[2]s?"}, a, b)
		return e
	case 4, 5:
		e := next(r, between(r, 1, 3))
		shown := strings.TrimPrefix(e.Key, "next ")
		if r.IntN(3) == 0 {
			shown = strings.ReplaceAll(shown, ", ", one(r, " ", ",", "、", "，"))
		}
		e.Prompt, e.Lang = wording(r, []string{"%s，?", "%s，接下来是几？", "%s后面是什么数", "%s下一个是多少？", "找规律 %s", "%s ……下一个数是几"}, []string{"%s, ?", "%s next", "what comes after %s", "next number: %s", "what is the next number in %s", "continue %s", "%s, what's next?", "%s ..."}, shown)
		return e
	case 6, 7, 8:
		return freeOrder(r)
	}
	return beyondLogic(r)
}

// freeOrder asks who is at an end of an order of persons.
func freeOrder(r *rand.Rand) Example {
	zh := one(r, true, false)
	people := []string{"A", "B", "C", "D", "Tom", "Bob", "Jim", "Anna", "Mary", "Li", "Wang", "Sam", "Kate", "Ben", "Emma", "Jack", "Lucy", "Tim"}
	if zh {
		people = []string{"甲", "乙", "丙", "丁", "A", "B", "C", "D", "小明", "小红", "小刚", "小华", "小丽", "小王", "小李", "张三", "李四", "王五"}
	}
	names := distinct(between(r, 3, 4), func() string { return one(r, people...) })
	words := one(r, [6]string{"高", "最高", "最矮", "taller", "tallest", "shortest"}, [6]string{"快", "最快", "最慢", "faster", "fastest", "slowest"}, [6]string{"大", "最大", "最小", "older", "oldest", "youngest"}, [6]string{"重", "最重", "最轻", "heavier", "heaviest", "lightest"})
	var facts []string
	for i := range len(names) - 1 {
		if zh {
			facts = append(facts, names[i]+"比"+names[i+1]+words[0])
		} else {
			facts = append(facts, names[i]+" is "+words[3]+" than "+names[i+1])
		}
	}
	if one(r, true, false) {
		r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	}
	top := r.IntN(2) == 0
	e := Example{Lang: "en", Key: "tallest " + strings.Join(facts, ",") + fmt.Sprint(top, zh)}
	who, ask := names[len(names)-1], words[5]
	if zh {
		ask, e.Lang = words[2], "zh"
	}
	if top {
		who, ask = names[0], words[4]
		if zh {
			ask = words[1]
		}
	}
	if zh {
		e.Prompt = strings.Join(facts, one(r, "，", "，", "。", "，并且")) + one(r, "，谁", "。谁", "，请问谁", "，那么谁") + ask + one(r, "？", "")
	} else {
		e.Prompt = strings.Join(facts, one(r, ", ", " and ", ". ", ", and ")) + one(r, ". Who is the ", ". Who is ", ", who is the ", ". Which one is the ") + ask + "?"
	}
	e.Answer = strings.Join(slices.Clone(names), ">") + " →" + who
	return e
}

// beyondLogic asks for rows of other rules, conclusions, and things.
func beyondLogic(r *rand.Rand) Example {
	thing := func() string { return one(r, thingsEN...) }
	thingZH := func() string { return one(r, thingsZH...) }
	var row []int
	switch k := between(r, 1, 9); r.IntN(3) {
	case 0: // squares
		for i := range 5 {
			row = append(row, (k+i)*(k+i))
		}
	case 1: // cubes
		for i := range 4 {
			row = append(row, (k+i)*(k+i)*(k+i))
		}
	default: // growing steps
		d := between(r, 1, 4)
		for range 5 {
			row = append(row, k)
			k, d = k+d, d+between(r, 1, 2)
		}
	}
	shown := joined(row)
	a, b, c := thing(), thing(), thing()
	x, y := thingZH(), thingZH()
	n := one(r, "1/2", "3/4", "2/3", "5/8", "-3", "-7.5", "2^5", "10%") + "|" + one(r, "1/3", "4/5", "0.6", "-2", "3^4", "7/9", "0.15")
	p, q, _ := strings.Cut(n, "|")
	pair := one(r,
		[2]string{shown + ", 下一个数是什么？", "What comes next: " + shown + "?"}, [2]string{"找规律：" + shown + ", ?", shown + ", ?"},
		[2]string{"如果所有" + x + "都是" + y + "，那么所有" + y + "都是" + x + "吗？", "If all " + a + " are " + b + ", are all " + b + " " + a + "?"},
		[2]string{x + "和" + y + "哪个大？", "Which is larger, " + a + " or " + b + "?"}, [2]string{x + "比" + y + "高吗？", "Are " + a + " bigger than " + c + "?"},
		[2]string{p + "和" + q + "哪个大？", "Which is larger, " + p + " or " + q + "?"},
		[2]string{"甲说乙在说谎，乙说丙在说谎，谁在说真话？", "A says B lies, B says C lies. Who tells the truth?"},
		[2]string{"true xor false的值是什么？", one(r, "true xor false", "false implies true", "What is true nand true?")},
		[2]string{"A, C, E, G, 下一个字母是什么？", one(r, "A, C, E, G, ?", "Monday, Wednesday, Friday, ?", "red, green, blue, what comes next?")},
		[2]string{"3、7、5、9中第二大的数是哪个？", "Which of 3.2, 3.15 and 3.9 is in the middle?"},
		[2]string{"有三个盒子，只有一个里有" + x + "，怎么找到？", "Three boxes, one has " + a + ". How do you find it?"})
	return beyond(r, "logic", pair[0], pair[1])
}
