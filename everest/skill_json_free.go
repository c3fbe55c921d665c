package everest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// someNames are values of fields as people write them.
var someNames = strings.Fields(`li wang bob alice tom anna paris london beijing shanghai france china red green blue black white small large apple banana
book pen desk chair math music city admin guest true-blue new old hot cold Li Bob Alice Paris London Tom China 张三 李四 王五 小明 小红 北京 上海 广州 苹果 红色 语文 数学 老师 学生`)

func freeFields(r *rand.Rand, fewest, most int) []field {
	all := fields(r, fewest, most)
	for i := range all {
		switch f := &all[i]; {
		case f.text && r.IntN(3) > 0:
			f.value = someNames[r.IntN(len(someNames))]
		case !f.text && r.IntN(3) == 0:
			f.value = strconv.Itoa(digits(r, 4))
		}
		if r.IntN(6) == 0 {
			all[i].key = word(r, 1, 5)
		}
	}
	for i := range all { // keys differ
		for j := range all[:i] {
			if all[i].key == all[j].key {
				return freeFields(r, fewest, most)
			}
		}
	}
	return all
}

// freeJSON asks as people do, with names for values, other marks between, and
// for what is beyond the model.
func freeJSON(r *rand.Rand) Example {
	all := freeFields(r, 1, 3)
	switch r.IntN(11) {
	case 0, 1:
		shown := pairs(all, one(r, ", ", ", ", ",", " ", "; ", "，"))
		if r.IntN(4) == 0 {
			shown = strings.ReplaceAll(shown, "=", ": ")
		}
		return freeData(r, "to", pairs(all, ", "), shown, object(all),
			[]string{"把 %s 转成JSON", "%s转成JSON", "%s变成JSON", "请把%s写成JSON", "用JSON表示%s", "%s的JSON", "转换成JSON：%s"},
			[]string{"convert %s to json", "%s to json", "turn %s into JSON", "make JSON from %s", "json for %s", "please convert to JSON: %s", "Convert %s into JSON", "%s in JSON", "write JSON: %s", "make a JSON object of %s"})
	case 2:
		shown := object(all)
		return freeData(r, "from", shown, spaced(r, shown), pairs(all, ", "), []string{"%s转键值对", "把%s变成key=value"}, []string{"%s to key=value", "convert %s to key=value", "%s as key=value pairs"})
	case 3, 4:
		all = freeFields(r, 2, 3)
		f := all[r.IntN(len(all))]
		e := Example{Key: "json get " + f.key + object(all), Answer: f.value}
		e.Prompt, e.Lang = wording(r,
			[]string{"%[1]s的%[2]s是什么？", "%[1]s中%[2]s是多少", "从%[1]s里取%[2]s", "%[1]s里的%[2]s", "读出%[1]s的%[2]s"},
			[]string{"get %[2]s from %[1]s", "what's the %[2]s in %[1]s", "%[2]s of %[1]s", "read %[2]s from %[1]s", "extract %[2]s from %[1]s", "What is the value of %[2]s in %[1]s?"}, spaced(r, object(all)), f.key)
		return e
	case 5:
		var names, values []string
		for _, f := range all {
			names, values = append(names, f.key), append(values, f.value)
		}
		shown := object(all)
		return freeData(r, "csv", shown, spaced(r, shown), strings.Join(names, ",")+"\n"+strings.Join(values, ","), []string{"%s转CSV", "%s转成CSV", "把%s变成CSV"}, []string{"%s to csv", "convert %s to CSV", "turn %s into CSV", "make CSV from %s"})
	case 6:
		parts := distinct(between(r, 2, 3), func() string {
			if r.IntN(2) == 0 {
				return one(r, "user", "first", "last", "name", "id", "max", "min", "count", "get", "set", "list", "item", "total", "price", "is", "valid", "http", "file", "path", "my", "value", "key", "size", "index", "node", "next", "time")
			}
			return word(r, 2, 6)
		})
		snake := strings.Join(parts, "_")
		camel := parts[0]
		for _, p := range parts[1:] {
			camel += strings.ToUpper(p[:1]) + p[1:]
		}
		if r.IntN(2) == 0 {
			return freeData(r, "camel", snake, snake, camel, []string{"%s转驼峰", "把%s变成驼峰命名", "%s的驼峰写法", "%s转成camelCase"}, []string{"%s camelCase", "%s to camelCase", "turn %s into camel case", "convert %s to camel case", "camelCase of %s", "rename %s to camelCase"})
		}
		return freeData(r, "snake", camel, camel, snake, []string{"%s转下划线", "把%s变成下划线命名", "%s的下划线写法", "%s转成snake_case"}, []string{"%s snake_case", "%s to snake_case", "turn %s into snake case", "convert %s to snake case", "snake_case of %s", "rename %s to snake_case"})
	case 7:
		items := distinct(between(r, 2, 4), func() string {
			if r.IntN(2) == 0 {
				return someNames[r.IntN(len(someNames))]
			}
			return word(r, 2, 6)
		})
		return freeData(r, "list", strings.Join(items, ", "), strings.Join(items, one(r, ", ", " ", ",", "、")), `["`+strings.Join(items, `","`)+`"]`,
			[]string{"%s写成JSON数组", "把%s变成JSON数组", "%s的JSON数组", "JSON数组：%s"}, []string{"%s as a JSON array", "json array: %s", "JSON array of %s", "make a JSON array of %s", "turn %s into a json list", "JSON list of %s"})
	case 8:
		return freeSQL(r, all[0])
	}
	return beyondJSON(r)
}

