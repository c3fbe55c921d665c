package tokenizer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// small is a vocabulary that fits on a screen: the bytes, some merges, a
// control token and an added one.
func small(pre string) *Data {
	d := &Data{Model: BPE, Pre: pre, BOS: -1, EOS: -1, EOT: -1, Unk: -1, Pad: -1}
	for b := range 256 {
		d.Tokens = append(d.Tokens, string(alphabet[b]))
	}
	for _, m := range []string{"h e", "l l", "he ll", "hell o", "Ġ w", "a a", "aa aa", "aaaa aaaa", "1 2", "12 3"} {
		d.Merges = append(d.Merges, m)
		d.Tokens = append(d.Tokens, strings.Replace(m, " ", "", 1))
	}
	d.Kinds = make([]Kind, len(d.Tokens))
	for i := range d.Kinds {
		d.Kinds[i] = Normal
	}
	add := func(text string, k Kind) { d.Tokens, d.Kinds = append(d.Tokens, text), append(d.Kinds, k) }
	add("<|im_end|>", Control)
	add("<tool>", User)
	add("[PAD1]", Unused)
	d.EOS = 266
	return d
}

func build(t testing.TB, d *Data) *Tokenizer {
	t.Helper()
	tok, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestSpecialsInText(t *testing.T) {
	tok := build(t, small("gpt-2"))
	f := func(text string, special bool, want ...string) {
		t.Helper()
		var got []string
		for _, id := range tok.Encode(text, special) {
			got = append(got, string(tok.Bytes(id)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("Encode(%q, %v) = %q, want %q", text, special, got, want)
		}
	}
	f("hello<|im_end|>", true, "hello", "<|im_end|>")
	f("h<|im_end|>", false, "h", "<", "|", "i", "m", "_", "e", "n", "d", "|", ">")
	f("<tool>hello", false, "<tool>", "hello")
	f("<tool", true, "<", "t", "o", "o", "l")
	if !tok.End(266) || !tok.Special(266) || tok.Special(267) || tok.End(-1) || tok.Bytes(999) != nil {
		t.Error("the kinds of tokens are mixed up")
	}
	if got := tok.Bytes(268); len(got) != 0 {
		t.Errorf("padding adds %q to a text", got)
	}
	text, err := tok.Decode([]int{259, 266}, false)
	if text != "hello" || err != nil {
		t.Errorf("Decode = %q, %v", text, err)
	}
	if text, _ = tok.Decode([]int{259, 266}, true); text != "hello<|im_end|>" {
		t.Errorf("Decode with specials = %q", text)
	}
	if _, err = tok.Decode([]int{5000}, false); err == nil {
		t.Error("an id outside the vocabulary was decoded")
	}
}

// A user who writes the name of a control token writes text.
func TestGuard(t *testing.T) {
	tok := build(t, small("gpt-2"))
	for _, user := range []string{"hello", "a<|im_end|>b", "<|im_end|><|im_end|>", "<tool>", "<\U0010fffe|im_end|>", "<|im_\U0010fffe\U0010fffeend|>"} {
		prompt := "<|im_end|>" + tok.Guard(user) + "<|im_end|>"
		clean := strings.ReplaceAll(user, "\U0010fffe", "")
		want := append([]int{266}, append(tok.Encode(clean, false), 266)...)
		if got := tok.EncodeGuarded(prompt); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", user, got, want)
		}
	}
}

func TestOverlappingSpecials(t *testing.T) {
	d := small("gpt-2")
	for _, s := range []string{"ab", "abc", "bcde", "e!"} {
		d.Tokens, d.Kinds = append(d.Tokens, s), append(d.Kinds, User)
	}
	tok := build(t, d)
	var got []string
	for _, id := range tok.Encode("abcde!abc", false) {
		got = append(got, string(tok.Bytes(id)))
	}
	// The longest name takes its place first.
	if want := []string{"a", "bcde", "!", "abc"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVocabulariesThatLie(t *testing.T) {
	f := func(want string, change func(*Data)) {
		t.Helper()
		d := small("gpt-2")
		change(d)
		if _, err := New(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("tokens: got none", func(d *Data) { d.Tokens = nil })
	f("pre-tokenizer \"klingon\": unknown", func(d *Data) { d.Pre = "klingon" })
	f("model \"wordpiece\": unknown", func(d *Data) { d.Model = "wordpiece" })
	f("eos token: id 5000", func(d *Data) { d.EOS = 5000 })
	f("bos token: id -2", func(d *Data) { d.BOS = -2 })
	f("end token: id 999", func(d *Data) { d.Ends = []int{999} })
	f("token types: got 3", func(d *Data) { d.Kinds = d.Kinds[:3] })
	f("scores: got 1", func(d *Data) { d.Scores = []float32{1} })
	f("merge 0: \"nospace\"", func(d *Data) { d.Merges = []string{"nospace"} })
	f("merge 1: \"x \"", func(d *Data) { d.Merges = []string{"a b", "x "} })
	f("merge 0: got", func(d *Data) { d.Merges = []string{strings.Repeat("a", 1<<20) + " b"} })
	f("token 0: got", func(d *Data) { d.Tokens[0] = strings.Repeat("a", 1<<20) })
	f("unknown token: got none", func(d *Data) { d.Model = Unigram })
	f("charsmap", func(d *Data) { d.Model, d.Unk, d.CharsMap = Unigram, 0, []byte{255, 255, 255, 255, 0} })
}

// Merges may name strings that are no tokens, as steps or to no end; whatever
// is left over comes out as bytes.
func TestMergesOfAbsentTokens(t *testing.T) {
	d := small("gpt-2")
	d.Merges = []string{"x y", "xy z", "q q", "\xff\xfe a", "é è"}
	d.Tokens = append(d.Tokens, "xyz")
	d.Kinds = append(d.Kinds, Normal)
	tok := build(t, d)
	f := func(text string, want int) {
		t.Helper()
		ids := tok.Encode(text, false)
		if back, _ := tok.Decode(ids, false); back != text || len(ids) != want {
			t.Errorf("%q: %d tokens that say %q, want %d", text, len(ids), back, want)
		}
	}
	f("xyz", 1)
	f("xy", 2)
	f("qqq", 3)
	f("\xff\xfe", 2)
}

func TestWithoutMergesIdsAreRanks(t *testing.T) {
	d := small("kimi-k2")
	d.Merges = nil
	tok := build(t, d)
	if got := tok.Encode("hello", false); !slices.Equal(got, []int{259}) {
		t.Errorf("got %v, want [259]", got)
	}
}

func TestLongTextsAreQuick(t *testing.T) {
	tok := build(t, small("gpt-2"))
	start := time.Now()
	ids := tok.Encode(strings.Repeat("a", 1<<20), false)
	if len(ids) != 1<<17 {
		t.Errorf("%d tokens, want %d", len(ids), 1<<17)
	}
	// About 0.3 s when alone; quadratic merging takes hours.
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("1 MiB took %v", took)
	}
	if got := len(tok.Encode(strings.Repeat("<|im_end|>", 10000), true)); got != 10000 {
		t.Errorf("%d specials, want 10000", got)
	}
}

func TestStreamNeverShowsHalfARune(t *testing.T) {
	tok := build(t, small("gpt-2"))
	for _, text := range []string{"héllo 世界 🏔️!", "a\xffb", "\xe4\xb8", "\xf0\x9f\x8f", "\x80\x80", "中\xe4x", "\xc3\xc3\xa9"} {
		s := tok.Stream(false)
		var out strings.Builder
		for _, id := range tok.Encode(text, false) {
			part := s.Next(id)
			if utf8.ValidString(text) && !utf8.ValidString(part) {
				t.Errorf("%q: showed %q", text, part)
			}
			out.WriteString(part)
		}
		out.WriteString(s.Rest())
		if out.String() != text {
			t.Errorf("%q came out as %q", text, out.String())
		}
	}
	s := tok.Stream(false)
	if got := s.Next(266) + s.Next(-1) + s.Next(1<<30); got != "" {
		t.Errorf("control tokens and strange ids showed %q", got)
	}
}

func TestSentencePiece(t *testing.T) {
	d := &Data{Model: SPM, BOS: 1, EOS: 2, EOT: -1, Unk: 0, Pad: -1,
		Tokens: []string{"<unk>", "<s>", "</s>", "<0x0A>", "<0xFF>", "▁", "a", "b", "ab", "▁a", "abb", "é"},
		Scores: []float32{0, 0, 0, 0, 0, -1, -2, -3, -1, -2, -3, -4},
		Kinds:  []Kind{Unknown, Control, Control, Byte, Byte, Normal, Normal, Normal, Normal, Normal, Normal, Normal}}
	tok := build(t, d)
	f := func(text string, special bool, want ...int) {
		t.Helper()
		if got := tok.Encode(text, special); !slices.Equal(got, want) {
			t.Errorf("Encode(%q) = %v, want %v", text, got, want)
		}
	}
	f("", false)
	f("ab", false, 5, 8) // "ab" scores higher than "▁a"
	f("abb", false, 5, 10)
	f("a\nb", false, 9, 3, 7)
	f("\xff", false, 5, 4)
	f("c", false, 5, 0) // no byte token for it: unknown
	f("é", false, 5, 11)
	f("<s>a</s>a", true, 1, 9, 2, 9)
	if text, _ := tok.Decode([]int{1, 9, 5, 8, 2}, false); text != "a ab" {
		t.Errorf("Decode = %q, want %q", text, "a ab")
	}
	d.AddSpacePrefix = No
	tok = build(t, d)
	f("ab", false, 8)
}

func TestUnigram(t *testing.T) {
	d := &Data{Model: Unigram, BOS: -1, EOS: 1, EOT: -1, Unk: 2, Pad: 0, AddSpacePrefix: Yes, RemoveExtraSpaces: true,
		Tokens: []string{"<pad>", "</s>", "<unk>", "▁", "a", "b", "ab", "▁ab", "c", "<x>"},
		Scores: []float32{0, 0, 0, -2, -3, -3, -4, -9, -5, 0},
		Kinds:  []Kind{Control, Control, Unknown, Normal, Normal, Normal, Normal, Normal, Normal, User}}
	tok := build(t, d)
	f := func(text string, want ...int) {
		t.Helper()
		if got := tok.Encode(text, false); !slices.Equal(got, want) {
			t.Errorf("Encode(%q) = %v, want %v", text, got, want)
		}
	}
	f("")
	f("ab", 3, 6) // -6 against -8 and -9
	f("a  b", 3, 4, 3, 5)
	f("abcab", 3, 6, 8, 6)
	f("aXYb", 3, 4, 2, 5) // neighbouring unknowns are one
	f("a<x>b", 3, 4, 9, 3, 5)
	f("\xff", 3, 2)
	// A characters map that turns A into ab: node 0's offset is 0, so the byte
	// leads to node 65, whose value is at node 65^base.
	nodes := make([]uint32, 256)
	nodes[0] = 0
	nodes[65] = 65 | 1<<8 | (65^128)<<10
	nodes[128] = 1 << 31
	m := binary.LittleEndian.AppendUint32(nil, uint32(4*len(nodes)))
	for _, n := range nodes {
		m = binary.LittleEndian.AppendUint32(m, n)
	}
	d.CharsMap = append(m, "ab\x00"...)
	tok = build(t, d)
	f("A", 3, 6)
	f("cAc", 3, 8, 6, 8)
	for i := range d.CharsMap { // no byte of it can do harm
		bad := *d
		bad.CharsMap = slices.Clone(d.CharsMap)
		bad.CharsMap[i] ^= 0xff
		if tok, err := New(&bad); err == nil {
			tok.Encode("A\x00bAé\xff", false)
		}
	}
}

// A tokenizer.json says the same as a GGUF file: the small vocabulary by both.
func TestTokenizerJSON(t *testing.T) {
	d := small("qwen2")
	vocab := map[string]int{}
	for id, text := range d.Tokens[:266] {
		vocab[text] = id
	}
	var pairs [][2]string
	for _, m := range d.Merges {
		a, b, _ := strings.Cut(m, " ")
		pairs = append(pairs, [2]string{a, b})
	}
	file := func(merges any, pattern string) []byte {
		b, err := json.Marshal(map[string]any{
			"added_tokens": []map[string]any{{"id": 266, "content": "<|im_end|>", "special": true}, {"id": 267, "content": "<tool>"}},
			"normalizer":   map[string]any{"type": "NFC"},
			"pre_tokenizer": map[string]any{"type": "Sequence", "pretokenizers": []any{
				map[string]any{"type": "Split", "pattern": map[string]any{"Regex": pattern}, "behavior": "Isolated", "invert": false},
				map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}}},
			"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": merges},
		})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := []byte(`{"add_bos_token": false, "bos_token": null, "eos_token": {"content": "<|im_end|>"}, "pad_token": "<|im_end|>"}`)
	for _, merges := range []any{pairs, d.Merges} {
		got, err := FromJSON(file(merges, pres["qwen2"].patterns[0]), config)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains([]string{"qwen2", "hunyuan"}, got.Pre) && pres[got.Pre].patterns[0] != pres["qwen2"].patterns[0] {
			t.Errorf("pre-tokenizer %q, want qwen2's", got.Pre)
		}
		a, b := build(t, got), build(t, d)
		for _, text := range []string{"hello hello<|im_end|>", "123 aaaaaaaaa<tool>", "世界"} {
			if x, y := a.Encode(text, true), b.Encode(text, true); !slices.Equal(x, y) {
				t.Errorf("%q: %v by JSON, %v by GGUF", text, x, y)
			}
		}
		if id, _ := a.EOS(); id != 266 || !a.End(266) {
			t.Errorf("eos %d, want 266", id)
		}
		// NFC: e and an accent are one character.
		if !slices.Equal(a.Encode("e\u0301", false), a.Encode("é", false)) {
			t.Error("a composed and a decomposed é differ in spite of NFC")
		}
	}
	f := func(want string, file []byte) {
		t.Helper()
		if _, err := FromJSON(file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("patterns [\"x+\"]: unknown", file(pairs, "x+"))
	f("tokenizer.json:", []byte("{"))
	f("model \"WordPiece\"", []byte(`{"model": {"type": "WordPiece"}}`))
	f("id 9999999 among 1 tokens", []byte(`{"model": {"type": "BPE", "vocab": {"a": 9999999}}}`))
	f("id -1 among", []byte(`{"model": {"type": "BPE", "vocab": {"a": -1}}}`))
	f("both \"a\" and \"b\"", []byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}}}`))
	f("normalizer \"Lowercase\"", []byte(`{"normalizer": {"type": "Lowercase"}, "model": {"type": "BPE", "vocab": {"a": 0}}}`))
}

func TestTokenizerJSONOfSentencePiece(t *testing.T) {
	d, err := FromJSON([]byte(`{
		"added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}],
		"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
			{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
		"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
		"model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
			"vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6, "▁ab": 7},
			"merges": ["▁ a", "▁a b"]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	tok := build(t, d)
	f := func(text string, want ...int) {
		t.Helper()
		if got := tok.Encode(text, true); !slices.Equal(got, want) {
			t.Errorf("Encode(%q) = %v, want %v", text, got, want)
		}
	}
	f("ab ab", 7, 7)
	f("ab\nb", 7, 2, 5)
	f("<s>ab", 1, 7)
	f("x", 3, 0)
	if id, add := tok.BOS(); id != 1 || !add {
		t.Errorf("BOS = %d, %v", id, add)
	}
	if text, _ := tok.Decode([]int{1, 7, 7}, false); text != "ab ab" {
		t.Errorf("Decode = %q", text)
	}
}

func TestMetadataOfTheWrongType(t *testing.T) {
	f := func(want string, m metadata) {
		t.Helper()
		if _, err := FromGGUF(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("tokenizer.ggml.model", metadata{})
	f("\"tokenizer.ggml.tokens\": got []int32, want []string", metadata{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []int32{1}})
	f("got string, want a list of whole numbers", metadata{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.token_type": "x"})
	f("token 1: type 77", metadata{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.token_type": []int32{1, 77}})
	f("want a boolean", metadata{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.add_bos_token": 1})
	f("want a whole number", metadata{"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.bos_token_id": 1.5})
}

func TestEveryByteOfEveryToken(t *testing.T) {
	for _, name := range names {
		tok := fixture(t, name)
		for id := range tok.Len() {
			if tok.Kind(id) == Normal && len(tok.Bytes(id)) == 0 {
				t.Errorf("%s: token %d adds nothing", name, id)
			}
		}
	}
}

// FuzzTokenizer: pieces are those of the published patterns, nothing is lost,
// and the stream says what Decode says.
func FuzzTokenizer(f *testing.F) {
	toks := map[string]*Tokenizer{}
	refs := map[string]slow{}
	list := families()
	for _, name := range list {
		toks[name] = build(f, small(name))
		refs[name] = reference(f, pres[name].patterns)
	}
	for i, text := range tricky {
		f.Add(text, uint8(i))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		name := list[int(which)%len(list)]
		tok := toks[name]
		if len(text) < 200 && known(name, text) {
			if got, want := pieces(tok.split, text), refs[name].split(t, text); !slices.Equal(got, want) {
				t.Fatalf("%s: %q\n got %q\nwant %q", name, text, got, want)
			}
		}
		for _, special := range []bool{false, true} {
			ids := tok.Encode(text, special)
			back, err := tok.Decode(ids, true)
			if err != nil || back != text {
				t.Fatalf("%s: %q came back as %q (%v)", name, text, back, err)
			}
			s := tok.Stream(true)
			var out bytes.Buffer
			for _, id := range ids {
				out.WriteString(s.Next(id))
			}
			if got := out.String() + s.Rest(); got != text {
				t.Fatalf("%s: %q streamed as %q", name, text, got)
			}
		}
	})
}

// FuzzVocabulary: whatever a tokenizer.json says, it is refused or works.
func FuzzVocabulary(f *testing.F) {
	f.Add([]byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "pre_tokenizer": {"type": "ByteLevel"}}`), "abab")
	f.Add([]byte(`{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.5]]}, "added_tokens": [{"id": 2, "content": "x"}]}`), "axa")
	f.Add([]byte(`{"model": {"type": "BPE", "byte_fallback": true, "vocab": {"<0x41>": 0, "▁": 1}, "merges": []}}`), "A b")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		d, err := FromJSON(file, file)
		if err != nil {
			return
		}
		tok, err := New(d)
		if err != nil {
			return
		}
		ids := tok.Encode(text, true)
		if len(ids) > 4*len(text)+4 {
			t.Fatalf("%d ids of %d bytes", len(ids), len(text))
		}
		if _, err := tok.Decode(ids, true); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tok := fixture(b, "qwen2")
	raw, err := os.ReadFile(filepath.Join(fixtures, "qwen2.inp"))
	if err != nil {
		b.Skip(err)
	}
	text := strings.Repeat(string(raw), 50)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Encode(text, false)
	}
}

func BenchmarkLoad(b *testing.B) {
	m, err := readMetadata(filepath.Join(fixtures, "qwen2.gguf"))
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		d, _ := FromGGUF(m)
		if _, err := New(d); err != nil {
			b.Fatal(err)
		}
	}
}

// Two ways to say the same: merging by a heap, and by looking for the best
// pair again and again.
func TestMergingAgainstTheObviousWay(t *testing.T) {
	tok := build(t, small("gpt-2"))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		b := make([]byte, rng.IntN(40))
		for i := range b {
			b[i] = "helo waa123"[rng.IntN(11)]
		}
		text := string(b)
		var want []int
		tok.split(text, func(piece string) { want = append(want, obvious(tok, piece)...) })
		if got := tok.Encode(text, false); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
	}
}

func obvious(tok *Tokenizer, piece string) []int {
	var ids []int32
	for i := range len(piece) {
		ids = append(ids, tok.ids[piece[i:i+1]])
	}
	for {
		best, at := pair{rank: ^uint32(0)}, -1
		for i := 0; i+1 < len(ids); i++ {
			if p, ok := tok.merges.by[uint64(ids[i])<<32|uint64(ids[i+1])]; ok && p.rank < best.rank {
				best, at = p, i
			}
		}
		if at < 0 {
			break
		}
		ids[at] = best.into
		ids = slices.Delete(ids, at+1, at+2)
	}
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = int(id)
	}
	return out
}

func ExampleTokenizer_Encode() {
	tok, err := New(small("qwen2"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := tok.Encode("hello 12", false)
	text, _ := tok.Decode(ids, false)
	fmt.Println(ids, text)
	// Output: [259 32 49 50] hello 12
}
