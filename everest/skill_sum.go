package everest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

func init() {
	register(Skill{
		Name: "sum", Arch: "llama",
		About:   "arithmetic with worked steps: + - x / of whole numbers, and small word problems",
		AboutZH: "带步骤的算术：整数加减乘除与小应用题",
		Can:     "do arithmetic", CanZH: "算术",
		Limit:   "add and subtract two whole numbers up to 9999, multiply up to 99*99 and divide by one digit",
		LimitZH: "两个整数的加减（到9999）、乘法（到99×99）和除以一位数",
		Make:    makeSum, Free: freeSum, Right: sameConclusion,
	})
}

func makeSum(r *rand.Rand) Example {
	switch r.IntN(9) {
	case 0, 1:
		return operation(r, digits(r, 3), '+', digits(r, 3))
	case 2, 3:
		a, b := digits(r, 3), digits(r, 3)
		if a < b && r.IntN(4) > 0 {
			a, b = b, a
		}
		return operation(r, a, '-', b)
	case 4, 5:
		return operation(r, digits(r, 2), '*', digits(r, 2))
	case 6:
		return operation(r, digits(r, 3), '/', between(r, 2, 9))
	}
	return story(r)
}

// operation asks for one result.
func operation(r *rand.Rand, a int, op byte, b int) Example {
	sign := map[byte][]string{'+': {"+", "+", "加"}, '-': {"-", "-", "减"}, '*': {"*", "×", "乘以"}, '/': {"/", "÷", "除以"}}[op]
	word := map[byte]string{'+': "plus", '-': "minus", '*': "times", '/': "divided by"}[op]
	e := Example{Key: fmt.Sprintf("%d%c%d", a, op, b), Answer: Work(a, op, b)}
	if op == '+' || op == '*' { // either order is the same problem
		e.Key = fmt.Sprintf("%d%c%d", min(a, b), op, max(a, b))
	}
	s := one(r, sign[:2]...)
	switch r.IntN(8) {
	case 0:
		e.Prompt, e.Lang = fmt.Sprintf("%d%s%d=?", a, s, b), "en"
	case 1:
		e.Prompt, e.Lang = fmt.Sprintf("%d%s%d=", a, s, b), "en"
	case 2:
		e.Prompt, e.Lang = fmt.Sprintf("%d %s %d = ?", a, s, b), "en"
	case 3:
		e.Prompt, e.Lang = fmt.Sprintf("%s %d%s%d", one(r, "计算", "算一算", "求"), a, s, b), "zh"
	case 4:
		e.Prompt, e.Lang = fmt.Sprintf("%d%s%d%s", a, one(r, sign...), b, one(r, "等于多少？", "是多少？", "等于几？")), "zh"
	case 5:
		e.Prompt, e.Lang = fmt.Sprintf("%s %d %s %d?", one(r, "What is", "How much is"), a, one(r, s, word), b), "en"
	case 6:
		e.Prompt, e.Lang = fmt.Sprintf("%s %d %s %d.", one(r, "Compute", "Calculate", "Work out"), a, s, b), "en"
	default:
		e.Prompt, e.Lang = fmt.Sprintf("%d%s%d", a, s, b), "en"
	}
	return e
}

