package eval

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// A chart shows accuracy over cost for one suite and pool: members as small
// rings without names, policies as filled marks.

// mark is one point of a chart.
type mark struct {
	family   string // how it is drawn; see families
	about    string
	cost     float64 // USD per 1,000 questions
	accuracy float64 // percent
}

// family is policies that are drawn alike.
type family struct {
	name, about string
	letter      byte // in a terminal
}

// families are drawn in this order, so that the last are on top.
var families = []family{
	{"member", "member alone", '.'},
	{"majority", "majority vote", 'm'},
	{"weighted", "weighted vote", 'w'},
	{"cascade", "cascade, stops when two agree", 'c'},
	{"threshold", "weighted cascade", 't'},
	{"auto", "a brain", 'a'},
	{"checked", "checked until one passes", 'k'},
	{"tool", "the question's program is run", 'r'},
	{"judged", "a judge picks", 'j'},
	{"single", "best single member (chosen on the training splits)", 'O'},
	{"chosen", "policy chosen on the training splits", '*'},
}

func (s *SuiteReport) marks() []mark {
	var all []mark
	for _, m := range s.Members {
		all = append(all, mark{"member", m.Member, 1000 * m.CostUSD, 100 * m.Accuracy})
	}
	for _, p := range s.Policies {
		if p.Unavailable != "" {
			continue
		}
		family, _, _ := strings.Cut(p.Policy, "@")
		family, _, _ = strings.Cut(family, ":")
		if family == "single" {
			family = "member"
		}
		about := p.Policy
		if p.Cap != nil {
			about += " at most " + p.capText() + "x"
		}
		all = append(all, mark{family, about, 1000 * p.CostUSD, 100 * p.Accuracy})
	}
	return append(all, mark{"single", s.BestSingle.Member, 1000 * s.BestSingle.CostUSD, 100 * s.BestSingle.Accuracy})
}

// scale is what the axes of a chart show. x is the logarithm of the cost.
type scale struct{ low, high, bottom, top float64 }

// maxBelow is how many points below the worst policy a member may be to be
// drawn: far weaker ones would press everything else together.
const maxBelow = 15

// newScale covers the marks with a little room around. What costs nothing
// stands at the left edge. It returns the marks that it covers: members far
// below all policies are left out.
func newScale(all []mark) (scale, []mark) {
	worst := math.Inf(1)
	for _, m := range all {
		if m.family != "member" {
			worst = min(worst, m.accuracy)
		}
	}
	var marks []mark
	s := scale{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, m := range all {
		if m.accuracy < worst-maxBelow {
			continue
		}
		marks = append(marks, m)
		if m.cost > 0 {
			s.low, s.high = min(s.low, math.Log10(m.cost)), max(s.high, math.Log10(m.cost))
		}
		s.bottom, s.top = min(s.bottom, m.accuracy), max(s.top, m.accuracy)
	}
	if s.low > s.high { // all are free
		s.low, s.high = -1, 1
	}
	room := 0.05 * max(s.high-s.low, 0.4)
	s.low, s.high = s.low-room, s.high+room
	room = 0.06 * max(s.top-s.bottom, 2)
	s.bottom, s.top = max(s.bottom-room, 0), min(s.top+room, 101)
	return s, marks
}

// leftOut says how many members a chart does not show.
func leftOut(all, shown []mark) string {
	if n := len(all) - len(shown); n > 0 {
		return fmt.Sprintf(", %s not drawn", count(n, "weaker member"))
	}
	return ""
}

// at returns the place of a mark, both ways from 0 to 1.
func (s *scale) at(m mark) (x, y float64) {
	if m.cost > 0 {
		x = (math.Log10(m.cost) - s.low) / (s.high - s.low)
	}
	return x, (m.accuracy - s.bottom) / (s.top - s.bottom)
}

// ticks returns round values on the axis of accuracy, at most seven.
func (s *scale) ticks() []float64 {
	for _, step := range []float64{0.5, 1, 2, 5, 10, 20} {
		first := math.Ceil(s.bottom/step) * step
		if n := int((s.top-first)/step) + 1; n <= 7 {
			var all []float64
			for i := range n {
				all = append(all, first+float64(i)*step)
			}
			return all
		}
	}
	return nil
}

// decades returns round values on the axis of cost, at most eight.
func (s *scale) decades() []float64 {
	for _, digits := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var all []float64
		for e := math.Floor(s.low); e <= s.high; e++ {
			for _, d := range digits {
				if v := d * math.Pow(10, e); math.Log10(v) >= s.low && math.Log10(v) <= s.high {
					all = append(all, v)
				}
			}
		}
		if len(all) <= 8 {
			return all
		}
	}
	return nil
}

// Sizes of the SVG, in its own units.
const (
	panelWidth, panelHeight = 460, 330
	leftRoom, rightRoom     = 58, 18
	topRoom, bottomRoom     = 40, 52
	legendRow               = 20
)

