package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"summit"
	"summit/alliance"
	"summit/ledger"
	"summit/money"
)

func init() { register(statementCommand) }

func statementCommand(a *app) *cobra.Command {
	var format, out, customer, period string
	c := &cobra.Command{
		Use:   "statement PERIOD MEMBER | --customer NAME --period PERIOD",
		Short: "Print a statement of a month, of a member or of a customer, or verify one",
		Long: `Statement prints what "summit settle close" wrote for a member: as CSV, which has
every posting and is the canonical form, as JSON, HTML or PDF (in Chinese and
English). With --customer it prints what a customer was charged, got back and
paid in, out of the books; of a month that is not closed more may come.
"summit statement verify" computes a member's statement again.`,
		Example: `  summit statement 2026-12 glm > glm.csv
  summit statement 2026-12 glm --format pdf --out glm.pdf
  summit statement --customer acme --period 2026-12 --format pdf --out acme.pdf
  summit statement verify glm.csv --contracts contracts --record close.json`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if a.output == "json" && !c.Flags().Changed("format") {
				format = "json"
			}
			if !slices.Contains([]string{"csv", "json", "html", "pdf"}, format) {
				return usage("--format %q, want csv, json, html or pdf", format)
			}
			if customer != "" {
				if len(args) > 0 || period == "" {
					return usage("want --period PERIOD with --customer, and nothing else")
				}
				return a.withBooks(c.Context(), func(b *summit.Accounting) error {
					return toFile(a.out, out, func(w io.Writer) error { return b.Bill(c.Context(), customer, ledger.Period(period), format, w) })
				})
			}
			if len(args) != 2 || period != "" {
				return usage("want PERIOD and MEMBER, or --customer NAME --period PERIOD")
			}
			l, err := a.load()
			if err != nil {
				return err
			}
			text, err := summit.Statement(l.Config.DataDir, ledger.Period(args[0]), args[1]+"."+format)
			if err != nil {
				return failed(`"summit settle close `+clip(args[0])+`" closes a month and writes its statements`, err)
			}
			return toFile(a.out, out, func(w io.Writer) error {
				_, err := w.Write(text)
				return err
			})
		},
	}
	c.Flags().StringVar(&customer, "customer", "", "whose statement, instead of a member's")
	c.Flags().StringVar(&period, "period", "", "with --customer: the month, such as 2026-12")
	c.Flags().StringVar(&format, "format", "csv", "csv, json, html or pdf")
	c.Flags().StringVar(&out, "out", "", "file to write to (default: standard output)")
	c.Flags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	c.AddCommand(statementVerify(a))
	return c
}

// toFile writes to the file, or to w where there is none. A file whose writing
// fails is not left behind.
func toFile(w io.Writer, file string, write func(io.Writer) error) error {
	if file == "" {
		return write(w)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

func statementVerify(a *app) *cobra.Command {
	var contracts, record, key string
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Compute a statement again from its own postings",
		Long: `Verify reads a statement in CSV and computes its lines and totals again from its
postings: with --contracts also each cost from what was used, by the contract
that it names, and with --record whether the statement is the one that was
signed. It needs no server and no books: a member can do it by itself.`,
		Example: `  summit statement verify glm.csv
  summit statement verify glm.csv --contracts contracts --record close.json --key 6d0f...`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var terms []*alliance.Contract
			if contracts != "" {
				var err error
				if terms, err = alliance.ReadContracts(contracts); err != nil {
					return err
				}
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			check, err := alliance.VerifyStatement(file, terms)
			if err = errors.Join(err, file.Close()); err != nil {
				return err
			}
			if record != "" {
				problem, err := signedBy(check, record, key)
				if err != nil {
					return err
				}
				if problem != "" {
					check.Problems = append(check.Problems, problem)
				}
			}
			err = a.emit(check, func(w io.Writer) {
				fmt.Fprintf(w, "member\t%s\nperiod\t%s\npostings\t%d\ncosts rated again\t%d\naccrued\t%s\npayable\t%s %s\ncarried\t%s\nsha256\t%s\n",
					plain(check.Member), plain(string(check.Period)), check.Rows, check.Rated, alliance.Decimal(check.Total), hundredths(check.Fen), plain(check.Currency), alliance.Decimal(check.Rest), check.CSV)
				for _, p := range check.Problems {
					fmt.Fprintf(w, "problem\t%s\n", plain(p))
				}
			})
			if err == nil && len(check.Problems) > 0 {
				err = fmt.Errorf("the statement does not hold: %d problems", len(check.Problems))
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&contracts, "contracts", "", "the member's contract, or a folder with contracts: each cost is rated again")
	f.StringVar(&record, "record", "", "the signed record of the close (close.json): the statement must be in it")
	f.StringVar(&key, "key", "", "the public key, in hexadecimal digits, that the record must be signed with (default: any)")
	return c
}

// signedBy checks a statement against a signed record; it returns what does not
// hold.
func signedBy(check *alliance.Check, name, key string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	r := &alliance.CloseRecord{}
	if err := json.Unmarshal(text, r); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := r.Verify(); err != nil {
		return err.Error(), nil
	}
	if key != "" && !strings.EqualFold(key, hex.EncodeToString(r.Key)) {
		return fmt.Sprintf("the record is signed with %x, want %s", r.Key, clip(key)), nil
	}
	if !r.Holds(check.Member, check.CSV) {
		return fmt.Sprintf("the record of %s has no statement of %s with this SHA-256", r.Period, clip(check.Member)), nil
	}
	return "", nil
}

// hundredths writes hundredths of a currency.
func hundredths(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// settleClose closes a month.
func settleClose(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "close PERIOD",
		Short: "Close a month: true up, fill guarantees, write and sign the statements",
		Long: `Close ends a month of the books: nothing more goes into it. Fees and idle cards
that the calls did not cover are trued up, guarantees are filled up out of the
reserve, and what members are owed is moved to approved in whole hundredths.
Then it writes each member's statement into the data directory and signs the
record. Closed again, a month stays as it is, and the same bytes are written.`,
		Example: "  summit settle close 2026-12",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				record, folder, err := b.ClosePeriod(c.Context(), ledger.Period(args[0]))
				if err != nil {
					return err
				}
				return a.emit(record, func(w io.Writer) {
					recordTable(w, record)
					fmt.Fprintf(w, "\nstatements are in %s\nsigned with %x\n", folder, record.Key)
				})
			})
		},
	}
	c.Flags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	return c
}

