package everest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

func init() {
	register(Skill{
		Name: "date", Arch: "hunyuan-dense",
		About:   "dates, weekdays, leap years, clock times and units, with worked steps",
		AboutZH: "日期、星期、闰年、时刻与单位换算，带步骤",
		Can:     "do dates, times and units", CanZH: "日期、时间和单位换算",
		Limit:   "count up to 60 days from a date, find leap years, add minutes to a time and convert metric units one step",
		LimitZH: "60天以内的日期推算、闰年、时刻加分钟和相邻单位的换算",
		Make:    makeDate, Free: freeDate, Right: sameConclusion,
	})
}

func makeDate(r *rand.Rand) Example {
	switch r.IntN(6) {
	case 0, 1:
		return addDays(r)
	case 2:
		return weekday(r)
	case 3:
		return leapYear(r)
	case 4:
		return clock(r)
	}
	return units(r)
}

// addDays asks for the day so many days later or earlier.
func addDays(r *rand.Rand) Example {
	at := time.Date(between(r, 1950, 2049), time.Month(between(r, 1, 12)), 1, 0, 0, 0, 0, time.UTC)
	at = at.AddDate(0, 0, r.IntN(daysOf(at)))
	n := between(r, 1, 40)
	back := r.IntN(2) == 0
	e := Example{Key: fmt.Sprintf("date %s %d %v", at.Format("2006-01-02"), n, back)}
	if back {
		e.Prompt, e.Lang = wording(r,
			[]string{"%[1]s的%[2]d天前是哪一天？", "%[1]s往前%[2]d天是几月几日？", "%[1]s之前%[2]d天"},
			[]string{"What date is %[2]d days before %[1]s?", "%[1]s minus %[2]d days"}, at.Format("2006-01-02"), n)
	} else {
		e.Prompt, e.Lang = wording(r,
			[]string{"%[1]s的%[2]d天后是哪一天？", "%[1]s再过%[2]d天是几月几日？", "%[1]s之后%[2]d天"},
			[]string{"What date is %[2]d days after %[1]s?", "%[1]s plus %[2]d days"}, at.Format("2006-01-02"), n)
	}
	e.Answer = Later(at, n, back)
	return e
}

func daysOf(month time.Time) int { return month.AddDate(0, 1, -month.Day()).Day() }

