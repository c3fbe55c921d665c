package everest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// freeDate asks as people do: dates in other writings, other words for
// weekdays and units; and what is beyond the model.
func freeDate(r *rand.Rand) Example {
	switch r.IntN(12) {
	case 0, 1, 2:
		return freeDays(r)
	case 3:
		return freeWeekday(r)
	case 4:
		return freeLeap(r)
	case 5, 6:
		return freeClock(r)
	case 7, 8:
		return freeUnits(r)
	}
	return beyondDate(r)
}

func freeDays(r *rand.Rand) Example {
	at := time.Date(between(r, 1950, 2049), time.Month(between(r, 1, 12)), 1, 0, 0, 0, 0, time.UTC)
	if r.IntN(5) == 0 { // the month that people try
		at = time.Date(between(r, 1950, 2049), 2, 1, 0, 0, 0, 0, time.UTC)
	}
	at = at.AddDate(0, 0, r.IntN(daysOf(at)))
	n := between(r, 1, 60)
	back := r.IntN(2) == 0
	e := Example{Key: fmt.Sprintf("date %s %d %v", at.Format("2006-01-02"), n, back)}
	day := at.Format("2006-01-02")
	zhDay := one(r, day, at.Format("2006年1月2日"), at.Format("2006年01月02日"), at.Format("2006/1/2"))
	if back {
		e.Prompt, e.Lang = wording(r,
			[]string{"%[1]s的%[2]d天前是几号？", "%[1]s前%[2]d天是哪天？", "%[1]s减%[2]d天", "%[1]s往前数%[2]d天", "请问%[1]s的%[2]d天之前是哪一天", "今天是%[1]s，%[3]d天前是哪一天？"},
			[]string{"What is %[2]d days before %[1]s?", "%[2]d days before %[1]s", "what day is %[2]d days before %[1]s", "%[1]s - %[2]d days", "subtract %[2]d days from %[1]s", "which date was %[2]d days before %[1]s?", "Today is %[1]s. What was the date %[2]d days ago?"}, day, n, n)
	} else {
		e.Prompt, e.Lang = wording(r,
			[]string{"%[1]s的%[2]d天后是几号？", "%[1]s后%[2]d天是哪天？", "%[1]s加%[2]d天", "%[1]s往后数%[2]d天", "请问%[1]s的%[2]d天之后是哪一天", "今天是%[1]s，%[2]d天后是几月几号？"},
			[]string{"What is %[2]d days after %[1]s?", "%[2]d days after %[1]s", "what day is %[2]d days after %[1]s", "%[1]s + %[2]d days", "add %[2]d days to %[1]s", "which date is %[2]d days after %[1]s?", "Today is %[1]s. What is the date in %[2]d days?", "What date is it %[2]d days from %[1]s?"}, day, n, n)
	}
	if e.Lang == "zh" {
		e.Prompt = strings.Replace(e.Prompt, day, zhDay, 1)
	}
	e.Answer = Later(at, n, back)
	return e
}

func freeWeekday(r *rand.Rand) Example {
	day, n := r.IntN(7), between(r, 1, 99)
	if r.IntN(2) == 0 {
		n = between(r, 1, 30)
	}
	steps := fmt.Sprintf("%d=7*%d+%d ", n, n/7, n%7)
	if s := day + n%7; s >= 7 {
		steps += fmt.Sprintf("%d+%d=%d %d-7=%d", day, n%7, s, s, s-7)
	} else {
		steps += fmt.Sprintf("%d+%d=%d", day, n%7, s)
	}
	to := (day + n) % 7
	e := Example{Key: fmt.Sprintf("weekday %d %d", day, n)}
	zh := one(r, "星期", "周", "礼拜") + weekdaysZH[day]
	e.Prompt, e.Lang = wording(r,
		[]string{"今天是%[1]s，%[3]d天后是周几？", "今天%[1]s，再过%[3]d天是星期几", "%[1]s的%[3]d天后是周几？", "今天是%[1]s，%[3]d天以后是礼拜几？", "%[1]s之后第%[3]d天是星期几？"},
		[]string{"If it's %[2]s now, what day will it be %[3]d days from now?", "It is %[2]s. What day will it be in %[3]d days?", "%[3]d days after %[2]s is what day?", "what day comes %[3]d days after %[2]s", "Today is %[2]s, what day is it %[3]d days later?", "%[2]s plus %[3]d days"},
		zh, time.Weekday(day).String(), n)
	e.Answer = steps + " →星期" + weekdaysZH[to]
	if e.Lang == "en" {
		e.Answer = steps + " →" + time.Weekday(to).String()
	}
	return e
}

