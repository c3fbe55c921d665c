package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"summit"
	"summit/alliance"
	"summit/ledger"
)

func init() { register(contractCommand) }

func contractCommand(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "contract",
		Short: "Check contracts of members, and try them on what happened",
		Example: `  summit contract lint contracts --terms terms.yaml
  summit contract simulate --from 2026-11 --contracts new-contracts
  summit contract schema > contract.schema.json`,
	})
	c.AddCommand(contractLint(a), contractSimulate(a), contractSchema(a))
	return c
}

func contractLint(a *app) *cobra.Command {
	var terms string
	c := &cobra.Command{
		Use:   "lint PATH...",
		Short: "Check contracts, and say what is allowed and odd",
		Long: `Lint reads contracts (files, or folders of them). What can't be read is an
error; what is allowed and odd is listed, such as a bound that has no effect.`,
		Example: "  summit contract lint contracts --terms terms.yaml -o json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var all []*alliance.Contract
			for _, path := range args {
				some, err := alliance.ReadContracts(path)
				if err != nil {
					return err
				}
				all = append(all, some...)
			}
			var t *alliance.Terms
			if terms != "" {
				var err error
				if t, err = alliance.ReadTermsFile(terms); err != nil {
					return err
				}
				if _, err := alliance.New(t, all); err != nil {
					return err
				}
			}
			found := append([]alliance.Finding{}, alliance.Lint(t, all)...)
			return a.emit(found, func(w io.Writer) {
				for _, f := range found {
					fmt.Fprintf(w, "%s\t%s\t%s\n", f.Member, f.Field, f.Text)
				}
				fmt.Fprintf(w, "%d contracts, %d findings\n", len(all), len(found))
			})
		},
	}
	c.Flags().StringVar(&terms, "terms", "", "the alliance's terms, to check against")
	return c
}

func contractSimulate(a *app) *cobra.Command {
	var from, events, contracts, terms string
	c := &cobra.Command{
		Use:   "simulate --from PERIOD [--contracts DIR] [--terms FILE]",
		Short: "What members would have earned under other contracts or terms",
		Long: `Simulate settles the requests of a month again, under other contracts, other
terms, or both, and shows for each member what it got and what it would have
got. What is not named is as the configuration has it. With --events the
requests are those of a file, as "summit settle" reads them.`,
		Example: `  summit contract simulate --from 2026-11 --contracts new-contracts
  summit contract simulate --events november.json --contracts new-contracts -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (from == "") == (events == "") {
				return usage("want --from PERIOD or --events FILE")
			}
			l, err := a.load()
			if err != nil {
				return err
			}
			is := l.Config.Books
			if contracts == "" && terms == "" {
				return usage("want --contracts DIR, --terms FILE, or both: what is to be other than it is")
			}
			next, err := readAlliance(either(contracts, is.Contracts), either(terms, is.Terms))
			if err != nil {
				return err
			}
			var sim *alliance.Simulation
			if from != "" {
				store, err := summit.OpenLedger(c.Context(), l.Config)
				if err != nil {
					return err
				}
				sim, err = alliance.Simulate(c.Context(), store, ledger.Period(from), next)
				if err = errors.Join(err, store.Close()); err != nil {
					return err
				}
			} else {
				now, err := readAlliance(either(is.Contracts, contracts), either(is.Terms, terms))
				if err != nil {
					return err
				}
				file, err := os.Open(events)
				if err != nil {
					return failed("--events names a JSON file with opening and requests", err)
				}
				list, err := alliance.ReadEvents(file)
				if err = errors.Join(err, file.Close()); err != nil {
					return err
				}
				if sim, err = now.Simulate(next, list); err != nil {
					return err
				}
			}
			return a.emit(sim, func(w io.Writer) { simulationTable(w, sim) })
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", "the month whose requests are settled again, such as 2026-11")
	f.StringVar(&events, "events", "", "or a JSON file with opening and requests")
	f.StringVar(&contracts, "contracts", "", "folder with the other contracts")
	f.StringVar(&terms, "terms", "", "file with the other terms")
	f.Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	return c
}

// either returns the first that is set.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func simulationTable(w io.Writer, s *alliance.Simulation) {
	row(w, "MEMBER", "EARNED", "WOULD", "COST", "WOULD", "BORNE", "WOULD", "PUT OFF", "WOULD", "DIVIDENDS", "WOULD")
	for _, m := range slices.Sorted(maps.Keys(s.Members)) {
		x := s.Members[m]
		cells := []string{m}
		for _, c := range []alliance.Change{x.Earned, x.Cost, x.Sacrificed, x.Deferred, x.Dividends} {
			cells = append(cells, alliance.Decimal(c.Was), alliance.Decimal(c.Would))
		}
		row(w, cells...)
	}
	fmt.Fprintf(w, "\n%d requests\n", s.Requests)
	for _, why := range slices.Sorted(maps.Keys(s.Skipped)) {
		fmt.Fprintf(w, "%d left out: %s\n", s.Skipped[why], plain(clip(why)))
	}
}

func contractSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [contract|terms]",
		Short:     "Print the JSON Schema of a contract, or of the terms",
		Example:   "  summit contract schema terms > terms.schema.json",
		ValidArgs: []string{"contract", "terms"},
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			text := alliance.ContractSchema
			if len(args) == 1 && args[0] == "terms" {
				text = alliance.TermsSchema
			}
			_, err := a.out.Write(text)
			return err
		},
	}
}
