package alliance

import (
	"fmt"

	"summit/money"
)

// Terms are what holds for all members alike.
type Terms struct {
	APIVersion     string         `yaml:"apiVersion"` // summit/v1; may be absent
	Kind           string         `yaml:"kind"`       // AllianceTerms; may be absent
	Currency       money.Currency `yaml:"currency"`   // of prices and books; empty = CNY
	VATBP          int64          `yaml:"vat_bp"`     // tax inside the price, in 1/10000 on top of the net
	FeeBP          int64          `yaml:"fee_bp"`     // the operator's share of the net price
	ReserveBP      int64          `yaml:"reserve_bp"` // of a surplus
	ReserveCeiling *money.Amount  `yaml:"reserve_ceiling"`
	RecoupBP       int64          `yaml:"recoup_bp"` // at most so much of a surplus repays what was deferred
	TieBreak       TieBreak       `yaml:"tie_break"` // empty = request_hash
}

// ReadTerms reads and checks the alliance's terms in YAML. Unknown fields are
// errors.
func ReadTerms(text []byte) (*Terms, error) {
	t := &Terms{}
	if err := readYAML(text, t); err != nil {
		return nil, fmt.Errorf("alliance: terms: %w", err)
	}
	if t.Currency == "" {
		t.Currency = "CNY"
	}
	if t.TieBreak == "" {
		t.TieBreak = ByRequestHash
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("alliance: terms: %w", err)
	}
	return t, nil
}

func (t *Terms) check() error {
	if t.APIVersion != "" && t.APIVersion != "summit/v1" {
		return fmt.Errorf("apiVersion: got %q, want summit/v1", clip(t.APIVersion))
	}
	if t.Kind != "" && t.Kind != "AllianceTerms" {
		return fmt.Errorf("kind: got %q, want AllianceTerms", clip(t.Kind))
	}
	if err := t.Currency.Valid(); err != nil {
		return fmt.Errorf("currency: %w", err)
	}
	for _, f := range []struct {
		name string
		bp   int64
	}{{"vat_bp", t.VATBP}, {"fee_bp", t.FeeBP}, {"reserve_bp", t.ReserveBP}, {"recoup_bp", t.RecoupBP}} {
		if f.bp < 0 || f.bp > 10_000 {
			return fmt.Errorf("%s: got %d, want 0 to 10000", f.name, f.bp)
		}
	}
	if c := t.ReserveCeiling; c != nil && (*c < 0 || Units(*c) > maxAmount) {
		return fmt.Errorf("reserve_ceiling: got %s, want zero or more", *c)
	}
	if t.TieBreak != ByRequestHash && t.TieBreak != ByMemberName {
		return fmt.Errorf("tie_break: got %q, want request_hash or member_name", clip(string(t.TieBreak)))
	}
	return nil
}