func freeLeap(r *rand.Rand) Example {
	year := between(r, 1600, 2599)
	if r.IntN(3) == 0 {
		year = between(r, 1900, 2100)
	}
	if r.IntN(5) == 0 {
		year = year / 100 * 100
	}
	e := Example{Key: fmt.Sprint("leap ", year)}
	days := r.IntN(4) == 0
	e.Prompt, e.Lang = wording(r, []string{"%d是闰年吗", "%d年是不是闰年", "请问%d年是闰年吗？", "%d年是平年还是闰年？是闰年吗？"},
		[]string{"Is the year %d a leap year?", "is %d a leap year", "leap year %d?", "Is %d leap?", "Was the year %d a leap year?"}, year)
	if days {
		e.Prompt, e.Lang = wording(r, []string{"%d年有多少天？", "%d年一共几天？"}, []string{"How many days does %d have?", "How many days are in %d?", "How many days were there in %d?"}, year)
	}
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	by, rest := 4, year%100
	if year%100 == 0 {
		rest = year / 100
	}
	result := map[bool]string{true: "是", false: "不是"}[leap]
	switch {
	case days && e.Lang == "zh":
		result = map[bool]string{true: "366天", false: "365天"}[leap]
	case days:
		result = map[bool]string{true: "366 days", false: "365 days"}[leap]
	case e.Lang == "en":
		result = map[bool]string{true: "yes", false: "no"}[leap]
	}
	e.Answer = fmt.Sprintf("%02d=%d*%d+%d →%s", rest, by, rest/by, rest%by, result)
	return e
}

func freeClock(r *rand.Rand) Example {
	h, m, n := r.IntN(24), r.IntN(60), between(r, 1, 300)
	if r.IntN(2) == 0 {
		m, n = r.IntN(12)*5, between(r, 1, 36)*5
	}
	sum := m + n
	e := Example{Key: fmt.Sprintf("clock %d:%02d %d", h, m, n)}
	e.Prompt, e.Lang = wording(r,
		[]string{"%02[1]d:%02[2]d加%[3]d分钟是几点？", "%[1]d点%[2]d分过%[3]d分钟是几点几分？", "现在%02[1]d:%02[2]d，过%[3]d分钟是几点", "现在是%[1]d:%02[2]d，再过%[3]d分钟几点？", "%02[1]d:%02[2]d之后%[3]d分钟是什么时间？"},
		[]string{"What time will it be %[3]d minutes after %02[1]d:%02[2]d?", "%[3]d minutes after %02[1]d:%02[2]d", "%[1]d:%02[2]d plus %[3]d minutes", "It's %[1]d:%02[2]d now. What time is it in %[3]d minutes?", "add %[3]d minutes to %02[1]d:%02[2]d", "what's the time %[3]d minutes after %02[1]d:%02[2]d"}, h, m, n)
	e.Answer = fmt.Sprintf("%d+%d=%d %d=60*%d+%d %d+%d=%d ", m, n, sum, sum, sum/60, sum%60, h, sum/60, h+sum/60)
	if h+sum/60 >= 24 {
		e.Answer += fmt.Sprintf("%d-24=%d ", h+sum/60, h+sum/60-24)
	}
	e.Answer += fmt.Sprintf("→%02d:%02d", (h+sum/60)%24, sum%60)
	return e
}

// otherUnits are other words for units.
var otherUnits = map[string][]string{
	"千米": {"公里"}, "千克": {"公斤"}, "小时": {"个小时", "个钟头"}, "升": {"公升"}, "吨": {"公吨"},
	"km": {"kilometres", "kilometers"}, "m": {"metres", "meters"}, "cm": {"centimetres", "centimeters"}, "mm": {"millimetres"},
	"kg": {"kilograms", "kilos"}, "g": {"grams"}, "tonnes": {"tons"}, "litres": {"liters", "l"}, "ml": {"millilitres"}, "square metres": {"m2"},
}

