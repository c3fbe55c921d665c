package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"summit"
)

func init() { register(configCommand) }

func configCommand(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "config",
		Short: "Write, check and show the configuration",
		Example: `  summit config init
  summit config validate --config summit.yaml
  summit config show --origin`,
	})
	c.AddCommand(configInit(a), configValidate(a), configSchema(a), configShow(a))
	return c
}

// sample is the file that config init writes.
//
//go:embed sample.yaml
var sample []byte

func configInit(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a configuration to start from, with its schema beside it",
		Long: `Init writes a configuration file in which everything is explained and commented
out, and config.schema.json beside it, which lets an editor complete and check
what you write. Without FILE it writes to where Summit looks for it.`,
		Example: `  summit config init
  summit config init ./summit.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := a.configPath
			switch {
			case len(args) == 1:
				path = args[0]
			case path == "":
				paths := summit.SearchPaths(os.LookupEnv)
				if len(paths) == 0 {
					return usage("there is no usual place for a configuration here, want FILE")
				}
				path = paths[0]
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if force {
				how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			}
			if err := writeFile(path, sample, how); errors.Is(err, fs.ErrExist) {
				return failed("--force overwrites it", fmt.Errorf("%s exists already", path))
			} else if err != nil {
				return err
			}
			schema := filepath.Join(filepath.Dir(path), "config.schema.json")
			if err := writeFile(schema, summit.Schema(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.out, "wrote %s and %s\n", path, schema)
			return err
		},
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite the file if it exists")
	return c
}

func writeFile(path string, data []byte, how int) error {
	f, err := os.OpenFile(path, how, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func configValidate(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a configuration: every problem with its place",
		Long: `Validate reads the configuration as "summit serve" would and builds the members
and models that it describes, without asking any. Missing keys are reported as
"not ready" (exit code 3), since they are no fault of the file.`,
		Example: `  summit config validate
  summit config validate ./summit.yaml && summit serve --config ./summit.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.configPath = args[0]
			}
			l, err := a.load()
			if err != nil {
				return err
			}
			// What is found on this machine is no part of the file.
			l.Config.Discover.Enabled = new(false)
			l.Config.Ephemeral = true
			s, err := summit.Open(c.Context(), l.Config)
			if err != nil {
				return l.Place(err)
			}
			defer s.Close()
			path := l.Path
			if path == "" {
				path = "no file, only defaults"
			}
			_, err = fmt.Fprintf(a.out, "%s: sound, %d members and %d models configured\n", path, len(l.Config.Members), len(l.Config.Models))
			return err
		},
	}
}

func configSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration",
		Example: `  summit config schema > config.schema.json
  # and as the first line of the configuration, for editors:
  # yaml-language-server: $schema=./config.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(summit.Schema())
			return err
		},
	}
}

func configShow(a *app) *cobra.Command {
	var origin bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the configuration in force, defaults included",
		Long: `Show prints the configuration that "summit serve" would use now, as YAML that
can be read back. With --origin each value says where it is from: a line of the
file, a variable of the environment, a flag or the default.`,
		Example: `  summit config show --origin
  SUMMIT_LOG_LEVEL=debug summit config show --origin
  summit config show -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			l, err := a.load()
			if err != nil {
				return err
			}
			switch a.output {
			case "json":
				return writeJSON(a.out, showJSON(l, origin))
			case "", "table", "yaml":
				text, err := l.YAML(origin)
				if err != nil {
					return err
				}
				_, err = io.WriteString(a.out, text)
				return err
			}
			return usage("--output %q, want yaml or json", a.output)
		},
	}
	c.Flags().BoolVar(&origin, "origin", false, "say where each value is from")
	return c
}

// showJSON returns the values by path, in order.
func showJSON(l *summit.Loaded, origin bool) any {
	type value struct {
		Path   string `json:"path"`
		Value  any    `json:"value"`
		Origin string `json:"origin,omitempty"`
	}
	values := []value{}
	for _, v := range l.Values() {
		if !origin {
			v.Origin = ""
		}
		values = append(values, value(v))
	}
	return struct {
		File   string  `json:"file"`
		Values []value `json:"values"`
	}{l.Path, values}
}
