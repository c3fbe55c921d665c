// Package verify checks answers instead of trusting them: by a JSON schema, a
// regular expression, arithmetic, a Starlark program, the user's own HTTP
// verifier, or a command in a sandbox.
//
// Its nouns are Case (what is checked), Finding (what a check found), Checker
// and Kind (what can be configured). Each kind is one file: to add one, write
// verify/<name>.go with a Params type and an init that calls Register. The
// package imports nothing of ours. A checker reads what models wrote, so each
// one bounds the bytes, the time and the memory that it takes.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxTextBytes is how long a reply or a question may be and still be
	// checked. A guess far above what can be read by people.
	MaxTextBytes = 1 << 20
	// MaxMessageBytes is how much a checker may say: it ends in prompts.
	MaxMessageBytes = 2000
)

// Case is one answer to check.
type Case struct {
	Question string          // what was asked; empty = unknown
	Text     string          // the whole reply
	Answer   string          // the final answer in it, in its normal form unless it is long; empty = none was found
	Schema   json.RawMessage // the JSON schema that the request itself asks for; nil = none
}

// Finding is what a check found.
type Finding struct {
	Pass    bool
	Blank   bool    // there was nothing to look at: it passes, and that says nothing
	Message string  // what is wrong, or what was looked at; at most MaxMessageBytes, may quote the reply
	Score   float64 // the verifier's own measure, higher is better; 0 where it has none
}

// Checker checks answers; many may call it at the same time. An error means
// that the answer could not be checked, which is never a pass. Its text names
// no address and no path of this machine, since callers may see it.
type Checker interface {
	Check(ctx context.Context, c *Case) (Finding, error)
}

// Env is what a checker is built in.
type Env struct {
	AllowCommands bool              // the configuration allows to run what models write, in a sandbox
	Transport     http.RoundTripper // for verifiers behind a URL; nil = a new one of the standard kind
}

// Kind is one way to check.
type Kind struct {
	Name   string     // as in the configuration
	About  string     // one line for people
	Params func() any // a pointer to zero parameters, with yaml, json and jsonschema tags
	build  func(env Env, params any) (Checker, error)
}

var (
	mu    sync.Mutex
	kinds = map[string]Kind{}
)

// Register adds a kind whose parameters are P. It is called from the init of
// the kind's file; a second one of that name is a programming error.
func Register[P any](name, about string, build func(Env, P) (Checker, error)) {
	mu.Lock()
	defer mu.Unlock()
	if _, taken := kinds[name]; taken || name == "" {
		panic(fmt.Sprintf("verify: kind %q: empty or registered twice", name))
	}
	kinds[name] = Kind{
		Name: name, About: about,
		Params: func() any { return new(P) },
		build: func(env Env, params any) (Checker, error) {
			p, ok := params.(*P)
			if !ok || p == nil {
				return nil, fmt.Errorf("parameters are %T, want %T", params, p)
			}
			return build(env, *p)
		},
	}
}

// Kinds returns all kinds by name.
func Kinds() []Kind {
	mu.Lock()
	defer mu.Unlock()
	all := make([]Kind, 0, len(kinds))
	for _, k := range kinds {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// New builds a checker of the kind. params is what Kind.Params returned, filled.
func New(kind string, env Env, params any) (Checker, error) {
	mu.Lock()
	k, ok := kinds[kind]
	mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("verify: %q is no known check", clip(kind, 80))
	}
	c, err := k.build(env, params)
	if err != nil {
		return nil, fmt.Errorf("verify: %s: %w", kind, err)
	}
	return bounded{c}, nil
}

// bounded keeps what all checkers promise.
type bounded struct{ Checker }

func (b bounded) Check(ctx context.Context, c *Case) (Finding, error) {
	if len(c.Text) > MaxTextBytes {
		return fail("the reply has %d bytes, want at most %d", len(c.Text), MaxTextBytes), nil
	}
	if len(c.Question) > MaxTextBytes {
		own := *c // the end of it is what was asked last
		own.Question = strings.ToValidUTF8(c.Question[len(c.Question)-MaxTextBytes:], "")
		c = &own
	}
	if err := ctx.Err(); err != nil {
		return Finding{}, errors.New(stopped(ctx))
	}
	f, err := b.Checker.Check(ctx, c)
	f.Message = clip(clean(f.Message), MaxMessageBytes)
	if err != nil {
		return Finding{}, errors.New(clip(clean(err.Error()), MaxMessageBytes))
	}
	return f, nil
}

// stopped says why the context ended.
func stopped(ctx context.Context) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "the time limit passed"
	}
	return "the check was stopped"
}

func pass(format string, args ...any) Finding {
	return Finding{Pass: true, Message: fmt.Sprintf(format, args...)}
}

// blank passes what holds nothing to look at.
func blank(message string) Finding { return Finding{Pass: true, Blank: true, Message: message} }

func fail(format string, args ...any) Finding {
	return Finding{Message: fmt.Sprintf(format, args...)}
}

// clip keeps a text short, cutting between runes.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// clean makes a message of what came from outside: valid UTF-8 without
// control characters other than line breaks and tabs.
func clean(s string) string {
	if len(s) > 8*MaxMessageBytes {
		s = s[:8*MaxMessageBytes]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
}
