package house

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	docNumber = regexp.MustCompile(`[0-9][0-9,.]*[0-9]|[0-9]`)
	docLink   = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
)

// TestTwinsAgree: a page of docs that has a Chinese twin has the same figures
// in its tables, row by row, and the same commands; and each leads to the other.
func TestTwinsAgree(t *testing.T) {
	twins, err := filepath.Glob("../../docs/*.zh-CN.md")
	if err != nil || len(twins) == 0 {
		t.Fatalf("%d Chinese pages, %v", len(twins), err)
	}
	for _, zh := range twins {
		en := strings.Replace(zh, ".zh-CN", "", 1)
		a, b := read(t, en), read(t, zh)
		if !strings.Contains(a, "("+filepath.Base(zh)+")") || !strings.Contains(b, "("+filepath.Base(en)+")") {
			t.Errorf("%s and its twin do not lead to each other", filepath.Base(en))
		}
		same := func(what string, pick func(string) []string) {
			x, y := pick(a), pick(b)
			for i := range max(len(x), len(y)) {
				if i >= len(x) || i >= len(y) || x[i] != y[i] {
					t.Errorf("%s: %s %d is %q, in Chinese %q", filepath.Base(en), what, i+1, at(x, i), at(y, i))
					return
				}
			}
		}
		same("table row with the figures", tableFigures)
		same("command", commands)
	}
}

// TestLinksLead: what a page of docs links to in this repository is there.
func TestLinksLead(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md", "../../README.zh-CN.md", "../../CONTRIBUTING.md") {
		for _, m := range docLink.FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", filepath.Base(page), m[1])
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "missing"
}

// tableFigures returns the numbers of each row of a page's tables, sorted:
// word order may differ.
func tableFigures(page string) []string {
	var rows []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "|") {
			numbers := docNumber.FindAllString(line, -1)
			slices.Sort(numbers)
			rows = append(rows, strings.Join(numbers, " "))
		}
	}
	return rows
}

// commands returns the lines of blocks that run something, without what is
// remarked on them.
func commands(page string) []string {
	var lines []string
	for line := range strings.Lines(page) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		if strings.HasPrefix(line, "summit ") || strings.HasPrefix(line, "sh ") {
			line, _, _ = strings.Cut(line, "  #")
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
