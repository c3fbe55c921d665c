package summit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/internal/nearest"
	"summit/money"
)

// TestBadConfigurations draws what each file under testdata/bad is told.
func TestBadConfigurations(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(Sources{Path: file, Env: env()})
			var c *ConfigError
			if !errors.As(err, &c) {
				t.Fatalf("error %v, want a *ConfigError", err)
			}
			got := filepath.ToSlash(err.Error())
			if strings.Contains(got, "s3cr3t") {
				t.Errorf("the error repeats a secret: %s", got)
			}
			golden(t, strings.TrimSuffix(file, "yaml")+"txt", strings.ReplaceAll(got, "testdata/bad/", "")+"\n")
		})
	}
}

func TestLoad(t *testing.T) {
	path := write(t, `
listen: "0.0.0.0:9000"
currency: USD
fx:
  CNY: {worth: 0.1408, source: bank, date: 2026-11-20}
members:
  a:
    use: test-echo
    model: &m "x-1"
    window_tokens: 32000
    price: {input: 2, output: 6.5, cache_read: 0, call: 0.001, currency: CNY, from: 2026-01-01T08:00:00Z}
    tools: true
    params: {say: hello, deep: [{on: true}]}
  360gpt:
    use: test-echo
    model: *m
    price:
      - {input: 1, output: 2}
      - {input: 2, output: 4, above_input_tokens: 32000}
models:
  both: {use: test-first, members: [a, 360gpt], params: {judge: a}}
limits: {shutdown_time: 5s}
runs: {keep: 48h, keep_max: 1000}
discover: {enabled: false, max_spend: 0.25}
`)
	l, err := Load(Sources{Path: path, Env: env("SUMMIT_LOG_LEVEL=debug", "SUMMIT_DISCOVER_ENABLED=true", "XDG_DATA_HOME=/data"),
		Flags: map[string]string{"listen": "127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Listen: "127.0.0.1:1", Currency: "USD", DataDir: filepath.Join("/data", "summit"),
		FX: map[string]FX{"CNY": {140_800, "bank", time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}},
		Members: map[string]Member{
			"a": {Use: "test-echo", Model: "x-1", WindowTokens: 32000, Tools: new(true), Params: &soloParams{Say: "hello", Deep: []soloIn{{true}}},
				Price: []Price{{Input: 2_000_000, Output: 6_500_000, CacheRead: new(money.Rate(0)), Call: 1000, Currency: "CNY",
					From: time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)}}},
			"360gpt": {Use: "test-echo", Model: "x-1", Price: []Price{
				{Input: 1_000_000, Output: 2_000_000}, {Input: 2_000_000, Output: 4_000_000, AboveInputTokens: 32000}}},
		},
		Models:   map[string]Model{"both": {Use: "test-first", Members: []string{"a", "360gpt"}, Params: &soloParams{Judge: "a"}}},
		Limits:   Limits{ShutdownTime: 5 * time.Second},
		Runs:     Runs{Keep: 48 * time.Hour, KeepMax: 1000},
		Log:      Log{Level: "debug"},
		Discover: Discover{Enabled: new(true), MaxSpend: 250_000},
	}
	if diff := cmp.Diff(want, l.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{
		"listen": "flag --listen", "log.level": "env SUMMIT_LOG_LEVEL", "discover.enabled": "env SUMMIT_DISCOVER_ENABLED",
		"currency": l.Path + ":3", "members.a.model": l.Path + ":9", "members.360gpt.model": l.Path + ":16", "log.format": "default",
		"members.360gpt.price[1].input": l.Path + ":19",
	} {
		if got := l.Origin(path); got != want {
			t.Errorf("%s is from %q, want %q", path, got, want)
		}
	}

	// What is shown can be read back and means the same.
	text, err := l.YAML(true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(Sources{Path: write(t, text), Env: env()})
	if err != nil {
		t.Fatalf("what is shown can't be read back: %v\n%s", err, text)
	}
	if diff := cmp.Diff(want.withDefaults(), again.Config); diff != "" {
		t.Errorf("shown and read back (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, "listen: 127.0.0.1:1 # flag --listen\n") {
		t.Errorf("shown: %s", text)
	}
}

func TestNothingConfigured(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "---\n", "{}\n", "\ufeff"} {
		l, err := Load(Sources{Path: write(t, text), Env: env("HOME=/home/me")})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want := Config{DataDir: filepath.Join("/home/me", ".local", "share", "summit")}
		if diff := cmp.Diff(want, l.Config); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	if l, err := Load(Sources{Env: env()}); err != nil || l.Path != "" || l.Config.DataDir != "" {
		t.Errorf("without home and file: %v, %v", l, err)
	}
}

func TestSearch(t *testing.T) {
	dir := t.TempDir()
	f := func(want string, env func(string) (string, bool)) {
		t.Helper()
		l, err := Load(Sources{Env: env})
		if err != nil {
			t.Fatal(err)
		}
		if l.Path != want {
			t.Errorf("read %q, want %q", l.Path, want)
		}
	}
	own := filepath.Join(dir, "summit", "config.yaml")
	f("", env("XDG_CONFIG_HOME="+dir))
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f(own, env("XDG_CONFIG_HOME="+dir))
	f("", env("XDG_CONFIG_HOME=relative"))
	other := write(t, "")
	f(other, env("XDG_CONFIG_HOME="+dir, "SUMMIT_CONFIG="+other))

	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir} {
		if _, err := Load(Sources{Path: path, Env: env()}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the path", path, err)
		}
	}
}

func TestHome(t *testing.T) {
	f := func(path, want string, e func(string) (string, bool)) {
		t.Helper()
		l, err := Load(Sources{Path: write(t, strings.ReplaceAll(`
data_dir: PATH
brain: {file: PATH}
books: {terms: PATH, contracts: PATH}
members:
  a: {use: test-echo, key_file: PATH, endpoints: [{key_file: PATH}]}
  b: {use: local, file: PATH, params: {template: PATH}}
`, "PATH", strconv.Quote(path))), Env: e})
		if err != nil {
			t.Fatal(err)
		}
		c, a, b := l.Config, l.Config.Members["a"], l.Config.Members["b"]
		for i, got := range []string{c.DataDir, c.Brain.File, c.Books.Terms, c.Books.Contracts, a.KeyFile, a.Endpoints[0].KeyFile, b.File, b.Params.(*LocalParams).Template} {
			if got != want {
				t.Errorf("path %d: %q became %q, want %q", i, path, got, want)
			}
		}
	}
	f("~/x", filepath.Join("/home/me", "x"), env("HOME=/home/me"))
	f("~/x", filepath.Join("/users/me", "x"), env("USERPROFILE=/users/me"))
	f("~/x", "~/x", env())
	f("/a/~/x", "/a/~/x", env("HOME=/home/me"))
}

func TestOverridesAreChecked(t *testing.T) {
	f := func(want string, s Sources) {
		t.Helper()
		s.Path = write(t, "")
		if s.Env == nil {
			s.Env = env()
		}
		_, err := Load(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	f("env SUMMIT_LIMITS_BODY_BYTES: limits.body_bytes: want a whole number, got a text", Sources{Env: env("SUMMIT_LIMITS_BODY_BYTES=big")})
	f(`env SUMMIT_LOG_LEVEL: log.level: "loud" (known: debug, error, info, warn)`, Sources{Env: env("SUMMIT_LOG_LEVEL=loud")})
	f(`flag --log-level: log.level: "warm"; did you mean "warn"?`, Sources{Env: env("SUMMIT_LOG_LEVEL=info"), Flags: map[string]string{"log.level": "warm"}})
	f("flag --discover-max-spend: discover.max_spend: amount \"1e9\"", Sources{Flags: map[string]string{"discover.max_spend": "1e9"}})
	f("flag --listen: listen: ", Sources{Flags: map[string]string{"listen": "nowhere"}})
}

func TestSettings(t *testing.T) {
	var got []string
	for _, s := range Settings() {
		got = append(got, s.Path+" "+s.Env())
	}
	want := []string{"listen SUMMIT_LISTEN", "data_dir SUMMIT_DATA_DIR", "discover.max_spend SUMMIT_DISCOVER_MAX_SPEND"}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("no setting %q in %q", w, got)
		}
	}
}

func TestBounds(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		_, err := Load(Sources{Path: write(t, text), Env: env()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %.300v, want %q in it", name, err, want)
		}
	}
	f("long file", "# "+strings.Repeat("x", maxFileBytes), "want at most 1048576")
	f("anchor in itself", "members: &a {x: {use: test-echo, params: *a}}", "unknown key")
	var bomb strings.Builder
	fmt.Fprintf(&bomb, "members:\n  m0:\n    use: test-echo\n    price: &p [%s]\n", strings.Repeat("{input: 1, output: 1},", 10_000))
	for i := range 20 {
		fmt.Fprintf(&bomb, "  n%d: {use: test-echo, price: *p}\n", i)
	}
	f("aliases", bomb.String(), "more than 100000 values, counting aliases")
	f("deep", strings.Repeat("{listen: ", 40)+"1"+strings.Repeat("}", 40), "want text")
	f("many problems", strings.Repeat("x", 3)+": 1\n"+strings.Join(numbered(100), "\n"), "unknown key")
	if _, err := Load(Sources{Path: write(t, strings.Join(numbered(100), "\n")), Env: env()}); strings.Count(err.Error(), "unknown key") != maxProblems {
		t.Errorf("%d problems reported, want %d", strings.Count(err.Error(), "unknown key"), maxProblems)
	}
}

func TestUnknownUse(t *testing.T) {
	_, err := Load(Sources{Path: write(t, `members:
  ok: {use: test-echoo}
  noUse: {}
models:
  none: {use: test-frist, members: [ok]}
  bare: {members: [ok]}
`), Env: env()})
	for _, want := range []string{
		`:2:13: members.ok.use: "test-echoo" is no known kind of member; did you mean "test-echo"? (known: `,
		`:3:10: members.noUse: no use, want the kind of member (known: `,
		`:5:15: models.none.use: "test-frist" is no known strategy; did you mean "test-first"? (known: `,
		`:6:9: models.bare: no use, want the strategy (known: `,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// Parameters of other rooms may be recursive types, which the bounds stop.
func TestBoundsOfRecursiveTypes(t *testing.T) {
	type nest struct {
		In map[string]*nest `yaml:"in"`
	}
	f := func(text, want string) {
		t.Helper()
		tree := decodeYAML([]byte(text), new(nest))
		if len(tree.problems) == 0 || !strings.Contains(tree.problems[0].Text, want) {
			t.Errorf("problems %v, want %q", tree.problems, want)
		}
	}
	f(strings.Repeat("{in: {a: ", 20)+"{}"+strings.Repeat("}}", 20), "nested deeper than 32 levels")
	f("in: {a: &a {in: {a: *a}}}", "nested deeper than 32 levels")
	var bomb strings.Builder
	bomb.WriteString("in:\n  l0: &l0 {}\n")
	for level := range 6 {
		fmt.Fprintf(&bomb, "  l%d: &l%d {in: {", level+1, level+1)
		for i := range 10 {
			fmt.Fprintf(&bomb, "a%d: *l%d,", i, level)
		}
		bomb.WriteString("}}\n")
	}
	f(bomb.String(), "more than 100000 values, counting aliases")
}

func numbered(n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("zzz%d: 1", i))
	}
	return lines
}

func TestNearest(t *testing.T) {
	f := func(came, want string) {
		t.Helper()
		if got := nearest.Name(came, []string{"listen", "data_dir", "members", "models", "fx"}); got != want {
			t.Errorf("nearest to %q is %q, want %q", came, got, want)
		}
	}
	f("lisetn", "listen")
	f("Listen", "listen")
	f("model", "models")
	f("datadir", "data_dir")
	f("f", "fx")
	f("engine", "")
	f("", "")
	f(strings.Repeat("listen", 1000), "")
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("<<: {}\n? [x]\n: 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Config
		tree := decodeYAML(data, &c)
		if len(tree.problems) > 0 {
			return
		}
		if len(c.check()) > 0 {
			return
		}
		// What is sound can be shown and read back.
		l := &Loaded{Config: c}
		text, err := l.YAML(false)
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if tree := decodeYAML([]byte(text), &again); len(tree.problems) > 0 {
			t.Fatalf("%q is shown as %q: %v", data, text, tree.problems)
		}
		if diff := cmp.Diff(c.withDefaults(), again.withDefaults()); diff != "" {
			t.Fatalf("%q shown and read back: %s", data, diff)
		}
	})
}
