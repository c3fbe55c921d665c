package alliance

import (
	"html/template"
	"io"
)

// kindNames says what kinds of rows are called, for people.
var kindNames = map[string][2]string{
	kindCost: {"成本补偿", "cost recovered"}, kindDividend: {"盈余分红", "dividend"}, kindRecoup: {"递延偿还", "deferred cost repaid"}, kindTrueUp: {"期末补差", "true-up"},
	kindGuarantee: {"保底补足", "guarantee"}, kindRepaid: {"保底偿还", "guarantee repaid"}, "refund": {"退款", "refund"}, "fault": {"责任赔付", "liability"},
	kindJudge: {"裁判成本", "judging"}, "dispute": {"争议冻结", "frozen by a dispute"}, "decision": {"争议裁决", "dispute decided"},
}

// kindName returns a kind in both languages.
func kindName(kind string) string {
	if n, ok := kindNames[kind]; ok {
		return n[0] + " " + n[1]
	}
	return kind
}

// fenText writes hundredths of a currency.
func fenText(fen int64) string {
	text := Decimal(Units(fen) * fenUnits)
	return text[:len(text)-4]
}

var statementPage = template.Must(template.New("statement").Funcs(template.FuncMap{"amount": Decimal, "fen": fenText, "kind": kindName}).Parse(`<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>结算单 Statement {{.Member}} {{.Period}}</title>
<style>
body{font:14px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#111;background:#fff}
h1{font-size:20px}table{border-collapse:collapse;width:100%;margin:1em 0}th,td{padding:.3em .6em;border-bottom:1px solid #ccc;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tr.sum td{font-weight:600;border-top:2px solid #111}code{font-size:11px;word-break:break-all}
@media print{body{margin:0;max-width:none}}
</style>
</head>
<body>
<h1>联盟结算单 Alliance statement</h1>
<table>
<tr><th>成员 Member</th><td>{{.Member}}</td></tr>
<tr><th>账期 Period</th><td>{{.Period}} ({{.Zone}})</td></tr>
<tr><th>币种 Currency</th><td>{{.Currency}}</td></tr>
<tr><th>应付 Payable</th><td><strong>{{fen .Fen}} {{.Currency}}</strong></td></tr>
</table>
<table>
<tr><th>日期 Day</th><th>模型 Model</th><th>方式 Mode</th><th>类别 Kind</th><th class="n">笔数 Count</th><th class="n">申报成本 Declared</th><th class="n">让利 Borne</th><th class="n">递延 Put off</th><th class="n">金额 Amount</th></tr>
{{range .Lines}}<tr><td>{{.Day}}</td><td>{{.Model}}</td><td>{{.Mode}}</td><td>{{kind .Kind}}</td><td class="n">{{.Count}}</td><td class="n">{{amount .Declared}}</td><td class="n">{{amount .Sacrificed}}</td><td class="n">{{amount .Deferred}}</td><td class="n">{{amount .Amount}}</td></tr>
{{end}}<tr class="sum"><td colspan="8">本期合计 Posted</td><td class="n">{{amount .Posted}}</td></tr>
<tr><td colspan="8">上期结转 Brought forward</td><td class="n">{{amount .Opening}}</td></tr>
<tr><td colspan="8">上期尾差 Residue brought forward</td><td class="n">{{amount .Residue}}</td></tr>
<tr class="sum"><td colspan="8">累计 Accrued</td><td class="n">{{amount .Total}}</td></tr>
<tr class="sum"><td colspan="8">应付 Payable</td><td class="n">{{fen .Fen}}</td></tr>
<tr><td colspan="8">结转下期 Carried</td><td class="n">{{amount .Rest}}</td></tr>
</table>
<p>每一笔都在 CSV 文件中，以其为准。 Every posting is in the CSV file, which is the canonical form. SHA-256: <code>{{.CSV}}</code></p>
<p>条款 Terms: <code>{{.Terms}}</code>{{range .Contracts}}<br>合同 Contract: <code>{{.}}</code>{{end}}</p>
</body>
</html>
`))

// HTML writes the statement as a page that needs nothing else, in Chinese and
// English.
func (s *MemberStatement) HTML(w io.Writer) error { return statementPage.Execute(w, s) }
