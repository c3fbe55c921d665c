package summit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"summit/llm"
	"summit/member"
	"summit/money"
)

// around returns what can be used here without being configured. No vendor is
// called.
func around(ctx context.Context, c Config) []member.Found {
	secret := func(name string) string {
		key, err := envSecret(name, func(string) {})
		if err != nil {
			return "" // a file that can't be read is no key
		}
		return key
	}
	return member.Discover(ctx, secret, nil, c.Listen)
}

// discover adds what was found, one member for each vendor or server, and
// says what and on what terms: a server on this machine costs nothing,
// vendors share a purse.
func (d *directory) discover(c Config, found []member.Found, exchange *money.Exchange, warn func(string)) error {
	capped := false
	for _, f := range found {
		if _, taken := c.Models[f.Kind]; taken {
			return &ConfigError{[]Problem{{Path: join("models", f.Kind), Text: fmt.Sprintf(
				"a member %q was found here too: want another name for the model, members that are configured, or discover: {enabled: false}", f.Kind)}}}
		}
		m := Member{Use: f.Kind, BaseURL: f.BaseURL, KeyEnv: f.KeyEnv}
		local := f.KeyEnv == ""
		if local {
			m.Model = chatModel(f.Models)
			m.Price = []Price{{Source: "a server on this machine"}}
		}
		key, err := m.key(f.Kind, warn)
		if err != nil {
			return &NotReadyError{err, "set it, or discover: {enabled: false}"}
		}
		built, err := m.build(f.Kind, key, nil, exchange, func(string) {}) // without fx its price is assumed
		if err != nil {
			return fmt.Errorf("summit: discover: %s: %w", f.Kind, err)
		}
		if !local {
			built, capped = d.limit(built), true
		}
		d.addMember(&Entry{Name: f.Kind, Member: built, Use: f.Kind, Source: SourceFound, Address: f.BaseURL})
		d.notes = append(d.notes, "FOUND "+describeFound(f, built.Card()))
	}
	if capped {
		d.notes = append(d.notes, fmt.Sprintf("What the vendors found cost together is capped at %s %s until Summit stops (discover.max_spend, --max-spend). "+
			`"summit config init" writes a configuration, whose members are not capped.`, d.purse.most, d.purse.currency))
	}
	return nil
}

// limit makes a member spend from the purse.
func (d *directory) limit(m llm.Member) llm.Member { return &capped{m, d.purse} }

// chatModel returns the first model that does not look like one for
// embeddings or ranking, else the first.
func chatModel(models []string) string {
	for _, m := range models {
		other := func(s string) bool { return strings.Contains(strings.ToLower(m), s) }
		if !slices.ContainsFunc([]string{"embed", "bge-", "rerank", "whisper"}, other) {
			return m
		}
	}
	return models[0]
}

func describeFound(f member.Found, card *llm.Card) string {
	model := card.Model
	if model == "" {
		model = "the first model that it lists"
	}
	if f.KeyEnv != "" {
		return fmt.Sprintf("%s: the environment has %s; asks %s at %s", f.Kind, f.KeyEnv, model, f.BaseURL)
	}
	more := ""
	if n := len(f.Models) - 1; n > 0 {
		more = fmt.Sprintf(" (%d more can be configured)", n)
	}
	return fmt.Sprintf("%s: a server at %s; asks %s%s, free", f.Kind, f.BaseURL, model, more)
}
