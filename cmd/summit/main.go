// Command summit serves one model that is made of many, and everything
// around it: chatting, keys, configuration, health, evaluation.
//
// Each subcommand is one file, which registers itself; nothing else is
// edited to add one.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"summit"
)

// The exit codes, which scripts may rely on.
const (
	exitOK       = 0
	exitFailed   = 1 // what was asked for did not work
	exitUsage    = 2 // the command line makes no sense
	exitNotReady = 3 // something around is missing: a key, a port, a server
)

// commands are the constructors of all subcommands. Each file adds its own.
var commands []func(*app) *cobra.Command

// register adds a subcommand. It is called from the init of its file.
func register(c func(*app) *cobra.Command) { commands = append(commands, c) }

// app is what all subcommands share.
type app struct {
	in         io.Reader
	out, err   io.Writer
	configPath string            // --config; empty = the usual places
	output     string            // --output; empty = for people
	settings   map[string]string // settings given as flags, by path
	signals    *signals
}

func main() {
	s := watchSignals()
	os.Exit(run(s.ctx, &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, signals: s}, os.Args[1:]))
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, a *app, args []string) int {
	a.settings = map[string]string{}
	root, started := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code, text, next := explain(err, *started)
	if code == exitUsage && next == "" {
		next = cmd.CommandPath() + " --help"
	}
	if text != "" {
		fmt.Fprintln(a.err, "summit:", printable(text))
	}
	if next != "" {
		fmt.Fprintln(a.err, "next:", next)
	}
	return code
}

// root builds the command tree. started is true once a command runs: what
// fails before is a fault of the command line.
func (a *app) root() (root *cobra.Command, started *bool) {
	started = new(bool)
	root = &cobra.Command{
		Use:   "summit",
		Short: "One model made of many",
		Long: `Summit is one OpenAI-compatible endpoint whose model "summit" is made of
several vendors' models: it routes, cascades, votes and fuses.`,
		Example: `  summit serve                    start the server
  summit chat "Why is the sky blue?"
  summit models                   what can be asked
  summit config init              write a configuration to start from`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { *started = true },
	}
	group(root)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", "", "configuration file (default: $SUMMIT_CONFIG, then the user's, then the machine's)")
	flags.StringVarP(&a.output, "output", "o", "", "output: table, json or yaml (default: table)")
	for _, c := range commands {
		root.AddCommand(c(a))
	}
	root.SetHelpCommand(helpCommand(root))
	return root, started
}

// group makes a command that only holds others: alone it shows its help, and
// a word that is none of them is an error with the nearest one.
func group(c *cobra.Command) *cobra.Command {
	c.SuggestionsMinimumDistance = 2
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		meant := ""
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			meant = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage("unknown command %q for %q%s", args[0], c.CommandPath(), meant)
	}
	return c
}

// helpCommand is cobra's help command without its own wording.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show help for a command",
		Example: "  summit help config show",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage("no help on %q, want a command", strings.Join(args, " "))
			}
			return cmd.Help()
		},
	}
}

// failure is an error with an exit code and what to do next.
type failure struct {
	code int
	err  error
	next string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage returns an error of the command line.
func usage(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// failed returns an error with a next step for the user; empty = none.
func failed(next string, err error) error { return &failure{exitFailed, err, next} }

// notReady returns an error of the world around, with a next step.
func notReady(next string, err error) error { return &failure{exitNotReady, err, next} }

// explain returns the exit code of an error, its text and the next step.
func explain(err error, started bool) (code int, text, next string) {
	text = strings.TrimPrefix(err.Error(), "summit: ")
	var f *failure
	var n *summit.NotReadyError
	var c *summit.ConfigError
	switch {
	case errors.As(err, &f):
		return f.code, text, f.next
	case errors.As(err, &n):
		return exitNotReady, text, n.Next
	case errors.As(err, &c):
		return exitFailed, text, `"summit config schema" prints what can be set; "summit config validate" checks again`
	case !started:
		return exitUsage, text, ""
	}
	return exitFailed, text, ""
}
