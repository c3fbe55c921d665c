package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/ledger"
	"summit/money"
)

func init() { register(ledgerCommand) }

func ledgerCommand(a *app) *cobra.Command {
	b := &booksFlags{a: a}
	c := group(&cobra.Command{
		Use:   "ledger",
		Short: "Read and verify the books: balances, postings, the chain",
		Long: `The books of an alliance are transactions that sum to zero, each chained to the
one before by a hash. These commands read them, beside a running server, too,
and change nothing. Amounts are in millionths of the currency; debit is
positive, credit negative. docs/ledger.md describes the books.`,
		Example: `  summit ledger verify
  summit ledger balances member:glm:
  summit ledger postings --account customer:acme:wallet
  summit ledger export > books.jsonl`,
	})
	c.PersistentFlags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	c.PersistentFlags().StringVar(&b.file, "file", "", "SQLite file with the books, such as one of a backup, instead of the configured ones")
	c.AddCommand(ledgerVerify(b), ledgerBalances(b), ledgerPostings(b), ledgerExport(b))
	return c
}

// booksFlags say which books are meant.
type booksFlags struct {
	a    *app
	file string
}

// with opens the books for the time of do.
func (b *booksFlags) with(ctx context.Context, do func(ledger.Store) error) error {
	if b.file == "" {
		l, err := b.a.load()
		if err != nil {
			return err
		}
		s, err := summit.OpenLedger(ctx, l.Config)
		if err != nil {
			return err
		}
		return errors.Join(do(s), s.Close())
	}
	// One of a backup may lie where nothing may be written, and stays as it is.
	s, err := ledger.OpenSQLite(ctx, b.file, ledger.SQLiteOptions{ReadOnly: true})
	if err != nil {
		return failed("--file names a SQLite file with books, --data-dir the folder of a server that keeps some", err)
	}
	return errors.Join(do(s), s.Close())
}

// headsFlag are heads as people keep them: the number and the hash.
type headsFlag []ledger.Head

func (h *headsFlag) Type() string { return "SEQ:HASH" }

func (h *headsFlag) String() string {
	var all []string
	for _, x := range *h {
		all = append(all, fmt.Sprintf("%d:%s", x.Seq, x.Hash))
	}
	return strings.Join(all, ",")
}

func (h *headsFlag) Set(v string) error {
	number, hash, _ := strings.Cut(v, ":")
	var x ledger.Head
	var err error
	if x.Seq, err = strconv.ParseInt(number, 10, 64); err != nil || x.Seq < 1 {
		return fmt.Errorf("got %q, want a transaction's number, a colon and its hash", clip(v))
	}
	if err := x.Hash.UnmarshalText([]byte(hash)); err != nil {
		return err
	}
	*h = append(*h, x)
	return nil
}

