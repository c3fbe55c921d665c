package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"summit/llm"
	"summit/run"
)

// metrics is what GET /metrics shows. Labels are names from the configuration
// or from fixed lists: what a client sends never becomes one.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec   // model, code, error
	duration  *prometheus.HistogramVec // model
	ttft      *prometheus.HistogramVec // model
	token     *prometheus.HistogramVec // member
	tokens    *prometheus.CounterVec   // member, direction
	asked     *prometheus.CounterVec   // member, error
	decisions *prometheus.CounterVec   // model, member
	fusion    *prometheus.HistogramVec // strategy
	feedback  *prometheus.CounterVec   // rating

	models  sync.Map // name -> *modelMetrics
	members sync.Map // name -> *memberMetrics
	mu      sync.Mutex
	names   map[string]bool // labels that were given out
}

// modelMetrics is the series of one model, found once.
type modelMetrics struct {
	ok             prometheus.Counter
	duration, ttft prometheus.Observer
	decisions      sync.Map // member -> prometheus.Counter
}

// memberMetrics is the series of one member, found once.
type memberMetrics struct {
	ok, input, output prometheus.Counter
	token             prometheus.Observer
}

const (
	maxLabels  = 1000      // different names before the rest is otherLabel: a bound should a configuration be reloaded for ever
	otherLabel = "other"   // for names past the bound
	noModel    = "unknown" // for requests that name no model of ours
)

// seconds doubles from 1 ms to 16 minutes: one set for everything that takes time.
var seconds = prometheus.ExponentialBuckets(0.001, 2, 21)

// tokenSeconds goes from 0.1 ms to 13 seconds: between two tokens.
var tokenSeconds = prometheus.ExponentialBuckets(0.0001, 2, 18)

func newMetrics(registry *prometheus.Registry, g *Gateway) (*metrics, error) {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, label string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
	}
	m := &metrics{
		registry:  registry,
		requests:  counter("summit_requests_total", "Requests for an answer, by HTTP status and kind of error (empty = none).", "model", "code", "error"),
		duration:  histogram("summit_request_duration_seconds", "From the request to the end of its answer.", seconds, "model"),
		ttft:      histogram("summit_time_to_first_token_seconds", "From asking the model to the first piece of its answer.", seconds, "model"),
		token:     histogram("summit_inter_token_latency_seconds", "Mean time between two output tokens of one member's answer.", tokenSeconds, "member"),
		tokens:    counter("summit_tokens_total", "Tokens that members read (input) and wrote (output).", "member", "direction"),
		asked:     counter("summit_member_requests_total", "Answers of members, by kind of error (empty = none).", "member", "error"),
		decisions: counter("summit_route_decisions_total", "Answers by the member that made most of them.", "model", "member"),
		fusion:    histogram("summit_fusion_duration_seconds", "How long a strategy took that asked several members.", seconds, "strategy"),
		feedback:  counter("summit_feedback_total", "Answers that clients rated: good (a score above 0.5), bad (below) or neutral.", "rating"),
		names:     map[string]bool{},
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "summit_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": g.version, "goversion": runtime.Version()}})
	info.Set(1)
	inflight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "summit_requests_inflight", Help: "Requests for an answer that are being answered."},
		func() float64 { return float64(len(g.gate.slots)) })
	var wrong error
	for _, c := range []prometheus.Collector{
		m.requests, m.duration, m.ttft, m.token, m.tokens, m.asked, m.decisions, m.fusion, m.feedback, info, inflight, memberUp{g}, targets{g},
	} {
		wrong = errors.Join(wrong, registry.Register(c))
	}
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		var have prometheus.AlreadyRegisteredError // by whom the registry is from
		if err := registry.Register(c); err != nil && !errors.As(err, &have) {
			wrong = errors.Join(wrong, err)
		}
	}
	if wrong != nil {
		return nil, fmt.Errorf("gateway: metrics: %w", wrong)
	}
	return m, nil
}

// memberUp shows the report of health that is valid while it is collected.
type memberUp struct{ g *Gateway }

var upDesc = prometheus.NewDesc("summit_member_up", "1 = usable, as far as it can be told without a question.", []string{"member"}, nil)

// Describe tells what Collect sends.
func (memberUp) Describe(to chan<- *prometheus.Desc) { to <- upDesc }

// Collect sends one figure for each member.
func (m memberUp) Collect(to chan<- prometheus.Metric) {
	for name, up := range m.g.report(context.Background()).up {
		value := 0.0
		if up {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, value, name)
	}
}

// label returns the name as a label.
func (m *metrics) label(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.names[name] {
		if len(m.names) >= maxLabels {
			return otherLabel
		}
		m.names[name] = true
	}
	return name
}

func (m *metrics) model(name string) *modelMetrics {
	if found, ok := m.models.Load(name); ok {
		return found.(*modelMetrics)
	}
	l := m.label(name)
	made := &modelMetrics{ok: m.requests.WithLabelValues(l, "200", ""), duration: m.duration.WithLabelValues(l), ttft: m.ttft.WithLabelValues(l)}
	if l == name {
		m.models.Store(name, made)
	}
	return made
}

