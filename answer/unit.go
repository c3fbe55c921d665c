package answer

import "strings"

// currencies stand before a number. Longer ones come before their beginnings.
var currencies = []string{"US$", "HK$", "USD", "RMB", "CNY", "EUR", "$", "¥", "€", "£", "人民币"}

func trimCurrency(s string) string {
	for _, c := range currencies {
		if strings.HasPrefix(s, c) {
			return strings.TrimLeft(s[len(c):], " ")
		}
	}
	return s
}

// multipliers stand behind a number and move its decimal point.
var multipliers = []struct {
	word string
	exp  int
}{
	{"thousand", 3}, {"million", 6}, {"billion", 9}, {"trillion", 12},
	{"万亿", 12}, {"千万", 7}, {"百万", 6}, {"万", 4}, {"亿", 8}, {"萬", 4}, {"億", 8},
}

// multiplier cuts a multiplier from the beginning of rest and returns its
// power of ten.
func multiplier(rest *string) int {
	s := strings.TrimLeft(*rest, " ")
	for _, m := range multipliers {
		if after, ok := strings.CutPrefix(s, m.word); ok && (after == "" || !isLetter(after[0])) {
			*rest = after
			return m.exp
		}
	}
	return 0
}

// units are what may stand behind a number without being part of the answer.
// They are written in lower case; one letter alone (m, g, s) needs a blank
// before it, for "5m" may be a product.
var units = func() map[string]bool {
	m := map[string]bool{"": true}
	for _, line := range []string{
		// shares and angles
		"% percent per_cent percentage_points % ° degree degrees deg rad radian radians °c °f 度 摄氏度 个百分点",
		// money
		"$ ¥ € £ dollar dollars cent cents usd us_dollars yuan cny rmb hkd euro euros eur pound pounds yen jpy rupee rupees bucks",
		"元 圆 元整 块 块钱 元人民币 人民币 人民币元 美元 港元 港币 欧元 日元 英镑 美金 元钱",
		// length, area, volume, speed
		"m mm cm dm km nm µm μm meter meters metre metres kilometer kilometers kilometre kilometres centimeter centimeters centimetre centimetres millimeter millimeters millimetre millimetres",
		"mile miles foot feet ft inch inches in yard yards yd",
		"m² m^2 cm² cm^2 km² km^2 m2 cm2 km2 m³ m^3 cm³ cm^3 m3 cm3 square_meters square_metres square_centimeters square_feet square_inches square_units square_kilometers square_miles cubic_meters cubic_centimeters cubic_feet cubic_inches cubic_units sq_ft sq_m unit units acre acres hectare hectares ha",
		"l ml liter liters litre litres milliliter milliliters gallon gallons cup cups",
		"km/h kmh kph mph m/s m/s² m/s^2 km/s kilometers_per_hour miles_per_hour meters_per_second",
		"米 厘米 毫米 分米 千米 公里 里 海里 英里 英尺 英寸 尺 丈 平方米 平方千米 平方公里 平方厘米 平方分米 立方米 立方厘米 立方分米 亩 公顷 升 毫升 米/秒 千米/时 千米/小时 公里/小时 米每秒 千米每小时",
		// mass
		"g kg mg t lb lbs oz gram grams kilogram kilograms milligram milligrams ton tons tonne tonnes ounce ounces",
		"克 千克 公斤 斤 毫克 吨",
		// time
		"s ms sec secs second seconds min mins minute minutes h hr hrs hour hours day days week weeks month months year years years_old",
		"秒 秒钟 毫秒 分钟 小时 个小时 天 日 周 星期 个星期 月 个月 年 岁 周岁 世纪 个世纪",
		// physics and computing
		"n j kj w kw kwh v mv a ma hz khz mhz ghz pa kpa mpa k mol j/mol kj/mol g/mol g/cm³ g/cm^3 kg/m³ kg/m^3 ev mev newton newtons joule joules watt watts volt volts ampere amperes ohm ohms ω kelvin moles bit bits byte bytes kb gb tb",
		"牛 牛顿 焦 焦耳 瓦 瓦特 千瓦 千瓦时 伏 伏特 安 安培 欧姆 赫兹 帕 摩尔 字节 比特",
		// things and people
		"per_second per_minute per_hour per_day per_week per_month per_year per_person each a_day a_week a_month a_year",
		"people person persons times ways points item items pieces piece",
		"个 只 人 名 位 件 张 本 辆 台 支 枝 棵 朵 头 匹 次 倍 页 袋 箱 瓶 盒 把 条 份 道 题 种 分",
	} {
		for _, u := range strings.Fields(line) {
			m[strings.ReplaceAll(u, "_", " ")] = true
		}
	}
	return m
}()

// longestUnit bounds the look-up.
var longestUnit = func() int {
	n := 0
	for u := range units {
		n = max(n, len(u))
	}
	return n
}()

// isUnit reports whether rest, all that stands behind a number, is one unit
// or nothing.
func isUnit(rest string) bool {
	unit := strings.TrimLeft(rest, " ")
	if len(unit) > longestUnit {
		return false
	}
	if len(unit) == 1 && isLetter(unit[0]) && len(unit) == len(rest) {
		return false
	}
	var buf [64]byte
	lower := buf[:0]
	for i := range len(unit) {
		c := unit[i]
		if isUpper(c) {
			c |= 0x20
		}
		lower = append(lower, c)
	}
	return units[string(lower)]
}
