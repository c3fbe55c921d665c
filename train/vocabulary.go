package train

import (
	"cmp"
	"fmt"
	"slices"

	"summit/template"
	"summit/tokenizer"
)

// The control tokens of our own vocabularies, in the order of their ids.
const (
	unknownToken = "<unk>"
	beginToken   = "<s>"
	endToken     = "</s>"
)

var roleTokens = []string{"<|system|>", "<|user|>", "<|assistant|>"}

// chatTemplate writes what encode does.
const chatTemplate = `{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`

// vocabulary is tokens, the tokenizer over them, and the control tokens that
// documents are written with.
type vocabulary struct {
	data       *tokenizer.Data
	tok        *tokenizer.Tokenizer
	begin, end int32
	roles      map[string]int32   // of our own vocabularies
	chat       *template.Template // of a base
}

func newVocabulary(d *tokenizer.Data) (*vocabulary, error) {
	t, err := tokenizer.New(d)
	if err != nil {
		return nil, err
	}
	v := &vocabulary{data: d, tok: t, begin: int32(d.BOS), end: int32(d.EOS), roles: map[string]int32{}}
	for _, name := range roleTokens {
		id, ok := t.ID(name)
		if !ok {
			return nil, fmt.Errorf("train: vocabulary: no token %q", name)
		}
		v.roles[name[2:len(name)-2]] = int32(id)
	}
	return v, nil
}

// encode appends a document's tokens and which of them count as targets.
func (v *vocabulary) encode(ids []int32, learn []bool, d *Document) ([]int32, []bool, error) {
	if v.roles == nil && len(d.Messages) > 0 {
		return v.converse(ids, learn, d)
	}
	put := func(counts bool, tokens ...int32) {
		for _, id := range tokens {
			ids, learn = append(ids, id), append(learn, counts)
		}
	}
	text := func(counts bool, s string) {
		for _, id := range v.tok.Encode(s, false) {
			put(counts, int32(id))
		}
	}
	if v.begin >= 0 {
		put(false, v.begin)
	}
	if d.Text != "" {
		text(true, d.Text)
		if v.end >= 0 {
			put(true, v.end)
		}
		return ids, learn, nil
	}
	for _, m := range d.Messages {
		answer := m.Role == "assistant"
		put(false, v.roles[m.Role])
		text(answer, m.Content)
		if answer {
			put(true, v.end)
		}
	}
	return ids, learn, nil
}

// maxCharacters keeps a vocabulary of characters within what Unicode assigns.
const maxCharacters = 1 << 18

// eachText calls f with all text of a recipe's sources.
func eachText(r *Recipe, f func(string)) error {
	for _, s := range r.Sources {
		err := readFile(r.path(s.File), func(d *Document) error {
			f(d.Text)
			for _, m := range d.Messages {
				f(m.Content)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// buildVocabulary makes the vocabulary that a recipe asks for from its sources.
func buildVocabulary(r *Recipe) (*vocabulary, error) {
	var d *tokenizer.Data
	var err error
	if r.Vocabulary.Kind == "bpe" {
		d, err = bytePairs(r)
	} else {
		d, err = characters(r)
	}
	if err != nil {
		return nil, err
	}
	return newVocabulary(d)
}

// bytePairs learns byte pairs from the sources.
func bytePairs(r *Recipe) (*tokenizer.Data, error) {
	pieces := map[string]int{}
	if err := tokenizer.Split(r.Vocabulary.Pre, "", func(string) {}); err != nil {
		return nil, err
	}
	err := eachText(r, func(s string) {
		_ = tokenizer.Split(r.Vocabulary.Pre, s, func(p string) { pieces[p]++ }) // the name has been tried
	})
	if err != nil {
		return nil, err
	}
	size := r.Vocabulary.Size
	if size == 0 {
		size = 4096
	}
	return buildBPE(r.Vocabulary.Pre, pieces, size)
}

// characters makes a token of each character of the sources, the most frequent
// first; others are written as bytes.
func characters(r *Recipe) (*tokenizer.Data, error) {
	counts := map[rune]int{}
	err := eachText(r, func(s string) {
		for _, c := range s {
			counts[c]++
		}
	})
	if err != nil {
		return nil, err
	}
	d := controls(tokenizer.SPM)
	for b := range 256 {
		d.Tokens, d.Kinds = append(d.Tokens, fmt.Sprintf("<0x%02X>", b)), append(d.Kinds, tokenizer.Byte)
	}
	chars := make([]rune, 0, len(counts))
	for c := range counts {
		// U+2581 is how the model's file writes a space; U+FFFD stands for what was no text.
		if c != '▁' && c != '�' {
			chars = append(chars, c)
		}
	}
	slices.SortFunc(chars, func(a, b rune) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	room := maxCharacters
	if r.Vocabulary.Size > 0 {
		room = r.Vocabulary.Size - len(d.Tokens)
	}
	if room < 1 {
		return nil, fmt.Errorf("train: vocabulary: size: got %d, want above the %d tokens of bytes and control", r.Vocabulary.Size, len(d.Tokens))
	}
	for _, c := range chars[:min(room, len(chars))] {
		text := string(c)
		if c == ' ' {
			text = "▁"
		}
		d.Tokens, d.Kinds = append(d.Tokens, text), append(d.Kinds, tokenizer.Normal)
	}
	d.Scores = make([]float32, len(d.Tokens))
	for i := range d.Scores {
		d.Scores[i] = -float32(i)
	}
	d.AddSpacePrefix = tokenizer.No
	return d, nil
}

// controls is a vocabulary of our control tokens.
func controls(model tokenizer.Model) *tokenizer.Data {
	d := &tokenizer.Data{Model: model, BOS: 1, EOS: 2, EOT: -1, Unk: 0, Pad: -1, AddBOS: tokenizer.Yes, AddEOS: tokenizer.No}
	d.Tokens = append([]string{unknownToken, beginToken, endToken}, roleTokens...)
	d.Kinds = []tokenizer.Kind{tokenizer.Unknown}
	for range d.Tokens[1:] {
		d.Kinds = append(d.Kinds, tokenizer.Control)
	}
	return d
}

// vocabularyFacts is the metadata of a vocabulary of ours.
func vocabularyFacts(d *tokenizer.Data) []fact {
	kinds := make([]int32, len(d.Kinds))
	for i, k := range d.Kinds {
		kinds[i] = int32(k)
	}
	facts := []fact{{"tokenizer.ggml.model", string(d.Model)}}
	if d.Pre != "" {
		facts = append(facts, fact{"tokenizer.ggml.pre", d.Pre})
	}
	facts = append(facts, fact{"tokenizer.ggml.tokens", d.Tokens})
	if d.Scores != nil {
		facts = append(facts, fact{"tokenizer.ggml.scores", d.Scores})
	}
	facts = append(facts, fact{"tokenizer.ggml.token_type", kinds})
	if d.Merges != nil {
		facts = append(facts, fact{"tokenizer.ggml.merges", d.Merges})
	}
	return append(facts,
		fact{"tokenizer.ggml.bos_token_id", uint32(d.BOS)}, fact{"tokenizer.ggml.eos_token_id", uint32(d.EOS)},
		fact{"tokenizer.ggml.unknown_token_id", uint32(d.Unk)},
		fact{"tokenizer.ggml.add_bos_token", d.AddBOS == tokenizer.Yes}, fact{"tokenizer.ggml.add_eos_token", false},
		fact{"tokenizer.ggml.add_space_prefix", false}, fact{"tokenizer.chat_template", chatTemplate},
	)
}
