package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/identity"
)

func init() { register(keyCommand) }

func keyCommand(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "key",
		Short: "Make, list and revoke the keys that clients ask with",
		Long: `Keys lie hashed in the data directory. These commands work beside a running
server, which knows of a change within two seconds.`,
		Example: `  summit key create laptop
  summit key list
  summit key revoke key_2f9A0XyZ12345678`,
	})
	c.PersistentFlags().Var(setting{a, "data_dir"}, "data-dir", "folder with the keys")
	c.AddCommand(keyCreate(a), keyList(a), keyRevoke(a), keyLimit(a))
	return c
}

// withKeys opens the store of the configured data directory.
func (a *app) withKeys(ctx context.Context, do func(identity.Keys) error) error {
	l, err := a.load()
	if err != nil {
		return err
	}
	keys, err := summit.OpenKeys(ctx, l.Config.DataDir)
	if err != nil {
		return err
	}
	return errors.Join(do(keys), keys.Close())
}

func keyCreate(a *app) *cobra.Command {
	var tenant string
	var admin, member bool
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a key and print its secret, once",
		Example: `  summit key create laptop
  summit key create billing --tenant finance
  summit key create ci -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			draft := identity.Draft{Name: args[0], Tenant: tenant}
			if admin {
				draft.Role = identity.Admin
			}
			if member {
				if admin || tenant == "" {
					return usage("want --member with --tenant NAME, the member's name, and without --admin")
				}
				draft.Role = identity.Member
			}
			return a.withKeys(c.Context(), func(keys identity.Keys) error {
				k, secret, err := keys.Create(c.Context(), draft)
				if errors.Is(err, identity.ErrInvalid) {
					return usage("%w", err)
				} else if err != nil {
					return err
				}
				return a.emit(struct {
					identity.Key
					Secret string `json:"secret"`
				}{k, secret}, func(w io.Writer) {
					fmt.Fprintln(w, secret)
					fmt.Fprintf(a.err, "key %s (%s) for %s; the secret is not shown again\n", k.ID, k.Name, k.Role)
				})
			})
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", `whose key it is (default "`+identity.DefaultTenant+`")`)
	c.Flags().BoolVar(&admin, "admin", false, "the key may also see what others asked, and manage keys")
	c.Flags().BoolVar(&member, "member", false, "the key may only read what the books say of the member that --tenant names")
	return c
}

func keyList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all keys, revoked ones too",
		Example: "  summit key list -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withKeys(c.Context(), func(keys identity.Keys) error {
				all, err := keys.List(c.Context())
				if err != nil {
					return err
				}
				if all == nil {
					all = []identity.Key{}
				}
				return a.emit(all, func(w io.Writer) {
					row(w, "ID", "NAME", "TENANT", "ROLE", "BEGINS", "CREATED", "LAST USED", "REVOKED")
					for _, k := range all {
						row(w, k.ID, k.Name, k.Tenant, string(k.Role), k.Prefix, date(k.Created), date(k.LastUsed), date(k.Revoked))
					}
				})
			})
		},
	}
}

func keyRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a key at once",
		Example: "  summit key revoke key_2f9A0XyZ12345678",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withKeys(c.Context(), func(keys identity.Keys) error {
				k, err := keys.Revoke(c.Context(), args[0])
				if errors.Is(err, identity.ErrNotFound) {
					return failed(`"summit key list" shows the ids`, err)
				} else if err != nil {
					return err
				}
				return a.emit(k, func(w io.Writer) {
					fmt.Fprintf(w, "key %s (%s) is revoked\n", k.ID, k.Name)
				})
			})
		},
	}
}

// date writes a time for people, in their zone; "" for none.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}
