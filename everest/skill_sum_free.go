package everest

import (
	"fmt"
	"math/rand/v2"
)

// freeSum asks as people do: blanks, letters for signs, polite words, other
// stories; and what is beyond four digits, two factors of two digits, or one
// operation.
func freeSum(r *rand.Rand) Example {
	switch r.IntN(10) {
	case 0, 1, 2:
		return freeStory(r)
	case 3, 4, 5:
		return beyondSum(r)
	}
	a, b := digits(r, 4), digits(r, 4)
	op := one(r, byte('+'), '-', '*', '/')
	switch op {
	case '*':
		a, b = digits(r, 2), digits(r, 2)
		if r.IntN(4) == 0 { // three digits by one
			a, b = between(r, 100, 999), between(r, 2, 9)
		}
	case '/':
		a, b = digits(r, 3), between(r, 2, 9)
		if r.IntN(2) == 0 {
			a = b * between(r, 1, 999/b)
		}
	case '-':
		if a < b && r.IntN(4) > 0 {
			a, b = b, a
		}
	}
	e := operation(r, a, op, b)
	signs := map[byte][]string{
		'+': {"+", " + ", "+", "加", "加上", " plus ", "＋"}, '-': {"-", " - ", "-", "减", "减去", " minus ", "－"},
		'*': {"*", " * ", "×", " x ", "x", "乘", "乘以", " times ", " × ", " multiplied by "},
		'/': {"/", " / ", "÷", "除以", " ÷ ", " divided by ", " over "},
	}[op]
	s := fmt.Sprint(a) + one(r, signs...) + fmt.Sprint(b)
	if one(r, true, false) {
		e.Lang = "zh"
		e.Prompt = fmt.Sprintf(one(r, "请问%s等于几", "请问 %s 等于多少？", "%s等于多少", "%s是几", "算%s", "帮我算一下%s", "帮我算算 %s", "请计算%s", "计算：%s", "%s=？", "求%s的结果", "%s的结果是多少？", "口算%s", "%s得多少？", "你知道%s等于几吗？"), s)
		return e
	}
	e.Lang = "en"
	e.Prompt = fmt.Sprintf(one(r, "what's %s", "What's %s?", "what is %s", "What is %s ?", "how much is %s", "%s", "%s =", "%s=?", "%s equals", "%s please", "can you calculate %s for me?", "Can you compute %s?", "calculate %s", "compute: %s", "please work out %s", "Tell me %s", "solve %s", "Please add up: %s", "the result of %s", "How much does %s make?"), s)
	return e
}

var (
	peopleZH   = []string{"小明", "小红", "小华", "小丽", "小王", "小李", "小刚", "小美", "妈妈", "爸爸", "爷爷", "老师", "老王", "张三", "李四", "我", "学校", "商店"}
	peopleEN   = []string{"Tom", "Anna", "Li Na", "Wei", "Sam", "Bob", "Alice", "Jim", "Mary", "Ben", "Kate", "My sister", "The shop", "A farmer", "Emma", "Jack"}
	thingsOfZH = []string{"个苹果", "支铅笔", "本书", "颗糖", "张邮票", "个鸡蛋", "个橘子", "个气球", "朵花", "只羊", "辆车", "块饼干", "把椅子", "个球", "元钱", "条鱼", "个梨", "棵树"}
	thingsOfEN = []string{"apples", "pencils", "books", "sweets", "stamps", "eggs", "marbles", "oranges", "cards", "cookies", "sheep", "chairs", "coins", "balls", "pens", "toys", "candies", "cakes"}
)

