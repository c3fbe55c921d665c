package alliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"summit/ledger"
	"summit/money"
)

// Contract is what one member and the alliance agreed on. It is versioned by
// the hash of its text; whoever changes a word makes another contract.
type Contract struct {
	APIVersion string         `yaml:"apiVersion"` // summit/v1
	Kind       string         `yaml:"kind"`       // MemberContract
	Member     string         `yaml:"member"`
	Owner      string         `yaml:"owner"` // who bargains for it; empty = the member itself
	Effective  Span           `yaml:"effective"`
	Currency   money.Currency `yaml:"currency"`
	Cost       Cost           `yaml:"cost"`
	Sacrifice  Sacrifice      `yaml:"sacrifice"`
	Dividend   Dividend       `yaml:"dividend"`
	Guarantee  Guarantee      `yaml:"guarantee"`
	Liability  Liability      `yaml:"liability"`
	Payout     Payout         `yaml:"payout"`
	Audit      Audit          `yaml:"audit"`
	OnAbort    string         `yaml:"on_abort"` // cancel: an answer whose reader left is ended at once; drain: it is read on, so that the member reports what it used; empty = cancel

	Hash string `yaml:"-"` // SHA-256 of the text, in hex
	Text []byte `yaml:"-"`
}

// Span is the days from From to To, both included, in Zone.
type Span struct {
	From string `yaml:"from"` // 2026-12-01; empty = always
	To   string `yaml:"to"`   // empty = for ever
	Zone string `yaml:"zone"` // of the IANA table; empty = UTC

	from, until time.Time
	zone        *time.Location
}

// Cost is what the member's work costs it. Model says which fields count.
type Cost struct {
	Model string `yaml:"model"` // per_token, per_call, subscription, self_hosted or free

	// per_token: for a million tokens. Absent cache rates are as Input, an
	// absent one for reasoning as Output.
	Input      *money.Rate  `yaml:"input"`
	CacheRead  *money.Rate  `yaml:"cache_read"`
	CacheWrite *money.Rate  `yaml:"cache_write"`
	Output     *money.Rate  `yaml:"output"`
	Reasoning  *money.Rate  `yaml:"reasoning"`
	Audio      *money.Rate  `yaml:"audio"`
	Image      *money.Rate  `yaml:"image"`
	Call       money.Amount `yaml:"call"` // per_call, and beside tokens

	Fee          money.Amount `yaml:"fee"` // subscription: for one period
	PlannedCalls int64        `yaml:"planned_calls"`

	CardHour    money.Amount `yaml:"card_hour"` // self_hosted
	Cards       int64        `yaml:"cards"`
	IdleCoverBP int64        `yaml:"idle_cover_bp"` // share of idle card hours that counts as cost, in 1/10000

	Proof       []string `yaml:"proof"`
	ToleranceBP int64    `yaml:"tolerance_bp"`
}

// Sacrifice is the loss that the member agreed to bear.
type Sacrifice struct {
	PerRequestBP int64        `yaml:"per_request_bp"` // of its own cost in one request, in 1/10000
	PerPeriod    money.Amount `yaml:"per_period"`
	OnExhausted  string       `yaml:"on_exhausted"` // defer or refuse; empty = defer
}

// Dividend says how the member takes part in a surplus.
type Dividend struct {
	Players   string `yaml:"players"` // eligible or used; empty = eligible
	StandbyBP int64  `yaml:"standby_bp"`
	FloorPhi  int64  `yaml:"floor_phi"` // a contribution below this counts as none
}

// Guarantee is the least that the member gets in a period.
type Guarantee struct {
	PerPeriod money.Amount `yaml:"per_period"`
	FundedBy  string       `yaml:"funded_by"` // reserve
	Recoup    bool         `yaml:"recoup"`    // what was paid on top is paid back out of later periods' surplus over the guarantee
}

// Liability bounds what a member answers for.
type Liability struct {
	RefundFaultCap *money.Amount `yaml:"refund_fault_cap"` // absent = no bound
}

