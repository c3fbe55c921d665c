package summit

import (
	"log/slog"
	"time"

	"summit/fusion"
	"summit/member"
	"summit/money"
)

// Config is everything that can be set, in one YAML file. The zero value is a
// working Summit: it listens on this machine only, looks for members around
// it and asks the small models inside the program where there are none.
type Config struct {
	Listen   string            `yaml:"listen"`   // address of the server as HOST:PORT; empty = 127.0.0.1:8600, which only this machine reaches
	DataDir  string            `yaml:"data_dir"` // folder for keys and the log of runs; empty = $XDG_DATA_HOME/summit, or ~/.local/share/summit
	Currency money.Currency    `yaml:"currency"` // currency that all costs are counted in; empty = CNY
	FX       map[string]FX     `yaml:"fx"`       // what other currencies are worth, by code; needed for every currency that a price names
	Members  map[string]Member `yaml:"members"`  // who answers, by name; none = those found at start, else the small models inside the program
	Models   map[string]Model  `yaml:"models"`   // models made of members, by name; summit, summit-max and summit-lite exist where not set here
	Brain    Brain             `yaml:"brain"`    // what the strategy auto knows of the members
	Identity Identity          `yaml:"identity"` // who may ask
	Engine   Engine            `yaml:"engine"`   // models that are computed in this process
	Limits   Limits            `yaml:"limits"`   // bounds of the server
	Books    Books             `yaml:"books"`    // what requests cost, and who of the alliance gets what
	Runs     Runs              `yaml:"runs"`     // how long the log of runs is kept
	Log      Log               `yaml:"log"`      // what is logged, to standard error
	Distill  Distill           `yaml:"distill"`  // keeping texts for small models to learn from, of tenants that agreed
	Discover Discover          `yaml:"discover"` // looking for members where none are configured

	// Ephemeral keeps everything off the disk and takes no lock: models can be
	// asked, but there is no server. It is for programs, not for the file.
	Ephemeral bool `yaml:"-"`
	// Version is what the server says it is; empty = unknown.
	Version string `yaml:"-"`
	// Logger replaces the logger that Log describes; nil = that one.
	Logger *slog.Logger `yaml:"-"`
}

// FX says what one unit of a currency is worth in the accounting currency.
type FX struct {
	Worth  money.Amount `yaml:"worth" jsonschema:"required"`  // of the accounting currency, for 1 unit; above zero
	Source string       `yaml:"source" jsonschema:"required"` // where the figure is from
	Date   time.Time    `yaml:"date" jsonschema:"required"`   // the day it was valid, such as 2026-11-20
}

// Member is one vendor, server or recording that answers.
type Member struct {
	Use          string  `yaml:"use"`                                          // the kind of member, such as openai for any OpenAI-compatible server
	File         string  `yaml:"file"`                                         // kind local: a GGUF file, a safetensors file, or a folder with one
	BaseURL      string  `yaml:"base_url"`                                     // address of its API; empty = the kind's own
	KeyEnv       string  `yaml:"key_env"`                                      // environment variable that holds its key (or NAME_FILE the path of a file with it); ID:SECRET = two of them, joined by a colon; empty = those that the kind knows
	KeyFile      string  `yaml:"key_file"`                                     // file that holds its key, readable by its owner only; not beside key_env
	Model        string  `yaml:"model"`                                        // the upstream's model id; empty = the kind's own, else the first that the server lists
	Price        []Price `yaml:"price"`                                        // one tier, or a list of them; none = the list price that the kind knows, else unknown
	WindowTokens int     `yaml:"window_tokens" jsonschema:"minimum=0"`         // prompt and answer together; 0 = unknown
	Vendor       string  `yaml:"vendor"`                                       // who makes the model; empty = the kind's own
	Tools        *bool   `yaml:"tools"`                                        // whether it calls tools; none = as far as the kind knows
	Images       *bool   `yaml:"images"`                                       // whether it takes images; none = as far as the kind knows
	OnAbort      string  `yaml:"on_abort" jsonschema:"enum=cancel,enum=drain"` // when a client goes away: cancel = the vendor is left at once; drain = its answer is read to the end, for two minutes at most, so that its usage is known; empty = cancel
	Cache        Cache   `yaml:"cache"`                                        // remembering its answers; none = off
	Params       any     `yaml:"params"`                                       // the kind's own settings; none = its defaults

	Endpoints []Endpoint         `yaml:"endpoints"`                     // other addresses and keys that give the same answers, beside base_url and the key above
	Weight    int                `yaml:"weight" jsonschema:"minimum=0"` // share of the requests that go to base_url and the key above, where there are endpoints; 0 = 1
	Guard     member.GuardParams `yaml:"guard"`                         // retries, and what is not asked for a while
}

