package main

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/llm"
)

func init() { register(modelsCommand) }

func modelsCommand(a *app) *cobra.Command {
	var prices bool
	c := &cobra.Command{
		Use:   "models",
		Short: "List what can be asked: models, and members by their own names",
		Long: `Models lists what can be asked. With --prices it lists what is known of vendors'
models instead, for a million tokens in the vendor's own currency: from which
day and in which hours a price holds, above how many input tokens, where it was
read, and whether anybody has held it against a bill. Before them stand the
prices of the configured members in the accounting currency, with the rate that
they were converted by. A price in the configuration goes before the list.`,
		Example: `  summit models
  summit models --prices
  summit models -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if prices {
				return a.prices(c.Context())
			}
			s, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			a.announce(s)
			type model struct {
				Name    string        `json:"name"`
				Use     string        `json:"use"`
				Members []string      `json:"members,omitempty"`
				Source  summit.Source `json:"source"`
				Labels  []string      `json:"labels,omitempty"`
				About   string        `json:"about,omitempty"`
			}
			all := []model{}
			for _, e := range s.Entries() {
				all = append(all, model{e.Name, e.Use, e.Parts, e.Source, e.Member.Card().Labels, about(e)})
			}
			return a.emit(all, func(w io.Writer) {
				row(w, "NAME", "USE", "MADE OF", "SOURCE", "LABELS", "ABOUT")
				for _, m := range all {
					row(w, m.Name, m.Use, few(m.Members), string(m.Source), strings.Join(m.Labels, ", "), plain(clip(m.About)))
				}
			})
		},
	}
	c.Flags().BoolVar(&prices, "prices", false, "list what is known of vendors' models, and what they cost")
	return c
}

func about(e summit.Entry) string {
	if e.About != "" {
		return e.About
	}
	return e.Member.Card().About
}

// few lists the first names and counts the others.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", +" + strconv.Itoa(len(names)-most)
}

// price writes the first tier that holds now, for a million tokens.
func price(c *llm.Card) (in, out string) {
	if p, ok := c.PriceAt(time.Now(), 0); ok {
		return p.Input.String() + " " + string(p.Currency), p.Output.String() + " " + string(p.Currency)
	}
	return "", ""
}
