package summit

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/fusion"
	"summit/llm"
	"summit/member"
)

var update = flag.Bool("update", false, "rewrite golden files")

// One more kind of member and one more strategy, as a newcomer's file would
// add them: nothing else is edited for them to be configured.
type soloParams struct {
	Say   string   `yaml:"say" json:"say"`
	Judge string   `yaml:"judge" json:"judge"`
	Deep  []soloIn `yaml:"deep" json:"deep"`
}

type soloIn struct {
	On bool `yaml:"on" json:"on"`
}

func init() {
	fusion.Register("test-first", "asks its first member", func(env fusion.Env, p soloParams) (llm.Member, error) {
		if p.Judge != "" {
			if _, err := env.Member(p.Judge); err != nil {
				return nil, fmt.Errorf("judge: %w", err)
			}
		}
		return named{env.Members[0], env.Name}, nil
	})
	member.Register(member.Kind{
		Name: "test-echo", About: "answers with what it was told to say",
		Params: func() any { return new(soloParams) },
		New: func(c member.Config) (llm.Member, error) {
			p, _ := c.Params.(*soloParams)
			if p == nil {
				p = &soloParams{}
			}
			return &echo{c.Card, p.Say, c.Key}, nil
		},
	})
	member.Register(member.Kind{
		Name: "test-keyed", About: "wants a key", BaseURL: "https://keyed.example/v1", KeyEnv: []string{"TEST_KEYED_KEY"},
		New: func(c member.Config) (llm.Member, error) { return &echo{c.Card, "", c.Key}, nil },
	})
}

// named is a member under another name.
type named struct {
	llm.Member
	name string
}

func (n named) Unwrap() llm.Member { return n.Member }
func (n named) Card() *llm.Card    { return &llm.Card{Name: n.name} }

// echo answers one text.
type echo struct {
	card llm.Card
	say  string
	key  string
}

func (e *echo) Card() *llm.Card { return &e.card }
func (e *echo) Generate(ctx context.Context, _ *llm.Request) llm.Stream {
	return llm.NewStream(ctx, e.card.Name, func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		emit(llm.Event{Kind: llm.KindText, Text: e.say})
		return &llm.Outcome{Finish: llm.FinishStop}, nil
	})
}

// golden compares got with the file, or writes it under -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", file, diff)
	}
}

// env is an environment of its own: "NAME=value" pairs.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, p := range pairs {
			if v, ok := strings.CutPrefix(p, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}
}

// write makes a configuration file.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
