package everest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

func init() {
	register(Skill{
		Name: "logic", Arch: "qwen2",
		About:   "small puzzles: true and false, which number is larger, what comes next, who is tallest, with steps",
		AboutZH: "小谜题：真假判断、比大小、找规律、谁最高，带步骤",
		Can:     "solve small puzzles of logic", CanZH: "小逻辑题",
		Make:    func(r *rand.Rand) Example { return makeLogic(r, 4) }, // wider than what is asked: rows are to be computed, not remembered
		Ask:     func(r *rand.Rand) Example { return makeLogic(r, 1) },
		Free:    freeLogic,
		Limit:   "evaluate true and false, compare two decimal numbers, continue rows with one rule and order up to four persons",
		LimitZH: "真假求值、比较两个小数、单一规律的数列和四人以内的排序",
		Right:   sameConclusion,
	})
}

// makeLogic makes a puzzle; numbers of a row are up to wide times as large as
// those of the tests.
func makeLogic(r *rand.Rand, wide int) Example {
	switch r.IntN(5) {
	case 0, 1:
		return boolean(r)
	case 2:
		return larger(r)
	case 3:
		if wide > 1 {
			wide = between(r, 1, wide)
		}
		return next(r, wide)
	}
	return tallest(r)
}

// boolean asks for the value of an expression, which is simplified step by step.
func boolean(r *rand.Rand) Example {
	leaf := func() string {
		s := one(r, "true", "false")
		if r.IntN(3) == 0 {
			s = "not " + s
		}
		return s
	}
	s := leaf()
	switch r.IntN(4) {
	case 0:
		s = fmt.Sprintf("%s %s %s", s, one(r, "and", "or"), leaf())
	case 1:
		s = fmt.Sprintf("(%s %s %s) %s %s", s, one(r, "and", "or"), leaf(), one(r, "and", "or"), leaf())
	case 2:
		s = fmt.Sprintf("%s %s (%s %s %s)", s, one(r, "and", "or"), leaf(), one(r, "and", "or"), leaf())
	default:
		s = fmt.Sprintf("(%s %s %s) %s (%s %s %s)", s, one(r, "and", "or"), leaf(), one(r, "and", "or"), leaf(), one(r, "and", "or"), leaf())
	}
	e := Example{Key: "logic " + s, Answer: simplify(s)}
	e.Prompt, e.Lang = wording(r, []string{"%s的值是什么？", "求值：%s", "%s是真是假？"}, []string{"What is %s?", "Evaluate %s.", "%s"}, s)
	return e
}

// simplify writes the forms of an expression until one value is left: first
// every "not", then what stands in parentheses, then the rest.
func simplify(s string) string {
	var steps []string
	step := func(next string) {
		if next != s {
			s = next
			steps = append(steps, s)
		}
	}
	step(strings.NewReplacer("not true", "false", "not false", "true").Replace(s))
	table := strings.NewReplacer(
		"(true and true)", "true", "(true and false)", "false", "(false and true)", "false", "(false and false)", "false",
		"(true or true)", "true", "(true or false)", "true", "(false or true)", "true", "(false or false)", "false")
	step(table.Replace(s))
	step(strings.NewReplacer("not true", "false", "not false", "true").Replace(s)) // before parentheses
	s = "(" + s + ")"
	s = table.Replace(s)
	return strings.Join(append(steps, "→"+strings.Trim(s, "()")), " = ")
}

// larger compares two decimal fractions, place by place.
func larger(r *rand.Rand) Example {
	fraction := func() string {
		s := strconv.Itoa(digits(r, 2))
		if r.IntN(2) == 0 {
			s = strconv.Itoa(between(r, 7, 11))
		}
		if n := r.IntN(4); n > 0 {
			s += "."
			for i := range n {
				lo := 0
				if i == n-1 {
					lo = 1
				}
				s += strconv.Itoa(between(r, lo, 9))
			}
		}
		return s
	}
	both := distinct(2, fraction)
	if w, f, ok := strings.Cut(both[0], "."); ok && r.IntN(3) > 0 { // mostly alike
		n := w + "." + strconv.Itoa(between(r, 1, 9))
		if r.IntN(2) == 0 {
			n = w + "." + f[:1] + strconv.Itoa(between(r, 1, 9))
		}
		if n != both[0] {
			both[1] = n
		}
	}
	if r.IntN(2) == 0 {
		both[0], both[1] = both[1], both[0]
	}
	a, b := both[0], both[1]
	e := Example{Key: "larger " + min(a, b) + " " + max(a, b), Answer: compare(a, b)}
	e.Prompt, e.Lang = wording(r, []string{"%[1]s和%[2]s哪个大？", "%[1]s和%[2]s谁更大？", "比较%[1]s与%[2]s，大的是哪个？"},
		[]string{"Which is larger, %[1]s or %[2]s?", "Is %[1]s or %[2]s bigger?", "Compare %[1]s and %[2]s: which is greater?"}, a, b)
	return e
}

