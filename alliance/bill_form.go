package alliance

import (
	"fmt"
	"html/template"
	"io"
)

// billKinds says what kinds of rows of bills are called, for people.
var billKinds = map[string][2]string{
	kindCharge: {"请求计费", "charge"}, "refund": {"退款", "refund"}, "deposit": {"充值", "payment"}, "fx": {"汇兑", "conversion"}, "decision": {"争议裁决", "dispute decided"},
}

// billKind returns a kind in both languages.
func billKind(kind string) string {
	if n, ok := billKinds[kind]; ok {
		return n[0] + " " + n[1]
	}
	return kind
}

// billTotals are the totals of a bill as its forms show them.
func (b *Bill) totals() [][2]string {
	return [][2]string{
		{"上期余额 Opening balance", Decimal(b.Opening)}, {"请求计费 Charged", Decimal(b.Charged)}, {"其中税额 Tax inside", Decimal(b.Tax)}, {"退款 Refunded", Decimal(b.Refunded)},
		{"充值 Paid in", Decimal(b.Paid)}, {"其他 Other", Decimal(b.Other)}, {"期末余额 Closing balance", Decimal(b.Closing)}, {"其中冻结 Held in it", Decimal(b.Held)},
	}
}

// billing says when the customer pays.
func (b *Bill) billing() string {
	if b.Billing == Postpaid {
		return "后付 postpaid"
	}
	return "预付 prepaid"
}

// provisional is said of a month that is not closed.
const provisional = "本月未结账，账单可能变动。 The month is not closed: more may come."

var billPage = template.Must(template.New("bill").Funcs(template.FuncMap{"amount": Decimal, "kind": billKind, "totals": (*Bill).totals, "billing": (*Bill).billing}).Parse(`<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>客户账单 Statement {{.Customer}} {{.Period}}</title>
<style>
body{font:14px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#111;background:#fff}
h1{font-size:20px}table{border-collapse:collapse;width:100%;margin:1em 0}th,td{padding:.3em .6em;border-bottom:1px solid #ccc;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:11px;word-break:break-all}
@media print{body{margin:0;max-width:none}}
</style>
</head>
<body>
<h1>客户账单 Customer statement</h1>
<table>
<tr><th>客户 Customer</th><td>{{.Customer}}</td></tr>
<tr><th>账期 Period</th><td>{{.Period}} ({{.Zone}})</td></tr>
<tr><th>币种 Currency</th><td>{{.Currency}}</td></tr>
<tr><th>付款方式 Billing</th><td>{{billing .}}</td></tr>
</table>
{{if not .Closed}}<p>` + provisional + `</p>
{{end}}<table>
<tr><th>日期 Day</th><th>模型 Model</th><th>类别 Kind</th><th class="n">笔数 Count</th><th class="n">输入 Input</th><th class="n">输出 Output</th><th class="n">税额 Tax</th><th class="n">金额 Amount</th></tr>
{{range .Lines}}<tr><td>{{.Day}}</td><td>{{.Model}}</td><td>{{kind .Kind}}</td><td class="n">{{.Count}}</td><td class="n">{{.Input}}{{if .CacheRead}} + {{.CacheRead}}{{end}}</td><td class="n">{{.Output}}</td><td class="n">{{amount .Tax}}</td><td class="n">{{amount .Amount}}</td></tr>
{{end}}</table>
<table>
{{range totals .}}<tr><th>{{index . 0}}</th><td class="n">{{index . 1}}</td></tr>
{{end}}</table>
<p>每一笔都在 CSV 文件中，以其为准。 Every posting is in the CSV file, which is the canonical form. SHA-256: <code>{{.CSV}}</code></p>
<p>条款 Terms: <code>{{.Terms}}</code></p>
</body>
</html>
`))

// HTML writes the bill as a page that needs nothing else, in Chinese and English.
func (b *Bill) HTML(w io.Writer) error { return billPage.Execute(w, b) }

// PDF writes the bill as a PDF document in Chinese and English, as a member's
// statement is written. Lines of the same model and kind are one.
func (b *Bill) PDF(w io.Writer) error {
	d := &pdf{}
	d.page()
	d.line(14_000, "客户账单 Customer statement")
	d.skip()
	d.pair("客户 Customer", b.Customer)
	d.pair("账期 Period", string(b.Period)+" "+b.Zone)
	d.pair("币种 Currency", b.Currency)
	d.pair("付款方式 Billing", b.billing())
	if !b.Closed {
		d.line(textSize, provisional)
	}
	d.skip()
	var order [][3]string
	sums := map[[3]string]*BillLine{}
	for _, l := range b.Lines {
		key := [3]string{"", l.Model, l.Kind}
		sum := sums[key]
		if sum == nil {
			sum = &BillLine{Model: l.Model, Kind: l.Kind}
			sums[key] = sum
			order = append(order, key)
		}
		sum.Count += l.Count
		sum.Input += l.Input + l.CacheRead
		sum.Output += l.Output
		sum.Tax += l.Tax // the lines add up to totals that fit
		sum.Amount += l.Amount
	}
	d.columns("模型 Model", "类别 Kind", "笔数 Count", "输入 Input", "输出 Output", "税额 Tax", "金额 Amount")
	for _, key := range order {
		l := sums[key]
		d.columns(l.Model, billKind(l.Kind), fmt.Sprint(l.Count), fmt.Sprint(l.Input), fmt.Sprint(l.Output), Decimal(l.Tax), Decimal(l.Amount))
	}
	d.skip()
	for _, t := range b.totals() {
		d.pair(t[0], t[1])
	}
	d.skip()
	d.line(textSize, "每一笔都在 CSV 文件中，以其为准。 Every posting is in the CSV file, the canonical form.")
	d.line(6_500, "SHA-256 "+b.CSV.String())
	d.line(6_500, "Terms "+b.Terms)
	return d.write(w)
}