// Endpoint is one more address, or one more key, under which a member is asked.
type Endpoint struct {
	BaseURL string `yaml:"base_url"`                      // address of its API; empty = the member's
	KeyEnv  string `yaml:"key_env"`                       // environment variable that holds its key, as the member's; empty = the member's key, unless the address has another host
	KeyFile string `yaml:"key_file"`                      // file that holds its key, as the member's; not beside key_env
	Model   string `yaml:"model"`                         // the model's id there; empty = the member's
	Weight  int    `yaml:"weight" jsonschema:"minimum=0"` // share of the requests; 0 = 1
}

// Price is one tier of a member's price list. Rates are for a million tokens.
type Price struct {
	Input            money.Rate     `yaml:"input" jsonschema:"required"`               // fresh input
	Output           money.Rate     `yaml:"output" jsonschema:"required"`              // the answer
	CacheRead        *money.Rate    `yaml:"cache_read"`                                // input that the vendor had cached; none = as input
	CacheWrite       *money.Rate    `yaml:"cache_write"`                               // input that the vendor puts into its cache; none = as input
	Reasoning        *money.Rate    `yaml:"reasoning"`                                 // thoughts; none = as output
	Call             money.Amount   `yaml:"call"`                                      // for each call, besides the tokens
	Currency         money.Currency `yaml:"currency"`                                  // empty = the accounting currency
	AboveInputTokens int64          `yaml:"above_input_tokens" jsonschema:"minimum=0"` // the tier is for requests with more input tokens than this
	From             time.Time      `yaml:"from"`                                      // valid from then on; none = always
	Until            time.Time      `yaml:"until"`                                     // and before then; none = for ever
	Zone             string         `yaml:"zone"`                                      // the tier is for some hours of the week only, in this zone, such as Asia/Shanghai; none = whenever no other tier is
	Days             string         `yaml:"days"`                                      // those days, such as mon-fri or "sat, sun"; none = all
	Hours            string         `yaml:"hours"`                                     // and those hours, such as "09:00-12:00, 14:00-18:00"; none = the whole day
	Source           string         `yaml:"source"`                                    // where the figures are from
}

// Model is one model made of members.
type Model struct {
	Use     string   `yaml:"use"`     // the strategy, such as vote
	Members []string `yaml:"members"` // names of members, or of other models, in the order that the strategy reads them
	Params  any      `yaml:"params"`  // the strategy's own settings; none = its defaults
	About   string   `yaml:"about"`   // one sentence for people
}

// Identity says who may ask.
type Identity struct {
	Auth    string            `yaml:"auth" jsonschema:"enum=keys,enum=none"` // keys = a bearer key made by "summit key create"; none = anybody on this machine, only with a loopback address; empty = keys
	Origins []string          `yaml:"origins"`                               // origins whose web pages may use the server (CORS), such as https://chat.example.com; none = only its own
	Hosts   []string          `yaml:"hosts"`                                 // names besides localhost under which it is reached on a loopback address, without port
	Tenants map[string]Tenant `yaml:"tenants"`                               // what tenants may spend, by the name that their keys have; one that is not named has no bounds
}

