// Package member is the vendors and servers that answer over a network, and
// the recordings that stand in for them: one file each, registered in this
// package's table.
//
// Its nouns are Kind (what can be configured under `use:`) and Config (one
// configured member). An OpenAI-compatible vendor is one file of data; see
// CONTRIBUTING.md. The rest of Summit sees llm.Member only.
//
// A protocol of a vendor's own is a wire on the same member: it puts a request
// that was written as Chat Completions into the server's form, and its events
// into the form of chunks, so that limits, usage, kinds of error, redaction
// and recording are the same for all. A signer authorises its calls: a bearer
// key, a signature over the request, or a token that is fetched, kept and
// renewed. Over WebSocket a socket gives the messages as events. What a wire
// has no place for becomes a warning.
//
// Guard keeps a member answering: several addresses and keys, retries, circuits
// and hedges. design.md says when it may make a call again.
package member

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"summit/llm"
)

// Config is one configured member. The front door fills it: names of
// secrets are resolved, prices are in the accounting currency.
type Config struct {
	Name    string   // under which it is asked and shown
	Use     string   // the Kind's name
	File    string   // kinds that read a file of this machine: its path
	BaseURL string   // empty = the kind's own
	Key     string   // the secret; empty = none
	Model   string   // the upstream's model id; empty = the kind's own, else the first that the server lists
	Card    llm.Card // facts the user gave; Name, Model and empty fields are filled by the kind
	Params  any      // what Kind.Params returned, filled; nil = zero
	// Client makes the HTTP calls; nil = a client of the package's own. Tests
	// hand in recorded exchanges here.
	Client *http.Client
}

// Kind is a vendor, a server or a recording that can be configured.
type Kind struct {
	Name    string // as in `use:`
	About   string // one line for people
	Vendor  string
	BaseURL string   // default; empty = the user must give one
	Model   string   // default model id; empty = ask the server
	KeyEnv  []string // environment variables that hold its key, first match wins; nil = needs none
	Local   bool     // a server on this machine: BaseURL is probed at start
	Manual  bool     // it is never found by looking around, only configured
	// Models are the models that it is known to serve, with what is known of
	// them and list prices in the vendor's own currency. Where a Config's Card
	// has no prices, the kind's New takes those.
	Models []llm.Card
	// Params returns a pointer to the kind's own settings, with yaml, json and
	// jsonschema tags; nil = it has none.
	Params func() any
	New    func(Config) (llm.Member, error)
}

var (
	mu    sync.Mutex
	kinds = map[string]Kind{}
)

// Register adds a kind. It is called from the init of the kind's file; a
// second kind of that name is a programming error.
func Register(k Kind) {
	mu.Lock()
	defer mu.Unlock()
	if _, taken := kinds[k.Name]; taken || k.Name == "" || k.New == nil {
		panic(fmt.Sprintf("member: kind %q: empty, without New, or registered twice", k.Name))
	}
	kinds[k.Name] = k
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

// Lookup returns the kind of that name.
func Lookup(name string) (Kind, bool) {
	mu.Lock()
	defer mu.Unlock()
	k, ok := kinds[name]
	return k, ok
}

// New builds the member that c describes.
func New(c Config) (llm.Member, error) {
	k, ok := Lookup(c.Use)
	if !ok {
		return nil, fmt.Errorf("member: %s: use %q is no known kind of member", c.Name, c.Use)
	}
	if c.BaseURL == "" {
		c.BaseURL = k.BaseURL
	}
	if c.Model == "" {
		c.Model = k.Model
	}
	if c.Card.Vendor == "" {
		c.Card.Vendor = k.Vendor
	}
	c.Card.Name, c.Card.Model = c.Name, c.Model
	return k.New(c)
}