func ledgerVerify(b *booksFlags) *cobra.Command {
	var known headsFlag
	c := &cobra.Command{
		Use:   "verify [EXPORT]",
		Short: "Check every transaction, balance and hash",
		Long: `Verify reads all of the books, or an export of them, and names each row that can't
be: one that was changed, is missing, does not sum to zero, overdraws an
account, lies in a closed period, ends or reverses what it may not, and each
balance that is not the sum of its postings. It ends with exit code 1 then.

No chain shows by itself that its end was cut off, or that all of it was
written anew: keep the head that verify prints somewhere else, and give it with
--head the next time.`,
		Example: `  summit ledger verify
  summit ledger verify --head 1024:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  summit ledger verify books.jsonl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var r *ledger.Report
			start := time.Now()
			var err error
			if len(args) > 0 {
				r, err = verifyExport(c, args[0], known)
			} else {
				err = b.with(c.Context(), func(s ledger.Store) (err error) {
					r, err = ledger.Verify(c.Context(), s, ledger.VerifyOptions{Known: known})
					return err
				})
			}
			if err != nil {
				return err
			}
			if err := b.a.emit(r, func(w io.Writer) {
				for _, d := range r.Damages {
					fmt.Fprintln(w, plain(d.String()))
				}
				if more := r.Found - int64(len(r.Damages)); more > 0 {
					fmt.Fprintf(w, "and %d more\n", more)
				}
				fmt.Fprintf(w, "%d transactions, %d postings, %d records, %d accounts, %d open holds; %.1fs\n",
					r.Txns, r.Postings, r.Records, r.Accounts, r.Holds, time.Since(start).Seconds())
				if r.Head.Seq > 0 {
					fmt.Fprintf(w, "head %d:%s\n", r.Head.Seq, r.Head.Hash)
				}
			}); err != nil {
				return err
			}
			if r.Found > 0 {
				return failed("restore a backup whose head is known, and keep these books as evidence", fmt.Errorf("ledger: %d damages", r.Found))
			}
			return nil
		},
	}
	c.Flags().Var(&known, "head", "head of an earlier day that must be in the chain; may be given several times")
	return c
}

func verifyExport(c *cobra.Command, name string, known []ledger.Head) (*ledger.Report, error) {
	in := c.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, failed("verify reads what \"summit ledger export\" wrote; - = standard input", err)
		}
		defer f.Close()
		in = f
	}
	return ledger.VerifyExport(in, known...)
}

func ledgerBalances(b *booksFlags) *cobra.Command {
	var period string
	c := &cobra.Command{
		Use:   "balances [PREFIX]",
		Short: "List what stands in accounts, or what a period turned over in them",
		Example: `  summit ledger balances
  summit ledger balances customer: -o json
  summit ledger balances member:glm: --period 2026-12`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f := ledger.BalanceFilter{Prefix: strings.Join(args, ""), Period: ledger.Period(period)}
			if period != "" && f.Period.Valid() != nil {
				return usage("--period %q, want a month such as 2026-12", period)
			}
			return b.with(c.Context(), func(s ledger.Store) error {
				all := []ledger.Balance{}
				for x, err := range s.Balances(c.Context(), f) {
					if err != nil {
						return err
					}
					all = append(all, x)
				}
				return b.a.emit(all, func(w io.Writer) {
					row(w, "ACCOUNT", "TYPE", "AMOUNT", "CURRENCY")
					for _, x := range all {
						kind, err := x.Account.Type()
						if err != nil {
							kind = "unknown"
						}
						row(w, plain(string(x.Account)), string(kind), signed(int64(x.Amount)), plain(string(x.Currency)))
					}
				})
			})
		},
	}
	c.Flags().StringVar(&period, "period", "", "the turnover of this month instead of balances")
	return c
}

// filterFlags say which transactions are wanted.
type filterFlags struct {
	accounts     []string
	kind, period string
	after, until int64
}

func (f *filterFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.accounts, "account", nil, "only transactions with a posting in this account; may be given several times")
	c.Flags().StringVar(&f.kind, "kind", "", "only of this kind, such as settle")
	c.Flags().StringVar(&f.period, "period", "", "only those that this month took")
	c.Flags().Int64Var(&f.after, "after", 0, "begin after this transaction")
	c.Flags().Int64Var(&f.until, "until", 0, "end with this transaction (default the newest)")
}

func (f *filterFlags) filter() (ledger.Filter, error) {
	out := ledger.Filter{After: max(f.after, 0), Until: f.until, Kind: f.kind, Period: ledger.Period(f.period)}
	if f.period != "" && out.Period.Valid() != nil {
		return out, usage("--period %q, want a month such as 2026-12", f.period)
	}
	for _, name := range f.accounts {
		if _, err := ledger.Account(name).Type(); err != nil {
			return out, usage("--account: %w", err)
		}
		out.Accounts = append(out.Accounts, ledger.Account(name))
	}
	return out, nil
}

// postingRow is one posting with what it is part of.
type postingRow struct {
	Seq       int64          `json:"seq"`
	BookedAt  time.Time      `json:"booked_at"`
	Period    ledger.Period  `json:"period"`
	Effective ledger.Period  `json:"effective"`
	Kind      string         `json:"kind"`
	Key       string         `json:"key"`
	Account   ledger.Account `json:"account"`
	Amount    ledger.Units   `json:"amount"`
	Currency  money.Currency `json:"currency"`
}

// postings gives the postings of transactions; those in other accounts than
// the ones asked for are left out.
func postings(ctx context.Context, s ledger.Store, f ledger.Filter, give func(postingRow) error) error {
	want := map[ledger.Account]bool{}
	for _, acc := range f.Accounts {
		want[acc] = true
	}
	for t, err := range s.Txns(ctx, f) {
		if err != nil {
			return err
		}
		for _, p := range t.Postings {
			if len(want) > 0 && !want[p.Account] {
				continue
			}
			if err := give(postingRow{t.Seq, t.BookedAt, t.Period, t.Effective, t.Kind, t.Key, p.Account, p.Amount, p.Currency}); err != nil {
				return err
			}
		}
	}
	return nil
}

func ledgerPostings(b *booksFlags) *cobra.Command {
	var f filterFlags
	var limit int
	c := &cobra.Command{
		Use:   "postings",
		Short: "List postings, the oldest first",
		Long: `Postings lists postings with what they are part of, the oldest first. With
--account it lists those of the accounts alone; their amounts sum to the
accounts' balances.`,
		Example: `  summit ledger postings --account customer:acme:wallet
  summit ledger postings --kind settle --period 2026-12 --limit 20
  summit ledger postings --after 1000 -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			if limit < 1 || limit > 1_000_000 {
				return usage("--limit %d, want 1 to 1000000; \"summit ledger export\" writes all", limit)
			}
			return b.with(c.Context(), func(s ledger.Store) error {
				all := []postingRow{}
				enough := errors.New("enough")
				if err := postings(c.Context(), s, filter, func(p postingRow) error {
					if len(all) == limit {
						return enough
					}
					all = append(all, p)
					return nil
				}); err != nil && !errors.Is(err, enough) {
					return err
				} else if err != nil {
					fmt.Fprintf(b.a.err, "the first %d; --after %d goes on, --limit shows more\n", limit, all[len(all)-1].Seq-1)
				}
				return b.a.emit(all, func(w io.Writer) {
					row(w, "SEQ", "BOOKED", "PERIOD", "KIND", "KEY", "ACCOUNT", "AMOUNT", "CURRENCY")
					for _, p := range all {
						row(w, strconv.FormatInt(p.Seq, 10), p.BookedAt.Format(time.RFC3339), string(p.Period), plain(p.Kind), plain(clip(p.Key)),
							plain(string(p.Account)), signed(int64(p.Amount)), plain(string(p.Currency)))
					}
				})
			})
		},
	}
	f.add(c)
	c.Flags().IntVar(&limit, "limit", 1000, "most postings to list")
	return c
}
