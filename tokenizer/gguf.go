package tokenizer

import "fmt"

// Metadata is what FromGGUF asks of a model file: its key-value pairs.
// Numbers are Go's of any width, texts string, switches bool, lists slices of
// these.
type Metadata interface {
	Value(key string) (any, bool)
}

// FromGGUF reads the vocabulary of a GGUF file's metadata (tokenizer.ggml.*).
func FromGGUF(m Metadata) (*Data, error) {
	g := ggufReader{m: m}
	d := &Data{
		Model: Model(g.text("tokenizer.ggml.model")),
		Pre:   g.text("tokenizer.ggml.pre"),
		BOS:   -1, EOS: -1, EOT: -1, Unk: -1, Pad: -1,
	}
	if d.Model == "" && g.err == nil {
		return nil, fmt.Errorf("tokenizer: key %q: absent, want the kind of vocabulary", "tokenizer.ggml.model")
	}
	d.Tokens = list[string](&g, "tokenizer.ggml.tokens")
	d.Merges = list[string](&g, "tokenizer.ggml.merges")
	d.Scores = g.floats("tokenizer.ggml.scores")
	if kinds := g.ints("tokenizer.ggml.token_type"); kinds != nil {
		d.Kinds = make([]Kind, len(kinds))
		for i, k := range kinds {
			if k < 0 || k > int64(Byte) {
				return nil, fmt.Errorf("tokenizer: token %d: type %d, want 0 to %d", i, k, Byte)
			}
			d.Kinds[i] = max(Kind(k), Normal)
		}
	}
	// What a file of that kind means when it says nothing.
	switch d.Model {
	case SPM:
		d.BOS, d.EOS, d.Unk = 1, 2, 0
	case Unigram:
		d.EOS, d.Unk, d.Pad = 1, 2, 0
	}
	for _, id := range []*int{&d.BOS, &d.EOS, &d.Unk, &d.Pad} {
		if *id >= len(d.Tokens) {
			*id = -1
		}
	}
	g.id("tokenizer.ggml.bos_token_id", &d.BOS)
	g.id("tokenizer.ggml.eos_token_id", &d.EOS)
	g.id("tokenizer.ggml.eot_token_id", &d.EOT)
	g.id("tokenizer.ggml.unknown_token_id", &d.Unk)
	g.id("tokenizer.ggml.padding_token_id", &d.Pad)
	eom := -1
	g.id("tokenizer.ggml.eom_token_id", &eom)
	if eom >= 0 {
		d.Ends = append(d.Ends, eom)
	}
	d.AddBOS = g.choice("tokenizer.ggml.add_bos_token")
	d.AddEOS = g.choice("tokenizer.ggml.add_eos_token")
	d.AddSpacePrefix = g.choice("tokenizer.ggml.add_space_prefix")
	d.RemoveExtraSpaces = g.choice("tokenizer.ggml.remove_extra_whitespaces") == Yes
	d.CharsMap = g.bytes("tokenizer.ggml.precompiled_charsmap")
	if g.err != nil {
		return nil, g.err
	}
	return d, nil
}

// ggufReader reads values of the wanted type and keeps the first error.
type ggufReader struct {
	m   Metadata
	err error
}

func (g *ggufReader) get(key string) (any, bool) {
	if g.err != nil {
		return nil, false
	}
	return g.m.Value(key)
}

func (g *ggufReader) fail(key string, v any, want string) {
	if g.err == nil {
		g.err = fmt.Errorf("tokenizer: key %q: got %T, want %s", key, v, want)
	}
}

func (g *ggufReader) text(key string) string {
	v, ok := g.get(key)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		g.fail(key, v, "a text")
	}
	return s
}

func (g *ggufReader) choice(key string) Choice {
	v, ok := g.get(key)
	if !ok {
		return Unset
	}
	b, ok := v.(bool)
	if !ok {
		g.fail(key, v, "a boolean")
	}
	return Chosen(b)
}

func (g *ggufReader) id(key string, id *int) {
	v, ok := g.get(key)
	if !ok {
		return
	}
	n, ok := integer(v)
	if !ok {
		g.fail(key, v, "a whole number")
		return
	}
	if n < 0 || n > maxTokens {
		// Converters write 2^32-1 for a token that there isn't.
		n = -1
	}
	*id = int(n)
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(min(n, 1<<62)), true
	}
	return 0, false
}

func list[T any](g *ggufReader, key string) []T {
	v, ok := g.get(key)
	if !ok {
		return nil
	}
	l, ok := v.([]T)
	if !ok {
		var want []T
		g.fail(key, v, fmt.Sprintf("%T", want))
	}
	return l
}

func (g *ggufReader) floats(key string) []float32 {
	v, ok := g.get(key)
	if !ok {
		return nil
	}
	if l, ok := v.([]float32); ok {
		return l
	}
	whole := g.ints(key)
	if whole == nil {
		return nil
	}
	l := make([]float32, len(whole))
	for i, n := range whole {
		l[i] = float32(n)
	}
	return l
}

func (g *ggufReader) ints(key string) []int64 {
	v, ok := g.get(key)
	if !ok {
		return nil
	}
	switch l := v.(type) {
	case []int32:
		return widen(l)
	case []uint32:
		return widen(l)
	case []int64:
		return widen(l)
	case []int:
		return widen(l)
	case []int8:
		return widen(l)
	case []uint8:
		return widen(l)
	}
	g.fail(key, v, "a list of whole numbers")
	return nil
}

func widen[T int | int8 | uint8 | int32 | uint32 | int64](l []T) []int64 {
	wide := make([]int64, len(l))
	for i, n := range l {
		wide[i] = int64(n)
	}
	return wide
}

func (g *ggufReader) bytes(key string) []byte {
	v, ok := g.get(key)
	if !ok {
		return nil
	}
	switch l := v.(type) {
	case []uint8:
		return l
	case []int8:
		b := make([]byte, len(l))
		for i, n := range l {
			b[i] = byte(n)
		}
		return b
	}
	g.fail(key, v, "a list of bytes")
	return nil
}
