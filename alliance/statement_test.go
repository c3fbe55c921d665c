package alliance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"summit/ledger"
)

func sampleStatement(lines int) *MemberStatement {
	s := &MemberStatement{StatementHead: StatementHead{Member: "glm", Period: "2026-12", Currency: "CNY", Zone: "Asia/Shanghai", Terms: "t", Contracts: []string{"c"}}, Posted: 1, Total: 1234567, Fen: 123, Rest: 4567, CSV: ledger.Sum([]byte("x"))}
	for i := range lines {
		s.Lines = append(s.Lines, Line{Day: "2026-12-01", Model: strings.Repeat("m", i%30) + "<b>(x)", Mode: "fuse", Kind: kindDividend, Count: 3, Amount: Units(i) * 1_000_000})
	}
	return s
}

// The PDF is well-formed, however long, says what it should, and is the same
// each time.
func TestPDF(t *testing.T) {
	for _, n := range []int{0, 3, 400} {
		var one, two bytes.Buffer
		s := sampleStatement(n)
		if err := s.PDF(&one); err != nil {
			t.Fatal(err)
		}
		if err := s.PDF(&two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Errorf("%d lines: %v, or not the same twice", n, err)
		}
		if !strings.HasPrefix(one.String(), "%PDF-1.4") || !strings.HasSuffix(one.String(), "%%EOF\n") {
			t.Errorf("%d lines: no PDF", n)
		}
		tool, err := exec.LookPath("pdftotext")
		if err != nil {
			t.Log("no pdftotext: what a reader sees is not checked")
			continue
		}
		file := filepath.Join(t.TempDir(), "s.pdf")
		if err := os.WriteFile(file, one.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command(tool, "-layout", file, "-").CombinedOutput()
		for _, want := range []string{"联盟结算单", "应付", "1.23", "Asia/Shanghai"} {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%d lines: %v: no %q in\n%s", n, err, want, text)
			}
		}
	}
}

// Every Chinese character of the form is in the font that the PDF brings.
func TestPDFFont(t *testing.T) {
	text, err := os.ReadFile("statement_pdf.go")
	if err != nil {
		t.Fatal(err)
	}
	bill, err := os.ReadFile("bill_form.go")
	if err != nil {
		t.Fatal(err)
	}
	form := string(text) + string(bill)
	for _, names := range kindNames {
		form += names[0]
	}
	for _, r := range form {
		if r >= 0x80 && fontOf(r) != "F2" {
			t.Errorf("%q is not in statement.ttf", r)
		}
	}
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := sampleStatement(3).HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"联盟结算单", "1.23 CNY", "盈余分红 dividend", "&lt;b&gt;(x)", "2.000000"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
}

func TestDecimal(t *testing.T) {
	f := func(u Units, want string) {
		t.Helper()
		if got := Decimal(u); got != want {
			t.Errorf("Decimal(%d) = %q, want %q", u, got, want)
		}
		if back, err := parseDecimal(want); err != nil || back != u {
			t.Errorf("parseDecimal(%q) = %d, %v", want, back, err)
		}
	}
	f(0, "0.000000")
	f(1, "0.000001")
	f(-1_234_567, "-1.234567")
	f(ledger.MaxAmount, "4611686018427.387904")
	for _, bad := range []string{"", "1", "1.5", "1.0000001", ".000000", "1.00000x", "+1.000000", "99999999999999.000000", "--1.000000"} {
		if u, err := parseDecimal(bad); err == nil {
			t.Errorf("parseDecimal(%q) = %d", bad, u)
		}
	}
}

// Whatever somebody sends as a statement is read or refused.
func FuzzVerifyStatement(f *testing.F) {
	head := bom + strings.Join(columns, ",") + "\r\n"
	f.Add([]byte(head + "head,,,,member,,,,,,,,,,,,,,,,glm\r\nposting,2026-12-01,m,fuse,cost,r,,1,,,2,,,,1,,0.000010,,,0.000010,c\r\nline,2026-12-01,m,fuse,cost,,1,1,,,2,,,,1,,0.000010,,,0.000010,\r\ntotal,,,,posted,,,,,,,,,,,,,,,0.000010,\r\n"))
	f.Add([]byte(bom))
	f.Add([]byte(head + "posting,,,,cost,,,9223372036854775807,,,,,,,,,4611686018427.387904,,,,\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := VerifyStatement(bytes.NewReader(text), nil)
		if err == nil && c == nil {
			t.Error("neither a check nor an error")
		}
	})
}

// What a tree grows to is what RFC 6962 says of small lists, and every leaf has
// a way to its root and no other.
func TestMerkle(t *testing.T) {
	var leaves [][]byte
	var tree Tree
	for i := range 40 {
		leaf := []byte{byte(i)}
		leaves = append(leaves, leaf)
		tree.Add(leaf)
		for j := range leaves {
			p := Prove(leaves, j)
			if !p.Leads(leaves[j], tree.Root()) {
				t.Fatalf("%d leaves: no way from %d", i+1, j)
			}
			if p.Leads([]byte{byte(j + 1)}, tree.Root()) || (i > 0 && p.Leads(leaves[j], ledger.Hash{})) {
				t.Fatalf("%d leaves: a wrong leaf %d leads to the root", i+1, j)
			}
		}
	}
	if got, want := new(Tree).Root().String(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; got != want {
		t.Errorf("empty root %s, want %s", got, want)
	}
}
