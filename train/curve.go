package train

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

// point is a loss after a step.
type point struct {
	step int
	loss float64
}

// draw writes loss.svg: the loss of the steps, smoothed, and that of the first
// held-out file.
func (s *run) draw() error {
	svg := drawCurve(s.recipe.Name, s.curve, s.evals)
	return replace(s.file("loss.svg"), func(w io.Writer) error {
		_, err := w.Write(svg)
		return err
	})
}

func drawCurve(title string, steps, held []point) []byte {
	const width, height, left, top, right, bottom = 720, 360, 60, 36, 16, 40
	lo, hi, last := math.Inf(1), math.Inf(-1), 1
	smooth := make([]point, len(steps))
	mean := 0.0
	for i, p := range steps {
		keep := math.Min(0.95, float64(i)/float64(i+1))
		mean = keep*mean + (1-keep)*p.loss
		smooth[i] = point{p.step, mean}
		last = max(last, p.step)
	}
	for _, list := range [][]point{smooth, held} {
		for _, p := range list {
			lo, hi = math.Min(lo, p.loss), math.Max(hi, p.loss)
		}
	}
	if !(hi > lo) {
		lo, hi = math.Min(lo, 0), math.Max(hi, 1)
		if math.IsInf(lo, 0) || math.IsInf(hi, 0) {
			lo, hi = 0, 1
		}
	}
	x := func(step int) float64 { return left + float64(step)/float64(last)*(width-left-right) }
	y := func(loss float64) float64 { return top + (hi-loss)/(hi-lo)*(height-top-bottom) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="22" font-size="14">%s: loss (nats per token)</text>`+"\n", width, height, left, escape(title))
	for i := range 5 {
		v := lo + (hi-lo)*float64(i)/4
		n := last * i / 4
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.3g</text>`, left, width-right, y(v), y(v), left-6, y(v)+4, v)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(n), height-bottom+18, n)
	}
	line := func(list []point, colour string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour)
		every := max(1, len(list)/1000)
		for i, p := range list {
			if i%every == 0 || i == len(list)-1 {
				fmt.Fprintf(&b, "%.1f,%.1f ", x(p.step), y(p.loss))
			}
		}
		b.WriteString("\"/>\n")
	}
	line(smooth, "#2b6cb0")
	line(held, "#c05621")
	fmt.Fprintf(&b, `<text x="%d" y="22" text-anchor="end" fill="#2b6cb0">training (smoothed)</text>`, width-right-80)
	fmt.Fprintf(&b, `<text x="%d" y="22" text-anchor="end" fill="#c05621">held out</text>`+"\n</svg>\n", width-right)
	return b.Bytes()
}

func escape(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		switch r {
		case '<':
			b.WriteString("&lt;")
		case '&':
			b.WriteString("&amp;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
