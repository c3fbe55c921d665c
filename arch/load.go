package arch

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// family is one architecture: how its metadata becomes a Config and how its tensors are called.
type family struct {
	name       string // general.architecture in GGUF
	about      string // one line for people
	unverified string // "" = checked against a reference engine on fixtures

	gguf  func(*reader) *Config // nil = no GGUF of it is known
	names names                 // of GGUF; nil = ggufNames
	bindings

	// A model folder: what "architectures" or "model_type" of config.json may say, and how to read the rest.
	hfTypes    []string
	hf         func(*reader) *Config
	hfNames    names
	hfBindings bindings
	// hfSkip: tensors of a folder that are known and not used.
	hfSkip []string
}

var families = map[string]*family{}

// register adds a family; each file of an architecture calls it once, from init.
func register(f family) {
	if families[f.name] != nil {
		panic("arch: " + f.name + " is registered twice")
	}
	families[f.name] = &f
}

// Family tells of an architecture that Load knows.
type Family struct {
	Name       string
	About      string
	Unverified string // "" = checked against a reference engine
	GGUF, HF   bool   // the file kinds it is read from
}

// Families lists all architectures, by name.
func Families() []Family {
	var out []Family
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		out = append(out, Family{f.name, f.about, f.unverified, f.gguf != nil, f.hf != nil})
	}
	return out
}

// Load makes a model of a GGUF file or of a folder with config.json and safetensors. Everything is checked before
// anything is built: the facts against each other, and every tensor's shape against the facts. An error names what is
// wrong. The model's tensors are views into src.
func Load(src Source) (*Model, error) {
	r, f, fromHF, err := open(src)
	if err != nil {
		return nil, err
	}
	c, read := (*Config)(nil), f.gguf
	n, opt := f.names, f.bindings
	if fromHF {
		read, n, opt = f.hf, f.hfNames, f.hfBindings
		if n == nil {
			n = hfNames
		}
	} else if n == nil {
		n = ggufNames
	}
	c = read(r)
	if r.err != nil {
		return nil, r.err
	}
	c.Arch, c.Unverified = f.name, f.unverified
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if fromHF {
		if v, ok := src.Value("tie_word_embeddings"); ok {
			if isTrue(v) {
				n = n.with(names{head: ""})
			} else {
				opt.ownHead = true
			}
		}
	}
	m := r.bind(c, n, opt)
	if r.err != nil {
		return nil, r.err
	}
	if err := r.leftOver(c, f, fromHF); err != nil {
		return nil, err
	}
	return m, nil
}

// open finds the family of a source.
func open(src Source) (*reader, *family, bool, error) {
	r := &reader{src: src, used: map[string]bool{}, arch: "model"}
	if v, ok := src.Value("general.architecture"); ok {
		name, _ := v.(string)
		f := families[name]
		if f == nil || f.gguf == nil {
			return nil, nil, false, fmt.Errorf("arch: architecture: got %s, want one of %s", show(v), strings.Join(known(false), " "))
		}
		r.arch, r.prefix = name, name+"."
		return r, f, false, nil
	}
	var said []string
	if v, ok := src.Value("architectures"); ok {
		if list, ok := v.([]any); ok {
			for _, x := range list {
				if s, ok := x.(string); ok {
					said = append(said, s)
				}
			}
		}
	}
	if s, ok := src.Value("model_type"); ok {
		if s, ok := s.(string); ok {
			said = append(said, s)
		}
	}
	if len(said) == 0 {
		return nil, nil, false, fmt.Errorf("arch: metadata: neither general.architecture nor architectures nor model_type is there")
	}
	for _, s := range said {
		for _, name := range slices.Sorted(maps.Keys(families)) {
			if f := families[name]; f.hf != nil && slices.Contains(f.hfTypes, s) {
				r.arch = name
				return r, f, true, nil
			}
		}
	}
	return nil, nil, false, fmt.Errorf("arch: architecture: got %q, want one of %s", said, strings.Join(known(true), " "))
}

// known lists the names that a GGUF's or a folder's metadata may give.
func known(hf bool) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(families)) {
		switch f := families[name]; {
		case hf && f.hf != nil:
			out = append(out, f.hfTypes...)
		case !hf && f.gguf != nil:
			out = append(out, name)
		}
	}
	return out
}

// leftOver refuses a file with tensors that nothing reads: it would run, but as another model than was trained.
// Layers after the last one that runs (next-token prediction) and what a family skips are no fault.
func (r *reader) leftOver(c *Config, f *family, fromHF bool) error {
	for _, name := range r.src.TensorNames() {
		if r.used[name] || layerOf(name, fromHF) >= len(c.Layers) {
			continue
		}
		if fromHF && (strings.HasSuffix(name, "rotary_emb.inv_freq") || slices.ContainsFunc(f.hfSkip, func(s string) bool { return strings.Contains(name, s) })) {
			continue
		}
		if name == ggufNames[ropeFreqs]+".weight" || name == ggufNames[ropeLong]+".weight" || name == ggufNames[ropeShort]+".weight" {
			continue
		}
		if c.TiedHead && name == "lm_head.weight" {
			continue
		}
		return fmt.Errorf("arch: %s: tensor %q: no place for it is known in this architecture", r.arch, name)
	}
	return nil
}

// layerOf is the layer number in a tensor's name, or -1.
func layerOf(name string, fromHF bool) int {
	before := "blk."
	if fromHF {
		before = "layers."
	}
	_, rest, ok := strings.Cut(name, before)
	if !ok {
		return -1
	}
	digits, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}
