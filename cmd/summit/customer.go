package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/alliance"
	"summit/identity"
	"summit/money"
)

func init() { register(customerCommand) }

// withBooks opens the books of the configuration, also beside a running server.
func (a *app) withBooks(ctx context.Context, do func(*summit.Accounting) error) error {
	l, err := a.load()
	if err != nil {
		return err
	}
	b, err := summit.OpenBooks(ctx, l.Config)
	if err != nil {
		return err
	}
	return errors.Join(do(b), b.Close())
}

func customerCommand(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "customer",
		Short: "Enter and list the customers of the books, and their money",
		Long: `A customer pays for the requests of all keys whose tenant has its name: out of a
wallet that is filled before, or later up to a credit. These commands work
beside a running server, which knows of a change within two seconds. They need
books.terms and books.contracts in the configuration.`,
		Example: `  summit customer create acme
  summit customer deposit acme 500 --reference bank-2026-1201-17
  summit customer list`,
	})
	c.PersistentFlags().Var(setting{a, "data_dir"}, "data-dir", "folder with the books")
	c.AddCommand(customerCreate(a), customerList(a), customerDeposit(a), customerClose(a))
	return c
}

// amountFlag reads an amount of the books' currency.
type amountFlag struct{ to *money.Amount }

func (f amountFlag) String() string {
	if f.to == nil || *f.to == 0 {
		return ""
	}
	return f.to.String()
}
func (f amountFlag) Type() string { return "AMOUNT" }
func (f amountFlag) Set(s string) error {
	v, err := money.ParseAmount(s)
	if err == nil && v < 0 {
		err = fmt.Errorf("%s, want zero or more", v)
	}
	*f.to = v
	return err
}

func customerCreate(a *app) *cobra.Command {
	var in alliance.Customer
	var postpaid bool
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Enter a customer, or change its bounds",
		Example: `  summit customer create acme --max-month 2000
  summit customer create later --postpaid --credit 10000`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if in.Name = args[0]; postpaid {
				in.Billing = alliance.Postpaid
			}
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				if err := b.Journal.PutCustomer(c.Context(), in); err != nil {
					return err
				}
				return a.emitCustomers(c.Context(), b, in.Name)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&postpaid, "postpaid", false, "it pays later, up to --credit")
	f.Var(amountFlag{&in.Credit}, "credit", "the most that it may owe")
	f.Var(amountFlag{&in.MaxMonth}, "max-month", "the most that its requests may cost in a month (default: no bound)")
	f.Var(amountFlag{&in.MaxDay}, "max-day", "the most that its requests may cost in a day (default: no bound)")
	f.Var(amountFlag{&in.MaxRequest}, "max-request", "the most that one request may cost (default: no bound)")
	f.StringVar(&in.About, "about", "", "a note for people")
	return c
}

// emitCustomers shows one customer, or all.
func (a *app) emitCustomers(ctx context.Context, b *summit.Accounting, name string) error {
	var all []*alliance.Standing
	var err error
	if name == "" {
		all, err = b.Journal.Customers(ctx)
	} else {
		all = make([]*alliance.Standing, 1)
		all[0], err = b.Journal.Customer(ctx, name)
	}
	if err != nil {
		return err
	}
	var v any = all
	if name != "" {
		v = all[0]
	}
	return a.emit(v, func(w io.Writer) {
		row(w, "CUSTOMER", "BILLING", "BALANCE", "HELD", "SPENT "+string(month(all)), "MAX MONTH", "MAX DAY", "MAX REQUEST", "CREDIT", "CLOSED")
		for _, s := range all {
			closed := ""
			if s.Closed {
				closed = "yes"
			}
			row(w, s.Name, string(s.Billing), s.Balance.String()+" "+string(s.Currency), s.Held.String(), s.Spent.String(), bound(s.MaxMonth), bound(s.MaxDay), bound(s.MaxRequest), bound(s.Credit), closed)
		}
	})
}

func month(all []*alliance.Standing) string {
	if len(all) == 0 {
		return ""
	}
	return string(all[0].Month)
}

// bound writes an amount that is none where it is zero.
func bound(a money.Amount) string {
	if a == 0 {
		return ""
	}
	return a.String()
}

func customerList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all customers with what they have and have spent",
		Example: "  summit customer list -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withBooks(c.Context(), func(b *summit.Accounting) error { return a.emitCustomers(c.Context(), b, "") })
		},
	}
}

func customerDeposit(a *app) *cobra.Command {
	var reference string
	c := &cobra.Command{
		Use:     "deposit NAME AMOUNT --reference TEXT",
		Short:   "Book money that a customer brought, once for each reference",
		Example: "  summit customer deposit acme 500.00 --reference bank-2026-1201-17",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			amount, err := money.ParseAmount(args[1])
			if err != nil {
				return usage("%w", err)
			}
			if reference == "" {
				return usage("want --reference, such as the bank's number: it keeps the same money from being booked twice")
			}
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				if err := b.Journal.Deposit(c.Context(), args[0], amount, reference, time.Now()); err != nil {
					return err
				}
				return a.emitCustomers(c.Context(), b, args[0])
			})
		},
	}
	c.Flags().StringVar(&reference, "reference", "", "where the money is from, such as the bank's number")
	return c
}

func customerClose(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "close NAME",
		Short:   "Let a customer ask no more; its money stays where it is",
		Example: "  summit customer close acme",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				s, err := b.Journal.Customer(c.Context(), args[0])
				if err != nil {
					return err
				}
				s.Closed = true
				if err := b.Journal.PutCustomer(c.Context(), s.Customer); err != nil {
					return err
				}
				return a.emitCustomers(c.Context(), b, args[0])
			})
		},
	}
}

// keyLimit is a command of "summit key": it stands here because it is about the
// books.
func keyLimit(a *app) *cobra.Command {
	var in alliance.KeyLimit
	c := &cobra.Command{
		Use:     "limit ID",
		Short:   "Bound what a key may spend of its customer's money",
		Example: "  summit key limit key_2f9A0XyZ12345678 --max-month 100",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in.Key = args[0]
			err := a.withKeys(c.Context(), func(keys identity.Keys) error {
				all, err := keys.List(c.Context())
				for _, k := range all {
					if k.ID == in.Key {
						in.Customer = k.Tenant
					}
				}
				return err
			})
			if err != nil {
				return err
			}
			if in.Customer == "" {
				return failed(`"summit key list" shows the ids`, fmt.Errorf("%s: %w", clip(in.Key), identity.ErrNotFound))
			}
			return a.withBooks(c.Context(), func(b *summit.Accounting) error {
				if err := b.Journal.PutKey(c.Context(), in); err != nil {
					return err
				}
				return a.emit(in, func(w io.Writer) {
					row(w, "KEY", "CUSTOMER", "MAX REQUEST", "MAX DAY", "MAX MONTH", "MAX TOTAL")
					row(w, in.Key, in.Customer, bound(in.MaxRequest), bound(in.MaxDay), bound(in.MaxMonth), bound(in.MaxTotal))
				})
			})
		},
	}
	c.Flags().Var(amountFlag{&in.MaxMonth}, "max-month", "the most in a month (default: no bound)")
	c.Flags().Var(amountFlag{&in.MaxDay}, "max-day", "the most in a day (default: no bound)")
	c.Flags().Var(amountFlag{&in.MaxRequest}, "max-request", "the most for one request (default: no bound)")
	c.Flags().Var(amountFlag{&in.MaxTotal}, "max-total", "the most ever (default: no bound)")
	return c
}
