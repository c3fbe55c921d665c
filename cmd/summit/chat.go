package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/llm"
	"summit/member"
)

func init() { register(chatCommand) }

// maxPromptBytes bounds what is read from a pipe, and each line of a talk.
const maxPromptBytes = 4 << 20

// chat is one conversation, in this process or with a server.
type chat struct {
	*app
	model   string
	find    func(name string) (llm.Member, error)
	system  string
	history []llm.Message
	last    *llm.Outcome // of the last answer; nil = none yet
	show    bool         // what the council does, on standard error
	budget  llm.Budget   // of each question
}

func chatCommand(a *app) *cobra.Command {
	var server serverFlags
	var asJSON, interactive bool
	var most string
	c := chat{app: a}
	cmd := &cobra.Command{
		Use:   "chat [QUESTION...]",
		Short: "Ask a model, once or in a conversation",
		Long: `Chat asks a model in this process, by the same configuration as the server,
or with --url on a running server. With a question, or text on standard input,
it answers once; otherwise it is a conversation, in which Ctrl-C stops an
answer and these commands work:

  /model [NAME]  ask another model from now on, or say which one is asked
  /reset         forget the conversation
  /explain       show who was asked for the last answer and why, why nobody
                 else was, and what it cost beside what was expected
                 (of a server, only what it took)
  /quit          leave (also Ctrl-D)`,
		Example: `  summit chat
  summit chat "Why is the sky blue?"
  summit chat -m summit-max "17 * 23 = ?" --json
  summit chat --max-cost-of glm --max-seconds 20 --prefer quality "17 * 23 = ?"
  git diff | summit chat "Review this change."
  summit chat --url http://127.0.0.1:8600 --key-env SUMMIT_API_KEY`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if most != "" && c.budget.MaxCost.UnmarshalText([]byte(most)) != nil {
				return usage("--max-cost %q, want a decimal number of the accounting currency", clip(most))
			}
			if err := c.budget.Valid(); err != nil {
				return usage("--%s", strings.ReplaceAll(err.Message, "_", "-"))
			}
			if server.url != "" {
				if c.budget != (llm.Budget{}) {
					return usage("budgets go with models in this process, not with --url: a server's own are in its configuration")
				}
				find, err := a.remote(ctx, &server)
				if err != nil {
					return err
				}
				c.find = find
			} else {
				s, err := a.open(ctx)
				if err != nil {
					return err
				}
				defer s.Close()
				a.announce(s)
				c.find = s.Model
			}
			question, piped, err := c.question(args, interactive)
			if err != nil {
				return err
			}
			if question == "" && !piped {
				c.show = true
				return c.talk(ctx)
			}
			if question == "" {
				return usage("nothing to ask: no question, and standard input is empty")
			}
			c.show = terminal(a.err) && !asJSON
			return c.once(ctx, question, asJSON || a.output == "json")
		},
	}
	f := cmd.Flags()
	f.StringVarP(&c.model, "model", "m", "summit", "the model or member to ask")
	f.StringVar(&c.system, "system", "", "instructions before the conversation")
	f.BoolVar(&asJSON, "json", false, "print the answer with its Outcome tree as JSON")
	f.BoolVar(&interactive, "interactive", false, "hold a conversation even if standard input is no terminal")
	server.bind(cmd, "", "ask the server there instead, such as http://127.0.0.1:8600",
		"environment variable with the key for --url, or with _FILE added the file that holds it")
	f.StringVar(&c.budget.MaxCostOf, "max-cost-of", "", "spend at most what this member alone would cost, for each question")
	f.StringVar(&most, "max-cost", "", "spend at most so much, in the accounting currency, for each question")
	f.Float64Var(&c.budget.MaxSeconds, "max-seconds", 0, "take at most so many seconds for each question; what came by then is used")
	f.IntVar(&c.budget.MaxCalls, "max-calls", 0, "ask members at most so many times for each question")
	f.StringVar(&c.budget.Prefer, "prefer", "", "quality, cost or speed")
	f.Var(setting{a, "discover.max_spend"}, "max-spend", "most to spend on members that were found, not configured")
	return cmd
}

