package alliance

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"summit/ledger"
)

// draw makes a request of random members, figures and worths.
func draw(t *rapid.T, id string) *Request {
	names := sorted(testContracts)
	r := &Request{ID: id, Price: Units(rapid.Int64Range(0, 200_000).Draw(t, "price"))}
	r.At.Time = mustTime("2026-12-10T00:00:00Z")
	var in []string
	for _, m := range names {
		if !rapid.Bool().Draw(t, "in "+m) {
			continue
		}
		in = append(in, m)
		calls := rapid.Int64Range(0, 3).Draw(t, "calls")
		r.Members = append(r.Members, Member{Member: m, Used: rapid.Bool().Draw(t, "used"), Calls: &calls, CardMS: rapid.Int64Range(0, 50_000).Draw(t, "ms"),
			Buckets: Buckets{Input: rapid.Int64Range(0, 9000).Draw(t, "in"), Output: rapid.Int64Range(0, 3000).Draw(t, "out")}})
	}
	if len(in) == 0 {
		r.Members, in = []Member{{Member: "glm", Used: true}}, []string{"glm"}
	}
	switch rapid.IntRange(0, 2).Draw(t, "game") {
	case 0:
		r.Predicted = map[string]int64{}
		for _, m := range in {
			r.Predicted[m] = rapid.Int64Range(0, maxWorth).Draw(t, "q")
		}
	case 1:
		r.V = map[string]int64{}
		for set := 1; set < 1<<len(in); set++ {
			g := game{players: in}
			r.V[strings.Join(g.names(set), "+")] = rapid.Int64Range(0, maxWorth).Draw(t, "v")
		}
	}
	return r
}

func total(m map[string]Units) (sum Units) {
	for _, a := range m {
		sum += a
	}
	return sum
}

// Whatever comes, the postings sum to zero, every unit of the price has a
// place, declared = recovered + sacrificed + deferred, and caps hold.
func TestInvariants(t *testing.T) {
	a := testAlliance(t)
	rapid.Check(t, func(t *rapid.T) {
		books := &Books{Reserve: Units(rapid.Int64Range(0, 50_000).Draw(t, "reserve")),
			CapsLeft: map[string]Units{"glm": Units(rapid.Int64Range(0, 9000).Draw(t, "cap"))},
			Deferred: map[string]Units{"zhinao": Units(rapid.Int64Range(0, 9000).Draw(t, "claim"))}}
		for i := range 3 {
			r := draw(t, fmt.Sprint("r", i))
			before := books.clone()
			res, after, err := a.Settle(r, books)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, books.clone()); diff != "" {
				t.Fatalf("the books before were changed: %s", diff)
			}
			if err := ledger.Balanced(res.Postings); err != nil {
				t.Fatal(err)
			}
			for m, c := range res.Costs {
				if c != res.Recovered[m]+res.Sacrifice[m]+res.Deferred[m] || res.Recovered[m] < 0 || res.Sacrifice[m] < 0 || res.Deferred[m] < 0 {
					t.Fatalf("%s: cost %d = %d + %d + %d", m, c, res.Recovered[m], res.Sacrifice[m], res.Deferred[m])
				}
				k, _ := a.contract(m, r.At.Time)
				if res.Sacrifice[m] > basisPoints(c, k.Sacrifice.PerRequestBP) || res.Sacrifice[m] > books.capLeft(k) {
					t.Fatalf("%s: sacrifice %d is above its cap", m, res.Sacrifice[m])
				}
			}
			if res.Tax+res.Fee+total(res.Recovered)+total(res.Recouped)+total(res.Dividends)+res.ToReserve-res.FromReserve != r.Price {
				t.Fatalf("a part of the price has no place: %+v", res)
			}
			if after.Reserve < 0 || after.Reserve != books.Reserve+res.ToReserve-res.FromReserve {
				t.Fatalf("reserve %d after %d", after.Reserve, books.Reserve)
			}
			books = after
		}
	})
}

