package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit/llm"
	"summit/local"
)

func init() { register(runCommand) }

// runner asks one model file once.
type runner struct {
	*app
	config  local.Config
	request llm.Request
	system  string
	schema  string
	tmpl    string
	think   bool
	stats   bool
}

func runCommand(a *app) *cobra.Command {
	r := runner{app: a}
	var prompt string
	var engine engineFlags
	var temperature, topP, minP float64
	var seed int64
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Ask a model file a question, without a server",
		Long: `Run loads a model, a GGUF file or a folder with safetensors, asks it once and
prints the answer while it is computed. The question is put into the model's
own chat template; a model without one, or --raw, goes on with the text as it
is. Without --prompt, the question is read from standard input.

What a model thinks before it answers is shown faintly on standard error.
Where no flag says otherwise, tokens are chosen as the model's maker advises.`,
		Example: `  summit run model.gguf -p "Why is the sky blue?"
  summit run model.gguf -p "Once upon a time" --raw --temperature 0 -n 100
  summit run model.gguf -p "A person" --json-schema person.json
  summit run model.gguf -p "Hello" -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			flags := c.Flags()
			if !flags.Changed("prompt") {
				text, err := r.piped()
				if err != nil {
					return err
				}
				prompt = text
			}
			if strings.TrimSpace(prompt) == "" {
				return usage("nothing to ask: no --prompt, and standard input is empty")
			}
			for name, to := range map[string]func(){
				"temperature": func() { r.request.Temperature = &temperature },
				"top-p":       func() { r.request.TopP = &topP },
				"min-p":       func() { r.request.MinP = &minP },
				"seed":        func() { r.request.Seed = &seed },
				"think":       func() { r.request.Thinking.Enabled = &r.think },
			} {
				if flags.Changed(name) {
					to()
				}
			}
			r.config.File = args[0]
			r.config.Backend, r.config.Exact, r.config.Threads, r.config.Cache = engine.backend, engine.exact, engine.threads, engine.cache
			r.config.Kernels = engine.kernels
			return r.run(c.Context(), prompt)
		},
	}
	f := c.Flags()
	f.StringVarP(&prompt, "prompt", "p", "", "the question; without it, standard input")
	f.StringVar(&r.system, "system", "", "instructions before the question")
	f.IntVarP(&r.request.MaxTokens, "max-tokens", "n", 0, "most tokens to answer with; 0 = what the window allows")
	f.Float64Var(&temperature, "temperature", 0, "0 = always the likeliest token")
	f.IntVar(&r.request.TopK, "top-k", 0, "choose among so many likeliest tokens; 0 = as the model's maker advises")
	f.Float64Var(&topP, "top-p", 0, "choose among the likeliest tokens that together have this probability")
	f.Float64Var(&minP, "min-p", 0, "choose among tokens at least so likely, as a share of the likeliest")
	f.Int64Var(&seed, "seed", 0, "the same seed gives the same answer")
	f.StringSliceVar(&r.request.Stop, "stop", nil, "words that end the answer")
	f.StringVar(&r.schema, "json-schema", "", "file with a JSON schema that the answer must match")
	f.BoolVar(&r.think, "think", true, "let a reasoning model think; --think=false for an answer at once")
	f.BoolVar(&r.config.Raw, "raw", false, "no chat template")
	f.StringVar(&r.tmpl, "template", "", "file with a chat template in place of the model's")
	f.IntVar(&r.config.CacheTokens, "cache-tokens", 0, "positions in the cache of keys and values; 0 = 8192")
	f.BoolVar(&r.stats, "stats", false, "say at the end how many tokens took how long, on standard error")
	engine.bind(c)
	return c
}

// piped reads the question from standard input.
func (r *runner) piped() (string, error) {
	if terminal(r.in) {
		return "", nil
	}
	data, err := io.ReadAll(io.LimitReader(r.in, maxPromptBytes+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(data) > maxPromptBytes {
		return "", usage("standard input has more than %d bytes", maxPromptBytes)
	}
	return string(data), nil
}

func (r *runner) run(ctx context.Context, prompt string) (err error) {
	if r.tmpl != "" {
		b, err := os.ReadFile(r.tmpl)
		if err != nil {
			return err
		}
		r.config.Template = string(b)
	}
	if r.schema != "" {
		b, err := os.ReadFile(r.schema)
		if err != nil {
			return err
		}
		if !json.Valid(b) {
			return usage("--json-schema %s: want JSON", r.schema)
		}
		r.request.Format = &llm.Format{Kind: "json_schema", Schema: b}
	}
	if r.system != "" {
		r.request.Messages = append(r.request.Messages, llm.Text(llm.RoleSystem, r.system))
	}
	r.request.Messages = append(r.request.Messages, llm.Text(llm.RoleUser, prompt))
	r.request.Streaming = true
	store := local.NewStore(local.Options{Idle: -1})
	defer func() { err = errors.Join(err, store.Close()) }()
	m, err := store.Open(r.config)
	if err != nil {
		return err
	}
	if r.output == "json" || r.output == "yaml" {
		return r.whole(ctx, m)
	}
	return r.stream(ctx, m)
}

// whole prints the answer with what it took, as JSON or YAML.
func (r *runner) whole(ctx context.Context, m *local.Member) error {
	reply, err := llm.Collect(m.Generate(ctx, &r.request))
	if err != nil {
		return err
	}
	o := reply.Outcome
	return r.emit(struct {
		Text        string     `json:"text"`
		Reasoning   string     `json:"reasoning,omitempty"`
		Calls       []llm.Call `json:"calls,omitempty"`
		Finish      llm.Finish `json:"finish"`
		Usage       llm.Usage  `json:"usage"`
		TTFTSeconds float64    `json:"ttft_seconds"`
		TookSeconds float64    `json:"took_seconds"`
	}{reply.Text, reply.Reasoning, reply.Calls, o.Finish, o.Usage, o.TTFT.Seconds(), o.Took.Seconds()}, nil)
}

// stream prints the answer as it comes.
func (r *runner) stream(ctx context.Context, m *local.Member) error {
	safe := func(w io.Writer, s string) string {
		if terminal(w) {
			return printable(s)
		}
		return s
	}
	thinking, last := false, ""
	var failure error
	var done *llm.Outcome
	for e, err := range m.Generate(ctx, &r.request) {
		switch e.Kind {
		case llm.KindReasoning:
			thinking = true
			fmt.Fprint(r.err, dim(r.err, safe(r.err, e.Text)))
		case llm.KindText:
			if thinking {
				fmt.Fprintln(r.err)
				thinking = false
			}
			last = e.Text
			if _, err := io.WriteString(r.out, safe(r.out, e.Text)); err != nil {
				return err
			}
		case llm.KindCall:
			fmt.Fprintf(r.out, "%s(%s)\n", safe(r.out, e.Call.Name), safe(r.out, e.Call.ArgsDelta))
		case llm.KindDone:
			done, failure = e.Done, err
		}
	}
	if last != "" && !strings.HasSuffix(last, "\n") {
		fmt.Fprintln(r.out)
	}
	if r.stats && done != nil {
		u := done.Usage
		rate := 0.0
		if t := done.Took - done.TTFT; t > 0 {
			rate = float64(u.OutputTotal()-1) / t.Seconds()
		}
		fmt.Fprintf(r.err, "%d tokens in, first after %v; %d out, %.1f a second\n", u.InputTotal(), done.TTFT.Round(time.Millisecond), u.OutputTotal(), rate)
	}
	return failure
}
