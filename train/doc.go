// Package train makes and tunes small decoders on the processor: forward and
// backward passes for the dense architectures that package arch describes,
// AdamW, a vocabulary builder, checkpoints, and a GGUF file at the end that the
// engine runs like any other.
//
// Its nouns are the Recipe (a YAML file: style, sizes, vocabulary, data,
// schedule, seed), the Corpus (documents as token ids), the Model (parameters
// and gradients over an arch.Model) and the Run. One more architecture style
// is one file style_<name>.go.
//
// # Data
//
// A data file is JSON lines. Each line is one document, either
//
//	{"messages": [{"role": "user", "content": "37*48=?"}, {"role": "assistant", "content": "1776"}]}
//
// with roles system, user and assistant, where the loss counts the
// assistant's text and the token that ends it, or
//
//	{"text": "any text"}
//
// where the loss counts everything. A recipe lists files as sources, each with
// a weight: the share of all trained tokens that comes from it. A source is
// read in an order shuffled by the seed, again in another order once it is
// used up. Documents are packed into sequences of the recipe's context; no
// attention crosses from one document to another and every document begins at
// position 0. A text that is longer than the context is cut into pieces; a
// conversation that is longer is left out and counted.
//
// As tokens, a text is <s> text </s>. A conversation is <s>, then for each
// message <|role|> and its content, and </s> after each assistant message. The
// file's chat template writes the same.
//
// # Same weights anywhere
//
// The gradient of a step is summed in an order that the recipe fixes: its
// sequences are dealt to a number of shards, each shard sums its own, and the
// shards are added in order. Threads only decide who computes a shard when. So
// one recipe gives the same bits with 1, 2 or 16 threads, and so does a run
// that was cut off and resumed. The bits do depend on the kernels: AVX-512 and
// plain Go round sums differently.
package train
