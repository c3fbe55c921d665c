// Package catalogue is what is known of vendors' models: how much they take,
// what they can, and what they cost, as data files with the date from which a
// price holds and the source that it was read in.
//
// Its nouns are Model and Price. The files are in data, one a vendor, and are
// part of the program; one more vendor or price is an entry there and no code.
// A price that no source names is left out. What a user's configuration says
// goes before all of it.
package catalogue

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"summit/money"
)

// Model is one model of a vendor. Zero values mean unknown.
type Model struct {
	Vendor          string   // who makes it
	Kinds           []string // the kinds of members at whose own address it is served for these prices
	ID              string   // the vendor's id
	Family          string
	WindowTokens    int // prompt + answer
	MaxOutputTokens int
	Inputs          []string // besides text: image, audio, file
	Reasoning       bool     // thinks before it answers
	Prices          []Price  // nil = no source names one
}

// Price is one tier of a price list. Rates are for a million tokens.
type Price struct {
	ValidFrom        time.Time // the first day on which it is known to hold
	Currency         money.Currency
	AboveInputTokens int64 // applies to requests with more input tokens than this
	Input, Output    money.Rate
	CacheRead        *money.Rate     // nil = as Input
	CacheWrite       *money.Rate     // nil = as Input
	Reasoning        *money.Rate     // nil = as Output
	Window           string          // name of the hours in which it holds; empty = whenever no other does
	Within           *money.Schedule // those hours
	Source           string          // where it was read
	Unverified       bool            // nobody has held it against a bill
}

//go:embed data/*.yaml
var files embed.FS

// load reads the files once. They are part of the program: a wrong one is a
// programming error, which a test finds.
var load = sync.OnceValue(func() []Model {
	names, err := fs.Glob(files, "data/*.yaml")
	if err != nil {
		panic("catalogue: " + err.Error())
	}
	var all []Model
	for _, name := range names { // in the order of their names
		text, err := files.ReadFile(name)
		if err == nil {
			var models []Model
			if models, err = Parse(text); err == nil {
				all = append(all, models...)
				continue
			}
		}
		panic(fmt.Sprintf("catalogue: %s: %v", name, err))
	}
	return all
})

// Models returns all models, by vendor. They are shared: read only.
func Models() []Model { return load() }

// Of returns the models that a kind of member serves, in the order of the file.
func Of(kind string) []Model {
	var own []Model
	for _, m := range load() {
		if slices.Contains(m.Kinds, kind) {
			own = append(own, m)
		}
	}
	return own
}

// List returns the model's prices in the currency of the first one, which is
// that of the vendor's own list; others are what it asks for elsewhere.
func (m *Model) List() []Price {
	var own []Price
	for _, p := range m.Prices {
		if p.Currency == m.Prices[0].Currency {
			own = append(own, p)
		}
	}
	return own
}

// file is one vendor's file as it is written.
type file struct {
	Vendor  string            `yaml:"vendor"`
	Kinds   []string          `yaml:"kinds"`
	Windows map[string]window `yaml:"windows"`
	Models  []struct {
		ID              string   `yaml:"id"`
		Kinds           []string `yaml:"kinds"` // instead of the vendor's
		Family          string   `yaml:"family"`
		WindowTokens    int      `yaml:"window_tokens"`
		MaxOutputTokens int      `yaml:"max_output_tokens"`
		Inputs          []string `yaml:"inputs"`
		Reasoning       bool     `yaml:"reasoning"`
		Prices          []struct {
			ValidFrom        string         `yaml:"valid_from"`
			Currency         money.Currency `yaml:"currency"`
			AboveInputTokens int64          `yaml:"above_input_tokens"`
			Input            *money.Rate    `yaml:"input"`
			Output           *money.Rate    `yaml:"output"`
			CacheRead        *money.Rate    `yaml:"cache_read"`
			CacheWrite       *money.Rate    `yaml:"cache_write"`
			Reasoning        *money.Rate    `yaml:"reasoning"`
			Window           string         `yaml:"window"`
			Source           string         `yaml:"source"`
			Unverified       bool           `yaml:"unverified"`
		} `yaml:"prices"`
	} `yaml:"models"`
}

// window is the hours of a week in one zone.
type window struct {
	Zone  string `yaml:"zone"`
	Days  string `yaml:"days"`
	Hours string `yaml:"hours"`
}

// Parse reads the text of one vendor's file. Unknown keys, prices without
// source, currency or date, and figures that can't be are errors.
func Parse(text []byte) ([]Model, error) {
	const most = 1 << 20
	if len(text) > most {
		return nil, fmt.Errorf("catalogue: %d bytes, want at most %d", len(text), most)
	}
	var f file
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if f.Vendor == "" {
		return nil, fmt.Errorf("catalogue: vendor is missing")
	}
	hours := map[string]*money.Schedule{}
	for name, w := range f.Windows {
		s, err := money.ParseSchedule(w.Zone, w.Days, w.Hours)
		if err != nil {
			return nil, fmt.Errorf("catalogue: windows.%s: %w", name, err)
		}
		hours[name] = s
	}
	var all []Model
	for i, in := range f.Models {
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("catalogue: models[%d] %q: %s", i, in.ID, fmt.Sprintf(format, args...))
		}
		if in.ID == "" || in.WindowTokens < 0 || in.MaxOutputTokens < 0 {
			return nil, wrong("no id, or a number of tokens below zero")
		}
		for _, mode := range in.Inputs {
			if !slices.Contains([]string{"image", "audio", "file"}, mode) {
				return nil, wrong("inputs: got %q, want image, audio or file", mode)
			}
		}
		m := Model{Vendor: f.Vendor, Kinds: in.Kinds, ID: in.ID, Family: in.Family, WindowTokens: in.WindowTokens,
			MaxOutputTokens: in.MaxOutputTokens, Inputs: in.Inputs, Reasoning: in.Reasoning}
		if m.Kinds == nil {
			m.Kinds = f.Kinds
		}
		for j, p := range in.Prices {
			from, err := time.Parse(time.DateOnly, p.ValidFrom)
			switch {
			case err != nil:
				return nil, wrong("prices[%d]: valid_from %q, want a day such as 2026-11-01", j, p.ValidFrom)
			case p.Currency.Valid() != nil:
				return nil, wrong("prices[%d]: %v", j, p.Currency.Valid())
			case p.Input == nil || p.Output == nil || p.AboveInputTokens < 0:
				return nil, wrong("prices[%d]: want input, output and no threshold below zero", j)
			case strings.TrimSpace(p.Source) == "":
				return nil, wrong("prices[%d]: source is missing: a price that no source names is left out", j)
			case p.Window != "" && hours[p.Window] == nil:
				return nil, wrong("prices[%d]: window %q is not among windows", j, p.Window)
			}
			m.Prices = append(m.Prices, Price{ValidFrom: from, Currency: p.Currency, AboveInputTokens: p.AboveInputTokens,
				Input: *p.Input, Output: *p.Output, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite, Reasoning: p.Reasoning,
				Window: p.Window, Within: hours[p.Window], Source: p.Source, Unverified: p.Unverified})
		}
		all = append(all, m)
	}
	return all, nil
}
