package summit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// Sources says where a configuration is read from. Flags win over the
// environment, that over the file, and that over the defaults.
type Sources struct {
	Path  string                           // the file; empty = $SUMMIT_CONFIG, else the first of SearchPaths that exists, else none
	Env   func(name string) (string, bool) // nil = the process's environment
	Flags map[string]string                // given on the command line, by setting path such as log.level
}

// Loaded is a configuration and where each part of it is from.
type Loaded struct {
	Config Config // with the data directory filled, other defaults not
	Path   string // the file that was read; empty = none

	at      map[string]position // what the file sets
	outside map[string]string   // what the environment or a flag sets
}

// SearchPaths returns where a configuration file is looked for, first one
// first: the user's own, then the machine's.
func SearchPaths(env func(string) (string, bool)) []string {
	var paths []string
	if dir := userDir(env, "XDG_CONFIG_HOME", ".config", "AppData"); dir != "" {
		paths = append(paths, filepath.Join(dir, "summit", "config.yaml"))
	}
	if runtime.GOOS != "windows" {
		paths = append(paths, "/etc/summit/config.yaml")
	}
	return paths
}

// DefaultDataDir returns the folder for data where none is set; empty where
// the user has no home.
func DefaultDataDir(env func(string) (string, bool)) string {
	if dir := userDir(env, "XDG_DATA_HOME", filepath.Join(".local", "share"), "LocalAppData"); dir != "" {
		return filepath.Join(dir, "summit")
	}
	return ""
}

// userDir returns the folder that the XDG variable names, else the usual one
// under the user's home. Relative XDG paths don't count, as their
// specification says.
func userDir(env func(string) (string, bool), xdg, home, windows string) string {
	if dir, _ := env(xdg); filepath.IsAbs(dir) {
		return dir
	}
	if runtime.GOOS == "windows" {
		dir, _ := env(windows)
		return dir
	}
	if dir, _ := env("HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, home)
	}
	return ""
}

// homed puts the user's home in the place of a leading ~/.
func homed(path string, env func(string) (string, bool)) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		for _, name := range []string{"HOME", "USERPROFILE"} {
			if home, _ := env(name); home != "" {
				return filepath.Join(home, rest)
			}
		}
	}
	return path
}

// Load reads and checks a configuration. What is wrong with it is a
// *ConfigError with every problem and its place.
func Load(s Sources) (*Loaded, error) {
	if s.Env == nil {
		s.Env = os.LookupEnv
	}
	l := &Loaded{outside: map[string]string{}}
	path, err := s.find()
	if err != nil {
		return nil, err
	}
	var data []byte
	if path != "" {
		if data, err = readBounded(path, maxFileBytes); err != nil {
			return nil, fmt.Errorf("summit: configuration: %w", err)
		}
		l.Path = path
	}
	t := decodeYAML(data, &l.Config)
	l.at = t.at
	problems := t.problems
	for i, p := range problems {
		problems[i].Where = l.place(p.position)
	}
	for _, set := range Settings() {
		if text, _ := s.Env(set.Env()); text != "" {
			problems = append(problems, l.override(set, text, "env "+set.Env())...)
		}
		if text, ok := s.Flags[set.Path]; ok {
			problems = append(problems, l.override(set, text, "flag "+set.flag())...)
		}
	}
	if len(problems) == 0 {
		problems = l.Config.check()
		for i, p := range problems {
			problems[i].Where, problems[i].position = l.where(p.Path)
		}
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
		})
	}
	if len(problems) > 0 {
		return nil, &ConfigError{problems}
	}
	l.Config.home(s.Env)
	if l.Config.DataDir == "" {
		l.Config.DataDir = DefaultDataDir(s.Env)
	}
	return l, nil
}

// home puts the user's home into every path that begins with ~/.
func (c *Config) home(env func(string) (string, bool)) {
	for _, path := range []*string{&c.DataDir, &c.Brain.File, &c.Books.Terms, &c.Books.Contracts} {
		*path = homed(*path, env)
	}
	for name, m := range c.Members {
		m.File, m.KeyFile = homed(m.File, env), homed(m.KeyFile, env)
		for i, e := range m.Endpoints {
			m.Endpoints[i].KeyFile = homed(e.KeyFile, env)
		}
		if p, ok := m.Params.(*LocalParams); ok {
			p.Template = homed(p.Template, env)
		}
		c.Members[name] = m
	}
}

