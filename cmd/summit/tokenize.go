package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"summit/local"
	"summit/tokenizer"
)

func init() { register(tokenizeCommand) }

func tokenizeCommand(a *app) *cobra.Command {
	var special, decode bool
	c := &cobra.Command{
		Use:   "tokenize FILE",
		Short: "Turn text into a model's token ids, or back",
		Long: `Tokenize reads the vocabulary of a model, a GGUF file or a folder with a
tokenizer.json, and turns each line of standard input, a JSON string, into a
line of standard output, a JSON array of token ids. Nothing is added to them.

The names of control tokens in a text are plain text, as in a prompt that a
user wrote; with --special they become those tokens.

With --decode each line is an array of ids and becomes a string. Control
tokens are left out of it, or written by name with --special. Bytes that are
no character come out as U+FFFD, since JSON can't hold them.`,
		Example: `  echo '"Hello, world!"' | summit tokenize model.gguf
  echo '[9707, 11, 1879, 0]' | summit tokenize model.gguf --decode`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := local.OpenTokenizer(args[0])
			if err != nil {
				return err
			}
			return a.tokenize(c.Context(), t, special, decode)
		},
	}
	c.Flags().BoolVar(&special, "special", false, "read, or write, control tokens by name")
	c.Flags().BoolVar(&decode, "decode", false, "turn ids into text")
	return c
}

// tokenize works line by line, so that it can stand in a pipe.
func (a *app) tokenize(ctx context.Context, t *tokenizer.Tokenizer, special, decode bool) error {
	in := bufio.NewReader(a.in)
	out := bufio.NewWriter(a.out)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(err, out.Flush())
		}
		last := err != nil
		if line = bytes.TrimSpace(line); len(line) > 0 {
			b, err := tokenizeLine(t, line, special, decode)
			if err != nil {
				return errors.Join(fmt.Errorf("line %d: %w", n, err), out.Flush())
			}
			if _, err := out.Write(append(b, '\n')); err != nil {
				return err
			}
		}
		// Whoever waits for the answer to one line shall have it.
		if last || in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if last || ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func tokenizeLine(t *tokenizer.Tokenizer, line []byte, special, decode bool) ([]byte, error) {
	if !decode {
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			return nil, fmt.Errorf("got %.40q, want a JSON string: %w", line, err)
		}
		ids := t.Encode(text, special)
		if ids == nil {
			ids = []int{}
		}
		return json.Marshal(ids)
	}
	var ids []int
	if err := json.Unmarshal(line, &ids); err != nil {
		return nil, fmt.Errorf("got %.40q, want a JSON array of ids: %w", line, err)
	}
	text, err := t.Decode(ids, special)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(text)
	return bytes.TrimSpace(b.Bytes()), err
}