// The order of members does not matter.
func TestOrderOfMembers(t *testing.T) {
	a := testAlliance(t)
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t, "r")
		one, _, err := a.Settle(r, &Books{Reserve: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		turned := *r
		turned.Members = rapid.Permutation(r.Members).Draw(t, "order")
		two, _, err := a.Settle(&turned, &Books{Reserve: 10_000})
		if diff := cmp.Diff(one, two); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// The closed form of routing is the counted game; contributions add up to what
// all are worth together; a clone gets its owner nothing.
func TestContributions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		players, owners, q := make([]string, n), make([]string, n), map[string]int64{}
		best := int64(0)
		for i := range players {
			players[i] = fmt.Sprint("m", i)
			owners[i] = players[i]
			q[players[i]] = rapid.Int64Range(0, maxWorth).Draw(t, "q")
			best = max(best, q[players[i]])
		}
		g, err := bestGame(players, owners, q)
		if err != nil {
			t.Fatal(err)
		}
		sum := new(big.Rat)
		for i, phi := range g.shares() {
			if closed := bestShares(players, q)[i]; closed.Cmp(phi) != 0 {
				t.Fatalf("closed form %s, counted %s", closed, phi)
			}
			sum.Add(sum, phi)
		}
		if sum.Cmp(new(big.Rat).SetInt64(best)) != 0 {
			t.Fatalf("contributions sum to %s, want %d", sum, best)
		}
		// Clone the first player under its owner.
		players, owners = append(players, "clone"), append(owners, owners[0])
		q["clone"] = q[players[0]]
		cloned, err := bestGame(players, owners, q)
		if err != nil {
			t.Fatal(err)
		}
		phi := cloned.shares()
		both := new(big.Rat).Add(phi[0], phi[n])
		if alone := g.shares()[0]; both.Cmp(alone) != 0 {
			t.Fatalf("with a clone the owner gets %s, alone %s", both, alone)
		}
	})
}

// Refunds in any parts that make the whole reverse it to the unit, and never
// more.
func TestRefunds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := testAlliance(t1)
		n := rapid.IntRange(1, 6).Draw(t, "parts")
		opening, _ := json.Marshal(&Books{Reserve: 100_000})
		events := &Events{}
		if err := json.Unmarshal(opening, &events.Opening); err != nil {
			t.Fatal(err)
		}
		r, _ := json.Marshal(draw(t, "r"))
		events.Requests = []json.RawMessage{r}
		for i := range n {
			events.Requests = append(events.Requests, json.RawMessage(fmt.Sprintf(`{"kind":"refund","id":"x%d","of":"r","part":"1/%d"}`, i, n)))
		}
		s, err := a.Run(events)
		if err != nil {
			t.Fatal(err)
		}
		sums := map[ledger.Account]Units{}
		for _, res := range s.Requests {
			_, _, postings := res.Posted()
			for _, p := range postings {
				sums[p.Account] += p.Amount
			}
		}
		for account, sum := range sums {
			if sum != 0 {
				t.Fatalf("%s keeps %d after all was refunded", account, sum)
			}
		}
		if s.Closing.Reserve != 100_000 || len(s.Closing.Payable) != 0 {
			t.Fatalf("closing %+v", s.Closing)
		}
		events.Requests = append(events.Requests, json.RawMessage(`{"kind":"refund","id":"more","of":"r","part":"1/1000"}`))
		if _, err := a.Run(events); err == nil {
			t.Fatal("more than the whole was refunded")
		}
	})
}

// The member at fault makes good what the others lose, up to its cap.
func TestFault(t *testing.T) {
	s := run(t, `{"opening":{"reserve":100},"requests":[`+requestA+`,{"kind":"refund","id":"r","of":"a","fault":"glm"}]}`)
	res := s.Requests[1].(*RefundResult)
	if err := ledger.Balanced(res.Postings); err != nil {
		t.Fatal(err)
	}
	// qwen's 8,256 and pangu's 4,243 are made good by glm.
	if got := s.Closing.Payable; got["qwen"] != 8256 || got["pangu"] != 4243 || got["glm"] != -12499 || got["everest"] != 0 {
		t.Errorf("payable %v", got)
	}
}

