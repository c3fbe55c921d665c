package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// FromJSON reads the vocabulary of a Hugging Face folder: tokenizer.json and,
// unless nil, tokenizer_config.json. A part that Summit doesn't know (a
// normaliser, a pattern) is refused by name: to leave it out would give other
// ids without a word.
func FromJSON(tokenizer, config []byte) (*Data, error) {
	var f tokenizerJSON
	if err := json.Unmarshal(tokenizer, &f); err != nil {
		return nil, fmt.Errorf("tokenizer: tokenizer.json: %w", err)
	}
	d := &Data{BOS: -1, EOS: -1, EOT: -1, Unk: -1, Pad: -1}
	if err := f.fill(d); err != nil {
		return nil, err
	}
	if config != nil {
		if err := fillConfig(d, config); err != nil {
			return nil, err
		}
	}
	return d, nil
}

type tokenizerJSON struct {
	Added []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer *part `json:"normalizer"`
	Pre        *part `json:"pre_tokenizer"`
	Post       *part `json:"post_processor"`
	Model      struct {
		Type         string          `json:"type"`
		Vocab        json.RawMessage `json:"vocab"`
		Merges       json.RawMessage `json:"merges"`
		Unk          *string         `json:"unk_token"`
		UnkID        *int            `json:"unk_id"`
		ByteFallback bool            `json:"byte_fallback"`
		IgnoreMerges bool            `json:"ignore_merges"`
	} `json:"model"`
}

// part is one step of a pipeline, or a Sequence of them.
type part struct {
	Type       string          `json:"type"`
	Normal     []*part         `json:"normalizers"`
	Pre        []*part         `json:"pretokenizers"`
	Processors []*part         `json:"processors"`
	Pattern    json.RawMessage `json:"pattern"`
	Content    string          `json:"content"`
	Prepend    string          `json:"prepend"`
	Behavior   string          `json:"behavior"`
	Invert     bool            `json:"invert"`
	UseRegex   *bool           `json:"use_regex"`
	AddPrefix  *bool           `json:"add_prefix_space"`
	Individual bool            `json:"individual_digits"`
	Scheme     string          `json:"prepend_scheme"`
	CharsMap   string          `json:"precompiled_charsmap"`
	Single     []struct {
		Special *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
	} `json:"single"`
}

// steps flattens Sequences; nesting is bounded by what encoding/json accepts.
func (p *part) steps() []*part {
	if p == nil {
		return nil
	}
	var all []*part
	todo := []*part{p}
	for len(todo) > 0 {
		p, todo = todo[0], todo[1:]
		if p == nil {
			continue
		}
		if p.Type == "Sequence" {
			todo = append(slices.Concat(p.Normal, p.Pre, p.Processors), todo...)
			continue
		}
		all = append(all, p)
	}
	return all
}

func (f *tokenizerJSON) fill(d *Data) error {
	switch f.Model.Type {
	case "BPE":
		d.Model = BPE
		if f.Model.ByteFallback {
			d.Model = RuneBPE
		}
		d.IgnoreMerges = Chosen(f.Model.IgnoreMerges)
	case "Unigram":
		d.Model = Unigram
	default:
		return fmt.Errorf("tokenizer: tokenizer.json: model %q: unknown, want BPE or Unigram", f.Model.Type)
	}
	if err := f.vocabulary(d); err != nil {
		return err
	}
	if err := f.merges(d); err != nil {
		return err
	}
	if err := f.normalizer(d); err != nil {
		return err
	}
	if err := f.pre(d); err != nil {
		return err
	}
	d.AddBOS = No
	for _, p := range f.Post.steps() {
		if p.Type == "TemplateProcessing" && len(p.Single) > 0 && p.Single[0].Special != nil {
			if id := slices.Index(d.Tokens, p.Single[0].Special.ID); id >= 0 {
				d.BOS, d.AddBOS = id, Yes
			}
		}
	}
	return nil
}

