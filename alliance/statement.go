package alliance

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"summit/ledger"
)

// StatementHead says whose statement it is, and of what.
type StatementHead struct {
	Member    string        `json:"member"`
	Period    ledger.Period `json:"period"`
	Currency  string        `json:"currency"`
	Zone      string        `json:"zone"`
	Terms     string        `json:"terms"`     // hashes of what it was computed by
	Contracts []string      `json:"contracts"` // in order of their days
	Opening   Units         `json:"opening"`   // brought forward: a balance that the member owed
	Residue   Units         `json:"residue"`   // brought forward: below one fen
}

// Row is one posting of a statement.
type Row struct {
	Day, Model, Mode, Kind, Request    string
	Buckets                            Buckets
	CardMS                             int64
	Declared, Sacrificed, Deferred, To Units // To is what the member gets; cost rows: declared = to + sacrificed + deferred
	Note                               string
}

// Line is the sum of a statement's postings of one day, model, mode and kind.
type Line struct {
	Day        string  `json:"day"`
	Model      string  `json:"model"`
	Mode       string  `json:"mode"`
	Kind       string  `json:"kind"`
	Count      int64   `json:"count"`
	Buckets    Buckets `json:"buckets"`
	CardMS     int64   `json:"card_ms"`
	Declared   Units   `json:"declared"`
	Sacrificed Units   `json:"sacrificed"`
	Deferred   Units   `json:"deferred"`
	Amount     Units   `json:"amount"`
}

// MemberStatement is a member's statement without its postings, which are in the CSV
// file alone.
type MemberStatement struct {
	StatementHead
	Lines  []Line      `json:"lines"`
	Posted Units       `json:"posted"`  // the sum of the lines
	Total  Units       `json:"accrued"` // with what was brought forward
	Fen    int64       `json:"fen"`     // hundredths of the currency, to be paid
	Rest   Units       `json:"carried"` // below one fen, or the balance that the member owes
	CSV    ledger.Hash `json:"csv_sha256"`
}

// bom tells Excel that the file is UTF-8: without it Chinese Excel reads GBK.
const bom = "\xef\xbb\xbf"

// columns are those of the CSV file, which is the canonical form of a
// statement. They are only ever added to.
var columns = []string{"record", "day", "model", "mode", "kind", "request", "count", "input", "cache_read", "cache_write", "output", "reasoning", "audio", "image", "calls", "card_ms",
	"declared", "sacrificed", "deferred", "amount", "note"}

// statementWriter writes a statement row by row, so that it needs no memory for
// the postings.
type statementWriter struct {
	head  StatementHead
	to    *bufio.Writer
	csv   *csv.Writer
	sum   hash.Hash
	lines map[[4]string]*Line
	cells [21]string
}

