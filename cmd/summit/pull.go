package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"summit/hub"
)

func init() { register(pullCommand) }

func pullCommand(a *app) *cobra.Command {
	var from, endpoint, revision, to, tokenEnv string
	var patterns []string
	var list bool
	c := &cobra.Command{
		Use:   "pull OWNER/MODEL",
		Short: "Fetch a model's files from ModelScope, Hugging Face or a mirror",
		Long: `Pull fetches the files that are needed to run a model: its safetensors with
configuration and tokenizer, or its GGUF file. Where a model comes in several
GGUF forms, name one with --file. A broken download is continued by the same
command. Each file is checked against the published checksum before it gets
its name.

The protocols were written from what is publicly known of them and tried
against a server of our own, not against the live hubs.`,
		Example: `  summit pull Qwen/Qwen3-0.6B-GGUF --file '*Q8_0*'
  summit pull Qwen/Qwen3-0.6B --from huggingface --to qwen3
  summit pull Qwen/Qwen3-0.6B --list
  summit pull owner/model --from huggingface --endpoint https://mirror.example --token-env HF_TOKEN`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o := hub.Options{Endpoint: endpoint}
			if tokenEnv != "" {
				if o.Token = os.Getenv(tokenEnv); o.Token == "" {
					return usage("--token-env %s: the variable is empty", tokenEnv)
				}
			}
			h, err := hub.Open(from, o)
			if err != nil {
				return usage("%v", err)
			}
			files, err := h.Files(c.Context(), args[0], revision)
			if err != nil {
				return err
			}
			if list && len(patterns) == 0 {
				return a.emit(files, func(w io.Writer) { listFiles(w, files) })
			}
			if files, err = hub.Choose(files, patterns...); err != nil {
				return failed("see what there is with: summit pull "+plain(args[0])+" --list", err)
			}
			if list {
				return a.emit(files, func(w io.Writer) { listFiles(w, files) })
			}
			if to == "" {
				to = path.Base(args[0])
			}
			got := []*hub.Fetched{}
			for i, f := range files {
				m := newMeter(a.err, fmt.Sprintf("[%d/%d] %s", i+1, len(files), plain(f.Name)))
				g, err := h.Fetch(c.Context(), args[0], revision, f, to, m.set)
				m.done()
				if err != nil {
					return failed("the same command continues where it stopped", err)
				}
				got = append(got, g)
			}
			return a.emit(got, func(w io.Writer) {
				for _, g := range got {
					row(w, plain(g.Path), size(g.Bytes), became(g))
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "modelscope", "hub: "+strings.Join(hub.Names(), " or "))
	f.StringVar(&endpoint, "endpoint", "", "base URL of a mirror (default: the hub's own)")
	f.StringVar(&revision, "revision", "", "branch, tag or commit (default: the hub's usual branch)")
	f.StringVar(&to, "to", "", "folder to write to (default: the model's name)")
	f.StringArrayVar(&patterns, "file", nil, "only files that match this pattern; may be given again")
	f.StringVar(&tokenEnv, "token-env", "", "environment variable that holds a token")
	f.BoolVar(&list, "list", false, "only list the files")
	return c
}

func listFiles(w io.Writer, files []hub.File) {
	for _, f := range files {
		row(w, plain(f.Name), size(f.Bytes))
	}
}

// became says what Fetch did.
func became(g *hub.Fetched) string {
	switch {
	case g.Present:
		return "was there"
	case !g.Verified:
		return "fetched, no checksum is published"
	case g.Resumed > 0:
		return "fetched from " + size(g.Resumed) + " on, checked"
	}
	return "fetched, checked"
}
