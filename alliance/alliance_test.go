package alliance

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const testTerms = "vat_bp: 600\nfee_bp: 500\nreserve_bp: 1000\nrecoup_bp: 5000\ntie_break: member_name\n"

// testContracts are those of the specification's worked examples: what each
// member's work costs and how much of it the member bears.
var testContracts = map[string]string{
	"qwen":    "cost: {model: per_token, input: '2.40', output: '9.60', cache_read: '0.48'}\nsacrifice: {per_request_bp: 2000, per_period: '100'}",
	"glm":     "cost: {model: per_token, input: '4', output: '16'}\nsacrifice: {per_request_bp: 3000, per_period: '100'}",
	"pangu":   "cost: {model: self_hosted, card_hour: '6.50', cards: 8}\nsacrifice: {per_request_bp: 1500, per_period: '100'}",
	"everest": "cost: {model: free}",
	"zhinao":  "cost: {model: per_call, call: '0.004'}\nsacrifice: {per_request_bp: 2000, per_period: '100'}\nguarantee: {per_period: '60', funded_by: reserve}",
	"spark":   "cost: {model: per_token, input: '1', output: '1'}\nguarantee: {per_period: '50', funded_by: reserve}",
	"hunyuan": "cost: {model: subscription, fee: '300', planned_calls: 1000000}\nsacrifice: {per_request_bp: 500, per_period: '100'}",
}

func contractText(member string) []byte {
	return []byte("apiVersion: summit/v1\nkind: MemberContract\nmember: " + member + "\ncurrency: CNY\neffective: {from: 2026-12-01, to: 2027-11-30, zone: Asia/Shanghai}\n" +
		testContracts[member] + "\ndividend: {players: eligible, standby_bp: 2500, floor_phi: 0}\n")
}

func testAlliance(t testing.TB) *Alliance {
	t.Helper()
	terms, err := ReadTerms([]byte(testTerms))
	if err != nil {
		t.Fatal(err)
	}
	var all []*Contract
	for _, m := range sorted(testContracts) {
		c, err := ReadContract(contractText(m))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	a, err := New(terms, all)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func run(t testing.TB, events string) *Settlement {
	t.Helper()
	e, err := ReadEvents(strings.NewReader(events))
	if err != nil {
		t.Fatal(err)
	}
	s, err := testAlliance(t).Run(e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// requestA is example A: a fused answer with a surplus.
const requestA = `{"id":"a","at":"2026-12-03T08:00:00+08:00","mode":"fuse","price":50000,"members":[
	{"member":"qwen","used":true,"buckets":{"input":1000,"cache_read":200,"output":600}},{"member":"glm","used":true,"buckets":{"input":1200,"output":550}},
	{"member":"pangu","used":true,"card_ms":2350},{"member":"everest","used":true}],
	"v":{"":0,"qwen":700000,"glm":720000,"pangu":640000,"everest":400000,"qwen+glm":760000,"qwen+pangu":740000,"glm+pangu":750000,"qwen+everest":720000,
	"glm+everest":735000,"pangu+everest":660000,"qwen+glm+pangu":780000,"qwen+glm+everest":830000,"qwen+pangu+everest":800000,"glm+pangu+everest":815000,"everest+pangu+glm+qwen":870000}}`

// requestB and requestB2 are example B: a cascade at a loss, and the request
// that repays it.
const (
	requestB = `{"id":"b","at":"2026-12-04","mode":"cascade","price":12000,"members":[{"member":"zhinao","used":true,"calls":1},
		{"member":"glm","used":true,"buckets":{"input":900,"output":700}}],"v":{"zhinao":500000,"glm":700000,"zhinao+glm":800000}}`
	requestB2 = `{"id":"b2","at":"2026-12-04","mode":"route","price":30000,"members":[{"member":"glm","used":true,"buckets":{"input":2250}},
		{"member":"qwen"},{"member":"spark"}],"predicted":{"spark":610000,"qwen":760000,"glm":790000}}`
	openingB = `"opening":{"reserve":1832,"caps_left":{"zhinao":5000,"glm":3000}}`
)

// closeC is example C: a month's end with a subscription's true-up and
// guarantees.
const closeC = `{"opening":{"reserve":260000000,"caps_left":{"hunyuan":12000000},"absorbed":{"hunyuan":261000000},"payable":{"qwen":1234567891,"glm":987654329,
	"pangu":456789015,"hunyuan":302000007,"everest":88888888,"spark":7654321,"zhinao":65432109}},
	"requests":[{"kind":"close","id":"c","at":"2027-01-01","period":"2026-12"}]}`

func TestWorkedExamples(t *testing.T) {
	f := func(name, events string) {
		t.Helper()
		got, err := json.MarshalIndent(run(t, events), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	f("a", `{"requests":[`+requestA+`]}`)
	f("b", `{`+openingB+`,"requests":[`+requestB+`,`+requestB2+`]}`)
	f("c", closeC)
	f("refund", `{"requests":[`+requestA+`,{"kind":"refund","id":"r","of":"a","part":"1/3"}]}`)
	f("fx", `{"requests":[{"kind":"fx","id":"x","currency":"USD","amount":1990000,"rate":"7.1234","source":"example"}]}`)
}

// t1 lets the alliance of a property test be built inside of it.
var t1 testing.TB = panicking{}

type panicking struct{ testing.TB }

func (panicking) Helper()           {}
func (panicking) Fatal(args ...any) { panic(args) }

func mustTime(s string) time.Time {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return at
}
