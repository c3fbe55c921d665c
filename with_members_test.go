package summit

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/member"
	"summit/money"
)

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("SET_KEY", " from-env\n")
	t.Setenv("FILED_KEY_FILE", file("filed", "from-filed\n", 0o600))
	t.Setenv("UNSET_KEY", "")
	var warned []string
	f := func(m Member, want, wantErr string) {
		t.Helper()
		warned = nil
		got, err := m.key("m", func(s string) { warned = append(warned, s) })
		if got != want || (err == nil) != (wantErr == "") || (err != nil && !strings.Contains(err.Error(), wantErr)) {
			t.Errorf("%+v: key %q, error %v, want %q and %q", m, got, err, want, wantErr)
		}
	}
	f(Member{Use: "test-echo"}, "", "")
	f(Member{Use: "test-echo", KeyEnv: "SET_KEY"}, "from-env", "")
	f(Member{Use: "test-echo", KeyEnv: "FILED_KEY"}, "from-filed", "")
	f(Member{Use: "test-echo", KeyEnv: "UNSET_KEY"}, "", "members.m: the environment has no UNSET_KEY (nor UNSET_KEY_FILE)")
	f(Member{Use: "test-echo", KeyEnv: "SET_KEY:FILED_KEY"}, "from-env:from-filed", "")
	f(Member{Use: "test-echo", KeyEnv: "SET_KEY:UNSET_KEY"}, "", "members.m: the environment has no SET_KEY:UNSET_KEY")
	f(Member{Use: "test-echo", KeyFile: file("own", "from-file", 0o600)}, "from-file", "")
	if len(warned) != 0 {
		t.Errorf("warned of a file that only its owner reads: %q", warned)
	}
	f(Member{Use: "test-echo", KeyFile: file("open", "from-file", 0o644)}, "from-file", "")
	if len(warned) != 1 || !strings.Contains(warned[0], "can be read by others (mode 0644)") {
		t.Errorf("warnings %q, want one about the mode", warned)
	}
	f(Member{Use: "test-echo", KeyFile: filepath.Join(dir, "none")}, "", "none")
	f(Member{Use: "test-echo", KeyFile: file("empty", " \n", 0o600)}, "", "want one line with the key")
	f(Member{Use: "test-echo", KeyFile: file("lines", "a\nb\n", 0o600)}, "", "want one line with the key")
	f(Member{Use: "test-echo", KeyFile: file("long", strings.Repeat("x", 70_000), 0o600)}, "", "want one line with the key")

	// The kind's own variable goes to the kind's own address only.
	f(Member{Use: "test-keyed"}, "", "the environment has no TEST_KEYED_KEY")
	t.Setenv("TEST_KEYED_KEY", "keyed")
	f(Member{Use: "test-keyed"}, "keyed", "")
	f(Member{Use: "test-keyed", BaseURL: "https://elsewhere.example/v1"}, "", "")
}

func TestMissingKeysAreReportedTogether(t *testing.T) {
	_, err := Open(t.Context(), Config{Ephemeral: true, Members: map[string]Member{
		"a": {Use: "test-echo", KeyEnv: "NO_SUCH_KEY_A"}, "b": {Use: "test-echo", KeyEnv: "NO_SUCH_KEY_B"},
	}})
	var n *NotReadyError
	if !errors.As(err, &n) || !strings.Contains(err.Error(), "NO_SUCH_KEY_A") || !strings.Contains(err.Error(), "NO_SUCH_KEY_B") || n.Next == "" {
		t.Errorf("error %v, want a *NotReadyError that names both", err)
	}
}

