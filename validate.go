package summit

import (
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"summit/fusion"
	"summit/member"
	"summit/money"
)

// nameRule is what members and models may be called: it fits into a URL, a
// metric's label and a shell command.
var nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$`)

// envRule is the name of an environment variable, or of two with a colon
// between them: a key in two halves.
var envRule = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}(:[A-Za-z_][A-Za-z0-9_]{0,127})?$`)

// Bounds of what can be configured, far above any real alliance.
const (
	maxMembers = 1000
	maxModels  = 1000
)

// checker collects what is wrong with the meaning of a configuration.
type checker struct{ problems []Problem }

func (k *checker) add(path, format string, args ...any) {
	k.problems = append(k.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

// check returns what is wrong with a configuration that was read well: it
// looks at values and at how they fit together, not at the world outside.
func (c Config) check() []Problem {
	k := &checker{}
	c = c.withDefaults()
	if err := checkListen(c.Listen); err != "" {
		k.add("listen", "%s", err)
	}
	if c.Currency.Valid() != nil {
		k.add("currency", "currency %q, want three capital letters such as CNY", clip(string(c.Currency)))
	}
	k.oneOf("identity.auth", c.Identity.Auth, authKeys, authNone)
	k.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "text", "json")
	if c.Discover.MaxSpend < 0 {
		k.add("discover.max_spend", "%s, want zero or more", c.Discover.MaxSpend)
	}
	if c.Runs.Keep < 0 {
		k.add("runs.keep", "%v, want zero or more", c.Runs.Keep)
	}
	if c.Runs.KeepMax < 0 {
		k.add("runs.keep_max", "%d, want zero or more", c.Runs.KeepMax)
	}
	if c.Engine.MemoryBytes < 0 {
		k.add("engine.memory_bytes", "%d, want zero or more", c.Engine.MemoryBytes)
	}
	switch c.Engine.PrefixCache {
	case "", prefixTenant, prefixShared, prefixOff:
	default:
		k.add("engine.prefix_cache", "got %q, want tenant, shared or off", clip(c.Engine.PrefixCache))
	}
	if c.Engine.IdleSeconds < -1 {
		k.add("engine.idle_seconds", "%d, want -1 or more", c.Engine.IdleSeconds)
	}
	c.Limits.check(k)
	c.Brain.check(k)
	c.Distill.check(k)
	c.Books.check(k)
	for _, name := range slices.Sorted(maps.Keys(c.Identity.Tenants)) {
		path := join("identity.tenants", name)
		if name == "" || len(name) > 100 {
			k.add(path, "a tenant's name of %d bytes, want 1 to 100", len(name))
		}
		c.Identity.Tenants[name].check(k, path, c)
	}
	for _, code := range slices.Sorted(maps.Keys(c.FX)) {
		path, fx := join("fx", code), c.FX[code]
		if money.Currency(code).Valid() != nil {
			k.add(path, "currency %q, want three capital letters such as USD", clip(code))
		}
		if fx.Worth <= 0 {
			k.add(join(path, "worth"), "1 %s is worth %s %s, want above zero", code, fx.Worth, c.Currency)
		}
		if fx.Source == "" || fx.Date.IsZero() {
			k.add(path, "want source and date beside worth: a rate is only as good as where it is from")
		}
	}
	if len(c.Members) > maxMembers {
		k.add("members", "%d members, want at most %d", len(c.Members), maxMembers)
		return k.problems
	}
	if len(c.Models) > maxModels {
		k.add("models", "%d models, want at most %d", len(c.Models), maxModels)
		return k.problems
	}
	for _, name := range slices.Sorted(maps.Keys(c.Members)) {
		c.checkMember(k, name, c.Members[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		c.checkModel(k, name, c.Models[name])
	}
	if len(k.problems) == 0 {
		c.checkCycles(k)
	}
	return k.problems
}

func (c Config) checkMember(k *checker, name string, m Member) {
	path := join("members", name)
	k.name(path, name)
	if slices.Contains(defaultModels, name) {
		k.add(path, "%q is the name of a model that always exists, want another name for a member", name)
	}
	if _, ok := member.Lookup(m.Use); m.Use == "" {
		k.add(path, "no use, want the kind of member%s", unknown("", kindNames()))
	} else if !ok {
		k.add(join(path, "use"), "%q is no known kind of member%s", clip(m.Use), unknown(m.Use, kindNames()))
	}
	switch {
	case m.Use == useLocal && m.File == "":
		k.add(path, "no file, want the path of a model file")
	case m.Use != useLocal && m.File != "":
		k.add(join(path, "file"), "members of kind %s take no file", clip(m.Use))
	case m.Use == useLocal && (m.BaseURL != "" || m.KeyEnv != "" || m.KeyFile != ""):
		k.add(path, "a model file has neither address nor key")
	}
	k.address(join(path, "base_url"), m.BaseURL)
	k.keyEnv(path, m.KeyEnv, m.KeyFile)
	m.checkEndpoints(k, path)
	m.checkCache(k, path)
	if m.WindowTokens < 0 {
		k.add(join(path, "window_tokens"), "%d, want zero or more", m.WindowTokens)
	}
	for i, p := range m.Price {
		at := fmt.Sprintf("%s.price[%d]", path, i)
		currency := p.Currency
		or(&currency, c.Currency)
		if _, ok := c.FX[string(currency)]; currency != c.Currency && currency.Valid() != nil {
			k.add(at+".currency", "currency %q, want three capital letters such as USD", clip(string(currency)))
		} else if currency != c.Currency && !ok {
			k.add(at+".currency", "no rate from %s to %s, want fx: {%s: {worth: ..., source: ..., date: ...}}", currency, c.Currency, currency)
		}
		if p.AboveInputTokens < 0 {
			k.add(at+".above_input_tokens", "%d, want zero or more", p.AboveInputTokens)
		}
		if p.Call < 0 {
			k.add(at+".call", "%s, want zero or more", p.Call)
		}
		if p.Zone+p.Days+p.Hours != "" {
			if _, err := money.ParseSchedule(p.Zone, p.Days, p.Hours); err != nil {
				k.add(at, "%v", err)
			}
		}
		if !p.Until.IsZero() && !p.From.Before(p.Until) {
			k.add(at+".until", "valid until %s, which is not after from", p.Until.Format("2006-01-02"))
		}
	}
}

// address checks where something is asked.
func (k *checker) address(path, address string) {
	if address == "" {
		return
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		k.add(path, "want an address such as https://api.example.com/v1")
	case u.User != nil:
		k.add(path, "want an address without user and password: use key_env or key_file")
	}
}

// keyEnv checks where a key is from.
func (k *checker) keyEnv(path, env, file string) {
	if env != "" && file != "" {
		k.add(join(path, "key_file"), "both key_env and key_file are set, want one")
	}
	if env != "" && !envRule.MatchString(env) {
		k.add(join(path, "key_env"), "want the name of an environment variable, such as GLM_API_KEY, not the key itself")
	}
}

func (c Config) checkModel(k *checker, name string, m Model) {
	path := join("models", name)
	k.name(path, name)
	if _, taken := c.Members[name]; taken {
		k.add(path, "%q is also the name of a member, want a name of its own (a member can be asked by its name without a model)", name)
	}
	if m.Use == "" {
		k.add(path, "no use, want the strategy%s", unknown("", strategyNames()))
	} else if !slices.Contains(strategyNames(), m.Use) {
		k.add(join(path, "use"), "%q is no known strategy%s", clip(m.Use), unknown(m.Use, strategyNames()))
	}
	if len(m.Members) == 0 {
		k.add(path, "no members, want at least one")
	}
	for i, n := range m.Members {
		if slices.Index(m.Members, n) < i {
			k.add(fmt.Sprintf("%s.members[%d]", path, i), "%q is named twice", clip(n))
			continue
		}
		if !c.has(n) {
			k.add(fmt.Sprintf("%s.members[%d]", path, i), "%q is neither a member nor a model%s", clip(n), unknown(n, c.names()))
		}
	}
}

// has reports whether a member or model of that name is configured or always
// exists.
func (c Config) has(name string) bool {
	_, member := c.Members[name]
	_, model := c.Models[name]
	return member || model || slices.Contains(defaultModels, name)
}

// names returns what a model's members may be called.
func (c Config) names() []string {
	all := slices.Concat(slices.Collect(maps.Keys(c.Members)), slices.Collect(maps.Keys(c.Models)), defaultModels)
	slices.Sort(all)
	return slices.Compact(all)
}

// checkCycles reports models that are made of themselves, with the way round.
func (c Config) checkCycles(k *checker) {
	const (
		open = iota + 1
		closed
	)
	state := map[string]int{}
	var way []string
	var visit func(name string) bool
	visit = func(name string) bool {
		m, ok := c.Models[name]
		if !ok || state[name] == closed {
			return true
		}
		if state[name] == open {
			round := append(way[slices.Index(way, name):], name)
			k.add(join("models", name)+".members", "the model is made of itself: %s", strings.Join(round, " -> "))
			return false
		}
		state[name] = open
		way = append(way, name)
		for _, n := range m.Members {
			if !visit(n) {
				return false
			}
		}
		way = way[:len(way)-1]
		state[name] = closed
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		if !visit(name) {
			return
		}
	}
}

func (k *checker) name(path, name string) {
	if !nameRule.MatchString(name) {
		k.add(path, "name %q, want at most 64 letters, digits and . _ : / -, beginning with a letter or digit", clip(name))
	}
}

func (k *checker) oneOf(path, got string, want ...string) {
	if !slices.Contains(want, got) {
		k.add(path, "%q%s", clip(got), unknown(got, want))
	}
}

func checkListen(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprintf("%q, want HOST:PORT such as %s", clip(address), DefaultListen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > math.MaxUint16 {
		return fmt.Sprintf("port %q, want 0 to 65535", clip(port))
	}
	if strings.ContainsAny(host, " /") {
		return fmt.Sprintf("host %q, want a name or an address", clip(host))
	}
	return ""
}

func kindNames() []string {
	var names []string
	for _, k := range member.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

func strategyNames() []string {
	var names []string
	for _, s := range fusion.Strategies() {
		names = append(names, s.Name)
	}
	return names
}
