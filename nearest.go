package summit

import (
	"slices"
	"strings"

	"summit/internal/nearest"
)

// unknown writes what to say about a name that nobody knows: the nearest
// known one and the list of all of them.
func unknown(came string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	said := ""
	if n := nearest.Name(came, known); n != "" {
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
