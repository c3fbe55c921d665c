package summit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"summit/alliance"
	"summit/brain"
	"summit/fusion"
	"summit/llm"
	"summit/local"
	"summit/money"
)

// The models that exist without being configured, over all members.
const (
	modelAuto    = "summit"      // chooses for each request
	modelCouncil = "summit-max"  // asks all and fuses what they say
	modelCheap   = "summit-lite" // asks the cheapest first
)

var defaultModels = []string{modelAuto, modelCouncil, modelCheap}

// Entry is one name that can be asked, as people see it.
type Entry struct {
	Name    string
	Member  llm.Member
	Model   bool     // made of members; false = a member
	Use     string   // the strategy or the kind of member
	Parts   []string // Model: its members
	About   string   // one sentence; empty = none
	Source  Source
	Address string // member: where it was found or is configured; empty = the kind's own
}

// Source says how an entry came to be.
type Source string

// The sources of entries.
const (
	SourceFile    Source = "configured"
	SourceFound   Source = "found"         // by looking around at start
	SourceDemo    Source = "demonstration" // members play written answers
	SourceInside  Source = "inside"        // small models in the program
	SourceBuiltIn Source = "built in"      // a model that always exists
)

// directory is everything that can be asked under one configuration. It
// doesn't change: a reload makes another.
type directory struct {
	entries map[string]*Entry
	members []string // names in order
	models  []string // names in order, the built-in ones first
	notes   []string // how the members came to be, for people; nil = all configured
	purse   *spendCap
	brain   *brain.Brain // nil = none
	gate    fusion.Gate  // of the small models inside; nil where they are not the members
	shift   shiftFunc
	paid    bool                  // by contracts
	tenants map[string]Tenant     // with bounds
	alone   map[string]llm.Member // members as they are asked by their own names
}

// shiftFunc says by how much, in log-odds, a member is more reliable for whose
// request the context is of.
type shiftFunc func(ctx context.Context, member string) float64

// list returns the entries, models first.
func (d *directory) list() []Entry {
	var all []Entry
	for _, name := range slices.Concat(d.models, d.members) {
		all = append(all, *d.entries[name])
	}
	return all
}

// member returns who answers under the name. The error is of kind NotFound
// and lists the nearest names.
func (d *directory) member(name string) (llm.Member, error) {
	if m, ok := d.alone[name]; ok {
		return m, nil
	}
	if e, ok := d.entries[name]; ok {
		return e.Member, nil
	}
	e := llm.Errorf(llm.NotFound, "the model %q does not exist%s", clip(name), unknown(name, slices.Concat(d.models, d.members)))
	e.Param, e.Code = "model", "model_not_found"
	return nil, e
}

// newDirectory builds members and models. purse is what found members spend
// from; it outlives reloads.
func newDirectory(ctx context.Context, c Config, locals *local.Store, purse *spendCap, shift shiftFunc, log *slog.Logger) (*directory, error) {
	quotes := map[money.Currency]money.Quote{}
	for code, fx := range c.FX {
		quotes[money.Currency(code)] = money.Quote{Worth: fx.Worth, Source: fx.Source, Date: fx.Date}
	}
	exchange, err := money.NewExchange(c.Currency, quotes)
	if err != nil {
		return nil, fmt.Errorf("summit: fx: %w", err)
	}
	d := &directory{entries: map[string]*Entry{}, purse: purse, shift: shift, paid: c.Books.on()}
	warn := func(text string) { log.Warn(text) }
	members, err := newMembers(c, locals, exchange, warn)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		name := m.Card().Name
		d.addMember(&Entry{Name: name, Member: m, Use: c.Members[name].Use, Source: SourceFile, Address: c.Members[name].BaseURL})
	}
	if len(members) == 0 && *c.Discover.Enabled {
		if err := d.discover(c, around(ctx, c), exchange, warn); err != nil {
			return nil, err
		}
	}
	switch {
	case len(d.members) > 0:
	case c.Discover.Demonstration:
		d.demonstrate()
	default:
		if err := d.ascend(locals); err != nil {
			return nil, err
		}
	}
	if d.brain, err = openBrain(c.Brain, d.members, warn); err != nil {
		return nil, err
	}
	if err := d.addModels(c); err != nil {
		return nil, err
	}
	d.tenants = c.Identity.Tenants
	return d, d.keepBudgets()
}

