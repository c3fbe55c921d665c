package tokenizer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const fixtures = "../../shared/tokenizer-fixtures"

// metadata is the key-value part of a GGUF file, read with none of the care
// that the room weights takes: the fixtures are known to be whole.
type metadata map[string]any

func (m metadata) Value(key string) (any, bool) { v, ok := m[key]; return v, ok }

func readMetadata(path string) (metadata, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	n := le.Uint64(b[16:])
	b = b[24:]
	text := func() string {
		k := le.Uint64(b)
		s := string(b[8 : 8+k])
		b = b[8+k:]
		return s
	}
	num := func() uint32 { v := le.Uint32(b); b = b[4:]; return v }
	m := metadata{}
	for range n {
		key := text()
		switch kind := num(); kind {
		case 4:
			m[key] = num()
		case 5:
			m[key] = int32(num())
		case 6:
			m[key] = math.Float32frombits(num())
		case 7:
			m[key] = b[0] != 0
			b = b[1:]
		case 8:
			m[key] = text()
		case 9:
			kind := num()
			count := int(le.Uint64(b))
			b = b[8:]
			switch kind {
			case 5:
				l := make([]int32, count)
				for i := range l {
					l[i] = int32(num())
				}
				m[key] = l
			case 6:
				l := make([]float32, count)
				for i := range l {
					l[i] = math.Float32frombits(num())
				}
				m[key] = l
			case 8:
				l := make([]string, count)
				for i := range l {
					l[i] = text()
				}
				m[key] = l
			default:
				return nil, fmt.Errorf("%s: key %s: list of kind %d", path, key, kind)
			}
		default:
			return nil, fmt.Errorf("%s: key %s: kind %d", path, key, kind)
		}
	}
	return m, nil
}

var loaded sync.Map

// fixture loads one of the five vocabularies, or skips where they are absent.
func fixture(t testing.TB, name string) *Tokenizer {
	t.Helper()
	if v, ok := loaded.Load(name); ok {
		return v.(*Tokenizer)
	}
	m, err := readMetadata(filepath.Join(fixtures, name+".gguf"))
	if os.IsNotExist(err) {
		t.Skip("no tokenizer fixtures beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := FromGGUF(m)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Store(name, tok)
	return tok
}

var names = []string{"qwen2", "deepseek-llm", "gpt-2", "llama-spm", "baichuan"}

func TestFixturesOfOurOwnTexts(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			tok := fixture(t, name)
			raw, err := os.ReadFile(filepath.Join(fixtures, name+".dev.json"))
			if err != nil {
				t.Fatal(err)
			}
			var file struct {
				Cases []struct {
					Text    string
					IDs     []int `json:"ids"`
					Special []int `json:"ids_special"`
				}
			}
			if err := json.Unmarshal(raw, &file); err != nil {
				t.Fatal(err)
			}
			if len(file.Cases) != 61 {
				t.Fatalf("got %d cases, want 61", len(file.Cases))
			}
			for _, c := range file.Cases {
				got := tok.Encode(c.Text, false)
				if !slices.Equal(got, c.IDs) {
					t.Errorf("Encode(%.60q)\n got %v\nwant %v", c.Text, head(got, c.IDs), head(c.IDs, got))
				}
				want := c.Special
				if want == nil {
					want = c.IDs
				}
				if got := tok.Encode(c.Text, true); !slices.Equal(got, want) {
					t.Errorf("Encode(%.60q, special)\n got %v\nwant %v", c.Text, head(got, want), head(want, got))
				}
				text, err := tok.Decode(got, false)
				if err != nil {
					t.Fatal(err)
				}
				if text != c.Text {
					t.Errorf("Decode(Encode(%.60q)) = %.60q", c.Text, text)
				}
			}
		})
	}
}

// head shows where two lists part.
func head(a, b []int) []int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return a[max(0, i-2):min(len(a), i+8)]
}

func TestFixturesAsPublished(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			tok := fixture(t, name)
			in, err := os.ReadFile(filepath.Join(fixtures, name+".inp"))
			if os.IsNotExist(err) {
				t.Skip("no published cases for this vocabulary")
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.ReadFile(filepath.Join(fixtures, name+".out"))
			if err != nil {
				t.Fatal(err)
			}
			texts := strings.Split(string(in), "\n__ggml_vocab_test__\n")
			rows := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
			if len(texts) != len(rows) && len(texts) != len(rows)+1 {
				t.Fatalf("%d texts and %d rows", len(texts), len(rows))
			}
			for i, row := range rows {
				var want []int
				for f := range strings.FieldsSeq(row) {
					id, err := strconv.Atoi(f)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, id)
				}
				if got := tok.Encode(texts[i], false); !slices.Equal(got, want) {
					t.Errorf("case %d: Encode(%q)\n got %v\nwant %v", i, texts[i], got, want)
				}
			}
			t.Logf("%d cases", len(rows))
		})
	}
}
