package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"summit/internal/whole"
	"summit/ledger"
)

func ledgerExport(b *booksFlags) *cobra.Command {
	var f filterFlags
	var format, to string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write all transactions, as JSON lines or CSV",
		Long: `Export writes transactions as they stand at one moment, the oldest first. JSON
lines have everything, hashes, too: "summit ledger verify FILE" computes the
chain anew from them. CSV has one line for each posting, for spreadsheets. The
head on standard error says up to where it goes.`,
		Example: `  summit ledger export > books.jsonl
  summit ledger export --format csv --period 2026-12 --to december.csv
  summit ledger export --after 1000`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			write := exportJSON
			switch format {
			case "jsonl":
			case "csv":
				write = exportCSV
			default:
				return usage("--format %q, want jsonl or csv", format)
			}
			return b.with(c.Context(), func(s ledger.Store) error {
				var head ledger.Head
				all := func(w io.Writer) (err error) {
					head, err = write(c.Context(), s, filter, w)
					return err
				}
				if to == "" {
					err = all(b.a.out)
				} else {
					err = whole.File(to, 0o600, all)
				}
				if err != nil {
					return err
				}
				if head.Seq > 0 {
					fmt.Fprintf(b.a.err, "up to %d:%s\n", head.Seq, head.Hash)
				}
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl or csv")
	c.Flags().StringVar(&to, "to", "", "file to write; it appears once it is whole (default standard output)")
	return c
}

func exportJSON(ctx context.Context, s ledger.Store, f ledger.Filter, w io.Writer) (ledger.Head, error) {
	return ledger.Export(ctx, s, f, w)
}

func exportCSV(ctx context.Context, s ledger.Store, f ledger.Filter, w io.Writer) (ledger.Head, error) {
	var head ledger.Head
	out := csv.NewWriter(w)
	if err := out.Write([]string{"seq", "booked_at", "period", "effective", "kind", "key", "n", "account", "amount", "currency", "hash"}); err != nil {
		return head, err
	}
	for t, err := range s.Txns(ctx, f) {
		if err != nil {
			return head, err
		}
		for n, p := range t.Postings {
			if err := out.Write([]string{strconv.FormatInt(t.Seq, 10), t.BookedAt.Format(time.RFC3339Nano), string(t.Period), string(t.Effective), t.Kind, t.Key,
				strconv.Itoa(n + 1), string(p.Account), strconv.FormatInt(int64(p.Amount), 10), string(p.Currency), t.Hash.String()}); err != nil {
				return head, err
			}
		}
		head.Seq, head.Hash = t.Seq, t.Hash
	}
	out.Flush()
	return head, out.Error()
}