// Later works out the day n days after or before another.
func Later(at time.Time, n int, back bool) string {
	var steps []string
	d := at.Day()
	if back {
		for n >= d {
			at = at.AddDate(0, 0, -at.Day()) // the last of the month before
			steps = append(steps, fmt.Sprintf("%d-%d=%d", n, d, n-d), fmt.Sprintf("%s有%d天", at.Format("2006-01"), at.Day()))
			n, d = n-d, at.Day()
		}
		steps = append(steps, fmt.Sprintf("%d-%d=%d", d, n, d-n))
		d -= n
	} else {
		steps = append(steps, fmt.Sprintf("%d+%d=%d", d, n, d+n))
		d += n
		for m := daysOf(at); ; m = daysOf(at) {
			steps = append(steps, fmt.Sprintf("%s有%d天", at.Format("2006-01"), m))
			if d <= m {
				break
			}
			steps = append(steps, fmt.Sprintf("%d-%d=%d", d, m, d-m))
			d -= m
			at = time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	return strings.Join(append(steps, fmt.Sprintf("→%s-%02d", at.Format("2006-01"), d)), " ")
}

var weekdaysZH = [...]string{"日", "一", "二", "三", "四", "五", "六"}

func weekday(r *rand.Rand) Example {
	day, n := r.IntN(7), between(r, 1, 99)
	to := (day + n) % 7
	steps := fmt.Sprintf("%d=7*%d+%d ", n, n/7, n%7)
	if s := day + n%7; s >= 7 {
		steps += fmt.Sprintf("%d+%d=%d %d-7=%d", day, n%7, s, s, s-7)
	} else {
		steps += fmt.Sprintf("%d+%d=%d", day, n%7, s)
	}
	e := Example{Key: fmt.Sprintf("weekday %d %d", day, n)}
	name := time.Weekday(day).String()
	e.Prompt, e.Lang = wording(r,
		[]string{"今天星期%[1]s，%[3]d天后星期几？", "星期%[1]s过%[3]d天是星期几？", "如果今天是星期%[1]s，那么%[3]d天之后是星期几？"},
		[]string{"Today is %[2]s. What day is it in %[3]d days?", "What weekday is %[3]d days after %[2]s?", "If today is %[2]s, what day of the week is it in %[3]d days?"},
		weekdaysZH[day], name, n)
	e.Answer = steps + " →星期" + weekdaysZH[to]
	if e.Lang == "en" {
		e.Answer = steps + " →" + time.Weekday(to).String()
	}
	return e
}

func leapYear(r *rand.Rand) Example {
	year := between(r, 1600, 2599)
	if r.IntN(4) == 0 {
		year = year / 100 * 100
	}
	e := Example{Key: fmt.Sprint("leap ", year)}
	e.Prompt, e.Lang = wording(r, []string{"%d年是闰年吗？", "%d年有多少天？是闰年吗？", "%d是不是闰年？"},
		[]string{"Is %d a leap year?", "Was %d a leap year?"}, year)
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	by, rest := 4, year%100
	if year%100 == 0 {
		rest = year / 100
	}
	steps := fmt.Sprintf("%02d=%d*%d+%d", rest, by, rest/by, rest%by)
	yes, no := "是", "不是"
	if e.Lang == "en" {
		yes, no = "yes", "no"
	}
	e.Answer = steps + " →" + no
	if leap {
		e.Answer = steps + " →" + yes
	}
	return e
}

func clock(r *rand.Rand) Example {
	h, m, n := r.IntN(24), r.IntN(12)*5, between(r, 1, 59)*5
	sum := m + n
	e := Example{Key: fmt.Sprintf("clock %d:%02d %d", h, m, n)}
	e.Prompt, e.Lang = wording(r,
		[]string{"%02[1]d:%02[2]d过%[3]d分钟是几点？", "现在%02[1]d:%02[2]d，%[3]d分钟后几点？"},
		[]string{"What time is it %[3]d minutes after %02[1]d:%02[2]d?", "It is %02[1]d:%02[2]d. What time is it in %[3]d minutes?"}, h, m, n)
	steps := []string{fmt.Sprintf("%d+%d=%d", m, n, sum), fmt.Sprintf("%d=60*%d+%d", sum, sum/60, sum%60), fmt.Sprintf("%d+%d=%d", h, sum/60, h+sum/60)}
	if h+sum/60 >= 24 {
		steps = append(steps, fmt.Sprintf("%d-24=%d", h+sum/60, h+sum/60-24))
	}
	e.Answer = strings.Join(append(steps, fmt.Sprintf("→%02d:%02d", (h+sum/60)%24, sum%60)), " ")
	return e
}

// measures are units with how many of the smaller the larger has.
var measures = []struct {
	zh, en [2]string // the larger, the smaller
	factor int
}{
	{[2]string{"千米", "米"}, [2]string{"km", "m"}, 1000},
	{[2]string{"米", "厘米"}, [2]string{"m", "cm"}, 100},
	{[2]string{"厘米", "毫米"}, [2]string{"cm", "mm"}, 10},
	{[2]string{"吨", "千克"}, [2]string{"tonnes", "kg"}, 1000},
	{[2]string{"千克", "克"}, [2]string{"kg", "g"}, 1000},
	{[2]string{"升", "毫升"}, [2]string{"litres", "ml"}, 1000},
	{[2]string{"公顷", "平方米"}, [2]string{"hectares", "square metres"}, 10000},
	{[2]string{"小时", "分钟"}, [2]string{"hours", "minutes"}, 60},
	{[2]string{"分钟", "秒"}, [2]string{"minutes", "seconds"}, 60},
	{[2]string{"天", "小时"}, [2]string{"days", "hours"}, 24},
	{[2]string{"斤", "两"}, [2]string{"jin", "liang"}, 10},
	{[2]string{"年", "个月"}, [2]string{"years", "months"}, 12},
}

func units(r *rand.Rand) Example {
	m := measures[r.IntN(len(measures))]
	n := between(r, 2, 99)
	amount, result := strconv.Itoa(n), n*m.factor
	var steps string
	switch {
	case m.factor%10 != 0 || m.factor == 60: // not by moving the point
		n = between(r, 2, 12)
		amount, result = strconv.Itoa(n), n*m.factor
		steps = fmt.Sprintf("%d*%d=%d", n, m.factor, result)
	case r.IntN(2) == 0:
		d := between(r, 1, 9)
		amount, result = fmt.Sprintf("%d.%d", n, d), (10*n+d)*m.factor/10
		steps = fmt.Sprintf("%s*%d=%d", amount, m.factor, result)
	default:
		steps = fmt.Sprintf("%s*%d=%d", amount, m.factor, result)
	}
	from, to := 0, 1
	if r.IntN(2) == 0 { // from the smaller to the larger
		from, to = 1, 0
		steps = fmt.Sprintf("%d/%d=%s", result, m.factor, amount)
		amount, result = strconv.Itoa(result), 0
	}
	e := Example{Key: fmt.Sprintf("unit %s %s %s", m.en[from], m.en[to], amount)}
	zh := r.IntN(2) == 0
	names := m.en
	if zh {
		names = m.zh
		e.Prompt, e.Lang = fmt.Sprintf(one(r, "%[1]s%[2]s等于多少%[3]s？", "%[1]s%[2]s是多少%[3]s？", "%[1]s%[2]s=?%[3]s"), amount, names[from], names[to]), "zh"
	} else {
		e.Prompt, e.Lang = fmt.Sprintf(one(r, "How many %[3]s are %[1]s %[2]s?", "Convert %[1]s %[2]s to %[3]s.", "%[1]s %[2]s in %[3]s"), amount, names[from], names[to]), "en"
	}
	_, value, _ := strings.Cut(steps, "=")
	e.Answer = steps + " →" + value + names[to]
	if !zh {
		e.Answer = steps + " →" + value + " " + names[to]
	}
	return e
}
