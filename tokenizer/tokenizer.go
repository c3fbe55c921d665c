// Package tokenizer turns text into token ids and back, with the vocabulary
// of a model file: byte-level BPE behind one of the published pre-tokenizers,
// SentencePiece's BPE and its unigram model.
//
// A Tokenizer is built by New from a Data, which FromGGUF and FromJSON fill
// from the two kinds of model files. Encode, Decode, Bytes and a Stream (text
// that arrives token by token) are the whole of it. Everything runs in time
// about linear in the text, whatever the text: pre-tokenizers are written by
// hand, one family a file (pre_*.go), and merges go through a heap. The next
// family is one new file pre_<name>.go that calls registerPre.
package tokenizer

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// space is how SentencePiece writes a space inside tokens: U+2581.
const space = "▁"

// Tokenizer is a vocabulary ready for use. It is read-only: many goroutines
// may share it.
type Tokenizer struct {
	model  Model
	pre    string
	pieces []string // what each token adds to a text, in bytes
	kinds  []Kind
	scores []float32
	ids    map[string]int32 // by pieces (BPE) or by the table's text (others)
	byteID [256]int32       // a token for each byte; -1 = none

	bos, eos, eot, unk, pad int
	end                     []bool
	addBOS, addEOS          bool
	spacePrefix, prefixOnce bool
	nfc                     bool
	maxToken                int // bytes of the longest key of ids

	specials *specials
	split    split
	whole    bool // a piece that is a token is taken whole
	merges   *pairs
	uni      *unigram
}

