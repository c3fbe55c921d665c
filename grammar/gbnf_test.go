package grammar

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	f := func(src string, yes, no []string) {
		t.Helper()
		g, err := Parse(src, Limits{})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			return
		}
		for _, x := range yes {
			if !accepts(t, g, x) {
				t.Errorf("%s: %q is refused", src, x)
			}
		}
		for _, x := range no {
			if accepts(t, g, x) {
				t.Errorf("%s: %q is accepted", src, x)
			}
		}
	}
	f(`root ::= "yes" | "no"`, []string{"yes", "no"}, []string{"", "y", "yesno"})
	f("root ::= greeting \" \" name # comment\ngreeting ::= \"hi\" |\n \"hello\"\nname ::= [A-Z] [a-z]*", []string{"hi Bo", "hello A"}, []string{"hi bo", "hey Bo"})
	f(`root ::= ("a" | "bc")+ "!"?`, []string{"a", "abca!", "bc"}, []string{"", "b", "a!!"})
	f(`root ::= "ab"{2,3} "c"{2} "d"{1,}`, []string{"ababccd", "abababccddd"}, []string{"abccd", "ababcd", "ababcc"})
	f(`root ::= [^"\n]* "\x41\u00e9\U0001F600\t"`, []string{"xyzAé😀\t", "Aé😀\t"}, []string{`"Aé😀` + "\t"})
	f(`root ::= [\]\-a]+ . `, []string{"]-aé", "a-"}, []string{"b", "]"})
	f(`root ::= "(" root ")" | "x"`, []string{"x", "((x))"}, []string{"(x", "x)"})
	f(`root ::= ("a"* "b"*)*`, []string{"", "aabba"}, []string{"c"})
	f(`root ::= [à-ÿ]{2}`, []string{"éà"}, []string{"e", "é"})
	f("root ::= x-1 y_2\nx-1 ::= \"1\"\ny_2 ::= \"2\"", []string{"12"}, []string{"1"})
}

func TestBadGrammars(t *testing.T) {
	f := func(src, want string) {
		t.Helper()
		if _, err := Parse(src, Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want an error with %q", src, err, want)
		}
	}
	f(``, `rule "root" is missing`)
	f(`a ::= "x"`, `rule "root" is missing`)
	f(`root ::= a`, `rule "a" is used and not defined`)
	f("root ::= \"x\"\nroot ::= \"y\"", "line 2: rule \"root\" is defined twice")
	f(`"x"`, "text before the first rule")
	f(`::= "x"`, "::= without a name")
	f(`root ::= "x`, "line 1: a literal has no end")
	f(`root ::= [a`, "a class has no ]")
	f(`root ::= []`, "a class is empty")
	f(`root ::= [z-a]`, "is empty")
	f(`root ::= ("x"`, "a ( has no )")
	f(`root ::= "x")`, "a ) has no (")
	f(`root ::= *`, "a repetition of nothing")
	f(`root ::= "x"{3,2}`, "the repetition {3,2} is none")
	f(`root ::= "x"{a}`, "the repetition {a} is none")
	f(`root ::= "\q"`, `the escape \q is not known`)
	f(`root ::= "\ud800"`, "is no character")
	f("root ::= \"\xff\"", "not UTF-8")
	f(`root ::= root "x" | "x"`, "left recursion")
	f("root ::= a \"x\"\na ::= b\nb ::= c? root \"y\" | \"z\"\nc ::= \"c\"", "left recursion")
	f(`root ::= "x" root`, "nothing of finite length")
	f(`root ::= @`, `got '@'`)
	f(`root ::= `+strings.Repeat("(", 60000)+`"x"`+strings.Repeat(")", 60000), "too large")
	f(`root ::= `+strings.Repeat(`"x" `, 300000), "too large")
	f(`root ::= "x"{1000000}`, "too large")
	if _, err := Parse("root ::= a{1000}\na ::= b{1000}\nb ::= \"x\"{1000}", Limits{}); err != nil {
		t.Errorf("a billion letters in a few rules: got %v", err)
	}
}

// TestAmbiguous bounds a text that can be read in very many ways.
func TestAmbiguous(t *testing.T) {
	g, err := Parse("root ::= a a a a a a a a\na ::= [x]* | [x] [x] a | \"x\" a [x]?", Limits{Branches: 64})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := NewVocab([][]byte{[]byte("x")}, nil)
	m := g.With(v).Matcher()
	for range 10000 {
		if err = m.AcceptBytes([]byte("x")); err != nil {
			break
		}
	}
	if err != nil && !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
	if n := len(m.m.states); n > stateMax {
		t.Errorf("%d states", n)
	}
}

// TestUTF8Parts compares character classes with the regexp package, byte by byte.
func TestUTF8Parts(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	edges := []rune{0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}
	pick := func() rune {
		if rng.IntN(2) == 0 {
			return edges[rng.IntN(len(edges))]
		}
		return rune(rng.IntN(0x110000))
	}
	for range 200 {
		lo, hi := pick(), pick()
		if lo > hi {
			lo, hi = hi, lo
		}
		b := newBuilder(Limits{})
		g, err := b.compile(b.either("root", []elem{b.chars("c", []runeRange{{lo, hi}})}))
		if err != nil {
			if lo < 0xD800 || hi > 0xDFFF {
				t.Fatalf("%x to %x: %v", lo, hi, err)
			}
			continue // surrogates only
		}
		for range 200 {
			r := pick()
			if rng.IntN(2) == 0 {
				r = lo + rune(rng.IntN(int(hi-lo)+1))
			}
			if !utf8.ValidRune(r) {
				continue
			}
			if got, want := accepts(t, g, string(r)), r >= lo && r <= hi; got != want {
				t.Fatalf("%x to %x: %x: got %v", lo, hi, r, got)
			}
		}
	}
}

// TestMask compares the mask of each state with trying every token, and the cached ones with new ones.
func TestMask(t *testing.T) {
	tokens := [][]byte{[]byte("a"), []byte("ab"), []byte("b"), []byte("\""), []byte("\",\""), []byte("é"), []byte("\xc3"), []byte("\xa9"), nil, []byte("["), []byte("]"), []byte("[\""), []byte("\"]"), []byte("abab"), []byte("a")}
	v, err := NewVocab(tokens, []int{8})
	if err != nil {
		t.Fatal(err)
	}
	g, err := Parse(`root ::= "[" ("\"" [abé]* "\"" ("," "\"" [abé]* "\"")*)? "]"`, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	c := g.With(v)
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		m := c.Matcher()
		var text []byte
		for range 30 {
			mask, err := m.Mask()
			if err != nil {
				t.Fatal(err)
			}
			var can []int
			for id := range tokens {
				probe := g.With(v).Matcher()
				if err := probe.AcceptBytes(text); err != nil {
					t.Fatal(err)
				}
				ok := probe.Accept(id) == nil
				if ok != mask.Has(id) {
					t.Fatalf("after %q token %d (%q): mask says %v, Accept %v", text, id, tokens[id], mask.Has(id), ok)
				}
				if ok {
					can = append(can, id)
				}
			}
			if len(can) == 0 {
				t.Fatalf("nothing may follow %q", text)
			}
			id := can[rng.IntN(len(can))]
			if err := m.Accept(id); err != nil {
				t.Fatal(err)
			}
			if text = append(text, tokens[id]...); m.Ended() {
				break
			}
		}
		if m.Ended() && !regexp.MustCompile(`^\[("[abé]*"(,"[abé]*")*)?\]$`).Match(text) {
			t.Fatalf("wrote %q", text)
		}
	}
	if err := c.Matcher().Accept(8); err == nil {
		t.Error("the answer could end before it began")
	}
	if err := c.Matcher().Accept(99); err == nil {
		t.Error("a token that is not in the vocabulary was accepted")
	}
}

// TestShared lets many answers use one constraint at a time.
func TestShared(t *testing.T) {
	v, err := NewVocab([][]byte{[]byte("{"), []byte("}"), []byte(`"`), []byte("a"), []byte(`":`), []byte("1"), []byte(","), nil}, []int{7})
	if err != nil {
		t.Fatal(err)
	}
	g, err := JSON(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	c := g.With(v)
	var wait sync.WaitGroup
	for seed := range uint64(8) {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 1))
			m := c.Matcher()
			for range 300 {
				mask, err := m.Mask()
				if err != nil {
					t.Error(err)
					return
				}
				id := rng.IntN(v.Size())
				if mask.Has(id) != (m.Accept(id) == nil) {
					t.Errorf("mask and Accept differ about token %d", id)
					return
				}
				if m.Ended() {
					m.Reset()
				}
			}
		})
	}
	wait.Wait()
}

