package main

import (
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"summit/catalogue"
	"summit/llm"
	"summit/money"
)

// listedPrice is one tier of a price list, for people and programs.
type listedPrice struct {
	Member     string         `json:"member,omitempty"`
	Vendor     string         `json:"vendor,omitempty"`
	Model      string         `json:"model"`
	Window     int            `json:"window_tokens,omitempty"`
	Currency   money.Currency `json:"currency"`
	Input      money.Rate     `json:"input"`
	CacheRead  *money.Rate    `json:"cache_read,omitempty"`
	CacheWrite *money.Rate    `json:"cache_write,omitempty"`
	Output     money.Rate     `json:"output"`
	Reasoning  *money.Rate    `json:"reasoning,omitempty"`
	Above      int64          `json:"above_input_tokens,omitempty"`
	From       string         `json:"valid_from,omitempty"`
	Hours      string         `json:"hours,omitempty"`
	Source     string         `json:"source,omitempty"`
	Unverified bool           `json:"unverified,omitempty"`
}

// rateUsed is a rate that prices were converted by.
type rateUsed struct {
	Currency string       `json:"currency"`
	Worth    money.Amount `json:"worth"`
	Source   string       `json:"source"`
	Date     string       `json:"date"`
}

// prices lists the members' prices, the rates of exchange and the catalogue.
func (a *app) prices(ctx context.Context) error {
	l, err := a.load()
	if err != nil {
		return err
	}
	out := struct {
		Currency  money.Currency `json:"currency"`
		FX        []rateUsed     `json:"fx"`
		Members   []listedPrice  `json:"members"`
		Catalogue []listedPrice  `json:"catalogue"`
	}{FX: []rateUsed{}, Members: []listedPrice{}, Catalogue: []listedPrice{}}
	if out.Currency = l.Config.Currency; out.Currency == "" {
		out.Currency = "CNY"
	}
	for _, code := range slices.Sorted(maps.Keys(l.Config.FX)) {
		fx := l.Config.FX[code]
		out.FX = append(out.FX, rateUsed{code, fx.Worth, fx.Source, fx.Date.Format(time.DateOnly)})
	}
	// Without keys there are no members, but the list is there all the same.
	if s, err := a.open(ctx); err == nil {
		for _, e := range membersOf(s) {
			for _, p := range e.Member.Card().Prices {
				out.Members = append(out.Members, memberPrice(e.Name, e.Member.Card(), p))
			}
		}
		s.Close()
	}
	for _, m := range catalogue.Models() {
		for _, p := range m.Prices {
			hours := ""
			if p.Within != nil {
				hours = p.Window + ": " + p.Within.String()
			}
			out.Catalogue = append(out.Catalogue, listedPrice{Vendor: m.Vendor, Model: m.ID, Window: m.WindowTokens, Currency: p.Currency,
				Input: p.Input, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite, Output: p.Output, Reasoning: p.Reasoning,
				Above: p.AboveInputTokens, From: p.ValidFrom.Format(time.DateOnly), Hours: hours, Source: p.Source, Unverified: p.Unverified})
		}
	}
	return a.emit(out, func(w io.Writer) {
		row(w, "MODEL", "OF", "CURRENCY", "INPUT", "CACHED", "OUTPUT", "ABOVE", "FROM", "HOURS", "SOURCE", "MARK")
		for _, p := range out.Members {
			p.row(w, "member "+p.Member)
		}
		for _, p := range out.Catalogue {
			p.row(w, p.Vendor)
		}
		for _, r := range out.FX {
			row(w, "1 "+r.Currency, "rate", string(out.Currency), r.Worth.String(), "", "", "", r.Date, "", plain(r.Source), "")
		}
	})
}

func memberPrice(name string, card *llm.Card, p llm.Price) listedPrice {
	out := listedPrice{Member: name, Vendor: card.Vendor, Model: card.Model, Window: card.WindowTokens, Currency: p.Currency,
		Input: p.Input, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite, Output: p.Output, Reasoning: p.Reasoning,
		Above: p.AboveInputTokens, Source: p.Source, Unverified: p.Unverified}
	if !p.From.IsZero() {
		out.From = p.From.Format(time.DateOnly)
	}
	if p.Within != nil {
		out.Hours = p.Within.String()
	}
	return out
}

func (p *listedPrice) row(w io.Writer, of string) {
	cached, above, mark := "", "", ""
	if p.CacheRead != nil {
		cached = p.CacheRead.String()
	}
	if p.Above > 0 {
		above = strconv.FormatInt(p.Above, 10)
	}
	if p.Unverified {
		mark = "unverified"
	}
	row(w, plain(p.Model), plain(of), string(p.Currency), p.Input.String(), cached, p.Output.String(), above, p.From, p.Hours, plain(p.Source), mark)
}