// freeStory is a story of one operation in many words.
func freeStory(r *rand.Rand) Example {
	a, b := between(r, 2, 99), between(r, 2, 99)
	zh := one(r, true, false)
	who, thing := one(r, peopleEN...), one(r, thingsOfEN...)
	if zh {
		who, thing = one(r, peopleZH...), one(r, thingsOfZH...)
	}
	unit := string([]rune(thing)[:1])
	var e Example
	var texts []string
	switch r.IntN(4) {
	case 0:
		e = operation(r, a, '+', b)
		texts = []string{"%[1]s has %[2]d %[3]s and gets %[4]d more. How many %[3]s are there now?", "%[1]s had %[2]d %[3]s and found %[4]d more. How many in all?", "There are %[2]d %[3]s here and %[4]d %[3]s there. How many together?", "%[1]s bought %[2]d %[3]s on Monday and %[4]d on Tuesday. How many altogether?"}
		if zh {
			texts = []string{"%[1]s有%[2]d%[3]s，又得到%[4]d%[5]s，一共有多少%[5]s？", "%[1]s有%[2]d%[3]s，后来又来了%[4]d%[5]s，现在有几%[5]s？", "左边有%[2]d%[3]s，右边有%[4]d%[5]s，共有几%[5]s？", "%[1]s昨天买了%[2]d%[3]s，今天买了%[4]d%[5]s，两天共买多少？"}
		}
	case 1:
		a, b = max(a, b), min(a, b)
		e = operation(r, a, '-', b)
		texts = []string{"%[1]s had %[2]d %[3]s and lost %[4]d. How many are left?", "%[1]s had %[2]d %[3]s and lost %[4]d. How many does he have now?", "%[1]s has %[2]d %[3]s and eats %[4]d of them. How many remain?", "There were %[2]d %[3]s. %[4]d were sold. How many are left?", "%[1]s has %[2]d %[3]s and sells %[4]d. How many are left?"}
		if zh {
			texts = []string{"%[1]s有%[2]d%[3]s，吃了%[4]d%[5]s，还剩几%[5]s？", "%[1]s有%[2]d%[3]s，丢了%[4]d%[5]s，还有多少%[5]s？", "%[1]s有%[2]d%[3]s，卖掉%[4]d%[5]s，剩下几%[5]s？", "原来有%[2]d%[3]s，拿走%[4]d%[5]s，还剩多少？"}
		}
	case 2:
		e = operation(r, a, '*', b)
		texts = []string{"There are %[2]d rows of %[4]d %[3]s. How many %[3]s?", "Each bag has %[2]d %[3]s. How many are in %[4]d bags?", "%[1]s buys %[4]d boxes of %[2]d %[3]s each. How many %[3]s in total?", "One costs %[2]d yuan. How much do %[4]d cost?", "There are %[2]d %[3]s in a box. How many %[3]s in %[4]d boxes?"}
		if zh {
			texts = []string{"每排有%[2]d%[3]s，%[4]d排共有多少%[5]s？", "一盒有%[2]d%[3]s，%[4]d盒有几%[5]s？", "每%[5]s%[2]d元，%[4]d%[5]s多少钱？", "有%[4]d个班，每班有%[2]d%[3]s，一共多少%[5]s？"}
		}
	default:
		b = between(r, 2, 9)
		a *= b
		e = operation(r, a, '/', b)
		texts = []string{"%[1]s shares %[2]d %[3]s among %[4]d children. How many does each get?", "%[2]d %[3]s are put into %[4]d boxes equally. How many in each box?", "Split %[2]d %[3]s between %[4]d people. How many each?"}
		if zh {
			texts = []string{"%[2]d%[3]s分给%[4]d个小朋友，每人分到几%[5]s？", "%[1]s把%[2]d%[3]s平均放进%[4]d个盒子，每盒几%[5]s？", "%[2]d%[3]s平均分成%[4]d份，每份多少%[5]s？"}
		}
	}
	e.Lang = "en"
	if zh {
		e.Lang = "zh"
	}
	e.Prompt = fmt.Sprintf(one(r, texts...)+"%.0[5]s", who, a, thing, b, unit)
	return e
}

// long makes a number of fewest to most digits.
func long(r *rand.Rand, fewest, most int) string {
	b := []byte{byte('1' + r.IntN(9))}
	for range between(r, fewest, most) - 1 {
		b = append(b, byte('0'+r.IntN(10)))
	}
	return string(b)
}