// question returns what is asked once: the arguments, and what comes through
// a pipe. piped is true where standard input is no person.
func (c *chat) question(args []string, interactive bool) (text string, piped bool, err error) {
	text = strings.Join(args, " ")
	if interactive || terminal(c.in) {
		return text, false, nil
	}
	data, err := io.ReadAll(io.LimitReader(c.in, maxPromptBytes+1))
	if err != nil {
		return "", true, fmt.Errorf("standard input: %w", err)
	}
	if len(data) > maxPromptBytes {
		return "", true, usage("standard input has more than %d bytes", maxPromptBytes)
	}
	if body := strings.TrimSpace(string(data)); body != "" && text != "" {
		text += "\n\n" + body
	} else {
		text += body
	}
	return text, true, nil
}

// remote returns how to find models on a server, and says so where they are a
// demonstration.
func (a *app) remote(ctx context.Context, server *serverFlags) (func(string) (llm.Member, error), error) {
	base, err := server.base()
	if err != nil {
		return nil, err
	}
	key, err := server.key()
	if err != nil {
		return nil, err
	}
	if demonstration(ctx, server) {
		fmt.Fprintln(a.err, "DEMONSTRATION: this server plays answers written by Summit's authors; no model is asked.")
	}
	return func(model string) (llm.Member, error) {
		return member.New(member.Config{Name: model, Use: "openai", BaseURL: base.JoinPath("v1").String(), Key: key, Model: model})
	}, nil
}

// demonstration reports whether the server lists models of a demonstration.
// What keeps it from answering shows when it is asked a question.
func demonstration(ctx context.Context, server *serverFlags) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var models struct {
		Data []struct {
			Owner string `json:"owned_by"`
		} `json:"data"`
	}
	if server.ask(ctx, http.MethodGet, "v1/models", nil, "list", &models, nil) != nil {
		return false
	}
	for _, m := range models.Data {
		if m.Owner == summit.OwnerDemo {
			return true
		}
	}
	return false
}

// once asks one question and prints the answer.
func (c *chat) once(ctx context.Context, question string, asJSON bool) error {
	if !asJSON {
		_, err := c.ask(ctx, question)
		return err
	}
	m, err := c.find(c.model)
	if err != nil {
		return hint(err)
	}
	reply, err := llm.Collect(m.Generate(ctx, c.request(question)))
	if err != nil {
		return hint(err)
	}
	return writeJSON(c.out, struct {
		Model     string       `json:"model"`
		Text      string       `json:"text"`
		Reasoning string       `json:"reasoning,omitempty"`
		Finish    llm.Finish   `json:"finish"`
		Outcome   *llm.Outcome `json:"outcome"`
	}{c.model, reply.Text, reply.Reasoning, reply.Outcome.Finish, reply.Outcome})
}

func (c *chat) request(question string) *llm.Request {
	r := &llm.Request{Model: c.model, Streaming: true, Summit: llm.Extension{Budget: c.budget}}
	if c.system != "" {
		r.Messages = append(r.Messages, llm.Text(llm.RoleSystem, c.system))
	}
	r.Messages = append(r.Messages, c.history...)
	r.Messages = append(r.Messages, llm.Text(llm.RoleUser, question))
	return r
}

// ask asks one question and prints the answer as it comes.
func (c *chat) ask(ctx context.Context, question string) (text string, err error) {
	m, err := c.find(c.model)
	if err != nil {
		return "", hint(err)
	}
	var answer strings.Builder
	thinking := false // the last thing printed were thoughts, without a line's end
	thought := func(s string) {
		if c.show {
			fmt.Fprint(c.err, dim(c.err, s))
		}
	}
	for e, failure := range m.Generate(ctx, c.request(question)) {
		switch e.Kind {
		case llm.KindProgress:
			if answer.Len() == 0 {
				thought("  " + progress(e.Progress) + "\n")
			}
		case llm.KindReasoning:
			if answer.Len() == 0 {
				thinking = true
				thought(c.screen(e.Text))
			}
		case llm.KindText:
			if thinking {
				thinking = false
				thought("\n")
			}
			answer.WriteString(e.Text)
			if _, err := io.WriteString(c.out, c.screen(e.Text)); err != nil {
				return answer.String(), err
			}
		case llm.KindDone:
			c.last, err = e.Done, failure
		}
	}
	if answer.Len() > 0 && !strings.HasSuffix(answer.String(), "\n") {
		fmt.Fprintln(c.out)
	}
	return answer.String(), hint(err)
}