// spaced writes JSON with blanks behind its marks, sometimes.
func spaced(r *rand.Rand, s string) string {
	switch r.IntN(3) {
	case 0:
		return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(s)
	case 1:
		return strings.NewReplacer(`":`, `": `).Replace(s)
	}
	return s
}

func freeData(r *rand.Rand, kind, problem, shown, answer string, zh, en []string) Example {
	e := Example{Key: "json " + kind + " " + problem, Answer: answer}
	e.Prompt, e.Lang = wording(r, zh, en, shown)
	return e
}

func freeSQL(r *rand.Rand, f field) Example {
	what := distinct(2, func() string { return one(r, fieldNames...) })
	table := one(r, "users", "books", "orders", "cities", "items", "teams", "products", "students")
	sign, zh, en, value := "=", one(r, "等于", "为", "是"), one(r, "is", "=", "equals"), "'"+f.value+"'"
	if !f.text {
		value = f.value
		switch r.IntN(3) {
		case 0:
			sign, zh, en = ">", one(r, "大于", "超过", ">"), one(r, "is above", ">", "is greater than", "over", "is more than")
		case 1:
			sign, zh, en = "<", one(r, "小于", "低于", "<"), one(r, "is below", "<", "is less than", "under")
		}
	}
	e := Example{Answer: fmt.Sprintf("SELECT %s FROM %s WHERE %s %s %s;", what[0], table, what[1], sign, value)}
	e.Key = "json " + e.Answer
	e.Prompt, e.Lang = wording(r,
		[]string{"用SQL查%[1]s表里%[3]s%[6]s%[5]s的%[2]s", "写一条SQL，从%[1]s取%[2]s，%[3]s%[6]s%[5]s", "SQL：%[1]s表中%[3]s%[6]s%[5]s的%[2]s", "写SQL查询%[1]s表%[3]s%[6]s%[5]s的%[2]s"},
		[]string{"write sql to get %[2]s from %[1]s where %[3]s %[4]s %[5]s", "SQL query for %[2]s in %[1]s where %[3]s %[4]s %[5]s", "select %[2]s from %[1]s where %[3]s %[4]s %[5]s in SQL", "write a SQL query: %[2]s from %[1]s with %[3]s %[4]s %[5]s", "sql to select %[2]s from %[1]s when %[3]s %[4]s %[5]s"},
		table, what[0], what[1], en, f.value, zh)
	return e
}

// beyondJSON asks for other formats, nested data, and larger queries.
func beyondJSON(r *rand.Rand) Example {
	all := freeFields(r, 2, 3)
	nested := `{"` + word(r, 2, 5) + `":` + object(all) + "}"
	list := "[" + object(freeFields(r, 1, 2)) + "," + object(freeFields(r, 1, 2)) + "]"
	many := pairs(freeFields(r, 6, 8), ", ")
	f, p := all[0], pairs(all, ", ")
	xml := "<" + f.key + ">" + f.value + "</" + f.key + ">"
	yaml := f.key + ": " + f.value
	table := one(r, "users", "books", "orders", "cities")
	pair := one(r,
		[2]string{"把" + nested + "写成CSV", "Convert " + nested + " to CSV."}, [2]string{"把" + list + "写成CSV", "Convert to CSV: " + list},
		[2]string{"把" + nested + "写成键值对", "Write " + nested + " as key=value."}, [2]string{"转成JSON：" + many, "Convert to JSON: " + many},
		[2]string{"把XML转成JSON：" + xml, one(r, "Convert XML to JSON: "+xml, xml+" to JSON", "Convert "+xml+" to JSON.")},
		[2]string{"把YAML转成JSON：" + yaml, one(r, "Convert this YAML to TOML: "+yaml, "YAML to JSON: "+yaml)},
		[2]string{"把" + object(all) + "写成YAML", "Convert " + object(all) + " to YAML."}, [2]string{"把" + object(all) + "写成XML", "Write " + object(all) + " as XML."},
		[2]string{"把" + p + "写成HTML表格", "Write " + p + " as an HTML table."}, [2]string{"把" + p + "写成Python字典", "Write " + p + " as a Python dict."},
		[2]string{"写SQL：统计" + table + "表每月的总数", "Write SQL that counts " + table + " per month."}, [2]string{"写SQL：把" + table + "表和items表连接", "Write SQL joining " + table + " and items."},
		[2]string{"写SQL：删除" + table + "表中" + f.key + "为空的行", "SQL to delete all " + table + " without " + f.key}, [2]string{"写SQL：按" + f.key + "给" + table + "排序", "SQL: order " + table + " by " + f.key},
		[2]string{"这个JSON有错吗：{" + f.key + ":", "Is this valid JSON: {" + f.key + ": " + f.value}, [2]string{object(all) + "有几个键？", "How many keys are in " + object(all) + "?"},
		[2]string{"写一个匹配" + f.key + "的正则表达式", "Write a JSON schema for " + object(all)},
		[2]string{"一个JSON对象，" + f.key + "是" + f.value + "，另一个是列表", "make a JSON object with a list of three " + f.key})
	return beyond(r, "json", pair[0], pair[1])
}