// story asks for one result with words around it.
func story(r *rand.Rand) Example {
	who := one(r, "小明", "小红", "小华", "小丽", "老王")
	name := one(r, "Tom", "Anna", "Li Na", "Wei", "Sam")
	thing := one(r, "苹果", "铅笔", "书", "糖果", "邮票", "鸡蛋")
	things := one(r, "apples", "pencils", "books", "sweets", "stamps", "eggs")
	unit := map[string]string{"铅笔": "支", "书": "本", "邮票": "张"}[thing]
	if unit == "" {
		unit = "个"
	}
	a, b := between(r, 2, 99), between(r, 2, 99)
	zh := r.IntN(2) == 0
	var e Example
	switch r.IntN(4) {
	case 0:
		e = operation(r, a, '+', b)
		e.Prompt = fmt.Sprintf("%s有%d%s%s，又买了%d%s，现在有多少%s%s？", who, a, unit, thing, b, unit, unit, thing)
		if !zh {
			e.Prompt = fmt.Sprintf("%s has %d %s and buys %d more. How many %s now?", name, a, things, b, things)
		}
	case 1:
		a, b = max(a, b), min(a, b)
		e = operation(r, a, '-', b)
		e.Prompt = fmt.Sprintf("%s有%d%s%s，送人%d%s，还剩多少%s？", who, a, unit, thing, b, unit, unit)
		if !zh {
			e.Prompt = fmt.Sprintf("%s has %d %s and gives away %d. How many are left?", name, a, things, b)
		}
	case 2:
		e = operation(r, a, '*', b)
		e.Prompt = fmt.Sprintf("每%s%s%d元，买%d%s要多少元？", unit, thing, a, b, unit)
		if !zh {
			e.Prompt = fmt.Sprintf("One box holds %d %s. How many are in %d boxes?", a, things, b)
		}
	default:
		b = between(r, 2, 9)
		a *= b
		e = operation(r, a, '/', b)
		e.Prompt = fmt.Sprintf("把%d%s%s平均分给%d个人，每人几%s？", a, unit, thing, b, unit)
		if !zh {
			e.Prompt = fmt.Sprintf("%d %s are shared by %d friends. How many does each get?", a, things, b)
		}
	}
	e.Lang = "en"
	if zh {
		e.Lang = "zh"
	}
	return e
}

// Work writes the steps of a op b and the result behind an arrow: columns from
// the right for sums and differences, partial products, long division.
func Work(a int, op byte, b int) string {
	var steps []string
	result := ""
	switch op {
	case '+':
		steps, result = columns(a, b), fmt.Sprint(a+b)
	case '-':
		if a < b {
			steps = append(steps, fmt.Sprintf("%d<%d", a, b))
			steps = append(steps, borrow(b, a)...)
		} else {
			steps = borrow(a, b)
		}
		result = fmt.Sprint(a - b)
	case '*':
		result = fmt.Sprint(a * b)
		if a < 10 && b < 10 {
			break
		}
		if b > 9 { // the second factor's digits one by one
			p, q := a*(b%10), a*(b/10)*10
			steps = append(steps, fmt.Sprintf("%d*%d=%d", a, b%10, p), fmt.Sprintf("%d*%d=%d", a, b/10*10, q))
			steps = append(steps, columns(p, q)...)
			break
		}
		p, q := a%10*b, a/10*10*b
		steps = append(steps, fmt.Sprintf("%d*%d=%d", a%10, b, p), fmt.Sprintf("%d*%d=%d", a/10*10, b, q))
		steps = append(steps, columns(p, q)...)
	case '/':
		rest := 0
		for _, d := range fmt.Sprint(a) {
			n := rest*10 + int(d-'0')
			steps = append(steps, fmt.Sprintf("%d/%d=%d余%d", n, b, n/b, n%b))
			rest = n % b
		}
		result = fmt.Sprint(a / b)
		if rest > 0 {
			result += fmt.Sprintf("余%d", rest)
		}
	}
	return strings.Join(append(steps, "→"+result), " ")
}

// columns adds digit by digit from the right.
func columns(a, b int) []string {
	var steps []string
	carry := 0
	for a > 0 || b > 0 || len(steps) == 0 {
		x, y := a%10, b%10
		sum := x + y + carry
		s := fmt.Sprintf("%d+%d", x, y)
		if carry > 0 {
			s += "+1"
		}
		steps = append(steps, fmt.Sprintf("%s=%d", s, sum))
		carry = sum / 10
		a, b = a/10, b/10
	}
	return steps
}

// borrow subtracts digit by digit from the right; a >= b.
func borrow(a, b int) []string {
	var steps []string
	owe := 0
	for a > 0 || len(steps) == 0 {
		x, y := a%10, b%10
		s := fmt.Sprintf("-%d", y)
		if owe > 0 {
			s += "-1"
		}
		d := x - y - owe
		owe = 0
		if d < 0 {
			d, x, owe = d+10, x+10, 1
		}
		steps = append(steps, fmt.Sprintf("%d%s=%d", x, s, d))
		a, b = a/10, b/10
	}
	return steps
}
