package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"summit/alliance"
)

func init() { register(settleCommand) }

func settleCommand(a *app) *cobra.Command {
	var events, contracts, terms string
	c := &cobra.Command{
		Use:   "settle --events FILE --contracts DIR --terms FILE",
		Short: "Compute what each member gets for metered requests",
		Long: `Settle shares the price of metered requests among those who answered them: tax
and fee, each member's cost by its contract, what of a loss is borne, paid by
the reserve or put off, and the dividends of a surplus by contribution. Refunds,
a month's end and conversions stand beside requests. The result depends on the
three inputs alone; nothing is stored or sent. docs/settlement.md describes them.`,
		Example: `  summit settle --events december.json --contracts contracts --terms terms.yaml
  summit settle --events - --contracts contracts --terms terms.yaml -o json < december.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if events == "" || contracts == "" || terms == "" {
				return usage("want --events FILE, --contracts DIR and --terms FILE")
			}
			all, err := readAlliance(contracts, terms)
			if err != nil {
				return err
			}
			in := c.InOrStdin()
			if events != "-" {
				file, err := os.Open(events)
				if err != nil {
					return failed("--events names a JSON file with opening and requests", err)
				}
				defer file.Close()
				in = file
			}
			list, err := alliance.ReadEvents(in)
			if err != nil {
				return err
			}
			done, err := all.Run(list)
			if err != nil {
				return err
			}
			return a.emit(done, func(w io.Writer) { settleTable(w, done) })
		},
	}
	f := c.Flags()
	f.StringVar(&events, "events", "", "JSON file with opening and requests; - = standard input")
	f.StringVar(&contracts, "contracts", "", "folder with one YAML file for each contract")
	f.StringVar(&terms, "terms", "", "YAML file with the alliance's terms")
	c.AddCommand(settleClose(a), settleReopenCheck(a), settleRefund(a), settleDispute(a), settlePay(a))
	return c
}

// readAlliance reads the terms and all contracts of a folder.
func readAlliance(folder, terms string) (*alliance.Alliance, error) {
	t, err := alliance.ReadTermsFile(terms)
	if err != nil {
		return nil, failed("--terms names a YAML file with vat_bp, fee_bp, reserve_bp and recoup_bp", err)
	}
	all, err := alliance.ReadContracts(folder)
	if err != nil {
		return nil, failed("--contracts names a folder with one YAML file for each contract", err)
	}
	return alliance.New(t, all)
}

// settleTable shows each record's postings, and where the books stand.
func settleTable(w io.Writer, s *alliance.Settlement) {
	fmt.Fprintln(w, "RECORD\tKIND\tACCOUNT\tAMOUNT")
	for _, r := range s.Requests {
		id, kind, postings := r.Posted()
		for _, p := range postings {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\n", plain(clip(id)), kind, p.Account, signed(int64(p.Amount)), p.Currency)
		}
	}
	fmt.Fprintf(w, "\nreserve\t\t\t%s\n", signed(int64(s.Closing.Reserve)))
}

// signed writes millionths as a decimal number with its sign.
func signed(units int64) string {
	u, sign := uint64(units), "+"
	if units < 0 {
		u, sign = -u, "-"
	}
	return fmt.Sprintf("%s%d.%06d", sign, u/1_000_000, u%1_000_000)
}
