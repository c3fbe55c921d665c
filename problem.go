package summit

import "strings"

// Problem is one thing that is wrong in a configuration.
type Problem struct {
	Where string // FILE:LINE:COLUMN, an environment variable or a flag; empty = not read from anywhere
	Path  string // the setting, such as members.glm.model; empty = the whole file
	Text  string // what came and what was wanted

	line, column int
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

// Error writes one problem a line.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return "summit: configuration: " + strings.Join(lines, "\n")
}

// parent returns the path that a setting's path lies in; "" is the root.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }
