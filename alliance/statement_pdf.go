package alliance

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
)

// page sizes and places are in thousandths of a point, so that no float is
// needed: A4, upright.
const (
	pageWidth  = 595_276
	pageHeight = 841_890
	margin     = 42_000
	lineHeight = 15_000
	textSize   = 9_000
)

// PDF writes the statement as a PDF document in Chinese and English. Latin is in
// Courier, which every reader has; the Chinese of the form itself is in an
// embedded font, any other in STSong-Light, one of the fonts that readers bring
// for the collection Adobe-GB1. Maps to Unicode let the text be searched and
// copied everywhere.
// The same statement gives the same bytes.
// Source: ISO 32000-1, 9.7 (composite fonts), 9.10.3 (ToUnicode).
func (s *MemberStatement) PDF(w io.Writer) error {
	d := &pdf{}
	d.page()
	d.line(14_000, "联盟结算单 Alliance statement")
	d.skip()
	d.pair("成员 Member", s.Member)
	d.pair("账期 Period", string(s.Period)+" "+s.Zone)
	d.pair("币种 Currency", s.Currency)
	d.pair("应付 Payable", fenText(s.Fen))
	d.skip()
	// Lines of the same model and kind are one here: the days are in the other forms.
	sums := map[[4]string]*Line{}
	for i := range s.Lines {
		l := s.Lines[i]
		key := [4]string{"", l.Model, l.Mode, l.Kind}
		if sums[key] == nil {
			sums[key] = &Line{Model: l.Model, Mode: l.Mode, Kind: l.Kind}
		}
		sum := sums[key]
		sum.Count += l.Count
		sum.Declared += l.Declared // the lines add up to Posted, so these fit
		sum.Sacrificed += l.Sacrificed
		sum.Deferred += l.Deferred
		sum.Amount += l.Amount
	}
	d.columns("模型 Model", "类别 Kind", "笔数 Count", "申报 Declared", "让利 Borne", "递延 Put off", "金额 Amount")
	for _, l := range sortedLines(sums) {
		d.columns(l.Model+" "+l.Mode, kindName(l.Kind), fmt.Sprint(l.Count), Decimal(l.Declared), Decimal(l.Sacrificed), Decimal(l.Deferred), Decimal(l.Amount))
	}
	d.skip()
	d.pair("本期合计 Posted", Decimal(s.Posted))
	d.pair("上期结转 Brought forward", Decimal(s.Opening))
	d.pair("上期尾差 Residue brought forward", Decimal(s.Residue))
	d.pair("累计 Accrued", Decimal(s.Total))
	d.pair("应付 Payable", fenText(s.Fen)+" "+s.Currency)
	d.pair("结转下期 Carried", Decimal(s.Rest))
	d.skip()
	d.line(textSize, "每一笔都在 CSV 文件中，以其为准。 Every posting is in the CSV file, the canonical form.")
	d.line(6_500, "SHA-256 "+s.CSV.String())
	d.line(6_500, "Terms "+s.Terms)
	for _, c := range s.Contracts {
		d.line(6_500, "Contract "+c)
	}
	return d.write(w)
}

// pdf is a document of lines of text.
type pdf struct {
	pages []*bytes.Buffer
	y     int
}

func (d *pdf) page() {
	d.pages = append(d.pages, &bytes.Buffer{})
	d.y = pageHeight - margin - lineHeight
}

func (d *pdf) skip() { d.y -= lineHeight }

// next begins a line, on another page where this one is full.
func (d *pdf) next() {
	if d.y < margin+lineHeight {
		d.page()
	}
}

func (d *pdf) line(size int, text string) {
	d.next()
	d.text(margin, size, text)
	d.y -= max(lineHeight, size*3/2)
}

func (d *pdf) pair(name, value string) {
	d.next()
	d.text(margin, textSize, name)
	d.text(margin+200_000, textSize, value)
	d.y -= lineHeight
}

// columns writes a row of a table: two texts to the left, numbers to the right.
func (d *pdf) columns(cells ...string) {
	d.next()
	right := []int{0, 0, 245_000, 315_000, 380_000, 445_000, pageWidth - 2*margin}
	const size = 7_000
	for i, c := range cells {
		switch i {
		case 0:
			d.text(margin, size, fit(c, 105_000, size))
		case 1:
			d.text(margin+110_000, size, fit(c, 92_000, size))
		default:
			d.text(margin+right[i]-width(c, size), size, c)
		}
	}
	d.y -= lineHeight
}

// width returns how wide a text is, in thousandths of a point: Latin is three
// fifths as wide as it is high, Chinese is square.
func width(text string, size int) int {
	sum := 0
	for _, r := range text {
		if r < 0x80 {
			sum += size * 3 / 5
		} else {
			sum += size
		}
	}
	return sum
}

// fit cuts a text that is too wide.
func fit(text string, most, size int) string {
	if width(text, size) <= most {
		return text
	}
	sum := 0
	for i, r := range text {
		if sum += width(string(r), size); sum > most-size {
			return text[:i] + "..."
		}
	}
	return text
}

// text writes a text at a place of the line, each script in its font.
func (d *pdf) text(x, size int, text string) {
	b := d.pages[len(d.pages)-1]
	for len(text) > 0 {
		font := fontOf([]rune(text)[0])
		cut := strings.IndexFunc(text, func(r rune) bool { return fontOf(r) != font })
		if cut < 0 {
			cut = len(text)
		}
		part := text[:cut]
		text = text[cut:]
		fmt.Fprintf(b, "BT /%s %s Tf %s %s Td ", font, thousandths(size), thousandths(x), thousandths(d.y))
		switch font {
		case latin:
			fmt.Fprintf(b, "(%s) Tj ET\n", strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					return ' '
				}
				return r
			}, part)))
		case form:
			b.WriteString("<")
			for _, r := range part {
				fmt.Fprintf(b, "%04X", pdfGlyph[r])
			}
			b.WriteString("> Tj ET\n")
		default:
			b.WriteString("<")
			for _, u := range utf16.Encode([]rune(part)) {
				fmt.Fprintf(b, "%04X", u)
			}
			b.WriteString("> Tj ET\n")
		}
		x += width(part, size)
	}
}

// The fonts of a document.
const (
	latin = "F1"
	form  = "F2" // embedded: the Chinese of the form
	other = "F3"
)

func fontOf(r rune) string {
	if r < 0x80 {
		return latin
	}
	if _, ok := pdfGlyph[r]; ok {
		return form
	}
	return other
}

// thousandths writes a length in points.
func thousandths(n int) string {
	if n < 0 {
		return "-" + thousandths(-n)
	}
	return fmt.Sprintf("%d.%03d", n/1000, n%1000)
}

// write puts the document together.
func (d *pdf) write(w io.Writer) error {
	var out bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n", len(at))
		fmt.Fprintf(&out, format, args...)
		out.WriteString("\nendobj\n")
	}
	const first = 13 // of the pages: a page and its content take two objects
	var kids []string
	for i := range d.pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", first+2*i))
	}
	out.WriteString("%PDF-1.4\n%\xe7\xbb\x93\xe7\xae\x97\n")
	object("<</Type/Catalog/Pages 2 0 R/Lang(zh-CN)>>")
	object("<</Type/Pages/Count %d/Kids[%s]>>", len(d.pages), strings.Join(kids, " "))
	object("<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>")
	object("<</Type/Font/Subtype/Type0/BaseFont/STSong-Light-UniGB-UCS2-H/Encoding/UniGB-UCS2-H/DescendantFonts[5 0 R]/ToUnicode 7 0 R>>")
	object("<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>/DW 1000/FontDescriptor 6 0 R>>")
	object("<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>")
	var chars strings.Builder
	for part := range slices.Chunk([]rune(pdfRunes), 100) { // as many as a block may have
		fmt.Fprintf(&chars, "%d beginbfchar\n", len(part))
		for _, r := range part {
			fmt.Fprintf(&chars, "<%04X> <%04X>\n", pdfGlyph[r], r)
		}
		chars.WriteString("endbfchar\n")
	}
	to := toUnicode(allRanges())
	object("<</Length %d>>\nstream\n%s\nendstream", len(to), to)
	object("<</Type/Font/Subtype/Type0/BaseFont/SUMMIT+Form/Encoding/Identity-H/DescendantFonts[9 0 R]/ToUnicode 12 0 R>>")
	object("<</Type/Font/Subtype/CIDFontType2/BaseFont/SUMMIT+Form/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 1000/CIDToGIDMap/Identity/FontDescriptor 10 0 R>>")
	object("<</Type/FontDescriptor/FontName/SUMMIT+Form/Flags 4/FontBBox[-25 -254 1000 880]/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 80/FontFile2 11 0 R>>")
	object("<</Length %d/Length1 %d>>\nstream\n%s\nendstream", len(pdfFont), len(pdfFont), pdfFont)
	own := toUnicode(chars.String())
	object("<</Length %d>>\nstream\n%s\nendstream", len(own), own)
	for i, p := range d.pages {
		object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s %s]/Resources<</Font<</F1 3 0 R/F2 8 0 R/F3 4 0 R>>>>/Contents %d 0 R>>", thousandths(pageWidth), thousandths(pageHeight), first+2*i+1)
		object("<</Length %d>>\nstream\n%s\nendstream", p.Len(), p.String())
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, o := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	_, err := w.Write(out.Bytes())
	return err
}

// toUnicode is a map of codes to characters.
func toUnicode(entries string) string {
	return "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Summit-UCS2 def /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n" +
		entries + "endcmap CMapName currentdict /CMap defineresource pop end end"
}

// allRanges maps the codes of the other Chinese font, which are UTF-16, to what
// they are: themselves.
func allRanges() string {
	var b strings.Builder
	for high := 0; high < 256; high += 64 { // a range may not leave its first byte, a block has at most 100
		b.WriteString("64 beginbfrange\n")
		for h := high; h < high+64; h++ {
			fmt.Fprintf(&b, "<%02X00> <%02XFF> <%02X00>\n", h, h, h)
		}
		b.WriteString("endbfrange\n")
	}
	return b.String()
}
