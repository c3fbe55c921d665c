package catalogue

import (
	"strings"
	"testing"
	"time"
)

// Every model of the files is once there for a kind, and its prices say since
// when, of what and from where.
func TestFiles(t *testing.T) {
	seen := map[string]bool{}
	prices := 0
	for _, m := range Models() {
		for _, k := range m.Kinds {
			if key := k + " " + m.ID; seen[key] {
				t.Errorf("%s is there twice", key)
			} else {
				seen[key] = true
			}
		}
		for _, p := range m.Prices {
			prices++
			if p.ValidFrom.After(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)) || p.ValidFrom.Year() < 2023 || p.Output < p.Input && p.Output != 0 {
				t.Errorf("%s: price %+v", m.ID, p)
			}
			if p.CacheRead != nil && *p.CacheRead > p.Input {
				t.Errorf("%s: cached input is dearer than fresh: %+v", m.ID, p)
			}
		}
	}
	if len(seen) < 40 || prices < 30 {
		t.Errorf("%d models, %d prices", len(seen), prices)
	}
	for _, m := range Of("deepseek") {
		if list := m.List(); len(list) != 2 || list[0].Currency != "CNY" || list[0].Input != 2*list[1].Input || !list[0].Within.Contains(time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v", m.ID, list)
		}
	}
	if len(Of("nobody")) != 0 {
		t.Error("models of a kind that does not exist")
	}
}

func TestParseErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	price := func(fields string) string { return "vendor: v\nmodels: [{id: m, prices: [{" + fields + "}]}]" }
	f("kinds: [x]", "vendor is missing")
	f("vendor: v\nprice: 1", "price")
	f("vendor: v\nmodels: [{id: m, inputs: [smell]}]", `got "smell"`)
	f("vendor: v\nmodels: [{family: m}]", "no id")
	f(price("currency: CNY, input: 1, output: 1, source: s"), "valid_from")
	f(price("valid_from: 2026-01-01, input: 1, output: 1, source: s"), "currency")
	f(price("valid_from: 2026-01-01, currency: CNY, input: 1, source: s"), "want input, output")
	f(price("valid_from: 2026-01-01, currency: CNY, input: 1, output: 1"), "source is missing")
	f(price("valid_from: 2026-01-01, currency: CNY, input: 1, output: 1, source: s, window: peak"), `window "peak"`)
	f(price("valid_from: 2026-01-01, currency: CNY, input: 0.12345678, output: 1, source: s"), "six decimal places")
	f("vendor: v\nwindows: {peak: {zone: X}}", "windows.peak")
	f(strings.Repeat(" ", 2<<20), "bytes")
}
