package summit

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"summit/llm"
	"summit/member"
	"summit/money"
)

// NotReadyError says that a configuration is sound but something outside it
// is missing or in the way: a key, a free port, the data directory.
type NotReadyError struct {
	Err  error
	Next string // what to do about it
}

// Error returns what is missing; Next stands apart.
func (e *NotReadyError) Error() string { return e.Err.Error() }

// Unwrap returns what is missing.
func (e *NotReadyError) Unwrap() error { return e.Err }

// newMembers builds the configured members in the order of their names. Keys
// that are missing are reported together.
func newMembers(c Config, exchange *money.Exchange, warn func(string)) ([]llm.Member, error) {
	var members []llm.Member
	var missing []error
	for _, name := range slices.Sorted(maps.Keys(c.Members)) {
		m := c.Members[name]
		key, err := m.key(name, warn)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		card, err := m.card(exchange)
		if err != nil {
			return nil, fmt.Errorf("summit: members.%s: %w", name, err)
		}
		built, err := member.New(member.Config{
			Name: name, Use: m.Use, BaseURL: m.BaseURL, Key: key, Model: m.Model, Card: card, Params: m.Params,
		})
		if err != nil {
			return nil, broken(join("members", name), m.Params != nil, err)
		}
		members = append(members, built)
	}
	if len(missing) > 0 {
		return nil, &NotReadyError{errors.Join(missing...), `export the variable, or write its key into a file and name that with key_file; "summit doctor" checks again`}
	}
	return members, nil
}

// card returns the facts that the user gave, prices in the accounting currency.
func (m *Member) card(exchange *money.Exchange) (llm.Card, error) {
	card := llm.Card{Vendor: m.Vendor, WindowTokens: m.WindowTokens, Tools: m.Tools}
	if m.Images {
		card.Inputs = append(card.Inputs, llm.ModalityImage)
	}
	for i, p := range m.Price {
		tier, err := p.tier(exchange)
		if err != nil {
			return llm.Card{}, fmt.Errorf("price[%d]: %w", i, err)
		}
		card.Prices = append(card.Prices, tier)
	}
	return card, nil
}

// tier converts a price to the accounting currency.
func (p Price) tier(exchange *money.Exchange) (llm.Price, error) {
	from := p.Currency
	or(&from, exchange.Currency())
	var failure error
	rate := func(r money.Rate) money.Rate {
		v, err := exchange.Rate(r, from)
		failure = errors.Join(failure, err)
		return v
	}
	optional := func(r *money.Rate) *money.Rate {
		if r == nil {
			return nil
		}
		return new(rate(*r))
	}
	call, err := exchange.Amount(p.Call, from)
	failure = errors.Join(failure, err)
	return llm.Price{
		Currency: exchange.Currency(), From: p.From, Until: p.Until, AboveInputTokens: p.AboveInputTokens,
		Input: rate(p.Input), Output: rate(p.Output), CacheRead: optional(p.CacheRead), CacheWrite: optional(p.CacheWrite),
		Reasoning: optional(p.Reasoning), Call: call, Source: p.Source,
	}, failure
}

// key returns the member's secret. The kind's own variables are looked at
// only for the kind's own address: a key is never sent to another host
// without being named.
func (m *Member) key(name string, warn func(string)) (string, error) {
	switch {
	case m.KeyFile != "":
		return readSecret(fmt.Sprintf("members.%s.key_file", name), m.KeyFile, warn)
	case m.KeyEnv != "":
		key, err := envSecret(m.KeyEnv, warn)
		if err == nil && key == "" {
			err = fmt.Errorf("members.%s: the environment has no %s (nor %s_FILE)", name, m.KeyEnv, m.KeyEnv)
		}
		return key, err
	}
	kind, _ := member.Lookup(m.Use)
	if m.BaseURL != "" && m.BaseURL != kind.BaseURL {
		return "", nil
	}
	for _, env := range kind.KeyEnv {
		if key, err := envSecret(env, warn); key != "" || err != nil {
			return key, err
		}
	}
	if len(kind.KeyEnv) > 0 {
		return "", fmt.Errorf("members.%s: the environment has no %s, and neither key_env nor key_file is set", name, strings.Join(kind.KeyEnv, " or "))
	}
	return "", nil
}

// envSecret returns the secret in the variable, or in the file that the
// variable of the same name with _FILE names; empty where neither is set.
func envSecret(name string, warn func(string)) (string, error) {
	if key := strings.TrimSpace(os.Getenv(name)); key != "" {
		return key, nil
	}
	if path := os.Getenv(name + "_FILE"); path != "" {
		return readSecret(name+"_FILE", path, warn)
	}
	return "", nil
}

// readSecret reads a file with one secret, without the blanks around it. A
// file that others can read is used, with a warning.
func readSecret(what, path string, warn func(string)) (string, error) {
	const most = 64 << 10
	data, err := readBounded(path, most)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	key := strings.TrimSpace(string(data))
	if key == "" || len(data) > most || strings.ContainsAny(key, "\n\r\x00") {
		return "", fmt.Errorf("%s: %s: want one line with the key", what, path)
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		warn(fmt.Sprintf("%s: %s can be read by others (mode %04o), want 0600", what, path, info.Mode().Perm()))
	}
	return key, nil
}