func (m *metrics) member(name string) *memberMetrics {
	if found, ok := m.members.Load(name); ok {
		return found.(*memberMetrics)
	}
	l := m.label(name)
	made := &memberMetrics{
		ok: m.asked.WithLabelValues(l, ""), token: m.token.WithLabelValues(l),
		input: m.tokens.WithLabelValues(l, "input"), output: m.tokens.WithLabelValues(l, "output"),
	}
	if l == name {
		m.members.Store(name, made)
	}
	return made
}

func (m *metrics) decided(model *modelMetrics, name, member string) prometheus.Counter {
	if found, ok := model.decisions.Load(member); ok {
		return found.(prometheus.Counter)
	}
	made := m.decisions.WithLabelValues(m.label(name), m.label(member))
	if m.label(member) == member {
		model.decisions.Store(member, made)
	}
	return made
}

// record counts a request for an answer, and keeps what happened in the run
// log where a model was asked.
func (x *exchange) record(took time.Duration) {
	if !x.answering {
		return
	}
	m := x.g.metrics
	if x.model == "" {
		m.requests.WithLabelValues(noModel, strconv.Itoa(x.w.status), kindOf(x.err)).Inc()
		return
	}
	model := m.model(x.model)
	if x.w.status == http.StatusOK && x.err == nil {
		model.ok.Inc()
	} else {
		m.requests.WithLabelValues(m.label(x.model), strconv.Itoa(x.w.status), kindOf(x.err)).Inc()
	}
	model.duration.Observe(took.Seconds())
	for _, o := range x.answers {
		if o.TTFT > 0 {
			model.ttft.Observe(o.TTFT.Seconds())
		}
		if a := o.Author(); a != nil && o.Err == nil {
			m.decided(model, x.model, a.Member).Inc()
		}
		m.walk(o)
	}
	x.keep(took)
}

// rated counts an answer that a client rated.
func (m *metrics) rated(score float64) {
	rating := "neutral"
	switch {
	case score > 0.5:
		rating = "good"
	case score < 0.5:
		rating = "bad"
	}
	m.feedback.WithLabelValues(rating).Inc()
}

// walk counts every node of a tree.
func (m *metrics) walk(o *llm.Outcome) {
	if len(o.Parts) == 0 {
		m.leaf(o)
		return
	}
	if len(o.Parts) > 1 {
		m.fusion.WithLabelValues(m.label(o.Strategy)).Observe(o.Took.Seconds())
	}
	for _, p := range o.Parts {
		if p != nil {
			m.walk(p)
		}
	}
}

func (m *metrics) leaf(o *llm.Outcome) {
	member := m.member(o.Member)
	if o.Err == nil {
		member.ok.Inc()
	} else {
		m.asked.WithLabelValues(m.label(o.Member), kindOf(o.Err)).Inc()
	}
	in, out := o.Usage.InputTotal(), o.Usage.OutputTotal()
	// A counter takes no negative figures; a broken upstream may send them.
	member.input.Add(float64(max(in, 0)))
	member.output.Add(float64(max(out, 0)))
	if o.TTFT > 0 && out > 1 && o.Took > o.TTFT {
		member.token.Observe((o.Took - o.TTFT).Seconds() / float64(out-1))
	}
}

// keep puts the request into the run log. Several choices become one tree.
func (x *exchange) keep(took time.Duration) {
	if x.g.runs == nil {
		return
	}
	var o *llm.Outcome
	if len(x.answers) == 1 {
		o = x.answers[0]
	} else {
		o = &llm.Outcome{Member: x.model, Strategy: "n", Took: took, Parts: x.answers}
		o.SumParts()
	}
	e := run.Entry{
		ID: x.runID, RequestID: x.id, At: x.start, Tenant: x.key.Tenant, KeyID: x.key.ID, Protocol: x.dialect.Name(), Model: x.model,
		Stream: x.call.Stream, Status: x.w.status, Took: took,
	}
	if x.err != nil {
		e.Error = x.err.Kind
	}
	for _, a := range x.answers {
		if a.TTFT > 0 && (e.TTFT == 0 || a.TTFT < e.TTFT) {
			e.TTFT = a.TTFT
		}
	}
	// Embeddings have no request that anything could be learned from.
	e.Unlearned = x.call.Request == nil || x.call.Request.Summit.Unlearned
	x.g.runs.Add(e, o)
	x.signal(took)
}

func kindOf(e *llm.Error) string {
	if e == nil {
		return ""
	}
	return string(e.Kind)
}

func (x *exchange) showMetrics() {
	families, err := x.g.metrics.registry.Gather()
	if err != nil && len(families) == 0 {
		x.fail(&llm.Error{Kind: llm.Internal, Err: err})
		return
	}
	// The text format alone: every scraper reads it.
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var text bytes.Buffer
	enc := expfmt.NewEncoder(&text, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			x.fail(&llm.Error{Kind: llm.Internal, Err: err})
			return
		}
	}
	x.writeBody(http.StatusOK, string(format), text.Bytes())
}
