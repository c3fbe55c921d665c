package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"summit/identity"
	"summit/llm"
	"summit/llm/llmtest"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		council := &llmtest.Script{ID: "council", Pieces: []llmtest.Piece{text("hello world", 0)}, Outcome: llm.Outcome{Strategy: "vote", Parts: []*llm.Outcome{
			{Member: "a", WeightPPM: 600_000, Usage: llm.Usage{Input: llm.Counted(10), Output: llm.Counted(20)}},
			{Member: "b", WeightPPM: 400_000, Usage: llm.Usage{Input: llm.Counted(10), Output: llm.Counted(30)}},
			{Member: "c", Err: llm.Errorf(llm.Overloaded, "busy")},
		}}}
		s := start(t, nil, hello("m"), council, llmtest.Behaving("cuts", llmtest.Cuts), probed{hello("down"), new(int), 0, errors.New("no")})
		ask := func(model, fields string) {
			s.do("POST", "/v1/chat/completions", strings.Replace(s.ask(fields), `"m"`, `"`+model+`"`, 1))
		}
		ask("m", "")
		ask("m", `"stream":true`)
		ask("m", `"n":2`)
		ask("council", "")
		ask("cuts", "")
		ask("cuts", `"stream":true`)
		for i := range 50 { // whatever a client sends is no label
			ask(fmt.Sprint("made-up-", i), "")
		}
		ask("m", `"temperature":-1`)
		s.do("POST", "/v1/chat/completions", s.ask(""), "Authorization", "")
		s.do("GET", "/v1/models", "")

		a := s.do("GET", "/metrics", "", "Authorization", "Bearer "+s.admin)
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
			t.Errorf("status %d, content type %q", a.status, a.header.Get("Content-Type"))
		}
		// Of the histograms only the counts and sums are for people's eyes.
		var lines []string
		for line := range strings.Lines(a.body) {
			if strings.HasPrefix(line, "summit_") && !strings.Contains(line, "_bucket{") && !strings.HasPrefix(line, "summit_build_info") {
				lines = append(lines, line)
			}
		}
		golden(t, "metrics.txt", strings.Join(lines, ""))
		for _, want := range []string{`summit_build_info{goversion="go`, `version="v0.test"} 1`, "go_goroutines ", "process_cpu_seconds_total "} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s is not in the metrics", want)
			}
		}
		if strings.Contains(a.body, "made-up") || strings.Contains(a.body, s.userID) || strings.Contains(a.body, "default") {
			t.Error("a name that a client made up, a key or a tenant is a label")
		}
	})
}

func TestMetricsLabelsAreBounded(t *testing.T) {
	g, err := New(Config{Models: directory{}, Keys: identity.NewMemory(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxLabels {
		g.metrics.walk(&llm.Outcome{Member: fmt.Sprint("m", i), Usage: llm.Usage{Input: llm.Counted(-5), Output: llm.Counted(-5)}})
	}
	families, err := g.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "summit_member_requests_total" && len(f.GetMetric()) != maxLabels+1 {
			t.Errorf("%d series, want %d and one for the rest", len(f.GetMetric()), maxLabels)
		}
	}
}

func TestRegistryOfSomebodyElse(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := Config{Models: directory{}, Keys: identity.NewMemory(), Logger: slog.New(slog.DiscardHandler), Registry: registry}
	if _, err := New(c); err != nil {
		t.Fatal(err)
	}
	if _, err := New(c); err == nil {
		t.Error("a second gateway on one registry would count nowhere")
	}
}

func TestLogLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"), &llmtest.Script{ID: "broken", Err: errors.New("inner cause")})
		s.do("POST", "/v1/chat/completions?api_key=secret", s.ask(""), "X-Request-Id", "mine")
		s.do("POST", "/v1/chat/completions", strings.Replace(s.ask(""), `"m"`, `"broken"`, 1), "X-Request-Id", "theirs")
		s.do("GET", "/healthz", "")
		s.do("GET", "/no%0Asuch", "", "X-Request-Id", "odd", "Authorization", "")
		var lines []string
		for line := range strings.Lines(s.log.String()) {
			_, line, _ = strings.Cut(line, " ") // the time
			lines = append(lines, strings.ReplaceAll(line, s.userID, "key_ID"))
		}
		golden(t, "log.txt", strings.Join(lines, ""))
	})
}

// BenchmarkRecord is what counting one answer costs.
func BenchmarkRecord(b *testing.B) {
	g, err := New(Config{Models: directory{}, Keys: identity.NewMemory(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	x := &exchange{g: g, answering: true, model: "m", answers: []*llm.Outcome{{Member: "a", TTFT: 1e6, Took: 1e9,
		Usage: llm.Usage{Input: llm.Counted(10), Output: llm.Counted(20)}}}}
	x.w.status = 200
	b.ReportAllocs()
	for b.Loop() {
		x.record(1e9)
	}
}
