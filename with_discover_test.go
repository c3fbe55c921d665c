package summit

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/member"
	"summit/money"
)

// finds builds a directory of what was found.
func finds(t *testing.T, c Config, found ...member.Found) (*directory, error) {
	t.Helper()
	c = c.withDefaults()
	exchange, err := money.NewExchange(c.Currency, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{entries: map[string]*Entry{}, purse: newCap(money.Micro)}
	return d, d.discover(c, found, exchange, func(string) {})
}

func TestDiscovered(t *testing.T) {
	t.Setenv("TEST_KEYED_KEY", "k3y")
	d, err := finds(t, Config{},
		member.Found{Kind: "test-keyed", BaseURL: "https://keyed.example/v1", KeyEnv: "TEST_KEYED_KEY"},
		member.Found{Kind: "test-echo", BaseURL: "http://127.0.0.1:1/v1", Models: []string{"nomic-embed-text", "qwen3:8b", "more"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"FOUND test-keyed: the environment has TEST_KEYED_KEY; asks the first model that it lists at https://keyed.example/v1",
		"FOUND test-echo: a server at http://127.0.0.1:1/v1; asks qwen3:8b (2 more can be configured), free",
		`What the vendors found cost together is capped at 1 CNY until Summit stops (discover.max_spend, --max-spend). "summit config init" writes a configuration, whose members are not capped.`,
	}
	if diff := cmp.Diff(want, d.notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	vendor, local := d.entries["test-keyed"], d.entries["test-echo"]
	if _, ok := vendor.Member.(*capped); !ok || vendor.Source != SourceFound {
		t.Errorf("the vendor is not capped: %+v", vendor)
	}
	if e, ok := llm.As[*echo](vendor.Member); !ok || e.key != "k3y" {
		t.Error("the vendor has not got its key")
	}
	if _, ok := local.Member.(*capped); ok {
		t.Error("the local server is capped")
	}
	if c := local.Member.Card(); c.Model != "qwen3:8b" || len(c.Prices) != 1 || c.Prices[0].Input != 0 {
		t.Errorf("the local server: %+v, want model qwen3:8b, free", c)
	}
	if c, ok := d.price("test-echo"); !ok || c != 0 {
		t.Errorf("the local server costs %s", c)
	}
}

func TestDiscoveredNameIsTaken(t *testing.T) {
	_, err := finds(t, Config{Models: map[string]Model{"test-echo": {Use: "test-first", Members: []string{"summit"}}}},
		member.Found{Kind: "test-echo", BaseURL: "http://127.0.0.1:1/v1", Models: []string{"x"}})
	var c *ConfigError
	if !errors.As(err, &c) || !strings.Contains(err.Error(), `models.test-echo: a member "test-echo" was found here too`) {
		t.Errorf("error %v, want a *ConfigError at the model", err)
	}
}

func TestChatModel(t *testing.T) {
	f := func(want string, models ...string) {
		t.Helper()
		if got := chatModel(models); got != want {
			t.Errorf("of %q: %q, want %q", models, got, want)
		}
	}
	f("a", "a", "b")
	f("b", "BGE-M3", "Qwen3-Reranker-8B", "b")
	f("nomic-embed-text", "nomic-embed-text")
}