func (f *tokenizerJSON) vocabulary(d *Data) error {
	type scored [2]any
	size := 0
	grow := func(id, entries int) error {
		// Holes are usual, but a table must not be much larger than the file.
		if id < 0 || id >= maxTokens || id > entries+1<<16 {
			return fmt.Errorf("tokenizer: tokenizer.json: id %d among %d tokens, want ids without large gaps", id, entries)
		}
		size = max(size, id+1)
		return nil
	}
	byName := map[string]int{}
	if d.Model == Unigram {
		var list []scored
		if err := json.Unmarshal(f.Model.Vocab, &list); err != nil {
			return fmt.Errorf("tokenizer: tokenizer.json: vocab: %w", err)
		}
		for i, e := range list {
			text, ok := e[0].(string)
			score, number := e[1].(float64)
			if !ok || !number {
				return fmt.Errorf("tokenizer: tokenizer.json: vocab: entry %d is %v, want a text and a score", i, e)
			}
			d.Tokens = append(d.Tokens, text)
			d.Scores = append(d.Scores, float32(score))
		}
		size = len(list)
	} else {
		if err := json.Unmarshal(f.Model.Vocab, &byName); err != nil {
			return fmt.Errorf("tokenizer: tokenizer.json: vocab: %w", err)
		}
	}
	entries := max(len(byName), size) + len(f.Added)
	for _, id := range byName {
		if err := grow(id, entries); err != nil {
			return err
		}
	}
	for _, a := range f.Added {
		if err := grow(a.ID, entries); err != nil {
			return err
		}
	}
	d.Tokens = append(d.Tokens, make([]string, size-len(d.Tokens))...)
	if d.Scores != nil {
		d.Scores = append(d.Scores, make([]float32, size-len(d.Scores))...)
	}
	d.Kinds = make([]Kind, size)
	for name, id := range byName {
		if d.Tokens[id] != "" {
			return fmt.Errorf("tokenizer: tokenizer.json: vocab: id %d is both %.40q and %.40q", id, min(name, d.Tokens[id]), max(name, d.Tokens[id]))
		}
		d.Tokens[id] = name
	}
	for id, text := range d.Tokens {
		d.Kinds[id] = Normal
		if _, ok := byteOf(text); ok && f.Model.ByteFallback {
			d.Kinds[id] = Byte
		}
		if text == "" {
			d.Kinds[id] = Unused
		}
	}
	for _, a := range f.Added {
		d.Tokens[a.ID], d.Kinds[a.ID] = a.Content, User
		if a.Special {
			d.Kinds[a.ID] = Control
		}
	}
	if f.Model.UnkID != nil {
		d.Unk = *f.Model.UnkID
	} else if f.Model.Unk != nil {
		d.Unk = slices.Index(d.Tokens, *f.Model.Unk)
	}
	if d.Unk >= 0 && d.Unk < size {
		d.Kinds[d.Unk] = Unknown
	}
	return nil
}

func (f *tokenizerJSON) merges(d *Data) error {
	if len(f.Model.Merges) == 0 || d.Model == Unigram {
		return nil
	}
	if json.Unmarshal(f.Model.Merges, &d.Merges) == nil {
		return nil
	}
	var pairs [][2]string
	if err := json.Unmarshal(f.Model.Merges, &pairs); err != nil {
		return fmt.Errorf("tokenizer: tokenizer.json: merges: %w", err)
	}
	d.Merges = make([]string, len(pairs))
	for i, p := range pairs {
		if strings.IndexByte(p[0], ' ') > 0 {
			return fmt.Errorf("tokenizer: tokenizer.json: merge %d: %.40q holds a space", i, p[0])
		}
		d.Merges[i] = p[0] + " " + p[1]
	}
	return nil
}

