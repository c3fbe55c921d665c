package summit

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong in a configuration.
type Problem struct {
	Where string // FILE:LINE:COLUMN, an environment variable or a flag; empty = not read from anywhere
	Path  string // the setting, such as members.glm.model; empty = the whole file
	Text  string // what came and what was wanted

	position
}

// String writes the problem on one line.
func (p Problem) String() string {
	var b strings.Builder
	for _, s := range []string{p.Where, p.Path} {
		if s != "" {
			b.WriteString(s + ": ")
		}
	}
	return b.String() + p.Text
}

// ConfigError is every problem that was found in a configuration.
type ConfigError struct{ Problems []Problem }

// Error writes the only problem on one line, or each on a line of its own.
func (e *ConfigError) Error() string {
	if len(e.Problems) == 1 {
		return "summit: configuration: " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "summit: configuration: %d problems", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// parent returns the path that a setting's path lies in; "" is the root.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }
