package everest

import (
	"os"
	"strings"
	"testing"
)

func TestVerses(t *testing.T) {
	f := func(poem, form string) {
		t.Helper()
		got, _ := formOf(poem)
		if got.Short != form {
			t.Errorf("%q has form %q, want %q", poem, got.Short, form)
		}
	}
	// Lines of numerals: forms are counted, not read.
	five, seven := "一二三四五，六七八九十。", "一二三四五六七，八九十一二三四。"
	f(five+five, "五绝")
	f(seven+seven, "七绝")
	f(five+"\n"+five+"\n"+five+five, "五律")
	f(strings.Repeat(seven, 4), "七律")
	f(strings.ReplaceAll(five+five, "。", "？"), "五绝")
	f(five, "")
	f(five+seven, "")
	f(five+"一二三四五，六七八九十", "")
	f(five+"一二三四五。六七八九十。", "")
	f(five+"一二三四a，六七八九十。", "")
	f("", "")
	f("，。，。", "")
}

// corpusFile is the poems where they lie beside the repository.
const corpusFile = "../../shared/corpora/poems.jsonl.xz"

// TestCorpus: what is learned of tones and rhymes agrees with held-out poems
// far more than chance. It takes half a minute, so it is asked for by name.
func TestCorpus(t *testing.T) {
	if os.Getenv("SUMMIT_CORPUS") == "" {
		t.Skip("set SUMMIT_CORPUS=1 to read the corpus of poems")
	}
	var learned [][]string
	var held []Poem
	if err := ReadPoems(corpusFile, CorpusHash, func(p Poem) error {
		if _, ok := formOf(p.Text()); !ok {
			return nil
		}
		if PartOf(&p) == Train {
			learned = append(learned, Verses(p.Text()))
		} else if PartOf(&p) == Test {
			held = append(held, p)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p := LearnProsody(learned)
	rhyme, tones, followed, shuffled, shuffledRhyme := 0, 0, 0, 0, 0
	for i := range held {
		lines := Verses(held[i].Text())
		m := p.Measure(lines)
		if m.Rhyme {
			rhyme++
		}
		tones, followed = tones+m.Tones, followed+m.Followed
		lines = append([]string{}, lines...) // lines of different poems in turn: no rhyme, no adhesion
		other := Verses(held[(i+1)%len(held)].Text())
		for j := range lines {
			if j%4 > 1 && j < len(other) {
				lines[j] = other[j]
			}
		}
		m = p.Measure(lines)
		if m.Rhyme {
			shuffledRhyme++
		}
		shuffled += m.Tones - m.Followed
	}
	n := float64(len(held))
	t.Logf("%d poems: rhyme %.1f %%, tones %.1f %%; mixed: rhyme %.1f %%", len(held), 100*float64(rhyme)/n, 100*float64(followed)/float64(tones), 100*float64(shuffledRhyme)/n)
	level := ""
	for _, c := range "山天风花春人东来平中" {
		if l, _ := p.Level(c); l {
			level += string(c)
		}
	}
	oblique := ""
	for _, c := range "月水雨雪夜日酒去上下" {
		if l, known := p.Level(c); !l && known {
			oblique += string(c)
		}
	}
	t.Logf("level %s, oblique %s", level, oblique)
	if len([]rune(level)) < 9 || len([]rune(oblique)) < 9 || float64(followed) < 0.8*float64(tones) || float64(rhyme) < 0.7*n || shuffledRhyme*2 > rhyme {
		t.Error("the prosody is not that of the corpus")
	}
}