// TestStacksDiffer tells states apart that differ only deep in their stacks.
func TestStacksDiffer(t *testing.T) {
	g, err := Parse(`root ::= "(" root ")" | "x"`, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := NewVocab(nil, nil)
	m := g.With(v).Matcher()
	for depth := range 6 {
		m.Reset()
		if err := m.AcceptBytes([]byte(strings.Repeat("(", depth) + "x" + strings.Repeat(")", depth))); err != nil || !m.Done() {
			t.Fatalf("depth %d: %v, done %v", depth, err, m.Done())
		}
		m.Reset()
		if err := m.AcceptBytes([]byte(strings.Repeat("(", depth+1) + "x" + strings.Repeat(")", depth))); err != nil || m.Done() {
			t.Fatalf("depth %d and one more: %v, done %v", depth, err, m.Done())
		}
	}
}

// TestForced skips what is certain, but for the last stretch, whose token may reach into the free text.
func TestForced(t *testing.T) {
	v, _ := NewVocab([][]byte{[]byte(`{`), []byte(`"`), []byte(`na`), []byte(`me`), []byte(`name`), []byte(`":`), []byte(`x`), []byte(`{"`)}, nil)
	g, err := Parse(`root ::= "{\"name\":" [a-z]+ "}"`, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := g.With(v).Matcher()
	if got := string(m.ForcedBytes()); got != `{"name":` {
		t.Errorf("forced %q", got)
	}
	if got := fmt.Sprint(m.Forced()); got != "[7 4]" {
		t.Errorf("forced tokens %s, want [7 4]", got)
	}
	if got := string(m.ForcedBytes()); got != `":` {
		t.Errorf("left to the model: %q", got)
	}
	if err := m.Accept(5); err != nil {
		t.Fatal(err)
	}
	if got := m.Forced(); got != nil {
		t.Errorf("forced %v where there is a choice", got)
	}
}

// TestLongAnswer shows that a long answer keeps its tables small.
func TestLongAnswer(t *testing.T) {
	g, err := Schema([]byte(`{"type":"string","maxLength":50000}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := NewVocab([][]byte{[]byte("abcdefgh"), []byte(`"`)}, nil)
	m := g.With(v).Matcher()
	if err := m.Accept(1); err != nil {
		t.Fatal(err)
	}
	for i := range 6250 {
		if err := m.Accept(0); err != nil {
			t.Fatalf("token %d: %v", i, err)
		}
		if len(m.m.states) > tableMax+16 {
			t.Fatalf("%d states after %d tokens", len(m.m.states), i)
		}
	}
	if err := m.Accept(0); err == nil {
		t.Error("50,001 characters were accepted")
	}
	if err := m.Accept(1); err != nil || !m.Done() {
		t.Errorf("the end: %v", err)
	}
}

func FuzzGrammar(f *testing.F) {
	for _, s := range []string{`root ::= "a" | b`, "root ::= (\"a\" | [b-z]{2,3})* b\nb ::= .?", `root ::= "(" root ")" | ""`, `root ::= root "x"`} {
		f.Add(s, "abc")
	}
	f.Fuzz(func(t *testing.T, src, text string) {
		g, err := Parse(src, Limits{Symbols: 1 << 14, Branches: 64})
		if err != nil {
			return
		}
		v, _ := NewVocab([][]byte{[]byte("a"), []byte("ab"), []byte("("), []byte(text), nil}, []int{4})
		m := g.With(v).Matcher()
		mask, err := m.Mask()
		if err != nil {
			return
		}
		for id := range v.Size() {
			if mask.Has(id) != (g.With(v).Matcher().Accept(id) == nil) {
				t.Fatalf("mask and Accept differ about token %d", id)
			}
		}
		m.Forced()
		for range 10 {
			if m.AcceptBytes([]byte(text)) != nil {
				break
			}
		}
	})
}

func BenchmarkMask(b *testing.B) {
	tokens := make([][]byte, 150000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range tokens {
		t := make([]byte, 1+rng.IntN(10))
		for j := range t {
			t[j] = "abcdefghijklmnopqrstuvwxyz ,.\"{}:0123"[rng.IntN(37)]
		}
		tokens[i] = t
	}
	v, _ := NewVocab(tokens, nil)
	g, _ := JSON(Limits{})
	m := g.With(v).Matcher()
	if err := m.AcceptBytes([]byte(`{"a": "`)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.walk()
	}
}
