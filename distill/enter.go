package distill

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrNoMembers says that a configuration names no members: one that named the
// new one alone would no longer look for others.
var ErrNoMembers = errors.New("the configuration names no members")

// Enter returns the text of a configuration (YAML) with one more member of
// kind local in it, the first of its members. All else stays as it is written.
func Enter(config, name, file string) (string, error) {
	lines := strings.SplitAfter(config, "\n")
	for i, line := range lines {
		rest, ok := strings.CutPrefix(line, "members:")
		if !ok {
			continue
		}
		if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
			return "", fmt.Errorf("members stand on one line, want one member a line, to add %s to", name)
		}
		for _, next := range lines[i+1:] {
			text := strings.TrimLeft(next, " ")
			indent := len(next) - len(text)
			if t := strings.TrimSpace(text); t == "" || t[0] == '#' {
				continue
			}
			if indent == 0 {
				break
			}
			quoted, err := json.Marshal(file) // a JSON string is one of YAML too
			if err != nil {
				return "", err
			}
			if !strings.HasSuffix(lines[i], "\n") {
				return "", ErrNoMembers
			}
			entry := strings.Repeat(" ", indent) + name + ": {use: local, file: " + string(quoted) + "}\n"
			return strings.Join(lines[:i+1], "") + entry + strings.Join(lines[i+1:], ""), nil
		}
	}
	return "", ErrNoMembers
}