// New builds a Tokenizer. Errors name the token, merge or id that is wrong.
func New(d *Data) (*Tokenizer, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	n := len(d.Tokens)
	t := &Tokenizer{
		model: d.Model, pieces: make([]string, n), kinds: make([]Kind, n),
		ids: make(map[string]int32, n),
		bos: d.BOS, eos: d.EOS, eot: d.EOT, unk: d.Unk, pad: d.Pad,
		end: make([]bool, n), nfc: d.NFC, prefixOnce: d.PrefixOnce, addEOS: d.AddEOS.Or(d.Model == Unigram),
	}
	for i := range t.kinds {
		t.kinds[i] = Normal
	}
	copy(t.kinds, d.Kinds)
	t.findEnds(d)
	t.fillPieces(d)
	switch d.Model {
	case BPE:
		p, ok := pres[cmpOr(d.Pre, "default")]
		if !ok {
			return nil, fmt.Errorf("tokenizer: pre-tokenizer %q: unknown, want one of %s", d.Pre, strings.Join(Pres(), ", "))
		}
		t.pre, t.split = cmpOr(d.Pre, "default"), p.split
		t.whole = d.IgnoreMerges.Or(p.whole)
		t.addBOS = d.AddBOS.Or(p.addBOS)
	case SPM:
		t.spacePrefix, t.addBOS = d.AddSpacePrefix.Or(true), d.AddBOS.Or(true)
		t.scores = make([]float32, n)
		copy(t.scores, d.Scores)
	case RuneBPE:
		t.spacePrefix, t.addBOS = d.AddSpacePrefix.Or(true), d.AddBOS.Or(false)
		t.whole = d.IgnoreMerges.Or(false)
	case Unigram:
		t.spacePrefix, t.addBOS = d.AddSpacePrefix.Or(false), d.AddBOS.Or(false)
		u, err := newUnigram(t, d)
		if err != nil {
			return nil, err
		}
		t.uni = u
	default:
		return nil, fmt.Errorf("tokenizer: model %q: unknown, want %q, %q or %q", d.Model, BPE, SPM, Unigram)
	}
	if (d.Model == BPE || d.Model == RuneBPE) && len(d.Merges) > 0 {
		m, err := newPairs(t, d.Merges)
		if err != nil {
			return nil, err
		}
		t.merges = m
	}
	t.specials = newSpecials(d.Tokens, t.kinds)
	if t.addBOS && t.bos < 0 {
		t.addBOS = false
	}
	if t.addEOS && t.eos < 0 {
		t.addEOS = false
	}
	return t, nil
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// fillPieces computes what each token adds to a text and the table that finds
// a token by its bytes.
func (t *Tokenizer) fillPieces(d *Data) {
	for i := range t.byteID {
		t.byteID[i] = -1
	}
	for i, text := range d.Tokens {
		piece, key := text, text
		switch kind := t.kinds[i]; {
		case kind == Unused:
			piece = ""
		case kind == Byte:
			if b, ok := byteOf(text); ok {
				piece = string([]byte{b})
				if t.byteID[b] < 0 {
					t.byteID[b] = int32(i)
				}
			}
		case kind != Normal: // written as it is
		case t.model == BPE:
			piece = fromAlphabet(text)
			key = piece
		default:
			piece = strings.ReplaceAll(text, space, " ")
		}
		t.pieces[i] = piece
		if kind := t.kinds[i]; t.model == BPE && (kind == Unknown || kind == User || kind == Control && d.Kinds != nil && d.Kinds[i] == Control) {
			continue // only the partition by specials may yield them
		}
		if text == "" {
			continue
		}
		if _, taken := t.ids[key]; !taken {
			t.ids[key] = int32(i)
			t.maxToken = max(t.maxToken, len(key))
		}
	}
	for b := range 256 {
		if id, ok := t.ids[string([]byte{byte(b)})]; ok && t.byteID[b] < 0 {
			t.byteID[b] = id
		}
	}
}

// byteOf reads SentencePiece's way to write a byte, <0x0A>.
func byteOf(text string) (byte, bool) {
	if len(text) != 6 || !strings.HasPrefix(text, "<0x") || text[5] != '>' {
		return 0, false
	}
	b, err := hex.DecodeString(text[3:5])
	if err != nil {
		return 0, false
	}
	return b[0], true
}

// endTexts are the tokens that end an answer or a turn in the published
// vocabularies. Files often name only one of a vocabulary's several.
var endTexts = map[string]bool{
	"<|eot_id|>": true, "<|im_end|>": true, "<|end|>": true, "<|return|>": true, "<|call|>": true,
	"<end_of_turn>": true, "<|endoftext|>": true, "<|eom_id|>": true, "<EOT>": true, "[EOT]": true, "[EOS]": true,
	"<|end_of_text|>": true, "<｜end▁of▁sentence｜>": true, "[e~[": true, "</s>": true,
	"<|hy_eos|>": true, "<|eos|>": true,
	// GLM ends its turn by opening the next one.
	"<|user|>": true, "<|observation|>": true,
}

// findEnds marks the tokens that end an answer. A token with such a text is a
// control token, whatever the file calls it: else a user could write it.
func (t *Tokenizer) findEnds(d *Data) {
	call, ret, end, glm := -1, -1, -1, false
	for i, text := range d.Tokens {
		if text == "[gMASK]" {
			glm = true
		}
		if !endTexts[text] {
			continue
		}
		switch text {
		case "<|call|>":
			call = i
		case "<|return|>":
			ret = i
		case "<|end|>":
			end = i
		}
		t.end[i] = true
		t.kinds[i] = Control
	}
	if call >= 0 && ret >= 0 && end >= 0 {
		t.end[end] = false // harmony: <|end|> closes a message, not the answer
	}
	if !glm {
		for i, text := range d.Tokens {
			if text == "<|user|>" || text == "<|observation|>" {
				t.end[i] = false
			}
		}
	}
	for _, id := range append([]int{d.EOS, d.EOT}, d.Ends...) {
		if id >= 0 {
			t.end[id] = true
		}
	}
}

// Len is the number of tokens.
func (t *Tokenizer) Len() int { return len(t.pieces) }

// Model is the vocabulary's algorithm.
func (t *Tokenizer) Model() Model { return t.model }

// Pre names the pre-tokenizer; "" where the model has none.
func (t *Tokenizer) Pre() string { return t.pre }

// Bytes is what the token adds to a text: part of a character for some, the
// token's name for control tokens, nil for an id outside the vocabulary.
func (t *Tokenizer) Bytes(id int) []byte {
	if id < 0 || id >= len(t.pieces) {
		return nil
	}
	return []byte(t.pieces[id])
}

// Kind says what the token is for; 0 for an id outside the vocabulary.
func (t *Tokenizer) Kind(id int) Kind {
	if id < 0 || id >= len(t.kinds) {
		return 0
	}
	return t.kinds[id]
}

// Special reports whether the token is a control token, which is never part
// of plain text.
func (t *Tokenizer) Special(id int) bool {
	k := t.Kind(id)
	return k == Control || k == Unknown
}

// End reports whether the token ends an answer.
func (t *Tokenizer) End(id int) bool { return id >= 0 && id < len(t.end) && t.end[id] }

// BOS returns the token that begins a text, -1 where there is none, and
// whether the model wants it before every prompt.
func (t *Tokenizer) BOS() (id int, add bool) { return t.bos, t.addBOS }

// EOS returns the token that ends a text, -1 where there is none, and whether
// the model wants it after every prompt.
func (t *Tokenizer) EOS() (id int, add bool) { return t.eos, t.addEOS }

// ID finds a token by what it adds to a text or, for control tokens, by name.
func (t *Tokenizer) ID(text string) (int, bool) {
	if id, ok := t.specials.find(text); ok {
		return id, true
	}
	if t.model != BPE {
		text = strings.ReplaceAll(text, " ", space)
	}
	id, ok := t.ids[text]
	return int(id), ok
}

// Encode turns text into ids and adds nothing. With special, the names of
// control tokens in the text become those tokens; without, they are plain
// text, which is right for everything that a user wrote.
func (t *Tokenizer) Encode(text string, special bool) []int { return t.encode(text, special, false) }

func (t *Tokenizer) encode(text string, special, guarded bool) []int {
	if t.nfc {
		text = norm.NFC.String(text)
	}
	var ids []int
	e := encoder{t: t}
	first := true // SentencePiece: a space before the text and after specials
	t.specials.partition(text, special, func(plain string, id int) {
		if id >= 0 {
			ids = append(ids, id)
			first = !t.prefixOnce
			return
		}
		if guarded {
			plain = strings.ReplaceAll(plain, guard, "")
		}
		ids = e.plain(ids, plain, first)
		first = false
	})
	return ids
}

// Decode turns ids into text. Without special, control tokens are left out;
// with it, they are written by name. Ids outside the vocabulary are errors.
func (t *Tokenizer) Decode(ids []int, special bool) (string, error) {
	var b strings.Builder
	strip := t.spacePrefix
	for i, id := range ids {
		if id < 0 || id >= len(t.pieces) {
			return "", fmt.Errorf("tokenizer: id %d at %d: want one below %d", id, i, len(t.pieces))
		}
		if t.Special(id) {
			if special {
				b.WriteString(t.pieces[id])
			}
			strip = t.spacePrefix
			continue
		}
		piece := t.pieces[id]
		if strip {
			piece = strings.TrimPrefix(piece, " ")
			strip = false
		}
		b.WriteString(piece)
	}
	return b.String(), nil
}

// Stream turns tokens into text while they arrive. The zero value is not
// ready: take one from Tokenizer.Stream.
type Stream struct {
	t       *Tokenizer
	special bool
	tail    []byte // the begun character
}

// Stream starts a text that is generated: control tokens are left out unless
// special is set, and no leading space is taken away.
func (t *Tokenizer) Stream(special bool) *Stream { return &Stream{t: t, special: special} }

// Next returns the text that the token completes: whole characters only,
// perhaps none. Bytes that can never become a character come out as they are.
func (s *Stream) Next(id int) string {
	if id < 0 || id >= len(s.t.pieces) || s.t.Special(id) && !s.special {
		return ""
	}
	s.tail = append(s.tail, s.t.pieces[id]...)
	n := whole(s.tail)
	out := string(s.tail[:n])
	s.tail = append(s.tail[:0], s.tail[n:]...)
	return out
}

// Rest returns what is left of a character that was never completed.
func (s *Stream) Rest() string {
	out := string(s.tail)
	s.tail = s.tail[:0]
	return out
}

// whole returns how many bytes of b can be shown: all but a character at the
// end that is begun and may still be completed.
func whole(b []byte) int {
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ {
		c := b[len(b)-i]
		if c&0xc0 == 0x80 {
			continue
		}
		if c >= 0xc0 && !utf8.FullRune(b[len(b)-i:]) {
			return len(b) - i
		}
		break
	}
	return len(b)
}