const svgStyle = `<style>
.page { fill: #fff }
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #333 }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #ddd; stroke-width: 1 }
.frame { fill: none; stroke: #999 }
.member { fill: none; stroke: #888 }
.majority { fill: #0072b2 } .weighted { fill: #d55e00 } .cascade { fill: #009e73 } .threshold { fill: #aa4499 }
.auto { fill: #c2185b } .curve { fill: none; stroke: #c2185b; stroke-width: 1.5; opacity: 0.6 } .checked { fill: #00695c } .tool { fill: #5d4037 } .judged { fill: #3949ab }
.single { fill: none; stroke: #333; stroke-width: 2 } .chosen { fill: #e6a700; stroke: #333 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } text { fill: #ddd } .grid { stroke: #444 } .frame { stroke: #777 } .member { stroke: #999 }
.majority { fill: #56b4e9 } .weighted { fill: #ff8c42 } .cascade { fill: #3fd0a4 } .threshold { fill: #e08fd0 }
.auto { fill: #ff6f9c } .curve { stroke: #ff6f9c } .checked { fill: #4db6ac } .tool { fill: #bcaaa4 } .judged { fill: #9fa8da }
.single { stroke: #eee } .chosen { fill: #ffd24d; stroke: #eee }
}
</style>
`

// WriteSVG draws every suite and pool as one panel of accuracy over cost. The
// questions that recur from a training split have none. It reads well on a
// light and on a dark page and needs no font from elsewhere.
func (r *Report) WriteSVG(w io.Writer) error {
	var panels []*SuiteReport
	for i := range r.Suites {
		if !strings.HasSuffix(r.Suites[i].Suite, Recurring) {
			panels = append(panels, &r.Suites[i])
		}
	}
	columns := min(len(panels), 3)
	if columns == 0 {
		return fmt.Errorf("eval: chart: the report has no suite to draw")
	}
	rows := (len(panels) + columns - 1) / columns
	width := columns * panelWidth
	drawn := familiesOf(panels)
	legend := legendRow * (len(drawn)/(columns+1) + 2)
	out := &printer{w: w}
	out.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Accuracy over cost of members and policies">`, width, rows*panelHeight+legend)
	fmt.Fprint(out, svgStyle)
	// A ground of its own: a page may be dark where the viewer's scheme is light.
	out.line(`<rect class="page" width="100%%" height="100%%"/>`)
	for i, s := range panels {
		out.line(`<g transform="translate(%d,%d)">`, i%columns*panelWidth, i/columns*panelHeight)
		s.panel(out)
		out.line(`</g>`)
	}
	perRow := columns + 1
	for i, f := range drawn {
		x, y := 24+i%perRow*((width-24)/perRow), rows*panelHeight+12+i/perRow*legendRow
		out.line(`%s<text x="%d" y="%d">%s</text>`, shape(f.name, float64(x), float64(y), ""), x+12, y+4, html.EscapeString(f.about))
	}
	out.line(`</svg>`)
	return out.err
}