func (f *tokenizerJSON) normalizer(d *Data) error {
	d.AddSpacePrefix = No
	for _, p := range f.Normalizer.steps() {
		switch {
		case p.Type == "NFC":
			d.NFC = true
		case p.Type == "Prepend" && p.Prepend == space && d.Model != BPE:
			d.AddSpacePrefix = Yes
		case p.Type == "Replace" && p.text() == " " && p.Content == space && d.Model != BPE:
		case p.Type == "Replace" && p.regex() == " {2,}" && d.Model == Unigram:
			d.RemoveExtraSpaces = true
		case p.Type == "Precompiled" && d.Model == Unigram:
			b, err := base64.StdEncoding.DecodeString(p.CharsMap)
			if err != nil {
				return fmt.Errorf("tokenizer: tokenizer.json: precompiled_charsmap: %w", err)
			}
			d.CharsMap = b
		default:
			return fmt.Errorf("tokenizer: tokenizer.json: normalizer %q: unknown to this engine for a %s vocabulary", p.Type, f.Model.Type)
		}
	}
	return nil
}

func (f *tokenizerJSON) pre(d *Data) error {
	var patterns []string
	for _, p := range f.Pre.steps() {
		switch {
		case p.Type == "Split" && p.Behavior == "Isolated" && !p.Invert && p.regex() != "",
			p.Type == "Split" && p.Behavior == "Removed" && p.Invert && p.regex() != "":
			patterns = append(patterns, p.regex())
		case p.Type == "Digits" && p.Individual:
			patterns = append(patterns, `\p{N}`)
		case p.Type == "Digits":
			patterns = append(patterns, `\p{N}+`)
		case p.Type == "ByteLevel" && (p.AddPrefix == nil || !*p.AddPrefix):
			if p.UseRegex == nil || *p.UseRegex {
				patterns = append(patterns, gpt2Pattern)
			}
		case p.Type == "Metaspace" && d.Model != BPE:
			d.AddSpacePrefix = Chosen(p.Scheme != "never" && (p.AddPrefix == nil || *p.AddPrefix))
			d.PrefixOnce = p.Scheme == "first"
		case p.Type == "Split" && d.Model == RuneBPE && p.text() == " ":
			// Words of a vocabulary without spaces inside tokens: the same ids.
		default:
			return fmt.Errorf("tokenizer: tokenizer.json: pre_tokenizer %q: unknown to this engine for a %s vocabulary", p.Type, f.Model.Type)
		}
	}
	if d.Model != BPE {
		return nil
	}
	for _, name := range Pres() {
		if slices.Equal(pres[name].patterns, patterns) {
			d.Pre = name
			return nil
		}
	}
	return fmt.Errorf("tokenizer: tokenizer.json: pre_tokenizer: patterns %q: unknown, want those of one of %s", patterns, strings.Join(Pres(), ", "))
}

func (p *part) regex() string {
	var v struct{ Regex string }
	_ = json.Unmarshal(p.Pattern, &v) // not of that form: none
	return v.Regex
}

func (p *part) text() string {
	var v struct{ String string }
	_ = json.Unmarshal(p.Pattern, &v)
	return v.String
}

// name is a token in tokenizer_config.json: its text, or an object with it.
type name string

func (n *name) UnmarshalJSON(b []byte) error {
	var o struct{ Content string }
	if len(b) > 0 && b[0] == '{' {
		err := json.Unmarshal(b, &o)
		*n = name(o.Content)
		return err
	}
	var s *string
	err := json.Unmarshal(b, &s)
	if s != nil {
		*n = name(*s)
	}
	return err
}

func fillConfig(d *Data, config []byte) error {
	var c struct {
		AddBOS *bool `json:"add_bos_token"`
		AddEOS *bool `json:"add_eos_token"`
		BOS    name  `json:"bos_token"`
		EOS    name  `json:"eos_token"`
		Unk    name  `json:"unk_token"`
		Pad    name  `json:"pad_token"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("tokenizer: tokenizer_config.json: %w", err)
	}
	for _, s := range []struct {
		n  name
		id *int
	}{{c.BOS, &d.BOS}, {c.EOS, &d.EOS}, {c.Unk, &d.Unk}, {c.Pad, &d.Pad}} {
		if s.n == "" {
			continue
		}
		if id := slices.Index(d.Tokens, string(s.n)); id >= 0 {
			*s.id = id
		}
	}
	if c.AddBOS != nil {
		d.AddBOS = Chosen(*c.AddBOS)
	}
	if c.AddEOS != nil {
		d.AddEOS = Chosen(*c.AddEOS)
	}
	return nil
}
