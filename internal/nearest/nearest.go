// Package nearest finds the known name that somebody who mistyped most likely
// meant.
package nearest

import "strings"

// longest is the longest name that is compared: names of ours are shorter,
// and the work grows with the product of both lengths.
const longest = 64

// Name returns the known name that is closest to the one that came, or ""
// where none is close: a third of its letters may be wrong, at least one.
// Case doesn't matter; the first of equally close names wins.
func Name(came string, known []string) string {
	if len(came) > longest {
		return ""
	}
	best, name := max(len([]rune(came))/3, 1)+1, ""
	for _, k := range known {
		if d := Distance(strings.ToLower(came), strings.ToLower(k)); d < best {
			best, name = d, k
		}
	}
	return name
}

// Distance counts the letters to insert, delete, replace or swap with their
// neighbour to make b of a (optimal string alignment). Callers bound the
// lengths: it takes len(a) times len(b) steps.
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}
