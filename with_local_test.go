package summit

import (
	"errors"
	"os"
	"strings"
	"testing"

	"summit/llm"
)

func TestMembersThatAreFiles(t *testing.T) {
	f := func(want string, m Member) {
		t.Helper()
		_, err := Open(t.Context(), Config{Members: map[string]Member{"m": m}, Ephemeral: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("no file", Member{Use: "local"})
	f("take no file", Member{Use: "openai", File: "x.gguf", BaseURL: "http://127.0.0.1:1/v1"})
	f("neither address nor key", Member{Use: "local", File: "x.gguf", BaseURL: "http://127.0.0.1:1/v1"})
	f("no such file", Member{Use: "local", File: "nosuch.gguf"})
	f("no such file", Member{Use: "local", File: "nosuch.gguf", Params: &LocalParams{Template: "nosuch.jinja"}})

	_, err := Open(t.Context(), Config{Members: map[string]Member{"m": {Use: "local", File: "nosuch.gguf"}}, Ephemeral: true})
	var notReady *NotReadyError
	if !errors.As(err, &notReady) {
		t.Errorf("a missing file is %T, want a *NotReadyError", err)
	}
}

func TestStoriesByConfiguration(t *testing.T) {
	const file = "../shared/weights/stories260K.gguf"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no weights beside the repository")
	}
	s, err := Open(t.Context(), Config{
		Members:   map[string]Member{"tales": {Use: "local", File: file, Params: &LocalParams{Exact: true, Threads: 1}}},
		Engine:    Engine{MemoryBytes: 1 << 30},
		Ephemeral: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, err := s.Model("tales")
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Card(); c.Name != "tales" || c.WindowTokens != 512 || c.Family != "llama" {
		t.Errorf("card %+v", c)
	}
	r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "Once upon a time")}, MaxTokens: 12, Temperature: new(0.0)}
	got, err := llm.Collect(m.Generate(t.Context(), r))
	if err != nil || !strings.HasPrefix(got.Text, ", there was a little girl") {
		t.Errorf("got %q, %v", got.Text, err)
	}
	for _, ability := range []bool{has[llm.Stepper](m), has[llm.TokenCounter](m), has[llm.Embedder](m)} {
		if !ability {
			t.Error("an ability is lost on the way through the configuration")
		}
	}
}

func has[T any](m llm.Member) bool {
	_, ok := llm.As[T](m)
	return ok
}
