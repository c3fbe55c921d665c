package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// meter draws one line that fills up: on a screen again and again, else
// nothing, so that logs stay short. Its methods are for one goroutine.
type meter struct {
	w       io.Writer
	label   string
	drawn   bool
	started time.Time
	last    time.Time
	first   int64 // where it began, for the speed
}

const (
	barWidth = 30
	redraw   = 100 * time.Millisecond
)

// newMeter returns a bar on w, which is silent unless w is a screen.
func newMeter(w io.Writer, label string) *meter {
	if !terminal(w) {
		w = nil
	}
	return &meter{w: w, label: label, started: time.Now(), first: -1}
}

// set says how far it is. Total 0 is unknown.
func (p *meter) set(done, total int64) {
	if p.first < 0 {
		p.first = done
	}
	now := time.Now()
	if p.w == nil || (now.Sub(p.last) < redraw && done != total) {
		return
	}
	p.last, p.drawn = now, true
	fmt.Fprintf(p.w, "\r\x1b[K%s", p.line(done, total, now.Sub(p.started)))
}

// line is what set draws.
func (p *meter) line(done, total int64, took time.Duration) string {
	var b strings.Builder
	b.WriteString(p.label + " ")
	if total > 0 {
		full := int(min(done, total) * barWidth / total)
		b.WriteString("[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] ")
		fmt.Fprintf(&b, "%3d %%  %s of %s", min(done, total)*100/total, size(done), size(total))
	} else {
		b.WriteString(size(done))
	}
	if s := took.Seconds(); s > 0.5 && done > p.first {
		speed := float64(done-p.first) / s
		fmt.Fprintf(&b, "  %s/s", size(int64(speed)))
		if left := total - done; left > 0 {
			fmt.Fprintf(&b, "  %s left", time.Duration(float64(left)/speed*float64(time.Second)).Round(time.Second))
		}
	}
	return b.String()
}

// done ends the line.
func (p *meter) done() {
	if p.w != nil && p.drawn {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}

// size writes bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/unit, 0
	for f >= unit && i < 4 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[i])
}
