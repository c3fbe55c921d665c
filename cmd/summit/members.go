package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/learn"
	"summit/llm"
)

func init() { register(membersCommand) }

// health is what a member says of itself.
type health struct {
	Healthy *bool  `json:"healthy,omitempty"` // nil = not asked, or it can't say
	Detail  string `json:"detail,omitempty"`
	Took    int64  `json:"probe_ms,omitempty"`
}

func membersCommand(a *app) *cobra.Command {
	var probe bool
	var server serverFlags
	c := &cobra.Command{
		Use:   "members",
		Short: "List who answers: vendors, servers and recordings",
		Long: `Members lists who answers, with prices for a million tokens in the accounting
currency. With --probe each is asked whether it is in health, which costs no
tokens. Where a server has kept a run log, it shows how often a member agrees
with others (or is called right) of late, and since when that is clearly less
than it was.

With --url it shows how the members of a running server fare instead: which
addresses and keys are asked, which rest because they said so or failed, and how
often calls were made again. That takes an admin's key.`,
		Example: `  summit members --probe
  summit members --url http://127.0.0.1:8600
  summit members -o yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if server.url != "" {
				if probe {
					return usage("--probe asks the members of this configuration, --url a server, which probes its own: want one of them")
				}
				return a.showLive(c.Context(), &server)
			}
			s, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			a.announce(s)
			members := membersOf(s)
			states := make([]health, len(members))
			if probe {
				states = probeAll(c.Context(), members)
			}
			drift := a.drift(c.Context())
			type member struct {
				Name         string           `json:"name"`
				Use          string           `json:"use"`
				Vendor       string           `json:"vendor,omitempty"`
				Model        string           `json:"model,omitempty"`
				Address      string           `json:"address,omitempty"`
				WindowTokens int              `json:"window_tokens,omitempty"`
				Input        string           `json:"input_price,omitempty"`
				Output       string           `json:"output_price,omitempty"`
				Source       summit.Source    `json:"source"`
				Labels       []string         `json:"labels,omitempty"`
				Drift        []learn.Drifting `json:"drift,omitempty"`
				health
			}
			all := []member{}
			for i, e := range members {
				card := e.Member.Card()
				in, out := price(card)
				all = append(all, member{e.Name, e.Use, card.Vendor, card.Model, e.Address, card.WindowTokens, in, out, e.Source, card.Labels, drift[e.Name], states[i]})
			}
			return a.emit(all, func(w io.Writer) {
				head := []string{"NAME", "USE", "VENDOR", "MODEL", "WINDOW", "INPUT", "OUTPUT", "SOURCE", "LABELS"}
				if drift != nil {
					head = append(head, "AGREES")
				}
				if probe {
					head = append(head, "HEALTH")
				}
				row(w, head...)
				for _, m := range all {
					window := ""
					if m.WindowTokens > 0 {
						window = strconv.Itoa(m.WindowTokens)
					}
					cells := []string{m.Name, m.Use, plain(m.Vendor), plain(m.Model), window, m.Input, m.Output, string(m.Source), strings.Join(m.Labels, ", ")}
					if drift != nil {
						cells = append(cells, agrees(m.Drift))
					}
					if probe {
						cells = append(cells, m.health.String())
					}
					row(w, cells...)
				}
			})
		},
	}
	c.Flags().BoolVar(&probe, "probe", false, "ask each member whether it is in health")
	server.bind(c, "", "show the members of the server there, such as http://127.0.0.1:8600",
		"with --url: environment variable with an admin's key, or with _FILE added the file that holds it")
	return c
}

// drift returns what a server wrote down of members' agreement, by member; nil
// where there is none to read.
func (a *app) drift(ctx context.Context) map[string][]learn.Drifting {
	l, err := a.load()
	if err != nil {
		return nil
	}
	store, err := summit.OpenRuns(ctx, l.Config.DataDir)
	if err != nil || store == nil {
		return nil
	}
	defer store.Close()
	all, err := learn.DriftOf(ctx, store)
	if err != nil || len(all) == 0 {
		return nil
	}
	by := map[string][]learn.Drifting{}
	for _, d := range all {
		by[d.Member] = append(by[d.Member], d)
	}
	return by
}

// agrees writes a member's drift into one cell.
func agrees(all []learn.Drifting) string {
	var parts []string
	for _, d := range all {
		text := fmt.Sprintf("%.0f %%", 100*d.Recent)
		if d.What == learn.Accuracy {
			text += " right"
		}
		if !d.Since.IsZero() {
			text += fmt.Sprintf(" (was %.0f %%, fell %s)", 100*d.Normal, date(d.Since))
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (h health) String() string {
	switch {
	case h.Healthy == nil:
		return "unknown"
	case *h.Healthy:
		return "ok, " + strconv.FormatInt(h.Took, 10) + " ms"
	}
	return "failed: " + plain(clip(h.Detail))
}

func membersOf(s *summit.Summit) []summit.Entry {
	var all []summit.Entry
	for _, e := range s.Entries() {
		if !e.Model {
			all = append(all, e)
		}
	}
	return all
}

// probeAll asks all members at once, a few at a time.
func probeAll(ctx context.Context, members []summit.Entry) []health {
	const (
		atOnce  = 16
		patient = 5 * time.Second // for one member
	)
	states := make([]health, len(members))
	free := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, e := range members {
		prober, ok := llm.As[llm.Prober](e.Member)
		if !ok {
			continue
		}
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			ctx, cancel := context.WithTimeout(ctx, patient)
			defer cancel()
			start := time.Now()
			err := prober.Probe(ctx)
			states[i] = health{Healthy: new(err == nil), Took: time.Since(start).Milliseconds()}
			if err != nil {
				states[i].Detail = llm.AsError(err).Error()
			}
		})
	}
	all.Wait()
	return states
}
