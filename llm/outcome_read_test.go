package llm_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
)

// What MarshalJSON writes, ReadOutcome reads.
func TestReadOutcome(t *testing.T) {
	yes := true
	o := &llm.Outcome{
		Member: "summit", Strategy: "vote", Finish: llm.FinishStop, Took: 1500 * time.Millisecond, TTFT: 20 * time.Millisecond, Answer: "4", ConfidencePPM: 900_000, Verified: &yes,
		Usage: llm.Usage{Input: llm.Counted(10), Output: llm.Count{N: 5, From: llm.Estimated}, Calls: llm.Count{N: 2, From: llm.OwnCount}},
		Cost:  &llm.Cost{Amount: 1_500_000, Currency: "CNY", From: llm.Estimated}, Stop: "enough", Reason: "it was asked",
		Parts: []*llm.Outcome{
			{Member: "a", Model: "a-1", WeightPPM: 600_000, Warnings: []string{"seed is not sent"}, Tries: []llm.Try{{Target: "1", Kind: llm.Overloaded}, {Target: "2", Hedge: true, Took: time.Second}},
				Remote: &llm.Outcome{Member: "far"}},
			{Member: "b", Err: &llm.Error{Kind: llm.Cut, Message: "broke off"}},
		},
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := llm.ReadOutcome(text)
	o.Parts[1].Err.Message = "broke off" // what the public may see of it
	if diff := cmp.Diff(o, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got\n%s", err, diff)
	}
	f := func(text, want string) {
		t.Helper()
		if _, err := llm.ReadOutcome([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
	f(`[]`, "llm: outcome: ")
	f(`{"model":"x"}`, "without the name of a member")
	f(strings.Repeat(`{"member":"m","parts":[`, 20)+`{"member":"m"}`+strings.Repeat(`]}`, 20), "more than 16 levels")
	f(strings.Repeat(`{"member":"m","remote":`, 20)+`{"member":"m"}`+strings.Repeat(`}`, 20), "more than 16 levels")
	f(`{"member":"m","parts":[`+strings.Repeat(`{"member":"m"},`, 10_000)+`{"member":"m"}]}`, "10000 members")
	bad, err := llm.ReadOutcome([]byte(`{"member":"` + strings.Repeat("好", 3000) + `","finish":"odd","weight_ppm":-5,"ttft_ms":-1,"took_ms":9223372036854775807,"usage":{"input":{"n":-3,"from":"upstream"},"output":{"n":3,"from":"magic"}},"cost":{"amount":"1","currency":"nothing","from":"upstream"}}`))
	if err != nil || len(bad.Member) > 2010 || bad.Finish != "" || bad.WeightPPM != 0 || bad.TTFT != 0 || bad.Usage.Input.Known() || bad.Usage.Output.From != llm.Estimated || bad.Cost != nil || bad.Took < 0 {
		t.Errorf("%+v, %v", bad, err)
	}
}

func FuzzReadOutcome(f *testing.F) {
	f.Add([]byte(`{"member":"m","usage":{"input":{"n":1,"from":"upstream"}},"cost":{"amount":"0.5","currency":"CNY","from":"upstream"},"parts":[{"member":"a"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := llm.ReadOutcome(text)
		if err != nil {
			return
		}
		if _, err := json.Marshal(o); err != nil {
			t.Error(err)
		}
	})
}