func recordTable(w io.Writer, r *alliance.CloseRecord) {
	row(w, "MEMBER", "ACCRUED", "PAYABLE", "CARRIED", "SHA-256")
	for _, s := range r.Statements {
		row(w, s.Member, alliance.Decimal(s.Total), hundredths(s.Fen), alliance.Decimal(s.Rest), s.CSV.String()[:16])
	}
	fmt.Fprintf(w, "\n%s: %d transactions, root %s\n", r.Period, r.Transactions, r.Root.String()[:16])
}

// settleReopenCheck says what a month would look like were it open again.
func settleReopenCheck(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "reopen-check PERIOD",
		Short: "Compute a closed month again, and list what came too late for it",
		Long: `Reopen-check writes a closed month's statements again, into a temporary folder,
and compares them with what was signed; and it lists what is about that month
and was booked in a later one, such as refunds. A closed month is never opened:
this says whether there would be anything to open it for.`,
		Example: "  summit settle reopen-check 2026-12 -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withBooks(c.Context(), func(b *summit.Accounting) (err error) {
				folder, err := os.MkdirTemp("", "summit-reopen-")
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
				report, err := b.ReopenCheck(c.Context(), ledger.Period(args[0]), filepath.Join(folder, "statements"))
				if err != nil {
					return err
				}
				err = a.emit(report, func(w io.Writer) {
					for _, d := range report.Differs {
						fmt.Fprintf(w, "differs\t%s\n", plain(d))
					}
					for _, l := range report.Late {
						fmt.Fprintf(w, "late\t%s\t%s\t%s\t%s\n", plain(clip(l.Key)), l.Kind, l.Account, alliance.Decimal(l.Amount))
					}
					fmt.Fprintf(w, "%s: %d transactions computed again, %d differences, %d postings came later\n", report.Period, report.Transactions, len(report.Differs), len(report.Late))
				})
				if err == nil && len(report.Differs) > 0 {
					err = fmt.Errorf("%s does not come out as it was signed", report.Period)
				}
				return err
			})
		},
	}
	c.Flags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	return c
}

