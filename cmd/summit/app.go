package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	yaml "go.yaml.in/yaml/v3"
	"golang.org/x/term"

	"summit"
)

// load reads the configuration: flags win over the environment, that over
// the file.
func (a *app) load() (*summit.Loaded, error) {
	return summit.Load(summit.Sources{Path: a.configPath, Flags: a.settings})
}

// open builds the members and models of the configuration without a server:
// nothing is written to disk. The caller closes it.
func (a *app) open(ctx context.Context) (*summit.Summit, error) {
	l, err := a.load()
	if err != nil {
		return nil, err
	}
	l.Config.Ephemeral = true
	s, err := summit.Open(ctx, l.Config)
	return s, l.Place(err)
}

// announce says on standard error how the members came to be, unless they
// are all configured: nobody should take a demonstration for the real thing,
// or be billed by surprise.
func (a *app) announce(s *summit.Summit) {
	for _, note := range s.Notes() {
		fmt.Fprintln(a.err, plain(note))
	}
}

// setting is a flag that sets one value of the configuration.
type setting struct {
	a    *app
	path string
}

func (s setting) String() string { return s.a.settings[s.path] }
func (s setting) Type() string   { return strings.ToUpper(s.path[strings.LastIndexAny(s.path, "._")+1:]) }
func (s setting) Set(v string) error {
	s.a.settings[s.path] = v
	return nil
}

// emit prints a result: as JSON or YAML of v, or as table draws it.
func (a *app) emit(v any, table func(w io.Writer)) error {
	switch a.output {
	case "", "table":
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		table(w)
		return w.Flush()
	case "json":
		return writeJSON(a.out, v)
	case "yaml":
		return writeYAML(a.out, v)
	}
	return usage("--output %q, want table, json or yaml", a.output)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeYAML writes the JSON form of v as YAML, so that both have the same
// names.
func writeYAML(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var n yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&n); err != nil {
		return err
	}
	unflow(&n)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&n); err != nil {
		return err
	}
	return e.Close()
}

var oldBool = regexp.MustCompile(`^(?i:y|yes|n|no|on|off)$`)

// unflow turns JSON's braces and quotes into YAML's own style. Words that
// older YAML takes for true or false keep their quotes.
func unflow(n *yaml.Node) {
	if len(n.Content) > 0 || (n.Kind == yaml.ScalarNode && !oldBool.MatchString(n.Value)) {
		n.Style = 0
	}
	for _, c := range n.Content {
		unflow(c)
	}
}

// terminal reports whether a stream is a screen with a person before it.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// dim returns text in a faint colour where w is a terminal that shows it.
func dim(w io.Writer, text string) string {
	if !terminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// printable makes text from outside safe for a terminal, which would obey
// escape sequences in it: control characters become blanks, but for tabs and
// the ends of lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || (r >= 0x7f && r < 0xa0)) {
			return ' '
		}
		return r
	}, s)
}

// plain makes text from outside safe for one cell of one line.
func plain(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(s))
}

func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}