// compare writes both with as many digits behind the point and finds the
// first place that differs.
func compare(a, b string) string {
	aw, af, _ := strings.Cut(a, ".")
	bw, bf, _ := strings.Cut(b, ".")
	for len(aw) < len(bw) {
		aw = "0" + aw
	}
	for len(bw) < len(aw) {
		bw = "0" + bw
	}
	for len(af) < len(bf) {
		af += "0"
	}
	for len(bf) < len(af) {
		bf += "0"
	}
	x, y := aw+"."+af, bw+"."+bf
	if af == "" {
		x, y = aw, bw
	}
	larger := a
	place := ""
	for i := range x {
		if x[i] != y[i] {
			sign := ">"
			if x[i] < y[i] {
				sign, larger = "<", b
			}
			place = fmt.Sprintf("%c%s%c", x[i], sign, y[i])
			break
		}
	}
	return fmt.Sprintf("%s %s %s →%s", x, y, place, larger)
}

// next asks how a row of numbers goes on.
func next(r *rand.Rand, wide int) Example {
	var row []int
	var how string
	switch r.IntN(3) {
	case 0: // the same step again and again
		a, d := between(r, 0, 50*wide), between(r, 1, 12*wide)
		if r.IntN(3) == 0 {
			a, d = between(r, 50*wide, 99*wide), -d
		}
		for i := range 5 {
			row = append(row, a+i*d)
		}
		how = fmt.Sprintf("%+d", d)
	case 1: // the same factor
		a, q := between(r, 1, 6*wide*wide), between(r, 2, 3)
		for range 5 {
			row = append(row, a)
			a *= q
		}
		how = fmt.Sprintf("*%d", q)
	default: // each is the sum of the two before
		row = []int{between(r, 1, 9*wide*wide), between(r, 1, 9*wide*wide)}
		for len(row) < 6 {
			row = append(row, row[len(row)-1]+row[len(row)-2])
		}
		row = row[:6]
		how = "+"
	}
	shown, last := joined(row[:len(row)-1]), row[len(row)-1]
	e := Example{Key: "next " + shown}
	k := len(row)
	switch {
	case how == "+":
		e.Answer = fmt.Sprintf("%d+%d=%d %d+%d=%d →%d", row[0], row[1], row[2], row[k-3], row[k-2], last, last)
	case how[0] == '*':
		e.Answer = fmt.Sprintf("%d%s=%d %d%s=%d →%d", row[0], how, row[1], row[k-2], how, last, last)
	default:
		e.Answer = fmt.Sprintf("%d%s=%d %d%s=%d →%d", row[0], how, row[1], row[k-2], how, last, last)
	}
	e.Prompt, e.Lang = wording(r, []string{"%s, 下一个数是什么？", "找规律：%s, ?", "数列%s的下一项是多少？"}, []string{"What comes next: %s?", "%s, ? What is the next number?", "Continue the sequence %s."}, shown)
	return e
}

// tallest asks who is at an end of an order that is told in pairs.
func tallest(r *rand.Rand) Example {
	names := distinct(between(r, 3, 4), func() string { return one(r, "A", "B", "C", "D", "E", "F", "G", "H") })
	zhWord, enWord := "高", "taller"
	zhAsk, enAsk, zhOther, enOther := "最高", "tallest", "最矮", "shortest"
	if r.IntN(2) == 0 {
		zhWord, enWord, zhAsk, enAsk, zhOther, enOther = "快", "faster", "最快", "fastest", "最慢", "slowest"
	}
	top := r.IntN(2) == 0
	zh := r.IntN(2) == 0
	var facts []string
	for i := range len(names) - 1 {
		if zh {
			facts = append(facts, names[i]+"比"+names[i+1]+zhWord)
		} else {
			facts = append(facts, names[i]+" is "+enWord+" than "+names[i+1])
		}
	}
	r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	order := slices.Clone(names)
	e := Example{Lang: "en"}
	ask := enOther
	if top {
		ask = enAsk
	}
	e.Prompt = strings.Join(facts, ", ") + ". Who is the " + ask + "?"
	if zh {
		e.Lang, ask = "zh", zhOther
		if top {
			ask = zhAsk
		}
		e.Prompt = strings.Join(facts, "，") + "，谁" + ask + "？"
	}
	who := order[len(order)-1]
	if top {
		who = order[0]
	}
	e.Key = "tallest " + strings.Join(facts, ",") + fmt.Sprint(top, zh)
	e.Answer = strings.Join(order, ">") + " →" + who
	return e
}
