package summit

import (
	"slices"
	"strings"
)

// nearest returns the known name that is closest to the one that came, or ""
// where none is close: a third of its letters may be wrong, at least one.
func nearest(came string, known []string) string {
	const longest = 64 // of names of ours; what is longer is near to nothing
	if len(came) > longest {
		return ""
	}
	best, name := max(len([]rune(came))/3, 1)+1, ""
	for _, k := range known {
		if d := distance(strings.ToLower(came), strings.ToLower(k)); d < best {
			best, name = d, k
		}
	}
	return name
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
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

// unknown writes what to say about a name that nobody knows: the nearest
// known one and the list of all of them.
func unknown(came string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	said := ""
	if n := nearest(came, known); n != "" {
		said = `; did you mean "` + n + `"?`
	}
	const most = 24 // names listed; a longer list helps nobody
	more := ""
	if len(known) > most {
		known, more = known[:most], ", ..."
	}
	if len(known) == 0 {
		return said + " (there are none)"
	}
	return said + " (known: " + strings.Join(known, ", ") + more + ")"
}

// clip keeps error texts short whatever came in, cutting between runes.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "..."
}