// settleRefund gives back a settled request, or a part of it.
func settleRefund(a *app) *cobra.Command {
	var r alliance.Refund
	c := &cobra.Command{
		Use:   "refund REQUEST --id ID",
		Short: "Give back a settled request, or a part of it",
		Example: `  summit settle refund run-0ctm4b2k48l8bq1jnh2m8gk4vo --id ticket-17
  summit settle refund run-0ctm4b2k48l8bq1jnh2m8gk4vo --id ticket-17 --part 1/3 --fault glm`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if r.Of = args[0]; r.ID == "" {
				return usage("want --id: the same refund is booked once")
			}
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				res, err := b.Journal.Refund(c.Context(), &r)
				if err != nil {
					return err
				}
				return a.emit(res, func(w io.Writer) {
					row(w, "ACCOUNT", "AMOUNT")
					for _, p := range res.Postings {
						row(w, string(p.Account), signed(int64(p.Amount)))
					}
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&r.ID, "id", "", "the refund's own id, such as a ticket's number")
	f.StringVar(&r.Part, "part", "", "such as 1/3 (default: all)")
	f.StringVar(&r.Fault, "fault", "", "the member that makes good what the others lose")
	f.Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	return c
}

// settlePay books a payout.
func settlePay(a *app) *cobra.Command {
	var reference string
	c := &cobra.Command{
		Use:     "pay MEMBER AMOUNT --reference TEXT",
		Short:   "Book that a member was paid out of what was approved",
		Example: "  summit settle pay glm 1234.56 --reference bank-99",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			amount, err := money.ParseAmount(args[1])
			if err != nil {
				return usage("%w", err)
			}
			if reference == "" {
				return usage("want --reference, such as the bank's number: it keeps the same payout from being booked twice")
			}
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				if err := b.Journal.Pay(c.Context(), args[0], amount, reference); err != nil {
					return err
				}
				t, err := b.Journal.Totals(c.Context())
				if err != nil {
					return err
				}
				at := slices.IndexFunc(t.Members, func(m *alliance.MemberTotals) bool { return m.Member == args[0] })
				return a.emit(t.Members[at], func(w io.Writer) {
					fmt.Fprintf(w, "%s was paid %s %s; %s are left\n", args[0], amount, t.Currency, alliance.Decimal(t.Members[at].Approved))
				})
			})
		},
	}
	c.Flags().StringVar(&reference, "reference", "", "of the payout, such as the bank's number")
	c.Flags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	return c
}

// settleDispute freezes an amount and decides on it.
func settleDispute(a *app) *cobra.Command {
	var d alliance.Dispute
	group := group(&cobra.Command{
		Use:   "dispute",
		Short: "Freeze what a member has coming from a request, and decide on it",
		Example: `  summit settle dispute open d17 --request run-0ctm4b2k48l8bq1jnh2m8gk4vo --member glm --amount 0.01 --reason "usage was measured to be lower"
  summit settle dispute decide d17 reverse --to customer:acme
  summit settle dispute list`,
	})
	group.PersistentFlags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	table := func(all []alliance.Dispute) func(io.Writer) {
		return func(w io.Writer) {
			row(w, "ID", "MEMBER", "REQUEST", "AMOUNT", "UNTIL", "DECISION", "TO")
			for _, d := range all {
				row(w, d.ID, d.Member, plain(clip(d.Request)), d.Amount.String(), date(d.Until), d.Decision, d.To)
			}
		}
	}
	open := &cobra.Command{
		Use:     "open ID",
		Short:   "Freeze an amount until it is decided on",
		Example: "  summit settle dispute open d17 --request run-0ctm4b2k48l8bq1jnh2m8gk4vo --member glm --amount 0.01",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d.ID = args[0]
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				got, err := b.Journal.OpenDispute(c.Context(), d)
				if err != nil {
					return err
				}
				return a.emit(got, table([]alliance.Dispute{*got}))
			})
		},
	}
	f := open.Flags()
	f.StringVar(&d.Request, "request", "", "the request that it is about")
	f.StringVar(&d.Member, "member", "", "the member whose amount is frozen")
	f.Var(amountFlag{&d.Amount}, "amount", "how much")
	f.StringVar(&d.Reason, "reason", "", "why, for people")
	var to string
	decide := &cobra.Command{
		Use:     "decide ID release|reverse",
		Short:   "Give a frozen amount to the member, or to somebody else",
		Example: "  summit settle dispute decide d17 reverse --to reserve",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				got, err := b.Journal.DecideDispute(c.Context(), args[0], args[1], to)
				if err != nil {
					return err
				}
				return a.emit(got, table([]alliance.Dispute{*got}))
			})
		},
	}
	decide.Flags().StringVar(&to, "to", "", "reverse: reserve, customer:NAME or member:NAME")
	list := &cobra.Command{
		Use:     "list",
		Short:   "List all disputes",
		Example: "  summit settle dispute list -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				all, err := b.Journal.Disputes(c.Context())
				if err != nil {
					return err
				}
				return a.emit(append([]alliance.Dispute{}, all...), table(all))
			})
		},
	}
	group.AddCommand(open, decide, list)
	return group
}
