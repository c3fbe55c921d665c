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
	"summit/local"
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
func newMembers(c Config, locals *local.Store, exchange *money.Exchange, warn func(string)) ([]llm.Member, error) {
	var members []llm.Member
	var missing []error
	for _, name := range slices.Sorted(maps.Keys(c.Members)) {
		m := c.Members[name]
		key, err := m.key(name, warn)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		built, err := m.build(name, key, locals, exchange, warn)
		var absent *NotReadyError
		if errors.As(err, &absent) {
			return nil, err
		}
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

// build makes one member whose prices are in the accounting currency, those
// of the kind's own price list too.
func (m *Member) build(name, key string, locals *local.Store, exchange *money.Exchange, warn func(string)) (llm.Member, error) {
	card, err := m.card(exchange)
	if err != nil {
		return nil, err
	}
	config := member.Config{Name: name, Use: m.Use, File: m.File, BaseURL: m.BaseURL, Key: key, Model: m.Model, Card: card, Params: m.Params}
	var built llm.Member
	if m.Use == useLocal {
		config.Card.Name = name
		built, err = openLocal(locals, config)
	} else {
		built, err = member.New(config)
	}
	if err != nil {
		return nil, err
	}
	if listed := built.Card().Prices; len(card.Prices) == 0 && slices.ContainsFunc(listed, func(p llm.Price) bool { return p.Currency != exchange.Currency() }) {
		config.Card.Prices, err = converted(listed, exchange)
		if err != nil {
			warn(fmt.Sprintf("members.%s: its list price is not in %s, and fx has no rate for it, so its costs can't be added to others'; set fx or price", name, exchange.Currency()))
		} else if built, err = member.New(config); err != nil {
			return nil, err
		}
	}
	if built, err = m.guarded(name, key, built, config, warn); err != nil {
		return nil, err
	}
	if m.OnAbort == abortDrain {
		built = member.Drain(built, 0)
	}
	return m.cached(m.stated(built)), nil
}

// converted returns the price list in the accounting currency.
func converted(prices []llm.Price, exchange *money.Exchange) ([]llm.Price, error) {
	var all []llm.Price
	for _, p := range prices {
		own, err := Price{
			Input: p.Input, Output: p.Output, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite, Reasoning: p.Reasoning, Call: p.Call,
			Currency: p.Currency, AboveInputTokens: p.AboveInputTokens, From: p.From, Until: p.Until, Source: p.Source,
		}.tier(exchange)
		if err != nil {
			return nil, err
		}
		own.Unverified, own.Within = p.Unverified, p.Within
		all = append(all, own)
	}
	return all, nil
}

// stated is a member whose user said of it what its kind doesn't know.
type stated struct {
	llm.Member
	card llm.Card
}

// Card returns the member's card as the user corrected it.
func (s *stated) Card() *llm.Card { return &s.card }

// Unwrap returns the member below.
func (s *stated) Unwrap() llm.Member { return s.Member }

// stated wraps the built member where its card says otherwise than the user.
func (m *Member) stated(built llm.Member) llm.Member {
	card := *built.Card()
	image := slices.Contains(card.Inputs, llm.ModalityImage)
	if (m.Tools == nil || *m.Tools == card.Tools) && (m.Images == nil || *m.Images == image) {
		return built
	}
	if m.Tools != nil {
		card.Tools = *m.Tools
	}
	if m.Images != nil && *m.Images != image {
		card.Inputs = slices.DeleteFunc(slices.Clone(card.Inputs), func(i llm.Modality) bool { return i == llm.ModalityImage })
		if *m.Images {
			card.Inputs = append(card.Inputs, llm.ModalityImage)
		}
	}
	return &stated{built, card}
}

// card returns the facts that the user gave, prices in the accounting currency.
func (m *Member) card(exchange *money.Exchange) (llm.Card, error) {
	card := llm.Card{Vendor: m.Vendor, WindowTokens: m.WindowTokens}
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
	var within *money.Schedule
	if p.Zone+p.Days+p.Hours != "" {
		within, err = money.ParseSchedule(p.Zone, p.Days, p.Hours)
		failure = errors.Join(failure, err)
	}
	return llm.Price{
		Currency: exchange.Currency(), From: p.From, Until: p.Until, AboveInputTokens: p.AboveInputTokens,
		Input: rate(p.Input), Output: rate(p.Output), CacheRead: optional(p.CacheRead), CacheWrite: optional(p.CacheWrite),
		Reasoning: optional(p.Reasoning), Call: call, Within: within, Source: p.Source,
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
	if m.BaseURL != "" && strings.TrimRight(m.BaseURL, "/") != strings.TrimRight(kind.BaseURL, "/") {
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
// variable of the same name with _FILE names; empty where neither is set. The
// name may be that of two variables, ID:SECRET; then so is the secret, and it
// is empty where one of them is.
func envSecret(name string, warn func(string)) (string, error) {
	if id, secret, two := strings.Cut(name, ":"); two {
		a, err := envSecret(id, warn)
		b, wrong := envSecret(secret, warn)
		if err = errors.Join(err, wrong); err != nil || a == "" || b == "" {
			return "", err
		}
		return a + ":" + b, nil
	}
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