func TestReadContractRefuses(t *testing.T) {
	good := string(contractText("qwen"))
	f := func(from, to, want string) {
		t.Helper()
		if !strings.Contains(good, from) {
			t.Fatalf("%q is not in the contract", from)
		}
		_, err := ReadContract([]byte(strings.Replace(good, from, to, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", to, err, want)
		}
	}
	f("summit/v1", "summit/v9", "apiVersion")
	f("MemberContract", "Contract", "kind")
	f("member: qwen", "member: 'a b'", "member")
	f("CNY", "yuan", "currency")
	f("Asia/Shanghai", "Mars/Base", "zone")
	f("2026-12-01", "2028-12-01", "to")
	f("per_token", "per_mood", "model")
	f("output: '9.60'", "outptu: '9.60'", "outptu")
	f("output: '9.60', ", "", "output")
	f("input: '2.40'", "input: '-2'", "")
	f("input: '2.40'", "fee: '1', input: '2.40'", "fee")
	f("per_request_bp: 2000", "per_request_bp: 20000", "per_request_bp")
	f("standby_bp: 2500", "standby_bp: -1", "standby_bp")
	f("players: eligible", "players: all", "players")
	if _, err := ReadContract(nil); err == nil {
		t.Error("an empty contract was read")
	}
}

func TestRunRefuses(t *testing.T) {
	a := testAlliance(t)
	f := func(record, want string) {
		t.Helper()
		_, err := a.Run(&Events{Requests: []json.RawMessage{json.RawMessage(requestA), json.RawMessage(record)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", record, err, want)
		}
	}
	f(requestA, "twice")
	f(`5`, "object")
	f(`{"id":""}`, "id")
	f(`{"id":"x","members":[{"member":"glm"}]}`, "price")
	f(`{"id":"x","price":-1,"members":[{"member":"glm"}]}`, "price")
	f(`{"id":"x","price":1.5,"members":[{"member":"glm"}]}`, "price")
	f(`{"id":"x","price":9223372036854775807,"members":[{"member":"glm"}]}`, "price")
	f(`{"id":"x","price":1,"members":[]}`, "members")
	f(`{"id":"x","price":1,"members":[{"member":"nobody"}]}`, "nobody")
	f(`{"id":"x","price":1,"members":[{"member":"glm"},{"member":"glm"}]}`, "twice")
	f(`{"id":"x","price":1,"at":"2020-01-01","members":[{"member":"glm"}]}`, "holds at")
	f(`{"id":"x","price":1,"members":[{"member":"glm","used":true,"buckets":{"input":-5}}]}`, "input")
	f(`{"id":"x","price":1,"members":[{"member":"glm","used":true,"buckets":{"inptu":5}}]}`, "inptu")
	f(`{"id":"x","price":1,"members":[{"member":"glm","used":true,"buckets":{"output":9223372036854775807}}]}`, "output")
	f(`{"id":"x","price":1,"members":[{"member":"zhinao","used":true,"calls":-1}]}`, "calls")
	f(`{"id":"x","price":1,"members":[{"member":"glm"}],"v":{"glm+qwen":1}}`, "qwen")
	f(`{"id":"x","price":1,"members":[{"member":"glm"},{"member":"qwen"}],"v":{"glm":1}}`, "missing")
	f(`{"id":"x","price":1,"members":[{"member":"glm"},{"member":"qwen"}],"predicted":{"glm":1}}`, "qwen")
	f(`{"id":"x","price":1,"membres":[],"members":[{"member":"glm"}]}`, "membres")
	f(`{"kind":"refund","id":"x","of":"zzz"}`, "zzz")
	f(`{"kind":"refund","id":"x","of":"a","part":"3/2"}`, "part")
	f(`{"kind":"close","id":"x","period":"December"}`, "period")
	f(`{"kind":"fx","id":"x","currency":"CNY","amount":1,"rate":"7"}`, "currency")
	f(`{"kind":"fx","id":"x","currency":"USD","amount":1,"rate":"1e9999999"}`, "rate")
	f(`{"kind":"gift","id":"x"}`, "gift")
}

// Two runs are the same bytes.
func TestDeterministic(t *testing.T) {
	events := `{` + openingB + `,"requests":[` + requestA + `,` + requestB + `,` + requestB2 + `]}`
	one, _ := json.Marshal(run(t, events))
	two, _ := json.Marshal(run(t, events))
	if string(one) != string(two) {
		t.Error("two runs differ")
	}
}

// No float type is in the packages that count money.
func TestNoFloats(t *testing.T) {
	for _, dir := range []string{".", "../ledger"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					if n.Name == "float32" || n.Name == "float64" || strings.Contains(n.Name, "Float") {
						t.Errorf("%s: %s", set.Position(n.Pos()), n.Name)
					}
				case *ast.BasicLit:
					if n.Kind == token.FLOAT {
						t.Errorf("%s: %s", set.Position(n.Pos()), n.Value)
					}
				}
				return true
			})
		}
	}
}

