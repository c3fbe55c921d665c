package eval

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report for people: one block for each suite and pool.
func (r *Report) WriteTable(w io.Writer) error {
	out := &printer{w: w}
	out.line("fitted on %s, reported on %s; accuracies in %%, costs in USD per 1,000 questions (estimates from lengths and list prices); ECE in brackets is what chance alone reaches in one of twenty cases", strings.Join(r.Train, " and "), r.Test)
	for i := range r.Suites {
		s := &r.Suites[i]
		out.line("\n%s / %s: %s, %s; best single member %s %s at %s; oracle %s",
			s.Suite, s.Pool, count(s.N, "question"), count(len(s.Members), "member"), s.BestSingle.Member,
			percent(s.BestSingle.Accuracy), perThousand(s.BestSingle.CostUSD), percent(s.Oracle))
		t := tabwriter.NewWriter(out, 2, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "policy\tcap\taccuracy\tgain\t95 % interval\tcost\tx single\tcalls\tECE\t")
		for j := range s.Policies {
			p := &s.Policies[j]
			if p.Unavailable != "" {
				fmt.Fprintf(t, "%s\t%s\tunavailable\t\t\t\t\t\t\t %s\n", p.Policy, p.capText(), p.Unavailable)
				continue
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%s\t %s\n", p.Policy, p.capText(), percent(p.Accuracy), signed(p.Accuracy-s.BestSingle.Accuracy),
				interval(p.CILow, p.CIHigh), perThousand(p.CostUSD), p.CostX, p.Calls, p.eceText(), p.Uses)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if len(s.Policies) > 0 && !s.voted() {
			out.line("  answers here can't be compared, so nothing is put to the vote")
		}
	}
	if len(r.Calibration) > 0 {
		out.line("\ncalibration over all suites of a pool but the mix, ten bins of equal mass")
		t := tabwriter.NewWriter(out, 2, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "pool\tpolicy\tcap\tsuites\tquestions\tECE\tby chance\t")
		for i := range r.Calibration {
			c := &r.Calibration[i]
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%.3f\t%.3f\t\n", c.Pool, c.Policy, capText(c.Cap), c.Suites, c.N, c.ECE, c.ECEP95)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return out.err
}

// voted reports whether any policy asks more than one member, or none was to.
func (s *SuiteReport) voted() bool {
	alone := true
	for i := range s.Policies {
		p := &s.Policies[i]
		if len(p.Members) > 1 {
			return true
		}
		family, _, _ := strings.Cut(p.Policy, ":")
		alone = alone && (family == "single" || family == useTool)
	}
	return alone || len(s.Members) == 1
}

// WriteMarkdown writes the report for the documentation: a summary of what
// was chosen, then a table for each suite and pool. Members are named only
// where a reader needs it, so that nobody takes it for a ranking.
func (r *Report) WriteMarkdown(w io.Writer) error {
	out := &printer{w: w}
	out.line("Fitted on %s, reported on %s. Accuracies in percent, costs in USD per 1,000 questions; beside the calibration error (ECE), in brackets, what chance alone reaches in one of twenty cases.", strings.Join(r.Train, " and "), r.Test)
	out.line("\n### What was chosen on %s\n", strings.Join(r.Train, " and "))
	out.line("| suite / pool | questions | best single | its cost | chosen | gain | 95 %% interval | cost | calls | policy |")
	out.line("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
	for i := range r.Suites {
		s := &r.Suites[i]
		for j := range s.Policies {
			if p := &s.Policies[j]; p.Policy == "chosen" {
				limit := ""
				if p.Cap != nil {
					limit = " at most " + p.capText() + "x"
				}
				out.line("| %s / %s%s | %d | %s | %s | %s | %s | %s | %.2fx | %.1f | %s |", s.Suite, s.Pool, limit, s.N, percent(s.BestSingle.Accuracy), perThousand(s.BestSingle.CostUSD),
					percent(p.Accuracy), signed(p.Accuracy-s.BestSingle.Accuracy), interval(p.CILow, p.CIHigh), p.CostX, p.Calls, p.Uses)
			}
		}
	}
	for i := range r.Suites {
		s := &r.Suites[i]
		if !slices.ContainsFunc(s.Policies, func(p PolicyReport) bool { return p.Policy != "chosen" }) {
			continue // the summary has it all
		}
		out.line("\n### %s / %s\n", s.Suite, s.Pool)
		out.line("%s, %s. Best single member: %s, %s %% at %s. Oracle %s.\n", count(s.N, "question"), count(len(s.Members), "member"),
			s.BestSingle.Member, percent(s.BestSingle.Accuracy), perThousand(s.BestSingle.CostUSD), percent(s.Oracle))
		if !s.voted() {
			out.line("Answers here can't be compared, so nothing is put to the vote.\n")
		}
		out.line("| policy | cap | accuracy | gain | 95 %% interval | cost | times single | calls | ECE | how |")
		out.line("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
		for j := range s.Policies {
			p := &s.Policies[j]
			if p.Unavailable != "" {
				out.line("| %s | %s | unavailable | | | | | | | %s |", p.Policy, p.capText(), p.Unavailable)
				continue
			}
			out.line("| %s | %s | %s | %s | %s | %s | %.2fx | %.2f | %s | %s |", p.Policy, p.capText(), percent(p.Accuracy), signed(p.Accuracy-s.BestSingle.Accuracy),
				interval(p.CILow, p.CIHigh), perThousand(p.CostUSD), p.CostX, p.Calls, p.eceText(), p.Uses)
		}
	}
	if len(r.Calibration) > 0 {
		out.line("\n### Calibration over all suites of a pool but the mix\n")
		out.line("| pool | policy | cap | suites | questions | ECE | by chance |")
		out.line("|---|---|---:|---:|---:|---:|---:|")
		for i := range r.Calibration {
			c := &r.Calibration[i]
			out.line("| %s | %s | %s | %d | %d | %.3f | %.3f |", c.Pool, c.Policy, capText(c.Cap), c.Suites, c.N, c.ECE, c.ECEP95)
		}
	}
	return out.err
}

// WriteCSV writes one line for each policy, numbers as in the JSON form.
func (r *Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	optional := func(v *float64) string {
		if v == nil {
			return ""
		}
		return number(*v)
	}
	lines := [][]string{{"suite", "pool", "n", "best_single", "best_single_accuracy", "best_single_cost_usd", "oracle",
		"policy", "cap", "accuracy", "cost_usd", "cost_x", "calls", "ci_low", "ci_high", "ece", "ece_p95", "uses", "members", "unavailable"}}
	for i := range r.Suites {
		s := &r.Suites[i]
		for j := range s.Policies {
			p := &s.Policies[j]
			lines = append(lines, []string{s.Suite, s.Pool, strconv.Itoa(p.N), s.BestSingle.Member, number(s.BestSingle.Accuracy), number(s.BestSingle.CostUSD), number(s.Oracle),
				p.Policy, optional(p.Cap), number(p.Accuracy), number(p.CostUSD), number(p.CostX), number(p.Calls), number(p.CILow), number(p.CIHigh), optional(p.ECE), optional(p.ECEP95), p.Uses, strings.Join(p.Members, " + "), p.Unavailable})
		}
	}
	return c.WriteAll(lines)
}

func (p *PolicyReport) capText() string { return capText(p.Cap) }

func capText(limit *float64) string {
	if limit == nil {
		return "-"
	}
	return strconv.FormatFloat(*limit, 'g', -1, 64)
}

func (p *PolicyReport) eceText() string {
	if p.ECE == nil {
		return "-"
	}
	if p.ECEP95 == nil {
		return fmt.Sprintf("%.3f", *p.ECE)
	}
	return fmt.Sprintf("%.3f (%.3f)", *p.ECE, *p.ECEP95)
}

func percent(v float64) string { return fmt.Sprintf("%.2f", 100*v) }

// signed writes a gain in points; one that rounds to nothing has no minus.
func signed(v float64) string {
	s := fmt.Sprintf("%+.2f", 100*v)
	if s == "-0.00" {
		return "+0.00"
	}
	return s
}

func interval(low, high float64) string {
	return signed(low) + " to " + signed(high)
}

// perThousand writes the cost of 1,000 questions with three digits that count.
func perThousand(usd float64) string {
	v := 1000 * usd
	switch {
	case v == 0:
		return "$0"
	case v >= 100:
		return fmt.Sprintf("$%.0f", v)
	case v >= 10:
		return fmt.Sprintf("$%.1f", v)
	case v >= 1:
		return fmt.Sprintf("$%.2f", v)
	case v >= 0.1:
		return fmt.Sprintf("$%.3f", v)
	}
	return fmt.Sprintf("$%.4f", v)
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	var n int
	n, p.err = p.w.Write(b)
	return n, p.err
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }
