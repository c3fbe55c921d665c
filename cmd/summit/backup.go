package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"summit"
)

func init() { register(backupCommand) }

func backupCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy the data directory, also beside a running server",
		Long: `Backup copies keys (hashed) and the log of runs into a new or empty folder, each
store as it stands at one moment. A copy is put to use by naming it as data
directory. The configuration and the file with the first admin key are not in
it.`,
		Example: `  summit backup /var/backups/summit-$(date +%F)
  summit serve --data-dir /var/backups/summit-2026-11-20`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := a.load()
			if err != nil {
				return err
			}
			files, err := summit.Backup(c.Context(), l.Config.DataDir, args[0])
			if err != nil {
				return err
			}
			return a.emit(files, func(w io.Writer) {
				for _, f := range files {
					row(w, f.Name, fmt.Sprintf("%d bytes", f.Bytes))
				}
			})
		},
	}
	c.Flags().Var(setting{a, "data_dir"}, "data-dir", "folder to copy")
	return c
}
