package alliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/money"
)

// A customer's statement adds up to its balance, shows what it was charged and
// got back and nothing of anybody else, and is the same bytes each time.
func TestBill(t *testing.T) {
	j, c := books(t, 1_000_000)
	customer(t, j, "stranger", 500_000)
	settleA(t, j, "a") // 0.05
	if _, err := j.Refund(t.Context(), &Refund{ID: "ticket-1", Of: "a", Part: "1/3"}); err != nil {
		t.Fatal(err)
	}
	ask := Ask{ID: "cut", Customer: "default", Key: "key_1", Model: "tokens", At: c.now(), Input: 10, Output: 100, Until: c.now().AddDate(0, 2, 0)}
	held, _, err := j.Hold(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := j.Settle(t.Context(), Answer{ID: "cut", Customer: "default", Key: "key_1", Model: "tokens", At: c.now(), Outcome: &llm.Outcome{Member: "glm", Usage: used(10, 0, 50)}, Err: llm.Errorf(llm.Cut, "x"), Input: 10, Output: 50, Delivered: true, Bound: 100}, held); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"open", "void"} {
		ask.ID = id
		if _, _, err := j.Hold(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Void(t.Context(), "void", "nothing came"); err != nil {
		t.Fatal(err)
	}
	bill := func(customer, period string) (*Bill, string) {
		t.Helper()
		var out bytes.Buffer
		b, err := j.Bill(t.Context(), customer, "2026-12", &out)
		if period != "" {
			out.Reset()
			b, err = j.Bill(t.Context(), customer, "2027-01", &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return b, out.String()
	}
	b, text := bill("default", "")
	want := &Bill{Customer: "default", Period: "2026-12", Currency: "CNY", Zone: "Asia/Shanghai", Billing: Prepaid, Terms: j.Alliance().Terms.Hash, Lines: []BillLine{
		{Day: "2026-12-03", Kind: "deposit", Count: 1, Amount: 1_000_000},
		{Day: "2026-12-03", Kind: "refund", Count: 1, Tax: -943, Amount: 16_667},
		{Day: "2026-12-03", Model: "summit-max", Kind: "charge", Count: 1, Input: 1200, Output: 500, Tax: 2830, Amount: -50_000},
		{Day: "2026-12-03", Model: "tokens", Kind: "charge", Count: 1, Input: 10, Output: 50, Tax: 289, Amount: -5100},
	}, Charged: -55_100, Tax: 2176, Refunded: 16_667, Paid: 1_000_000, Closing: 961_567, Held: 10_100, CSV: sha256.Sum256([]byte(text))}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Error(diff)
	}
	s, err := j.Customer(t.Context(), "default")
	if err != nil || s.Balance+s.Held != money.Amount(b.Closing) || s.Held != money.Amount(b.Held) {
		t.Errorf("the customer has %v and %v held, %v", s.Balance, s.Held, err)
	}
	if _, again := bill("default", ""); again != text {
		t.Error("two bills of the same books differ")
	}
	if strings.Contains(text, "glm") || strings.Contains(text, "stranger") || !strings.Contains(text, "cut") {
		t.Errorf("it shows too much, or too little:\n%s", text)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, bom))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var sum Units
	for _, r := range rows {
		if r[0] == "posting" {
			x, err := parseDecimal(r[11])
			if err != nil {
				t.Fatal(err)
			}
			sum += x
		}
	}
	if sum != b.Closing-b.Opening {
		t.Errorf("the postings sum to %d, want %d", sum, b.Closing-b.Opening)
	}
	if o, _ := bill("stranger", ""); o.Closing != 500_000 || len(o.Lines) != 1 {
		t.Errorf("the other customer: %+v", o)
	}
	// The next month begins where this one ended, with what was held.
	c.set(mustTime("2027-01-02T00:00:00Z"))
	if _, err := j.Close(t.Context(), "2026-12"); err != nil {
		t.Fatal(err)
	}
	if b, _ := bill("default", ""); !b.Closed {
		t.Error("the month is closed")
	}
	next, _ := bill("default", "next")
	if next.Opening != b.Closing || next.Closing != b.Closing || next.Held != 10_100 || next.Closed {
		t.Errorf("the next month: %+v", next)
	}
	// Who pays later owes what it has used.
	if err := j.PutCustomer(t.Context(), Customer{Name: "later", Billing: Postpaid, Credit: 1_000_000}); err != nil {
		t.Fatal(err)
	}
	ask = Ask{ID: "l", Customer: "later", Model: "summit", At: c.now(), Until: c.now().Add(time.Hour)}
	if held, _, err = j.Hold(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	if _, _, err := j.Settle(t.Context(), Answer{ID: "l", Customer: "later", Model: "summit", At: c.now(), Outcome: &llm.Outcome{Member: "glm", Finish: llm.FinishStop, Usage: used(10, 0, 50)}, Output: 50, Delivered: true, Bound: 100}, held); err != nil {
		t.Fatal(err)
	}
	if l, _ := bill("later", "next"); l.Closing != -50_000 || l.Charged != -50_000 || l.Held != 0 {
		t.Errorf("postpaid: %+v", l)
	}
	if _, err := j.Bill(t.Context(), "nobody", "2026-12", &bytes.Buffer{}); !errors.Is(err, ErrNoCustomer) {
		t.Errorf("nobody's bill: %v", err)
	}
	if _, err := j.Bill(t.Context(), "default", "December", &bytes.Buffer{}); err == nil {
		t.Error("a bill of no month")
	}
	var page, pdf bytes.Buffer
	if err := errors.Join(b.HTML(&page), b.PDF(&pdf)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"客户账单", "请求计费 charge", "本月未结账", "0.961567", "预付 prepaid"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Log("no pdftotext: what a reader sees is not checked")
		return
	}
	file := filepath.Join(t.TempDir(), "b.pdf")
	if err := os.WriteFile(file, pdf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	seen, err := exec.Command(tool, "-layout", file, "-").CombinedOutput()
	for _, want := range []string{"客户账单", "期末余额 Closing balance", "0.961567", "充值 payment"} {
		if err != nil || !strings.Contains(string(seen), want) {
			t.Errorf("%v: no %q in\n%s", err, want, seen)
		}
	}
}