// Payout says how the member is paid.
type Payout struct {
	Cycle   string       `yaml:"cycle"` // monthly
	Minimum money.Amount `yaml:"minimum"`
	Method  string       `yaml:"method"`
}

// Audit says how long a statement may be disputed, and how many requests are
// measured again.
type Audit struct {
	WindowDays int64 `yaml:"window_days"`
	SampleBP   int64 `yaml:"sample_bp"`
}

// maxFileBytes is the longest contract or terms file.
const maxFileBytes = 256 << 10

// maxAmount bounds every amount that comes in, far above any real one.
const maxAmount = ledger.MaxAmount >> 8 // 18,014,398,509 of a currency

// ReadContract reads and checks one contract in YAML. Unknown fields are
// errors.
func ReadContract(text []byte) (*Contract, error) {
	c := &Contract{}
	if err := readYAML(text, c); err != nil {
		return nil, fmt.Errorf("alliance: contract: %w", err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("alliance: contract of %q: %w", clip(c.Member), err)
	}
	sum := sha256.Sum256(text)
	c.Hash, c.Text = hex.EncodeToString(sum[:]), text
	return c, nil
}

// readYAML reads one document of known fields.
func readYAML(text []byte, v any) error {
	if len(text) > maxFileBytes {
		return fmt.Errorf("%d bytes, want at most %d", len(text), maxFileBytes)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("the file is empty")
		}
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}

func (c *Contract) check() error {
	switch {
	case c.APIVersion != "summit/v1":
		return fmt.Errorf("apiVersion: got %q, want summit/v1", clip(c.APIVersion))
	case c.Kind != "MemberContract":
		return fmt.Errorf("kind: got %q, want MemberContract", clip(c.Kind))
	case !ledger.ValidName(c.Member):
		return errors.New("member: want letters, digits and - _ . only, at most 64")
	case c.Owner != "" && !ledger.ValidName(c.Owner):
		return errors.New("owner: want letters, digits and - _ . only, at most 64")
	}
	if c.Owner == "" {
		c.Owner = c.Member
	}
	if err := c.Currency.Valid(); err != nil {
		return fmt.Errorf("currency: %w", err)
	}
	if err := c.Effective.check(); err != nil {
		return fmt.Errorf("effective.%w", err)
	}
	if err := c.Cost.check(); err != nil {
		return fmt.Errorf("cost.%w", err)
	}
	for name, bp := range map[string]int64{"sacrifice.per_request_bp": c.Sacrifice.PerRequestBP, "dividend.standby_bp": c.Dividend.StandbyBP,
		"cost.tolerance_bp": c.Cost.ToleranceBP, "audit.sample_bp": c.Audit.SampleBP} {
		if bp < 0 || bp > 10_000 {
			return fmt.Errorf("%s: got %d, want 0 to 10000", name, bp)
		}
	}
	amounts := map[string]money.Amount{"sacrifice.per_period": c.Sacrifice.PerPeriod, "guarantee.per_period": c.Guarantee.PerPeriod, "payout.minimum": c.Payout.Minimum}
	if c.Liability.RefundFaultCap != nil {
		amounts["liability.refund_fault_cap"] = *c.Liability.RefundFaultCap
	}
	for name, a := range amounts {
		if a < 0 || Units(a) > maxAmount {
			return fmt.Errorf("%s: got %s, want zero or more", name, a)
		}
	}
	words := []struct{ name, got, want string }{
		{"sacrifice.on_exhausted", c.Sacrifice.OnExhausted, "defer refuse"},
		{"dividend.players", c.Dividend.Players, "eligible used"},
		{"guarantee.funded_by", c.Guarantee.FundedBy, "reserve"},
		{"payout.cycle", c.Payout.Cycle, "monthly"},
		{"on_abort", c.OnAbort, "cancel drain"},
	}
	for _, w := range words {
		if w.got != "" && !contains(w.want, w.got) {
			return fmt.Errorf("%s: got %q, want %s", w.name, clip(w.got), strings.ReplaceAll(w.want, " ", " or "))
		}
	}
	if c.Dividend.FloorPhi < 0 || c.Dividend.FloorPhi > maxWorth {
		return fmt.Errorf("dividend.floor_phi: got %d, want 0 to %d", c.Dividend.FloorPhi, maxWorth)
	}
	if c.Audit.WindowDays < 0 {
		return fmt.Errorf("audit.window_days: got %d, want zero or more", c.Audit.WindowDays)
	}
	return nil
}

func contains(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

func (s *Span) check() error {
	var err error
	if s.zone, err = time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		return fmt.Errorf("zone: %q is no zone of the IANA table, want one such as Asia/Shanghai", clip(s.Zone))
	}
	day := func(name, text string) (time.Time, error) {
		if text == "" {
			return time.Time{}, nil
		}
		at, err := time.ParseInLocation(time.DateOnly, text, s.zone)
		if err != nil {
			return at, fmt.Errorf("%s: got %q, want a day such as 2026-12-01", name, clip(text))
		}
		return at, nil
	}
	if s.from, err = day("from", s.From); err != nil {
		return err
	}
	if s.until, err = day("to", s.To); err != nil {
		return err
	}
	if s.To != "" {
		if s.until = s.until.AddDate(0, 0, 1); !s.until.After(s.from) {
			return fmt.Errorf("to: %s is before %s", s.To, s.From)
		}
	}
	return nil
}

// holds reports whether the contract holds at the time.
func (s *Span) holds(at time.Time) bool {
	return !at.Before(s.from) && (s.until.IsZero() || at.Before(s.until))
}

func (c *Cost) check() error {
	type field struct {
		name string
		set  bool
		of   string // models that it belongs to
	}
	for _, f := range []field{
		{"input", c.Input != nil, "per_token"}, {"cache_read", c.CacheRead != nil, "per_token"}, {"cache_write", c.CacheWrite != nil, "per_token"},
		{"output", c.Output != nil, "per_token"}, {"reasoning", c.Reasoning != nil, "per_token"}, {"audio", c.Audio != nil, "per_token"}, {"image", c.Image != nil, "per_token"},
		{"call", c.Call != 0, "per_token per_call"}, {"fee", c.Fee != 0, "subscription"}, {"planned_calls", c.PlannedCalls != 0, "subscription"},
		{"card_hour", c.CardHour != 0, "self_hosted"}, {"cards", c.Cards != 0, "self_hosted"}, {"idle_cover_bp", c.IdleCoverBP != 0, "self_hosted"},
	} {
		if f.set && !contains(f.of, c.Model) {
			return fmt.Errorf("%s: does not belong to model %s", f.name, clip(c.Model))
		}
	}
	for name, v := range map[string]int64{"call": int64(c.Call), "fee": int64(c.Fee), "planned_calls": c.PlannedCalls, "card_hour": int64(c.CardHour), "cards": c.Cards, "idle_cover_bp": c.IdleCoverBP} {
		if v < 0 || v > int64(maxAmount) {
			return fmt.Errorf("%s: got %d, want zero or more", name, v)
		}
	}
	switch c.Model {
	case "per_token":
		if c.Input == nil || c.Output == nil {
			return errors.New("input and output: missing, want the price of a million tokens each")
		}
	case "per_call", "free":
	case "subscription":
		if c.PlannedCalls == 0 {
			return errors.New("planned_calls: missing, want for how many calls the fee is meant")
		}
	case "self_hosted":
		if c.IdleCoverBP > 10_000 {
			return fmt.Errorf("idle_cover_bp: got %d, want 0 to 10000", c.IdleCoverBP)
		}
		if c.IdleCoverBP > 0 && c.Cards == 0 {
			return errors.New("cards: missing, want how many may be idle")
		}
	default:
		return fmt.Errorf("model: got %q, want per_token, per_call, subscription, self_hosted or free", clip(c.Model))
	}
	return nil
}

// clip keeps error texts short whatever came in.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