// familiesOf returns the families that the panels have marks of.
func familiesOf(panels []*SuiteReport) []family {
	has := map[string]bool{}
	for _, s := range panels {
		for _, m := range s.marks() {
			has[m.family] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(families), func(f family) bool { return !has[f.name] })
}

// panel draws one chart with its upper left corner at the origin.
func (s *SuiteReport) panel(out *printer) {
	const w, h = panelWidth - leftRoom - rightRoom, panelHeight - topRoom - bottomRoom
	all := s.marks()
	sc, marks := newScale(all)
	out.line(`<text class="title" x="%d" y="18">%s</text>`, leftRoom, html.EscapeString(s.Suite+" / "+s.Pool))
	out.line(`<text x="%d" y="33">%s</text>`, leftRoom, html.EscapeString(count(s.N, "question")+leftOut(all, marks)))
	for _, t := range sc.ticks() {
		y := topRoom + h*(1-(t-sc.bottom)/(sc.top-sc.bottom))
		out.line(`<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`, leftRoom, y, leftRoom+w, leftRoom-6, y+4, t)
	}
	for _, t := range sc.decades() {
		x := leftRoom + w*(math.Log10(t)-sc.low)/(sc.high-sc.low)
		out.line(`<path class="grid" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, topRoom, topRoom+h, x, topRoom+h+16, dollars(t))
	}
	out.line(`<rect class="frame" x="%d" y="%d" width="%d" height="%d"/>`, leftRoom, topRoom, w, h)
	out.line(`<text x="%d" y="%d" text-anchor="middle">cost, USD per 1,000 questions (logarithmic)</text>`, leftRoom+w/2, topRoom+h+36)
	out.line(`<text transform="translate(16,%d) rotate(-90)" text-anchor="middle">accuracy, %%</text>`, topRoom+h/2)
	if d := sc.curve(marks, "auto", w, h); d != "" {
		out.line(`<path class="curve" d="%s"/>`, d)
	}
	for _, f := range families {
		for _, m := range marks {
			if m.family != f.name {
				continue
			}
			x, y := sc.at(m)
			about := fmt.Sprintf("%s: %.2f %%, $%.3g", m.about, m.accuracy, m.cost)
			out.line("%s", shape(f.name, leftRoom+w*x, topRoom+h*(1-y), about))
		}
	}
}

// curve joins a family's marks from the cheapest to the dearest; empty = it
// has less than two.
func (s *scale) curve(marks []mark, family string, w, h float64) string {
	own := slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return m.family != family })
	if len(own) < 2 {
		return ""
	}
	slices.SortStableFunc(own, func(a, b mark) int { return cmp.Compare(a.cost, b.cost) })
	var d strings.Builder
	for i, m := range own {
		x, y := s.at(m)
		fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], leftRoom+w*x, topRoom+h*(1-y))
	}
	return d.String()
}

// shape draws a mark of its family; about is shown when it is pointed at.
// Members have no name: a chart is no ranking of vendors.
func shape(family string, x, y float64, about string) string {
	title := ""
	if about != "" && family != "member" {
		title = "<title>" + html.EscapeString(about) + "</title>"
	}
	var element, geometry string
	switch family {
	case "member":
		element, geometry = "circle", fmt.Sprintf(`cx="%.1f" cy="%.1f" r="3"`, x, y)
	case "single":
		element, geometry = "circle", fmt.Sprintf(`cx="%.1f" cy="%.1f" r="7"`, x, y)
	case "majority":
		element, geometry = "path", fmt.Sprintf(`d="M%.1f %.1fl5 9h-10z"`, x, y-6)
	case "weighted":
		element, geometry = "path", fmt.Sprintf(`d="M%.1f %.1fl5.5 5.5 -5.5 5.5 -5.5 -5.5z"`, x, y-5.5)
	case "cascade":
		element, geometry = "rect", fmt.Sprintf(`x="%.1f" y="%.1f" width="8" height="8"`, x-4, y-4)
	case "threshold":
		element, geometry = "circle", fmt.Sprintf(`cx="%.1f" cy="%.1f" r="4.5"`, x, y)
	case "auto":
		element, geometry = "path", fmt.Sprintf(`d="M%.1f %.1fh3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z"`, x-5, y-1.6)
	case "checked":
		element, geometry = "path", fmt.Sprintf(`d="M%.1f %.1fl5 -9h-10z"`, x, y+6)
	case "tool":
		element, geometry = "rect", fmt.Sprintf(`x="%.1f" y="%.1f" width="12" height="5"`, x-6, y-2.5)
	case "judged":
		element, geometry = "path", fmt.Sprintf(`d="M%.1f %.1fl3 -5h6l3 5 -3 5h-6z"`, x-6, y)
	default: // chosen: a star
		var d strings.Builder
		for i := range 10 {
			r := 9.0
			if i%2 == 1 {
				r = 3.8
			}
			sin, cos := math.Sincos(float64(i) * math.Pi / 5)
			fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], x+r*sin, y-r*cos)
		}
		element, geometry = "path", fmt.Sprintf(`d="%sz"`, d.String())
	}
	return fmt.Sprintf(`<%s class="%s" %s>%s</%s>`, element, family, geometry, title, element)
}

func dollars(v float64) string {
	if v >= 1e6 || v < 1e-3 {
		return fmt.Sprintf("$%.0e", v)
	}
	return fmt.Sprintf("$%g", math.Round(v*1e6)/1e6)
}

// WritePlot draws the suite and pool in characters, for a terminal.
func (s *SuiteReport) WritePlot(w io.Writer) error {
	const width, height = 68, 16
	all := s.marks()
	sc, marks := newScale(all)
	grid := make([][]byte, height)
	for i := range grid {
		grid[i] = []byte(strings.Repeat(" ", width))
	}
	for _, f := range families {
		for _, m := range marks {
			if m.family == f.name {
				x, y := sc.at(m)
				grid[height-1-int(math.Round(y*(height-1)))][int(math.Round(x*(width-1)))] = f.letter
			}
		}
	}
	out := &printer{w: w}
	out.line("accuracy in %% over cost, %s / %s, %s%s", s.Suite, s.Pool, count(s.N, "question"), leftOut(all, marks))
	label := map[int]string{}
	for _, t := range sc.ticks() {
		label[height-1-int(math.Round((t-sc.bottom)/(sc.top-sc.bottom)*(height-1)))] = fmt.Sprintf("%g", t)
	}
	for i, line := range grid {
		out.line("%6s |%s", label[i], strings.TrimRight(string(line), " "))
	}
	axis := []byte(strings.Repeat("-", width))
	names := []byte(strings.Repeat(" ", width+12))
	free := 0
	for _, t := range sc.decades() {
		x := int(math.Round((math.Log10(t) - sc.low) / (sc.high - sc.low) * (width - 1)))
		axis[x] = '+'
		if text := dollars(t); x >= free && x+len(text) <= len(names) {
			copy(names[x:], text)
			free = x + len(text) + 1
		}
	}
	out.line("       +%s", axis)
	out.line("        %s", strings.TrimRight(string(names), " "))
	out.line("        USD per 1,000 questions, logarithmic")
	var letters []string
	for _, f := range familiesOf([]*SuiteReport{s}) {
		name := f.name
		if name == "single" {
			name = "best single"
		}
		letters = append(letters, string(f.letter)+" "+name)
	}
	out.line("        %s", strings.Join(letters, "  "))
	return out.err
}
