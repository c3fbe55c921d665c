package main

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"summit/ledger"
)

func TestLedger(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	file := filepath.Join(dir, "books.db")
	s, err := ledger.OpenSQLite(t.Context(), file, ledger.SQLiteOptions{Now: func() time.Time { return time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []ledger.Entry{
		{Key: "deposit:1", Kind: "deposit", Postings: []ledger.Posting{{Account: "bank:CNY", Amount: 5_000_000}, {Account: "customer:acme:wallet", Amount: -5_000_000}}},
		{Key: "settle:1", Kind: "settle", Postings: []ledger.Posting{{Account: "customer:acme:wallet", Amount: 50_000}, {Account: "operator:fee", Amount: -50_000}},
			Records: []ledger.Record{{Kind: "event", Key: "1", Body: []byte("{}")}}},
	} {
		e.Currency = "CNY"
		if _, err := s.Post(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// f runs "summit ledger" and looks for texts in what it prints.
	f := func(code int, args string, wants ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		all := append([]string{"ledger"}, strings.Fields(args)...)
		if got := run(t.Context(), &app{in: strings.NewReader(""), out: &out, err: &errs}, all); got != code {
			t.Errorf("%s: exit code %d, want %d: %s%s", args, got, code, out.String(), errs.String())
		}
		for _, want := range wants {
			if !strings.Contains(out.String()+errs.String(), want) {
				t.Errorf("%s: %q is not in\n%s%s", args, want, out.String(), errs.String())
			}
		}
		return out.String()
	}
	at := " --file " + file
	verified := f(0, "verify"+at, "2 transactions, 4 postings, 1 records, 3 accounts, 0 open holds", "head 2:")
	head := strings.TrimSpace(verified[strings.Index(verified, "head ")+5:])
	f(0, "verify --head "+head+at)
	f(0, "verify -o json --data-dir "+dir, `"damages": []`, `"transactions": 2`)
	f(0, "balances"+at, "customer:acme:wallet", "liability", "-4.950000")
	f(0, "balances bank: --period 2026-12 -o json"+at, `"amount": 5000000`, `"period": "2026-12"`)
	if out := f(0, "balances --period 2026-11 -o json"+at); strings.TrimSpace(out) != "[]" {
		t.Errorf("turnover of a month without any: %s", out)
	}
	f(0, "postings --account customer:acme:wallet"+at, "deposit:1", "-5.000000", "+0.050000")
	f(0, "postings --kind settle --limit 1"+at, "settle:1", "--after 1 goes on")
	export := filepath.Join(dir, "books.jsonl")
	f(0, "export --to "+export+at, "up to "+head)
	f(0, "verify "+export+" --head "+head, "2 transactions")
	f(0, "export --format csv --after 1"+at, "seq,booked_at,period", "2,2026-12-01T08:00:00Z,2026-12,2026-12,settle,settle:1,1,customer:acme:wallet,50000,CNY,"+strings.TrimPrefix(head, "2:"))

	f(2, "balances --period 2026"+at, "want a month such as 2026-12")
	f(2, "postings --account pocket"+at, "no such account")
	f(2, "postings --limit 0"+at, "want 1 to 1000000")
	f(2, "export --format xml"+at, "want jsonl or csv")
	f(2, "verify --head 5"+at, "hexadecimal digits")
	f(1, "verify "+filepath.Join(dir, "nothing"), "no such file")
	f(1, "verify --file "+filepath.Join(dir, "nothing"), "no such file")
	f(1, "export --to "+filepath.Join(dir, "missing", "x")+at, "no such file")
	if _, err := os.Stat(filepath.Join(dir, "nothing")); err == nil {
		t.Error("a wrong name has made books")
	}

	// Somebody changes an amount.
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`DROP TRIGGER post_stays; UPDATE posting SET amount = 51000 WHERE seq = 2 AND n = 0`); err != nil {
		t.Fatal(err)
	}
	f(1, "verify"+at, "posting 2/1 (settle:1): it was changed after it was booked", "trigger (post_stays): missing", "sum to 1000, want 0", "damages")
	f(1, "verify --head "+strings.Replace(head, "2:", "3:", 1)+at, "txn 3: missing")
}
