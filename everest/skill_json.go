package everest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

func init() {
	register(Skill{
		Name: "json", Arch: "spark3",
		About:   "small data and code: key=value to JSON and back, fields of JSON, CSV, names of variables, lines of SQL",
		AboutZH: "小数据与代码：键值对与 JSON 互换、取字段、CSV、变量命名、SQL 语句",
		Can:     "turn small data into JSON, CSV, SQL and back", CanZH: "JSON、CSV、SQL 等小数据的转换",
		Limit:   "write up to three flat fields as JSON, CSV or key=value, rename variables and select from one SQL table",
		LimitZH: "三个以内字段的JSON、CSV、键值对互换，变量改名和单表SQL查询",
		Make:    makeJSON, Free: freeJSON, Right: sameData,
	})
}

// sameData compares replies as JSON where both are, else as texts.
func sameData(reply, reference string) bool {
	var a, b bytes.Buffer
	if json.Compact(&a, []byte(reply)) == nil && json.Compact(&b, []byte(reference)) == nil {
		return a.String() == b.String()
	}
	return sameText(reply, reference)
}

// field is a key with a value.
type field struct {
	key, value string
	text       bool
}

var fieldNames = strings.Fields("name age city id color size price year code type title level rank score count date unit team user email")

func fields(r *rand.Rand, fewest, most int) []field {
	keys := distinct(between(r, fewest, most), func() string { return one(r, fieldNames...) })
	var all []field
	for _, k := range keys {
		f := field{key: k, value: word(r, 2, 6), text: true}
		if r.IntN(2) == 0 {
			f = field{key: k, value: strconv.Itoa(digits(r, 3))}
		}
		all = append(all, f)
	}
	return all
}

func (f field) json() string {
	if f.text {
		return `"` + f.value + `"`
	}
	return f.value
}

func object(all []field) string {
	var parts []string
	for _, f := range all {
		parts = append(parts, `"`+f.key+`":`+f.json())
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func pairs(all []field, join string) string {
	var parts []string
	for _, f := range all {
		parts = append(parts, f.key+"="+f.value)
	}
	return strings.Join(parts, join)
}

func makeJSON(r *rand.Rand) Example {
	all := fields(r, 1, 3)
	switch r.IntN(8) {
	case 0, 1:
		shown := pairs(all, ", ")
		return jsonExample(r, "to", shown, object(all), []string{"把%s写成JSON", "转成JSON：%s", "%s转JSON"}, []string{"Convert to JSON: %s", "%s as JSON", "Write %s as JSON."})
	case 2:
		shown := object(all)
		return jsonExample(r, "from", shown, pairs(all, ", "), []string{"把%s写成键值对", "把JSON转成键值对：%s"}, []string{"Write %s as key=value.", "Turn this JSON into key=value: %s"})
	case 3:
		all = fields(r, 2, 3)
		f := all[r.IntN(len(all))]
		e := Example{Key: "json get " + f.key + object(all), Answer: f.value}
		e.Prompt, e.Lang = wording(r, []string{"%[1]s里%[2]s的值是什么？", "取出%[1]s的%[2]s"}, []string{"What is %[2]s in %[1]s?", "Get %[2]s from %[1]s."}, object(all), f.key)
		return e
	case 4:
		var names, values []string
		for _, f := range all {
			names, values = append(names, f.key), append(values, f.value)
		}
		shown := object(all)
		return jsonExample(r, "csv", shown, strings.Join(names, ",")+"\n"+strings.Join(values, ","), []string{"把%s写成CSV", "JSON转CSV：%s"}, []string{"Convert to CSV: %s", "Write %s as CSV."})
	case 5:
		parts := distinct(between(r, 2, 3), func() string { return word(r, 2, 5) })
		snake := strings.Join(parts, "_")
		camel := parts[0]
		for _, p := range parts[1:] {
			camel += strings.ToUpper(p[:1]) + p[1:]
		}
		if r.IntN(2) == 0 {
			return jsonExample(r, "camel", snake, camel, []string{"把%s改成驼峰命名", "%s转camelCase"}, []string{"Convert %s to camelCase.", "%s in camel case"})
		}
		return jsonExample(r, "snake", camel, snake, []string{"把%s改成下划线命名", "%s转snake_case"}, []string{"Convert %s to snake_case.", "%s in snake case"})
	case 6:
		items := distinct(between(r, 2, 4), func() string { return word(r, 2, 5) })
		return jsonExample(r, "list", strings.Join(items, ", "), `["`+strings.Join(items, `","`)+`"]`,
			[]string{"把列表%s写成JSON数组", "写成JSON数组：%s"}, []string{"Write the list %s as a JSON array.", "JSON array of %s"})
	}
	f := all[0]
	what := distinct(2, func() string { return one(r, fieldNames...) })
	table := one(r, "users", "books", "orders", "cities", "items", "teams")
	op, zhOp, enOp := "=", "等于", "is"
	value := "'" + f.value + "'"
	if !f.text {
		value = f.value
		switch r.IntN(3) {
		case 0:
			op, zhOp, enOp = ">", "大于", "is above"
		case 1:
			op, zhOp, enOp = "<", "小于", "is below"
		}
	}
	e := Example{Answer: fmt.Sprintf("SELECT %s FROM %s WHERE %s %s %s;", what[0], table, what[1], op, value)}
	e.Key = "json " + e.Answer
	if r.IntN(2) == 0 {
		e.Lang = "zh"
		e.Prompt = fmt.Sprintf(one(r, "写SQL：从%[1]s表查询%[3]s%[4]s%[5]s的%[2]s", "用SQL从%[1]s查%[2]s，条件是%[3]s%[4]s%[5]s"), table, what[0], what[1], zhOp, f.value)
		return e
	}
	e.Lang = "en"
	e.Prompt = fmt.Sprintf(one(r, "SQL: %[2]s of %[1]s where %[3]s %[4]s %[5]s", "Write SQL for the %[2]s of %[1]s where %[3]s %[4]s %[5]s."), table, what[0], what[1], enOp, f.value)
	return e
}

func jsonExample(r *rand.Rand, kind, shown, answer string, zh, en []string) Example {
	e := Example{Key: "json " + kind + " " + shown, Answer: answer}
	e.Prompt, e.Lang = wording(r, zh, en, shown)
	return e
}