func freeUnits(r *rand.Rand) Example {
	m := measures[r.IntN(len(measures))]
	n := between(r, 1, 99)
	amount, result := strconv.Itoa(n), n*m.factor
	if d := between(r, 1, 9); m.factor%10 == 0 && m.factor != 60 && r.IntN(3) == 0 {
		amount, result = fmt.Sprintf("%d.%d", n, d), (10*n+d)*m.factor/10
	}
	from, to := 0, 1
	steps := fmt.Sprintf("%s*%d=%d", amount, m.factor, result)
	value := strconv.Itoa(result)
	if r.IntN(3) == 0 {
		from, to = 1, 0
		steps = fmt.Sprintf("%d/%d=%s", result, m.factor, amount)
		amount, value = value, amount
	}
	e := Example{Key: fmt.Sprintf("unit %s %s %s", m.en[from], m.en[to], amount), Lang: "en"}
	names := m.en
	if one(r, true, false) {
		names, e.Lang = m.zh, "zh"
	}
	said := func(name string) string {
		if other := otherUnits[name]; len(other) > 0 && r.IntN(2) == 0 {
			return one(r, other...)
		}
		return name
	}
	if e.Lang == "zh" {
		e.Prompt = fmt.Sprintf(one(r, "%[1]s%[2]s是多少%[3]s", "%[1]s%[2]s等于几%[3]s？", "%[1]s%[2]s有多少%[3]s？", "%[1]s%[2]s换算成%[3]s", "把%[1]s%[2]s换成%[3]s", "请问%[1]s%[2]s是多少%[3]s？"), amount, said(names[from]), said(names[to]))
		e.Answer = steps + " →" + value + names[to]
		return e
	}
	e.Prompt = fmt.Sprintf(one(r, "%[1]s %[2]s to %[3]s", "convert %[1]s %[2]s into %[3]s", "How many %[3]s in %[1]s %[2]s?", "what is %[1]s %[2]s in %[3]s", "%[1]s %[2]s = ? %[3]s", "change %[1]s %[2]s to %[3]s", "how many %[3]s are there in %[1]s %[2]s"), amount, said(names[from]), said(names[to]))
	e.Answer = steps + " →" + value + " " + names[to]
	return e
}

// beyondDate asks for what needs a calendar, a zone, or other measures.
func beyondDate(r *rand.Rand) Example {
	day := fmt.Sprintf("%d-%02d-%02d", between(r, 1900, 2099), between(r, 1, 12), between(r, 1, 28))
	other := fmt.Sprintf("%d-%02d-%02d", between(r, 1900, 2099), between(r, 1, 12), between(r, 1, 28))
	n, far := strconv.Itoa(between(r, 1, 200)), strconv.Itoa(between(r, 100, 9999))
	weekday := time.Weekday(r.IntN(7)).String()
	pair := one(r,
		[2]string{day + "是星期几？", "What day of the week was " + day + "?"},
		[2]string{day + "到" + other + "有多少天？", "How many days are between " + day + " and " + other + "?"},
		[2]string{day + "的" + far + "天后是哪一天？", "What date is " + far + " days after " + day + "?"},
		[2]string{day + "的" + n + "个月后是哪一天？", "What date is " + n + " months after " + day + "?"},
		[2]string{day + "的" + n + "周后是几号？", n + " weeks after " + day},
		[2]string{day + "出生的人今年几岁？", "How old is somebody born on " + day + "?"},
		[2]string{n + "华氏度等于多少摄氏度？", "Convert " + n + " Fahrenheit to Celsius."},
		[2]string{n + "摄氏度是多少华氏度？", n + " degrees Celsius in Fahrenheit"},
		[2]string{n + "英里等于多少千米？", one(r, "How many miles are "+n+" km?", "How many miles is "+n+" km?", n+" miles to km", n+" km in miles")},
		[2]string{n + "磅是多少千克？", one(r, n+" pounds to kg", "How many ounces are "+n+" pounds?", n+" kg in pounds")},
		[2]string{n + "英寸等于多少厘米？", one(r, "Convert "+n+" inches to cm.", n+" feet in metres", "How many feet are "+n+" m?")},
		[2]string{n + "美元等于多少人民币？", one(r, "Convert "+n+" dollars to euros.", n+" USD in yuan", "How many yen are "+n+" euros?")},
		[2]string{n + "加仑是多少升？", "How many litres are " + n + " gallons?"},
		[2]string{n + "年有多少秒？", "How many seconds are in " + n + " years?"},
		[2]string{n + "亩等于多少公顷？", "How many acres are " + n + " hectares?"},
		[2]string{n + "千米等于多少毫米？", "How many mm are " + n + " km?"},
		[2]string{"下午" + strconv.Itoa(between(r, 1, 11)) + "点过" + n + "分钟是几点？", "What time is it " + n + " minutes after " + strconv.Itoa(between(r, 1, 12)) + one(r, " pm?", " am?", " o'clock?")},
		[2]string{"北京时间" + strconv.Itoa(between(r, 0, 23)) + "点时纽约几点？", "What time is it in Tokyo when it is " + strconv.Itoa(between(r, 0, 23)) + ":00 in London?"},
		[2]string{n + "天前是星期几？今天星期" + weekdaysZH[r.IntN(7)] + "。", "What weekday was " + n + " days before " + weekday + "?"},
		[2]string{strconv.Itoa(between(r, 2020, 2040)) + "年春节是哪一天？", "When is Easter in " + strconv.Itoa(between(r, 2020, 2040)) + "?"})
	return beyond(r, "date", pair[0], pair[1])
}