// Origin says where the setting of that path is from: FILE:LINE, "env NAME",
// "flag --name", or "default".
func (l *Loaded) Origin(path string) string {
	if where, ok := l.outside[path]; ok {
		return where
	}
	if at, ok := l.at[path]; ok {
		return fmt.Sprintf("%s:%d", l.Path, at.line)
	}
	return "default"
}

// Place adds to a *ConfigError, such as Open returns, where the settings at
// fault stand. Any other error is returned as it is.
func (l *Loaded) Place(err error) error {
	var c *ConfigError
	if !errors.As(err, &c) {
		return err
	}
	for i, p := range c.Problems {
		if p.Where == "" {
			c.Problems[i].Where, c.Problems[i].position = l.where(p.Path)
		}
	}
	return c
}

// where returns the place of a setting, or of the nearest thing that it lies in.
func (l *Loaded) where(path string) (string, position) {
	for {
		if where, ok := l.outside[path]; ok {
			return where, position{}
		}
		if at, ok := l.at[path]; ok {
			return l.place(at), at
		}
		if path == "" {
			return l.Path, position{}
		}
		path = parent(path)
	}
}

func (l *Loaded) place(at position) string {
	return fmt.Sprintf("%s:%d:%d", l.Path, at.line, at.column)
}

func (s Sources) find() (string, error) {
	if s.Path != "" {
		return s.Path, nil
	}
	if path, _ := s.Env("SUMMIT_CONFIG"); path != "" {
		return path, nil
	}
	for _, path := range SearchPaths(s.Env) {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !os.IsNotExist(err) {
			return "", fmt.Errorf("summit: configuration: %w", err)
		}
	}
	return "", nil
}

// readBounded reads a whole file of at most that many bytes. A longer one is
// read one byte past the bound, for the caller to see that it is too long.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("is a folder, want a file")}
	}
	return io.ReadAll(io.LimitReader(f, most+1))
}

// Setting is one plain value of the configuration, which can also be set by
// an environment variable.
type Setting struct {
	Path  string // as in the file, such as log.level
	index []int
	typ   reflect.Type
}

// Settings returns all plain values in the order of the file.
func Settings() []Setting {
	return slices.DeleteFunc(settings(reflect.TypeFor[Config](), "", nil), func(s Setting) bool { return s.typ.Kind() == reflect.Slice })
}

// Env returns the environment variable that sets it, such as SUMMIT_LOG_LEVEL.
func (s Setting) Env() string {
	return "SUMMIT_" + strings.ToUpper(strings.ReplaceAll(s.Path, ".", "_"))
}

func (s Setting) flag() string {
	return "--" + strings.NewReplacer(".", "-", "_", "-").Replace(s.Path)
}

// settings returns the plain values of a struct, and its lists.
func settings(t reflect.Type, path string, index []int) []Setting {
	var all []Setting
	for _, f := range fieldsOf(t) {
		at, place := join(path, f.name), append(index[:len(index):len(index)], f.index...)
		switch {
		case f.typ.Kind() == reflect.Map:
		case f.typ.Kind() == reflect.Struct && f.typ != timeType:
			all = append(all, settings(f.typ, at, place)...)
		default:
			all = append(all, Setting{at, place, f.typ})
		}
	}
	return all
}

// override sets one value from text that stands outside the file.
func (l *Loaded) override(s Setting, text, where string) []Problem {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if s.typ.Kind() == reflect.String {
		n.Tag = "!!str"
	}
	t := &tree{at: map[string]position{}}
	t.decode(s.Path, n, reflect.ValueOf(&l.Config).Elem().FieldByIndex(s.index), 1)
	for i := range t.problems {
		t.problems[i].Where = where
	}
	l.outside[s.Path] = where
	return t.problems
}