func newStatementWriter(w io.Writer, head StatementHead) (*statementWriter, error) {
	s := &statementWriter{head: head, sum: sha256.New(), lines: map[[4]string]*Line{}}
	s.to = bufio.NewWriterSize(io.MultiWriter(w, s.sum), 1<<16)
	if _, err := s.to.WriteString(bom); err != nil {
		return nil, err
	}
	s.csv = csv.NewWriter(s.to)
	s.csv.UseCRLF = true
	if err := s.csv.Write(columns); err != nil {
		return nil, err
	}
	for _, f := range [][2]string{{"version", "1"}, {"member", head.Member}, {"period", string(head.Period)}, {"currency", head.Currency}, {"zone", head.Zone}, {"terms", head.Terms}} {
		if err := s.write("head", &Row{Kind: f[0], Note: f[1]}, nil); err != nil {
			return nil, err
		}
	}
	for _, h := range head.Contracts {
		if err := s.write("head", &Row{Kind: "contract", Note: h}, nil); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add writes one posting.
func (s *statementWriter) add(r *Row) error {
	key := [4]string{r.Day, r.Model, r.Mode, r.Kind}
	l := s.lines[key]
	if l == nil {
		l = &Line{Day: r.Day, Model: r.Model, Mode: r.Mode, Kind: r.Kind}
		s.lines[key] = l
	}
	if err := l.add(r); err != nil {
		return err
	}
	return s.write("posting", r, nil)
}

// add adds a posting to the line.
func (l *Line) add(r *Row) error {
	l.Count++
	for _, x := range []struct {
		to *int64
		by int64
	}{{&l.Buckets.Input, r.Buckets.Input}, {&l.Buckets.CacheRead, r.Buckets.CacheRead}, {&l.Buckets.CacheWrite, r.Buckets.CacheWrite}, {&l.Buckets.Output, r.Buckets.Output},
		{&l.Buckets.Reasoning, r.Buckets.Reasoning}, {&l.Buckets.Audio, r.Buckets.Audio}, {&l.Buckets.Image, r.Buckets.Image}, {&l.Buckets.Calls, r.Buckets.Calls}, {&l.CardMS, r.CardMS}} {
		sum := *x.to + x.by
		if x.by < 0 || sum < *x.to {
			return fmt.Errorf("alliance: statement: %s %s: %w", l.Day, l.Kind, ledger.ErrOverflow)
		}
		*x.to = sum
	}
	for _, x := range []struct {
		to *Units
		by Units
	}{{&l.Declared, r.Declared}, {&l.Sacrificed, r.Sacrificed}, {&l.Deferred, r.Deferred}, {&l.Amount, r.To}} {
		sum, err := x.to.Add(x.by)
		if err != nil {
			return fmt.Errorf("alliance: statement: %s %s: %w", l.Day, l.Kind, err)
		}
		*x.to = sum
	}
	return nil
}

// end writes the lines and the totals, and returns the statement.
func (s *statementWriter) end(fen int64, carried Units) (*MemberStatement, error) {
	out := &MemberStatement{StatementHead: s.head, Lines: sortedLines(s.lines), Fen: fen, Rest: carried}
	for i := range out.Lines {
		l := &out.Lines[i]
		var err error
		if out.Posted, err = out.Posted.Add(l.Amount); err != nil {
			return nil, err
		}
		r := &Row{Day: l.Day, Model: l.Model, Mode: l.Mode, Kind: l.Kind, Buckets: l.Buckets, CardMS: l.CardMS, Declared: l.Declared, Sacrificed: l.Sacrificed, Deferred: l.Deferred, To: l.Amount}
		if err := s.write("line", r, &l.Count); err != nil {
			return nil, err
		}
	}
	out.Total = out.Posted + s.head.Opening + s.head.Residue
	for _, t := range []struct {
		kind string
		x    Units
	}{{"posted", out.Posted}, {"brought_forward", s.head.Opening}, {"residue_brought_forward", s.head.Residue}, {"accrued", out.Total}, {"payable", Units(fen) * fenUnits}, {"carried", carried}} {
		if err := s.write("total", &Row{Kind: t.kind, To: t.x}, nil); err != nil {
			return nil, err
		}
	}
	s.csv.Flush()
	if err := s.csv.Error(); err != nil {
		return nil, err
	}
	if err := s.to.Flush(); err != nil {
		return nil, err
	}
	s.sum.Sum(out.CSV[:0])
	return out, nil
}

func sortedLines(m map[[4]string]*Line) []Line {
	lines := make([]Line, 0, len(m))
	for _, l := range m {
		lines = append(lines, *l)
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return slices.Compare([]string{a.Day, a.Model, a.Mode, a.Kind}, []string{b.Day, b.Model, b.Mode, b.Kind})
	})
	return lines
}

// write writes one row; count is nil where the column is empty.
func (s *statementWriter) write(record string, r *Row, count *int64) error {
	amount := amountCell
	if record == "total" {
		amount = Decimal
	}
	c := &s.cells
	*c = [21]string{record, r.Day, guard(r.Model), r.Mode, r.Kind, guard(r.Request), "", numberCell(r.Buckets.Input), numberCell(r.Buckets.CacheRead), numberCell(r.Buckets.CacheWrite),
		numberCell(r.Buckets.Output), numberCell(r.Buckets.Reasoning), numberCell(r.Buckets.Audio), numberCell(r.Buckets.Image), numberCell(r.Buckets.Calls), numberCell(r.CardMS),
		amount(r.Declared), amount(r.Sacrificed), amount(r.Deferred), amount(r.To), guard(r.Note)}
	if count != nil {
		c[6] = strconv.FormatInt(*count, 10)
	}
	return s.csv.Write(c[:])
}

// numberCell is a number in a statement's cell; of nothing the cell is empty.
func numberCell(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// amountCell is an amount in a statement's cell; of nothing the cell is empty.
func amountCell(u Units) string {
	if u == 0 {
		return ""
	}
	return Decimal(u)
}

// guard keeps spreadsheets from taking a text for a formula.
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}

func unguard(s string) string { return strings.TrimPrefix(s, "'") }

// Decimal writes an amount with all its six decimal places.
func Decimal(u Units) string {
	x, sign := uint64(u), ""
	if u < 0 {
		x, sign = -x, "-"
	}
	b := make([]byte, 0, 24)
	b = append(b, sign...)
	b = strconv.AppendUint(b, x/1_000_000, 10)
	b = append(b, '.')
	rest := strconv.AppendUint(nil, x%1_000_000+1_000_000, 10)
	return string(append(b, rest[1:]...))
}

// parseDecimal reads what Decimal writes.
func parseDecimal(s string) (Units, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, rest, ok := strings.Cut(digits, ".")
	if !ok || len(rest) != 6 || whole == "" || len(whole) > 13 {
		return 0, fmt.Errorf("%q, want an amount with six decimal places", clip(s))
	}
	w, err := strconv.ParseUint(whole, 10, 62)
	r, err2 := strconv.ParseUint(rest, 10, 62)
	u := w*1_000_000 + r
	if err != nil || err2 != nil || Units(u) > ledger.MaxAmount {
		return 0, fmt.Errorf("%q, want an amount with six decimal places", clip(s))
	}
	if negative {
		return -Units(u), nil
	}
	return Units(u), nil
}

// Check is what VerifyStatement found out.
type Check struct {
	MemberStatement
	Rows     int64    `json:"rows"`     // postings
	Rated    int64    `json:"rated"`    // costs that were computed again from use and contract
	Problems []string `json:"problems"` // nil = it holds
}

// maxProblems is how many are told before the rest is only counted.
const maxProblems = 20

// VerifyStatement computes a statement again from its own postings: the lines,
// the totals, and, where a contract's text is at hand, the cost of every use.
// An error says that it is no statement; what does not hold is in Problems.
func VerifyStatement(r io.Reader, contracts []*Contract) (*Check, error) {
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(r, sum), 1<<16)
	if mark, err := in.Peek(len(bom)); err != nil || string(mark) != bom {
		return nil, fmt.Errorf("alliance: statement: it does not begin with the mark of UTF-8: it was changed, by a spreadsheet perhaps")
	}
	_, _ = in.Discard(len(bom))
	reader := csv.NewReader(in)
	reader.ReuseRecord, reader.FieldsPerRecord = true, len(columns)
	c := &Check{}
	said := 0
	wrong := func(format string, args ...any) {
		if said++; said <= maxProblems {
			c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
		}
	}
	lines := map[[4]string]*Line{}
	var stated []Line
	totals := map[string]Units{}
	byHash := map[string]*Contract{}
	for _, k := range contracts {
		byHash[k.Hash] = k
	}
	for n := 1; ; n++ {
		cells, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("alliance: statement: %w", err)
		}
		if n == 1 {
			if !slices.Equal(cells, columns) {
				return nil, fmt.Errorf("alliance: statement: columns %q, want %q", clip(strings.Join(cells, ",")), strings.Join(columns, ","))
			}
			continue
		}
		row, count, err := readRow(cells)
		if err != nil {
			return nil, fmt.Errorf("alliance: statement: row %d: %w", n, err)
		}
		switch cells[0] {
		case "head":
			c.StatementHead.set(row.Kind, row.Note)
		case "posting":
			c.Rows++
			if row.Declared != row.To+row.Sacrificed+row.Deferred && (row.Kind == kindCost || row.Kind == kindTrueUp || row.Kind == kindJudge) {
				wrong("row %d: request %s: declared %s, but paid, borne and put off are %s", n, clip(row.Request), Decimal(row.Declared), Decimal(row.To+row.Sacrificed+row.Deferred))
			}
			if k := byHash[row.Note]; k != nil && (row.Kind == kindCost || row.Kind == kindJudge) {
				c.Rated++
				if cost, err := k.Cost.rate(row.Buckets, row.Buckets.Calls, row.CardMS); err != nil || cost != row.Declared {
					wrong("row %d: request %s: declared %s, by the contract %s", n, clip(row.Request), Decimal(row.Declared), Decimal(cost))
				}
			}
			key := [4]string{row.Day, row.Model, row.Mode, row.Kind}
			if lines[key] == nil {
				if len(lines) == maxLines {
					return nil, fmt.Errorf("alliance: statement: more than %d lines", maxLines)
				}
				lines[key] = &Line{Day: row.Day, Model: row.Model, Mode: row.Mode, Kind: row.Kind}
			}
			if err := lines[key].add(row); err != nil {
				return nil, err
			}
		case "line":
			if len(stated) == maxLines {
				return nil, fmt.Errorf("alliance: statement: more than %d lines", maxLines)
			}
			stated = append(stated, Line{Day: row.Day, Model: row.Model, Mode: row.Mode, Kind: row.Kind, Count: count, Buckets: row.Buckets, CardMS: row.CardMS,
				Declared: row.Declared, Sacrificed: row.Sacrificed, Deferred: row.Deferred, Amount: row.To})
		case "total":
			totals[clip(row.Kind)] = row.To
		default:
			return nil, fmt.Errorf("alliance: statement: row %d: record %q, want head, posting, line or total", n, clip(cells[0]))
		}
	}
	c.Lines = sortedLines(lines)
	for i := range max(len(c.Lines), len(stated)) {
		switch {
		case i >= len(stated):
			wrong("line %s %s %s %s is missing", c.Lines[i].Day, c.Lines[i].Model, c.Lines[i].Mode, c.Lines[i].Kind)
		case i >= len(c.Lines) || c.Lines[i] != stated[i]:
			wrong("line %s %s %s %s: the postings don't sum to it", stated[i].Day, stated[i].Model, stated[i].Mode, stated[i].Kind)
		}
	}
	for _, l := range c.Lines {
		var err error
		if c.Posted, err = c.Posted.Add(l.Amount); err != nil {
			return nil, err
		}
	}
	c.Opening, c.Residue = totals["brought_forward"], totals["residue_brought_forward"]
	c.Total = c.Posted + c.Opening + c.Residue
	c.Fen, c.Rest = int64(totals["payable"]/fenUnits), totals["carried"]
	if totals["posted"] != c.Posted || totals["accrued"] != c.Total {
		wrong("total: posted %s and accrued %s, want %s and %s", Decimal(totals["posted"]), Decimal(totals["accrued"]), Decimal(c.Posted), Decimal(c.Total))
	}
	if totals["payable"]%fenUnits != 0 || totals["payable"]+c.Rest != c.Total || totals["payable"] < 0 || (c.Total >= 0 && (c.Rest < 0 || c.Rest >= fenUnits)) {
		wrong("total: payable %s and carried %s, want %s in whole hundredths", Decimal(totals["payable"]), Decimal(c.Rest), Decimal(c.Total))
	}
	if said > maxProblems {
		c.Problems = append(c.Problems, fmt.Sprintf("and %d more", said-maxProblems))
	}
	sum.Sum(c.CSV[:0])
	return c, nil
}

