package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func init() { register(versionCommand) }

// version is set by the linker in released builds; empty = as Go knows it.
var version string

// build is what the binary knows about itself.
type build struct {
	Version  string `json:"version"`  // of the release or the module; (devel) = built from a working tree
	Revision string `json:"revision"` // of the source; empty = unknown
	Modified bool   `json:"modified"` // the tree had changes that were not committed
	Time     string `json:"time"`     // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildInfo() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	if version != "" {
		b.Version = version
	}
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func versionCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Show which build this is",
		Example: "  summit version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				a.output = "json"
			}
			b := buildInfo()
			return a.emit(b, func(w io.Writer) {
				fmt.Fprintf(w, "summit %s\n", b.Version)
				if b.Revision != "" {
					changed := ""
					if b.Modified {
						changed = ", with changes"
					}
					fmt.Fprintf(w, "revision %s of %s%s\n", b.Revision, b.Time, changed)
				}
				fmt.Fprintf(w, "%s %s\n", b.Go, b.Platform)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the same as -o json")
	return c
}
