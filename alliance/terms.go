package alliance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

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

	// What follows is for live requests.
	Zone         string             `yaml:"zone"`          // of days and months, of the IANA table; empty = UTC
	Prices       map[string]*Tariff `yaml:"prices"`        // what customers pay, by model; * = every other one
	HoldTokens   int64              `yaml:"hold_tokens"`   // held for an answer of no stated length, and its bound then; 0 = 4096
	DelayPPM     int64              `yaml:"delay_ppm"`     // what every further step of a cascade takes off its worth, in millionths
	DisputeDays  int64              `yaml:"dispute_days"`  // the longest that a disputed amount stays frozen; 0 = 30
	Judge        JudgeTerms         `yaml:"judge"`         // who measures fused answers; absent = nobody is asked
	DrainSeconds int64              `yaml:"drain_seconds"` // how long an answer is read on after its reader left, where a contract says drain; 0 = 30

	Hash string         `yaml:"-"` // SHA-256 of the text, in hex
	Text []byte         `yaml:"-"`
	zone *time.Location // of Zone
}

// Place returns the zone in which days and months of the books begin.
func (t *Terms) Place() *time.Location { return t.zone }

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
	sum := sha256.Sum256(text)
	t.Hash, t.Text = hex.EncodeToString(sum[:]), text
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
	var err error
	if t.zone, err = time.LoadLocation(t.Zone); err != nil || t.Zone == "Local" {
		return fmt.Errorf("zone: %q is no zone of the IANA table, want one such as Asia/Shanghai", clip(t.Zone))
	}
	for _, model := range sorted(t.Prices) {
		if t.Prices[model] == nil {
			return fmt.Errorf("prices: %s: empty, want input and output", clip(model))
		}
		if err := t.Prices[model].check(); err != nil {
			return fmt.Errorf("prices: %s: %w", clip(model), err)
		}
	}
	if err := t.Judge.check(); err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	for _, f := range []struct {
		name string
		at   *int64
		most int64
		or   int64
	}{{"hold_tokens", &t.HoldTokens, 1 << 24, 4096}, {"delay_ppm", &t.DelayPPM, maxWorth, 0}, {"dispute_days", &t.DisputeDays, 3650, 30}, {"drain_seconds", &t.DrainSeconds, 600, 30}} {
		if *f.at < 0 || *f.at > f.most {
			return fmt.Errorf("%s: got %d, want 0 to %d", f.name, *f.at, f.most)
		}
		if *f.at == 0 {
			*f.at = f.or
		}
	}
	return nil
}