// beyondSum asks for what the model must not try.
func beyondSum(r *rand.Rand) Example {
	n := func() string { return long(r, 1, 3) }
	sign := func() string { return one(r, "+", "-", "*", "×", "/", "÷", " + ", " - ", " * ", " x ") }
	s := ""
	switch r.IntN(9) {
	case 0: // too long
		s = long(r, 5, 9) + sign() + long(r, 1, 9)
		if one(r, true, false) {
			s = long(r, 1, 4) + sign() + long(r, 5, 9)
		}
	case 1: // factors too long
		s = long(r, 3, 5) + one(r, "*", "×", " * ", " x ", " times ", "乘以") + long(r, 2, 5)
	case 2: // several operations
		s = n() + sign() + n() + sign() + n()
	case 3:
		s = "(" + n() + sign() + n() + ")" + sign() + n()
		if one(r, true, false) {
			s = n() + sign() + "(" + n() + sign() + n() + ")"
		}
	case 4: // fractions
		s = long(r, 1, 2) + "." + long(r, 1, 2) + sign() + long(r, 1, 2)
		if one(r, true, false) {
			s += "." + long(r, 1, 2)
		}
	case 5:
		s = "-" + n() + sign() + n()
		if one(r, true, false) {
			s = n() + one(r, "+", "*", "-") + "(-" + n() + ")"
		}
	case 6: // divisors too long
		s = long(r, 2, 5) + one(r, "/", "÷", " / ", " divided by ", "除以") + long(r, 2, 4)
	case 7:
		s = long(r, 1, 2) + one(r, "^", "**", " to the power of ") + long(r, 1, 2)
		if one(r, true, false) {
			s = one(r, "sqrt("+n()+")", "√"+n(), n()+"%*"+n(), n()+"!", n()+"%", n()+" mod "+n(), n()+"*x="+n(), n()+"x+"+n()+"="+n())
		}
	default:
		a, b, c := n(), n(), n()
		pair := one(r,
			[2]string{"根号" + a + "等于多少？", "What is the square root of " + a + "?"},
			[2]string{b + "的" + a + "%是多少？", "What is " + a + "% of " + b + "?"},
			[2]string{a + "的平方是多少？", "What is " + a + " squared?"},
			[2]string{a + "的阶乘是多少？", "What is " + a + " factorial?"},
			[2]string{"解方程" + a + "x+" + b + "=" + c, "Solve " + a + "x + " + b + " = " + c},
			[2]string{a + "是质数吗？", "Is " + a + " a prime number?"},
			[2]string{a + "和" + b + "的最大公约数", "What is the gcd of " + a + " and " + b + "?"},
			[2]string{a + "的一半是多少？", "What is half of " + a + "?"},
			[2]string{"把" + a + "分解质因数", "Factor " + a + " into primes."},
			[2]string{"一个长方形长" + a + "宽" + b + "，面积是多少？", "A rectangle is " + a + " by " + b + ". What is its area?"},
			[2]string{"鸡兔同笼，头" + a + "，脚" + b + "，鸡兔各几只？", "A train goes " + a + " km in " + b + " hours. How fast is it?"},
			[2]string{Chinese(digits(r, 3)) + one(r, "加", "减", "乘以") + Chinese(digits(r, 3)) + "等于几？", "What is " + English(digits(r, 2)) + one(r, " plus ", " minus ", " times ") + English(digits(r, 2)) + "?"},
			[2]string{a + "、" + b + "、" + c + "的平均数是多少？", "What is the average of " + a + ", " + b + " and " + c + "?"})
		return beyond(r, "sum", pair[0], pair[1])
	}
	return beyond(r, "sum",
		fmt.Sprintf(one(r, "%s等于多少？", "计算%s", "%s是多少？", "请问%s等于几"), s),
		fmt.Sprintf(one(r, "%s=?", "%s", "%s =", "What is %s?", "Calculate %s.", "what's %s"), s))
}