// Brain says where that is from which auto knows whom to ask and whom to
// believe.
type Brain struct {
	File   string `yaml:"file"`                                              // made by "summit brain train", with members named as here; empty = none: auto asks the cheapest first, until two agree
	Learn  string `yaml:"learn" jsonschema:"enum=off,enum=log,enum=tenants"` // off = nothing is learned from requests; log = the run log keeps what can be learned, and drift is watched; tenants = besides, what a tenant's feedback says of members changes whom its requests ask; empty = log
	Shadow Shadow `yaml:"shadow"`                                            // asking members that were not asked, after the answer
}

// Runs says how long what happened is kept, with the feedback on it. It holds
// no prompts and no answers.
type Runs struct {
	Keep    time.Duration `yaml:"keep"`                            // runs older than this go; 0 = 720h (30 days)
	KeepMax int           `yaml:"keep_max" jsonschema:"minimum=0"` // and so do those beyond this many, a tenth late; 0 = 100000
}

// Log says what is logged and how. Prompts, answers and secrets never are.
type Log struct {
	Level  string `yaml:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"` // the least that is logged; empty = info
	Format string `yaml:"format" jsonschema:"enum=text,enum=json"`                      // empty = text
}

// Discover says whether Summit looks for members when none are configured:
// local servers on their usual ports, and vendors whose key is in the
// environment.
type Discover struct {
	Enabled       *bool        `yaml:"enabled"`       // none = true
	Demonstration bool         `yaml:"demonstration"` // where no members are configured or found, play answers that Summit's authors wrote to a few dozen questions, in place of the small models inside the program
	MaxSpend      money.Amount `yaml:"max_spend"`     // most that the members found may cost together until Summit stops, in the accounting currency; 0 = 1
	AssumedPrice  money.Rate   `yaml:"assumed_price"` // for a million tokens, in and out, where a price is unknown; 0 = 50, a guess above most price lists
}

// DefaultListen is where the server listens if nothing is set.
const DefaultListen = "127.0.0.1:8600"

// Defaults of other settings.
const (
	defaultCurrency            = "CNY"
	defaultMaxSpend            = money.Amount(1 * money.Micro)
	defaultAssumed             = money.Rate(50 * money.Micro)
	authKeys, authNone         = "keys", "none"
	defaultLevel, defaultStyle = "info", "text"
)

// withDefaults returns c with every empty setting that has a default filled.
// Members and models are left as they are.
func (c Config) withDefaults() Config {
	or(&c.Listen, DefaultListen)
	or(&c.Currency, defaultCurrency)
	or(&c.Identity.Auth, authKeys)
	or(&c.Brain.Learn, learnLog)
	or(&c.Runs.Keep, 30*24*time.Hour)
	or(&c.Runs.KeepMax, 100_000)
	or(&c.Log.Level, defaultLevel)
	or(&c.Log.Format, defaultStyle)
	or(&c.Discover.MaxSpend, defaultMaxSpend)
	or(&c.Discover.AssumedPrice, defaultAssumed)
	if c.Discover.Enabled == nil {
		c.Discover.Enabled = new(true)
	}
	c.Limits = c.Limits.withDefaults()
	return c
}

// or sets an empty value.
func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// newParams returns the parameters of the member's kind.
func (m *Member) newParams() (any, string) {
	k, ok := member.Lookup(m.Use)
	switch {
	case !ok:
		return nil, "" // reported at use
	case k.Params == nil:
		return nil, "members of kind " + m.Use + " take no params"
	}
	return k.Params(), ""
}

// newParams returns the parameters of the model's strategy.
func (m *Model) newParams() (any, string) {
	for _, s := range fusion.Strategies() {
		if s.Name == m.Use {
			return s.Params(), ""
		}
	}
	return nil, "" // reported at use
}

// refuses says why a secret may not stand in the file.
func (m *Member) refuses(key string) string {
	switch key {
	case "key", "api_key", "apikey", "token", "secret", "password", "authorization":
		return "secrets stay out of the file. Put it into an environment variable and write key_env: ITS_NAME, " +
			"or into a file that only you can read and write key_file: ITS_PATH"
	}
	return ""
}