// maxLines bounds the lines of a statement that somebody sends.
const maxLines = 1_000_000

func (h *StatementHead) set(name, value string) {
	switch name {
	case "member":
		h.Member = value
	case "period":
		h.Period = ledger.Period(value)
	case "currency":
		h.Currency = value
	case "zone":
		h.Zone = value
	case "terms":
		h.Terms = value
	case "contract":
		h.Contracts = append(h.Contracts, value)
	}
}

// readRow reads one row.
func readRow(cells []string) (*Row, int64, error) {
	var failure error
	number := func(i int) int64 {
		if cells[i] == "" {
			return 0
		}
		n, err := strconv.ParseInt(cells[i], 10, 64)
		if (err != nil || n < 0) && failure == nil {
			failure = fmt.Errorf("%s: got %q, want a whole number", columns[i], clip(cells[i]))
		}
		return n
	}
	amount := func(i int) Units {
		if cells[i] == "" {
			return 0
		}
		u, err := parseDecimal(cells[i])
		if err != nil && failure == nil {
			failure = fmt.Errorf("%s: %w", columns[i], err)
		}
		return u
	}
	r := &Row{Day: cells[1], Model: unguard(cells[2]), Mode: cells[3], Kind: cells[4], Request: unguard(cells[5]),
		Buckets: Buckets{Input: number(7), CacheRead: number(8), CacheWrite: number(9), Output: number(10), Reasoning: number(11), Audio: number(12), Image: number(13), Calls: number(14)},
		CardMS:  number(15), Declared: amount(16), Sacrificed: amount(17), Deferred: amount(18), To: amount(19), Note: unguard(cells[20])}
	return r, number(6), failure
}
