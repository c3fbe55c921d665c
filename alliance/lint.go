package alliance

import (
	"fmt"

	"summit/money"
)

// Finding is something about a contract that is allowed, and that somebody
// should look at before it is signed.
type Finding struct {
	Member string `json:"member"`
	Field  string `json:"field"`
	Text   string `json:"text"`
}

// Lint looks at contracts together with the terms, where there are any, and
// returns what is allowed and odd, in order of members.
func Lint(terms *Terms, contracts []*Contract) []Finding {
	var all []Finding
	byMember := map[string][]*Contract{}
	owners := map[string][]string{}
	for _, c := range contracts {
		if len(byMember[c.Member]) == 0 {
			owners[c.Owner] = append(owners[c.Owner], c.Member)
		}
		byMember[c.Member] = append(byMember[c.Member], c)
	}
	for _, m := range sorted(byMember) {
		for _, c := range byMember[m] {
			add := func(field, format string, args ...any) {
				all = append(all, Finding{m, field, fmt.Sprintf(format, args...)})
			}
			c.lint(terms, add)
		}
		gaps(byMember[m], func(field, format string, args ...any) {
			all = append(all, Finding{m, field, fmt.Sprintf(format, args...)})
		})
	}
	for _, o := range sorted(owners) {
		if len(owners[o]) > 1 {
			all = append(all, Finding{o, "owner", fmt.Sprintf("bargains for %d members as one: %v", len(owners[o]), owners[o])})
		}
	}
	return all
}

func (c *Contract) lint(terms *Terms, add func(field, format string, args ...any)) {
	if terms != nil && terms.Currency != c.Currency {
		add("currency", "%s, but the terms are in %s: it can't be used", c.Currency, terms.Currency)
	}
	if c.Effective.From == "" {
		add("effective.from", "none: it holds for all of the past")
	}
	if c.Effective.To == "" {
		add("effective.to", "none: it holds for ever")
	}
	if terms != nil && c.Effective.zone.String() != terms.zone.String() {
		add("effective.zone", "%s, but the months of the books begin in %s", c.Effective.zone, terms.zone)
	}
	s := c.Sacrifice
	switch {
	case s.PerRequestBP > 0 && s.PerPeriod == 0:
		add("sacrifice.per_period", "0: it bears nothing, whatever per_request_bp says")
	case s.PerRequestBP == 0 && s.PerPeriod > 0:
		add("sacrifice.per_request_bp", "0: it bears nothing, whatever per_period says")
	case s.PerRequestBP == 10_000:
		add("sacrifice.per_request_bp", "10000: it may get nothing for a request")
	}
	if c.Dividend.StandbyBP == 10_000 {
		add("dividend.standby_bp", "10000: standing by is paid as well as answering")
	}
	if c.Dividend.Players == "used" && c.Dividend.StandbyBP > 0 {
		add("dividend.standby_bp", "%d has no effect: only members that were used take part", c.Dividend.StandbyBP)
	}
	if c.Guarantee.PerPeriod > 0 && !c.Guarantee.Recoup {
		add("guarantee.recoup", "false: what is filled up is never paid back")
	}
	if c.Liability.RefundFaultCap == nil {
		add("liability.refund_fault_cap", "none: it answers for refunds without a bound")
	}
	if c.Audit.WindowDays == 0 {
		add("audit.window_days", "0: a request may be disputed at any time")
	}
	cost := c.Cost
	switch cost.Model {
	case "per_token":
		if cost.CacheRead != nil && *cost.CacheRead > *cost.Input {
			add("cost.cache_read", "%s, above input (%s): a hit in the cache costs more than a miss", *cost.CacheRead, *cost.Input)
		}
		if *cost.Output < *cost.Input {
			add("cost.output", "%s, below input (%s)", *cost.Output, *cost.Input)
		}
		if cost.CacheRead == nil {
			add("cost.cache_read", "none: cached input costs as much as fresh input")
		}
		if terms != nil {
			c.atALoss(terms, add)
		}
	case "subscription":
		if cost.Fee == 0 {
			add("cost.fee", "0: every call is free")
		} else if int64(cost.Fee)/cost.PlannedCalls == 0 {
			add("cost.planned_calls", "%d calls for %s: one call is below the smallest unit, and is trued up at the month's end only", cost.PlannedCalls, cost.Fee)
		}
	case "self_hosted":
		if cost.IdleCoverBP == 10_000 {
			add("cost.idle_cover_bp", "10000: idle cards are paid like busy ones")
		}
	}
}

// atALoss finds models that are sold below what the member alone would cost.
func (c *Contract) atALoss(terms *Terms, add func(field, format string, args ...any)) {
	for _, model := range sorted(terms.Prices) {
		p := terms.Prices[model]
		if p.Call > 0 {
			continue // the price of a call may make up for it
		}
		net := func(r money.Rate) Units {
			kept := Units(r) - basisPoints(Units(r), 10_000*terms.VATBP/(10_000+terms.VATBP))
			return kept - basisPoints(kept, terms.FeeBP)
		}
		if net(p.Output) < Units(*c.Cost.Output) && net(p.Input) < Units(*c.Cost.Input) {
			add("cost", "dearer than the price of %s after tax and fee: every such answer by it alone is at a loss", model)
		}
	}
}

// gaps finds days without a contract between two of one member.
func gaps(all []*Contract, add func(field, format string, args ...any)) {
	for _, c := range all {
		if c.Effective.until.IsZero() {
			continue
		}
		later, meets := false, false
		for _, o := range all {
			later = later || o.Effective.from.After(c.Effective.until)
			meets = meets || o.Effective.from.Equal(c.Effective.until)
		}
		if later && !meets {
			add("effective.to", "%s, and the next contract begins later: in between it has none", c.Effective.To)
		}
	}
}