// screen makes an answer safe for a terminal. Files and pipes get it as it is.
func (c *chat) screen(s string) string {
	if !terminal(c.out) {
		return s
	}
	return printable(s)
}

func progress(p *llm.ProgressNote) string {
	s := p.Member + " " + string(p.State)
	if p.Note != "" {
		s += ": " + p.Note
	}
	return plain(strings.TrimSpace(s))
}

// hint adds a next step to what a member said.
func hint(err error) error {
	if err == nil {
		return nil
	}
	text := errors.New(llm.AsError(err).Public())
	switch llm.AsError(err).Kind {
	case llm.NotFound:
		return failed(`"summit models" lists what can be asked`, text)
	case llm.Unauthorized, llm.Forbidden:
		return failed("put a key into the variable that --key-env names, or check the member's", text)
	case llm.Overloaded, llm.Timeout:
		return failed(`"summit doctor" says who can be reached`, text)
	case llm.Internal:
		return err
	}
	return failed("", text)
}

// talk holds a conversation until the person leaves.
func (c *chat) talk(ctx context.Context) error {
	fmt.Fprintf(c.err, "talking to %s; /quit leaves, /help lists the commands\n", c.model)
	lines := make(chan string)
	ended := make(chan error, 1)
	go func() { // ends with standard input or, blocked on it, with the process
		ended <- readLines(ctx, c.in, lines)
	}()
	for {
		fmt.Fprint(c.err, "> ")
		select {
		case <-ctx.Done():
			fmt.Fprintln(c.err)
			return nil
		case err := <-ended:
			fmt.Fprintln(c.err)
			return err
		case line := <-lines:
			line = strings.TrimSpace(line)
			switch {
			case line == "":
			case strings.HasPrefix(line, "/"):
				if c.command(line) {
					return nil
				}
			default:
				c.turn(ctx, line)
			}
		}
	}
}

// readLines sends each line; it ends with the input or the context.
func readLines(ctx context.Context, in io.Reader, lines chan<- string) error {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 64<<10), maxPromptBytes)
	for s.Scan() {
		select {
		case lines <- s.Text():
		case <-ctx.Done():
			return nil
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return nil
}

// turn asks one question of the conversation. Ctrl-C stops the answer; what
// came of it stays in the conversation.
func (c *chat) turn(ctx context.Context, question string) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.signals != nil {
		stop := func() bool {
			if ctx.Err() != nil {
				return false // it was told before and goes on: let the program end
			}
			cancel(errInterrupted)
			return true
		}
		c.signals.instead.Store(&stop)
		defer c.signals.instead.Store(nil)
	}
	text, err := c.ask(ctx, question)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		fmt.Fprintln(c.err, dim(c.err, "(stopped)"))
	} else if err != nil {
		_, text, next := explain(err, true)
		fmt.Fprintln(c.err, "summit:", printable(text))
		if next != "" {
			fmt.Fprintln(c.err, "next:", next)
		}
	}
	if text != "" {
		c.history = append(c.history, llm.Text(llm.RoleUser, question), llm.Text(llm.RoleAssistant, text))
	}
}

// command obeys one line that begins with a slash; true = leave.
func (c *chat) command(line string) (leave bool) {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "/quit", "/exit":
		return true
	case "/reset":
		c.history, c.last = nil, nil
		fmt.Fprintln(c.err, "the conversation is forgotten")
	case "/model":
		if rest == "" {
			fmt.Fprintf(c.err, "asking %s; /model NAME asks another\n", c.model)
			break
		}
		if _, err := c.find(rest); err != nil {
			fmt.Fprintln(c.err, "summit:", llm.AsError(err).Public())
			break
		}
		c.model = rest
		fmt.Fprintf(c.err, "asking %s from now on\n", rest)
	case "/explain":
		if c.last == nil {
			fmt.Fprintln(c.err, "nothing was answered yet")
			break
		}
		writeTree(c.err, c.last)
	default:
		if word != "/help" {
			fmt.Fprintf(c.err, "unknown command %s\n", plain(clip(word)))
		}
		fmt.Fprintln(c.err, "/model [NAME], /reset, /explain, /quit")
	}
	return false
}