// FuzzContract: any bytes are a contract or an error.
func FuzzContract(f *testing.F) {
	for _, m := range sorted(testContracts) {
		f.Add(contractText(m))
	}
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ReadContract(text)
		if err == nil && (c.Hash == "" || c.Owner == "" || c.check() != nil) {
			t.Fatalf("%q: %+v", text, c)
		}
	})
}

// FuzzEvents: any bytes are settled or refused, and what is settled balances.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"requests":[` + requestA + `]}`))
	f.Add([]byte(closeC))
	f.Add([]byte(`{` + openingB + `,"requests":[` + requestB + `,{"kind":"refund","id":"r","of":"b","part":"1/7","fault":"glm"}]}`))
	a := testAlliance(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := ReadEvents(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		s, err := a.Run(e)
		if err != nil {
			return
		}
		if err := s.Closing.check(); err != nil {
			t.Fatalf("%s: closing: %v", text, err)
		}
	})
}

// A contract that holds for a part of a month counts for its days, calls cover
// the earlier one first, and a guarantee is whole.
func TestCloseInParts(t *testing.T) {
	f := func(what string, want string, texts ...string) {
		t.Helper()
		terms, err := ReadTerms([]byte(testTerms))
		if err != nil {
			t.Fatal(err)
		}
		var all []*Contract
		for _, text := range texts {
			c, err := ReadContract([]byte("apiVersion: summit/v1\nkind: MemberContract\nmember: m\ncurrency: CNY\n" + text))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		a, err := New(terms, all)
		if err != nil {
			t.Fatal(err)
		}
		s, err := a.Run(&Events{Opening: Books{Reserve: 1_000_000_000, Absorbed: map[string]Units{"m": 4_000_000}, CardMS: map[string]int64{"m": 24 * 3_600_000}}, Requests: []json.RawMessage{[]byte(`{"kind":"close","id":"c","period":"2026-12"}`)}})
		if err != nil {
			t.Fatal(err)
		}
		res := s.Requests[0].(*CloseResult)
		if got := fmt.Sprint(res.Uncovered, res.Sacrifice, res.FromReserve, res.Guarantees); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	const fee = "cost: {model: subscription, fee: '31', planned_calls: 100}\n"
	f("whole", "map[m:27000000] map[] 27000000 map[]", fee)
	f("from the eleventh on", "map[m:17000000] map[] 17000000 map[]", "effective: {from: 2026-12-11}\n"+fee)
	f("a week in it", "map[m:3000000] map[] 3000000 map[]", "effective: {from: 2026-12-11, to: 2026-12-17}\n"+fee)
	f("not in it", "map[] map[] 0 map[]", "effective: {from: 2027-01-01}\n"+fee)
	f("dearer later", "map[m:48000000] map[m:4200000] 43800000 map[]", "effective: {from: 2026-12-11}\ncost: {model: subscription, fee: '62', planned_calls: 100}\nsacrifice: {per_request_bp: 1000, per_period: '100'}\n", "effective: {to: 2026-12-10}\n"+fee)
	f("idle", "map[m:9000000] map[] 9000000 map[]", "effective: {from: 2026-12-11, to: 2026-12-11}\ncost: {model: self_hosted, card_hour: '1', cards: 4, idle_cover_bp: 1250}\n")
	f("the last guarantee", "map[] map[] 0 map[m:2000000]", "effective: {to: 2026-12-10}\ncost: {model: free}\nguarantee: {per_period: '5', funded_by: reserve}\n", "effective: {from: 2026-12-11, to: 2026-12-20}\ncost: {model: free}\nguarantee: {per_period: '2', funded_by: reserve}\n")
}