func TestPricesAreInTheAccountingCurrency(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := Open(t.Context(), Config{
		Ephemeral: true,
		FX:        map[string]FX{"USD": {Worth: 7_100_000, Source: "bank", Date: from}},
		Members: map[string]Member{"a": {
			Use: "test-echo", Vendor: "V", WindowTokens: 8000, Tools: new(true), Images: new(true),
			Price: []Price{
				{Input: 2_000_000, Output: 6_000_000, CacheRead: new(money.Rate(200_000)), Call: 10_000, Currency: "USD", From: from, Source: "list"},
				{Input: 1, Output: 2, AboveInputTokens: 100},
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Model("a")
	if err != nil {
		t.Fatal(err)
	}
	want := &llm.Card{
		Name: "a", Vendor: "V", WindowTokens: 8000, Tools: true, Inputs: []llm.Modality{llm.ModalityImage},
		Prices: []llm.Price{
			{Currency: "CNY", Input: 14_200_000, Output: 42_600_000, CacheRead: new(money.Rate(1_420_000)), Call: 71_000, From: from, Source: "list"},
			{Currency: "CNY", Input: 1, Output: 2, AboveInputTokens: 100},
		},
	}
	if diff := cmp.Diff(want, m.Card()); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
}

// listing is a kind that knows prices, tools and images of its own.
func init() {
	member.Register(member.Kind{Name: "test-listing", BaseURL: "https://listing.example/v1", New: func(c member.Config) (llm.Member, error) {
		c.Card.Tools, c.Card.Inputs = true, []llm.Modality{llm.ModalityFile, llm.ModalityImage}
		if c.Card.Prices == nil {
			c.Card.Prices = []llm.Price{{Currency: "USD", Input: 1_000_000, Output: 2_000_000, Source: "list", Unverified: true}}
		}
		return &echo{card: c.Card}, nil
	}})
}

func TestListPricesAreConverted(t *testing.T) {
	f := func(fx map[string]FX, m Member, want []llm.Price, warnings int) {
		t.Helper()
		var log strings.Builder
		c := Config{Ephemeral: true, FX: fx, Members: map[string]Member{"a": m}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		s := open(t, c)
		got, err := s.Model("a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Card().Prices); diff != "" {
			t.Errorf("prices (-want +got):\n%s", diff)
		}
		if n := strings.Count(log.String(), "list price is not in CNY"); n != warnings {
			t.Errorf("%d warnings, want %d: %s", n, warnings, log.String())
		}
	}
	fx := map[string]FX{"USD": {Worth: 7_000_000, Source: "bank", Date: time.Now()}}
	list := Member{Use: "test-listing"}
	f(fx, list, []llm.Price{{Currency: "CNY", Input: 7_000_000, Output: 14_000_000, Source: "list", Unverified: true}}, 0)
	f(nil, list, []llm.Price{{Currency: "USD", Input: 1_000_000, Output: 2_000_000, Source: "list", Unverified: true}}, 1)
	list.Price = []Price{{Input: 5, Output: 6}}
	f(nil, list, []llm.Price{{Currency: "CNY", Input: 5, Output: 6}}, 0)
}

func TestWhatTheUserSaysOfAMemberHolds(t *testing.T) {
	f := func(m Member, tools bool, inputs ...llm.Modality) {
		t.Helper()
		m.Use, m.Price = "test-listing", []Price{{}}
		s := open(t, Config{Members: map[string]Member{"a": m}})
		got, err := s.Model("a")
		if err != nil {
			t.Fatal(err)
		}
		if c := got.Card(); c.Tools != tools || !slices.Equal(c.Inputs, inputs) || c.Name != "a" {
			t.Errorf("tools %v, inputs %v, want %v, %v", c.Tools, c.Inputs, tools, inputs)
		}
		if _, ok := llm.As[*echo](got); !ok {
			t.Error("the member's abilities are hidden")
		}
	}
	f(Member{}, true, llm.ModalityFile, llm.ModalityImage)
	f(Member{Tools: new(true), Images: new(true)}, true, llm.ModalityFile, llm.ModalityImage)
	f(Member{Tools: new(false)}, false, llm.ModalityFile, llm.ModalityImage)
	f(Member{Images: new(false)}, true, llm.ModalityFile)
	f(Member{Tools: new(false), Images: new(false)}, false, llm.ModalityFile)
}
