package tokenizer

import "fmt"

// Kind says what a token of the vocabulary is for. The numbers are GGUF's
// (tokenizer.ggml.token_type).
type Kind uint8

const (
	Normal  Kind = 1 // a piece of text
	Unknown Kind = 2 // stands for what has no token
	Control Kind = 3 // steers the model; never part of plain text
	User    Kind = 4 // added by the model's maker; always recognised in text
	Unused  Kind = 5 // padding of the table
	Byte    Kind = 6 // one byte, written <0x0A>
)

// Model is the algorithm of a vocabulary.
type Model string

const (
	BPE     Model = "gpt2"  // byte-level byte-pair encoding behind a pre-tokenizer
	SPM     Model = "llama" // SentencePiece's BPE: scores instead of merges, byte fallback
	Unigram Model = "t5"    // SentencePiece's unigram language model
	// RuneBPE is byte-pair encoding over characters with byte fallback: what a
	// tokenizer.json makes of a SentencePiece vocabulary. GGUF has no name for it.
	RuneBPE Model = "bpe-fallback"
)

// Data is a vocabulary as a model file holds it: what New needs, and nothing
// of any file format.
type Data struct {
	Model Model
	// Pre names the pre-tokenizer of a BPE vocabulary, as
	// tokenizer.ggml.pre does; "" = "default".
	Pre    string
	Tokens []string  // GPT-2's byte alphabet for BPE, ▁ for spaces otherwise
	Scores []float32 // SPM, Unigram: one a token; nil = all zero
	Kinds  []Kind    // one a token; nil = all Normal
	// Merges are the pairs of BPE, best first, each "left right". Without any,
	// the ids themselves are the ranks, as in tiktoken's files.
	Merges []string

	BOS, EOS, EOT, Unk, Pad int   // ids; -1 = none
	Ends                    []int // more ids that end an answer
	AddBOS, AddEOS          Choice

	// AddSpacePrefix puts a space before a text of SPM or Unigram.
	AddSpacePrefix Choice
	PrefixOnce     bool // at the very beginning only, not after specials too
	// The normaliser of Unigram.
	RemoveExtraSpaces bool
	SpaceAsSuffix     bool
	CharsMap          []byte // SentencePiece's precompiled_charsmap
	// NFC composes characters before anything else, as some tokenizer.json ask.
	NFC bool
	// IgnoreMerges takes a piece that is itself a token whole; Unset = what
	// the pre-tokenizer says.
	IgnoreMerges Choice
}

// Choice is a switch that a file may leave to the vocabulary's kind.
type Choice int8

const (
	Unset Choice = iota
	Yes
	No
)

// Or returns what was chosen, or the given default.
func (c Choice) Or(unset bool) bool {
	if c == Unset {
		return unset
	}
	return c == Yes
}

// Chosen turns a file's switch into a Choice.
func Chosen(b bool) Choice {
	if b {
		return Yes
	}
	return No
}

// maxTokens is how many entries a vocabulary may have; the largest that are
// published have about 260,000.
const maxTokens = 1 << 24

// maxTokenBytes is how long one token may be. The longest that are published
// have some hundred bytes; what a character of text may cost grows with it.
const maxTokenBytes = 1 << 12

func (d *Data) check() error {
	n := len(d.Tokens)
	if n == 0 {
		return fmt.Errorf("tokenizer: tokens: got none, want at least one")
	}
	if n > maxTokens {
		return fmt.Errorf("tokenizer: tokens: got %d, want at most %d", n, maxTokens)
	}
	for i, t := range d.Tokens {
		if len(t) > maxTokenBytes {
			return fmt.Errorf("tokenizer: token %d: got %d bytes, want at most %d", i, len(t), maxTokenBytes)
		}
	}
	if d.Scores != nil && len(d.Scores) < n {
		return fmt.Errorf("tokenizer: scores: got %d, want one for each of %d tokens", len(d.Scores), n)
	}
	if d.Kinds != nil && len(d.Kinds) < n {
		return fmt.Errorf("tokenizer: token types: got %d, want one for each of %d tokens", len(d.Kinds), n)
	}
	for _, id := range []struct {
		name string
		id   int
	}{{"bos", d.BOS}, {"eos", d.EOS}, {"eot", d.EOT}, {"unknown", d.Unk}, {"padding", d.Pad}} {
		if id.id < -1 || id.id >= n {
			return fmt.Errorf("tokenizer: %s token: id %d, want one below %d", id.name, id.id, n)
		}
	}
	for _, id := range d.Ends {
		if id < 0 || id >= n {
			return fmt.Errorf("tokenizer: end token: id %d, want one below %d", id, n)
		}
	}
	return nil
}