func (d *directory) addMember(e *Entry) {
	if d.paid {
		e.Member = &alliance.Contracted{Member: e.Member}
	}
	d.entries[e.Name] = e
	d.members = append(d.members, e.Name)
}

// builder makes models in the order in which they need each other: a model's
// members, and those that its parameters name, such as a judge.
type builder struct {
	*directory
	models  map[string]Model
	making  []string // the way to the model that is being built
	builtIn map[string]bool
}

func (d *directory) addModels(c Config) error {
	b := &builder{directory: d, models: map[string]Model{}, builtIn: map[string]bool{}}
	for name, m := range d.defaults() {
		b.models[name], b.builtIn[name] = m, true
	}
	var own []string
	for name, m := range c.Models {
		if !slices.Contains(defaultModels, name) {
			own = append(own, name)
		}
		b.models[name], b.builtIn[name] = m, false
	}
	slices.Sort(own)
	d.models = slices.Concat(defaultModels, own)
	for _, name := range d.models {
		if _, err := b.find(name); err != nil {
			return err
		}
	}
	return nil
}

// find returns a member or model, building it first if need be. After the
// build it only reads.
func (b *builder) find(name string) (llm.Member, error) {
	if e, ok := b.entries[name]; ok {
		return e.Member, nil
	}
	m, ok := b.models[name]
	if !ok {
		return nil, fmt.Errorf("%q is neither a member nor a model%s", clip(name), unknown(name, slices.Concat(b.directory.models, b.members)))
	}
	if i := slices.Index(b.making, name); i >= 0 {
		return nil, fmt.Errorf("the model is made of itself: %s", strings.Join(append(b.making[i:], name), " -> "))
	}
	b.making = append(b.making, name)
	defer func() { b.making = b.making[:len(b.making)-1] }()
	env := fusion.Env{Name: name, Member: b.find, Brain: b.brain, Shift: b.shift, Gate: b.gate}
	for _, part := range m.Members {
		member, err := b.find(part)
		if err != nil {
			return nil, err
		}
		env.Members = append(env.Members, member)
	}
	built, err := fusion.New(m.Use, env, m.Params)
	if err != nil {
		return nil, broken(join("models", name), m.Params != nil, err)
	}
	source := SourceFile
	if b.builtIn[name] {
		source = SourceBuiltIn
	}
	b.entries[name] = &Entry{Name: name, Member: built, Model: true, Use: m.Use, Parts: m.Members, About: m.About, Source: source}
	return built, nil
}

// broken returns what a room said about a configuration as a problem of it.
func broken(path string, params bool, err error) error {
	var c *ConfigError
	if errors.As(err, &c) {
		return err // a model below was at fault
	}
	if params {
		path = join(path, "params")
	}
	return &ConfigError{[]Problem{{Path: path, Text: err.Error()}}}
}

// defaults returns the models that always exist, over all members.
func (d *directory) defaults() map[string]Model {
	if d.gate != nil {
		return d.everestModels()
	}
	cheap := d.cheapFirst()
	// The dearest member of known price is taken for the best writer.
	var writer string
	for _, name := range cheap {
		if _, ok := d.price(name); ok || writer == "" {
			writer = name
		}
	}
	return map[string]Model{
		modelAuto:    {Use: "auto", Members: d.members, About: "chooses by what the request needs"},
		modelCouncil: {Use: "fuse", Members: d.members, Params: &fusion.FuseParams{Aggregator: writer}, About: "the full council: all members propose, one writes the answer"},
		modelCheap:   {Use: "cascade", Members: cheap, About: "the cheapest first, until two agree"},
	}
}

// cheapFirst returns the members by the price of a short question, those of
// unknown price last.
func (d *directory) cheapFirst() []string {
	names := slices.Clone(d.members)
	slices.SortStableFunc(names, func(a, b string) int {
		x, known := d.price(a)
		y, too := d.price(b)
		switch {
		case known && too:
			return cmp.Compare(x, y)
		case known:
			return -1
		case too:
			return 1
		}
		return 0
	})
	return names
}

// price returns what a usual request costs a member; false = unknown.
func (d *directory) price(name string) (money.Amount, bool) {
	const input, output = 1000, 500 // a guess at what is usual; only the order counts
	p, ok := d.entries[name].Member.Card().PriceAt(time.Now(), input)
	if !ok || p.Currency != d.purse.currency {
		return 0, false
	}
	a, err := money.Charge(money.Line{Units: input, Rate: p.Input}, money.Line{Units: output, Rate: p.Output})
	return a, err == nil
}
