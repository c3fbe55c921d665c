package summit

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"summit/alliance"
	"summit/identity"
	"summit/ledger"
)

// allied is a configuration with books: two members, of which the contract of
// one lies in the folder.
func allied(t *testing.T, contracts ...string) Config {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("terms.yaml", "vat_bp: 600\nfee_bp: 500\nreserve_bp: 1000\nrecoup_bp: 5000\nprices: {'*': {input: '10', output: '100', call: '0.001'}}\n")
	if err := os.Mkdir(filepath.Join(dir, "contracts"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, m := range contracts {
		put("contracts/"+m+".yaml", "apiVersion: summit/v1\nkind: MemberContract\nmember: "+m+"\ncurrency: CNY\ncost: {model: per_call, call: '0.0005'}\n")
	}
	return Config{DataDir: filepath.Join(dir, "data"), Members: map[string]Member{"a": says("hello"), "b": says("hello")}, Log: Log{Level: "error"},
		Books: Books{Terms: filepath.Join(dir, "terms.yaml"), Contracts: filepath.Join(dir, "contracts")}}
}

// A customer pays for what it asks, is refused in its protocol's own words where
// it can't, and each role sees its own.
func TestBooks(t *testing.T) {
	var n *NotReadyError
	if _, err := Open(t.Context(), allied(t, "a")); !errors.As(err, &n) || !strings.Contains(err.Error(), "no contract of b") {
		t.Errorf("without a contract of b: %v", err)
	}
	c := allied(t, "a", "b")
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	key := func(tenant string, role identity.Role) string {
		_, secret, err := s.serving.keys.Create(t.Context(), identity.Draft{Name: "x", Tenant: tenant, Role: role})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	admin, acme, ours := s.AdminKey(), key("acme", identity.User), key("a", identity.Member)
	call := func(method, path, key, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, bytes.NewReader([]byte(body)))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	f := func(method, path, key, body string, status int, want string) {
		t.Helper()
		got, text := call(method, path, key, body)
		if got != status || !strings.Contains(text, want) {
			t.Errorf("%s %s: %d, want %d with %q in\n%s", method, path, got, status, want, text)
		}
	}
	const chat = `{"model":"a","max_tokens":20,"messages":[{"role":"user","content":"hello?"}]}`
	f("POST", "/v1/chat/completions", acme, chat, http.StatusTooManyRequests, "is no customer of the books")
	f("POST", "/admin/v1/books/customers", acme, `{"name":"acme"}`, http.StatusForbidden, "want admin")
	f("POST", "/admin/v1/books/customers", admin, `{"name":"acme","debt":1}`, http.StatusBadRequest, "debt")
	f("POST", "/admin/v1/books/customers", admin, `{"name":"acme"}`, http.StatusOK, `"balance":"0"`)
	f("POST", "/v1/chat/completions", acme, chat, http.StatusTooManyRequests, "insufficient_quota")
	f("POST", "/v1/messages", acme, chat, http.StatusPaymentRequired, "billing_error")
	f("POST", "/admin/v1/books/deposits", admin, `{"customer":"acme","amount":"1","reference":"b1"}`, http.StatusOK, `"balance":"1"`)
	f("POST", "/admin/v1/books/deposits", admin, `{"customer":"acme","amount":"1","reference":"b1"}`, http.StatusOK, `"balance":"1"`)
	f("POST", "/admin/v1/books/deposits", admin, `{"customer":"acme","amount":"2","reference":"b1"}`, http.StatusBadRequest, "another input")
	f("POST", "/v1/chat/completions", acme, chat, http.StatusOK, "hello")
	f("POST", "/v1/chat/completions", acme, strings.Replace(chat, `"a"`, `"summit-max"`, 1), http.StatusOK, "hello")
	f("POST", "/v1/chat/completions", ours, chat, http.StatusForbidden, "role member")

	f("GET", "/admin/v1/books", admin, "", http.StatusOK, `"members":[{"member":"a"`)
	f("GET", "/admin/v1/books", ours, "", http.StatusOK, `{"member":"a","payable":`)
	f("GET", "/admin/v1/books", acme, "", http.StatusOK, `"name":"acme"`)
	f("GET", "/admin/v1/books/customers", ours, "", http.StatusForbidden, "want admin or user")
	if _, text := call("GET", "/admin/v1/books/postings", ours, ""); !strings.Contains(text, "member:a:payable") || strings.Contains(text, "acme") || strings.Contains(text, "member:b") {
		t.Errorf("a member sees %s", text)
	}
	if _, text := call("GET", "/admin/v1/books/postings", acme, ""); !strings.Contains(text, "customer:acme:wallet") || strings.Contains(text, "member:") {
		t.Errorf("a customer sees %s", text)
	}
	f("POST", "/admin/v1/books/closes", admin, `{"period":"`+string(ledger.PeriodOf(time.Now().UTC()))+`"}`, http.StatusBadRequest, "the period is not over")
	f("GET", "/admin/v1/books/closes/2020-01", ours, "", http.StatusNotFound, "no such transaction")
	f("GET", "/admin/v1/books/statements/2020-01/b.csv", ours, "", http.StatusForbidden, "member a")
	f("GET", "/admin/v1/books/statements/2020-01/a.csv", ours, "", http.StatusNotFound, "is the month closed?")
	month := string(ledger.PeriodOf(time.Now().UTC()))
	f("GET", "/admin/v1/books/bills/"+month+"/acme.csv", acme, "", http.StatusOK, "posting,")
	f("GET", "/admin/v1/books/bills/"+month+"/acme.json", admin, "", http.StatusOK, `"paid": 1000000`)
	f("GET", "/admin/v1/books/bills/"+month+"/acme.pdf", acme, "", http.StatusOK, "%PDF-1.4")
	f("GET", "/admin/v1/books/bills/"+month+"/acme.html", acme, "", http.StatusOK, "客户账单")
	f("GET", "/admin/v1/books/bills/"+month+"/a.csv", acme, "", http.StatusForbidden, "customer acme")
	f("GET", "/admin/v1/books/bills/"+month+"/acme.csv", ours, "", http.StatusForbidden, "want admin or user")
	f("GET", "/admin/v1/books/bills/"+month+"/nobody.csv", admin, "", http.StatusNotFound, "no such customer")
	f("GET", "/admin/v1/books/bills/2020/acme.csv", admin, "", http.StatusBadRequest, "period")
	f("GET", "/admin/v1/books/bills/"+month+"/acme.exe", admin, "", http.StatusNotFound, "want PERIOD/CUSTOMER.csv")
	f("GET", "/admin/v1/books/statements/2020-01/..", admin, "", http.StatusNotFound, "")

	totals, err := s.serving.books.Journal.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var earned alliance.Units
	for _, m := range totals.Members {
		earned += m.Earned()
	}
	if totals.Spent == 0 || totals.Held != 0 || totals.Wallets+totals.Spent != 1_000_000 || totals.Spent != totals.Tax+totals.Fee+totals.Reserve+earned {
		t.Errorf("it does not add up: %+v, earned %d", totals, earned)
	}
	_, before := call("GET", "/metrics", admin, "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// A new process knows what was spent from its first moment.
	if s, err = Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, after := call("GET", "/metrics", admin, "")
	figures := 0
	for line := range strings.Lines(before) {
		if strings.HasPrefix(line, "summit_books_") {
			figures++
			if !strings.Contains(after, line) {
				t.Errorf("after a restart there is no %s", line)
			}
		}
	}
	if figures < 15 {
		t.Errorf("%d figures of the books in the metrics, want 7 and 4 of each member", figures)
	}
	if spent := series(before, "summit_books_spent"); spent == "" || spent != series(after, "summit_books_spent") || series(after, `summit_books_member_earned{member="a"}`) == "" {
		t.Errorf("spent %q before and %q after a restart", spent, series(after, "summit_books_spent"))
	}
}

// A member whose contract is for other days does not keep the server from
// starting, and is told of.
func TestBooksTellOfContractsThatHoldLater(t *testing.T) {
	c := allied(t, "a", "b")
	path := filepath.Join(c.Books.Contracts, "b.yaml")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(text, "effective: {from: 2999-12-01}\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := log.String(); strings.Count(got, "can't be sold") != 1 || !strings.Contains(got, "member=b") {
		t.Errorf("the log says %q, want that b can't be sold", got)
	}
}

// A judge that the terms name measures fused answers, and is paid for it by the
// alliance; one that is no member keeps the server from starting.
func TestBooksJudge(t *testing.T) {
	c := allied(t, "a", "b", "j")
	c.Members["j"] = says("1: 6 A B")
	c.Models = map[string]Model{"both": {Use: "fuse", Members: []string{"a", "b"}}}
	terms, err := os.ReadFile(c.Books.Terms)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(name string) {
		if err := os.WriteFile(c.Books.Terms, append(slices.Clip(terms), "judge: {member: "+name+", sample_bp: 10000}\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	judge("z")
	if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "judge: z has no contract") {
		t.Errorf("a judge without contract: %v", err)
	}
	judge("j")
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	j := s.serving.books.Journal
	if err := errors.Join(j.PutCustomer(t.Context(), alliance.Customer{Name: "acme"}), j.Deposit(t.Context(), "acme", 1_000_000, "b1", time.Now())); err != nil {
		t.Fatal(err)
	}
	_, key, err := s.serving.keys.Create(t.Context(), identity.Draft{Name: "x", Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/v1/chat/completions", strings.NewReader(`{"model":"both","max_tokens":20,"messages":[{"role":"user","content":"hello?"}],"summit":{"explain":true}}`))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	n := 0
	for f, err := range j.Store().Records(t.Context(), ledger.RecordFilter{Kind: "event"}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for _, want := range []string{`"judged":{"judge":"j","statements":1}`, `"v":{"a":1000000,"a+b":1000000,"b":1000000}`, `"audit":true`} {
			if !strings.Contains(string(f.Body), want) {
				t.Errorf("no %s in %s", want, f.Body)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if cost, err := j.Store().Balance(t.Context(), "cost:declared:j", "CNY"); cost != 500 {
		t.Errorf("the judge cost %d, %v, want 500", cost, err)
	}
}

// series returns the value of a metric.
func series(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
