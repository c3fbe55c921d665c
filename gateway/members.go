package gateway

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"summit/llm"
)

// memberEntry is one member as the admin API shows it.
type memberEntry struct {
	Name   string      `json:"name"`
	Vendor string      `json:"vendor,omitempty"`
	Model  string      `json:"model,omitempty"`
	Up     bool        `json:"up"` // usable, as far as it can be told without a question
	Health *llm.Health `json:"health,omitempty"`
	Labels []string    `json:"labels,omitempty"`
}

// listMembers shows who answers in the end, and how they fared of late.
func (x *exchange) listMembers() {
	up := x.g.report(x.r.Context()).up
	all := list[memberEntry]{"list", []memberEntry{}}
	for _, m := range x.g.models.Members() {
		c := m.Card()
		all.Data = append(all.Data, memberEntry{c.Name, c.Vendor, c.Model, up[c.Name], healthOf(m), c.Labels})
	}
	x.writeJSON(http.StatusOK, all)
}

// healthOf returns what the member remembers; nil = nothing.
func healthOf(m llm.Member) *llm.Health {
	r, ok := llm.As[llm.HealthReporter](m)
	if !ok {
		return nil
	}
	h := r.Health()
	return &h
}

// targets shows what members remember of the ways in which they are asked.
type targets struct{ g *Gateway }

var (
	targetUpDesc      = prometheus.NewDesc("summit_target_up", "1 = the address and key is asked, 0.5 = one request finds out whether it works again, 0 = not, or only as a last resort.", []string{"member", "target"}, nil)
	targetStreamsDesc = prometheus.NewDesc("summit_target_streams", "Answers that are running there.", []string{"member", "target"}, nil)
	targetCallsDesc   = prometheus.NewDesc("summit_target_calls_total", "Calls that were made there.", []string{"member", "target"}, nil)
	targetFailedDesc  = prometheus.NewDesc("summit_target_failures_total", "Calls that failed there by its fault.", []string{"member", "target"}, nil)
	retriesDesc       = prometheus.NewDesc("summit_member_retries_total", "Calls that were made again for the same answer.", []string{"member"}, nil)
	hedgesDesc        = prometheus.NewDesc("summit_member_hedges_total", "Second calls beside one that was slow.", []string{"member"}, nil)
)

// Describe tells what Collect sends.
func (targets) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{targetUpDesc, targetStreamsDesc, targetCallsDesc, targetFailedDesc, retriesDesc, hedgesDesc} {
		to <- d
	}
}

// Collect sends what is known at the moment. Names are from the configuration.
func (t targets) Collect(to chan<- prometheus.Metric) {
	for _, m := range t.g.models.Members() {
		h, name := healthOf(m), m.Card().Name
		if h == nil {
			continue
		}
		to <- prometheus.MustNewConstMetric(retriesDesc, prometheus.CounterValue, float64(h.Retries), name)
		to <- prometheus.MustNewConstMetric(hedgesDesc, prometheus.CounterValue, float64(h.Hedges), name)
		for _, target := range h.Targets {
			up := 0.0
			switch target.State {
			case llm.TargetUp:
				up = 1
			case llm.TargetProbing:
				up = 0.5
			}
			to <- prometheus.MustNewConstMetric(targetUpDesc, prometheus.GaugeValue, up, name, target.Name)
			to <- prometheus.MustNewConstMetric(targetStreamsDesc, prometheus.GaugeValue, float64(target.Streams), name, target.Name)
			to <- prometheus.MustNewConstMetric(targetCallsDesc, prometheus.CounterValue, float64(target.Asked), name, target.Name)
			to <- prometheus.MustNewConstMetric(targetFailedDesc, prometheus.CounterValue, float64(target.Failed), name, target.Name)
		}
	}
}
