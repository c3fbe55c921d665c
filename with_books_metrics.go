package summit

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"summit/alliance"
	"summit/money"
)

// moneyMetrics shows what the books say while they are collected: by one query,
// so that the figures add up, and from the first moment of a new process.
type moneyMetrics struct{ *booking }

func moneyDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("summit_books_"+name, help+" In the currency of the books; from the books themselves, so a restart loses nothing.", labels, nil)
}

var (
	moneySpent   = moneyDesc("spent", "What customers were charged in all, with what is held for requests in flight.")
	moneyTax     = moneyDesc("tax", "Tax that was taken in.")
	moneyFee     = moneyDesc("fee", "The operator's share.")
	moneyReserve = moneyDesc("reserve", "The alliance's reserve.")
	moneyHeld    = moneyDesc("held", "Held for requests in flight.")
	moneyWallets = moneyDesc("wallets", "What customers have in their wallets.")
	moneyOwed    = moneyDesc("owed", "What customers owe.")
	moneyEarned  = moneyDesc("member_earned", "What a member has coming: open, and closed and not paid.", "member")
	moneyCost    = moneyDesc("member_cost", "A member's costs by its contract.", "member")
	moneyBorne   = moneyDesc("member_sacrificed", "Costs that a member has borne itself.", "member")
	moneyPutOff  = moneyDesc("member_deferred", "Costs of a member that wait to be repaid.", "member")
)

// Describe tells what Collect sends.
func (moneyMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{moneySpent, moneyTax, moneyFee, moneyReserve, moneyHeld, moneyWallets, moneyOwed, moneyEarned, moneyCost, moneyBorne, moneyPutOff} {
		to <- d
	}
}

// Collect sends what the books say at the moment.
func (m moneyMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	t, err := m.Journal.Totals(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(moneySpent, err)
		return
	}
	gauge := func(d *prometheus.Desc, u alliance.Units, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(u)/money.Micro, labels...)
	}
	gauge(moneySpent, t.Spent)
	gauge(moneyTax, t.Tax)
	gauge(moneyFee, t.Fee)
	gauge(moneyReserve, t.Reserve)
	gauge(moneyHeld, t.Held)
	gauge(moneyWallets, t.Wallets)
	gauge(moneyOwed, t.Owed)
	for _, x := range t.Members {
		gauge(moneyEarned, x.Earned(), x.Member)
		gauge(moneyCost, x.Declared, x.Member)
		gauge(moneyBorne, x.Sacrificed, x.Member)
		gauge(moneyPutOff, x.Deferred, x.Member)
	}
}
