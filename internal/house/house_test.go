package house

import (
	"bufio"
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	top    = "../.."
	module = "summit"
)

// room is one row of the table in ARCHITECTURE.md.
type room struct {
	may, modules []string
	any          bool // "*": every room of ours
}

// rooms reads the rows under the heading "## Rooms".
func rooms(text []byte) (map[string]room, error) {
	table := map[string]room{}
	inside := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "## ") {
			inside = line == "## Rooms"
			continue
		}
		if !inside || !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 {
			return nil, fmt.Errorf("row %q has %d cells, want 4", line, len(cells))
		}
		name := strings.Trim(strings.TrimSpace(cells[0]), "`")
		list := func(cell string) []string {
			return strings.Fields(strings.ReplaceAll(cell, "–", ""))
		}
		r := room{may: list(cells[2]), modules: list(cells[3])}
		r.any = slices.Contains(r.may, "*")
		table[name] = r
	}
	return table, lines.Err()
}

// allowed reports whether a package of the room may import that path. A
// room's own sub-packages and internal ones are its own business.
func (r room) allowed(name, imported string) bool {
	own, ours := strings.CutPrefix(imported, module)
	if imported == module {
		return name == "cmd/summit"
	}
	if ours && strings.HasPrefix(own, "/") {
		own = own[1:]
		return r.any || strings.HasPrefix(own, "internal/") || under(own, name) || slices.ContainsFunc(r.may, func(m string) bool { return own == m })
	}
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(r.modules, func(m string) bool { return under(imported, m) })
}

func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// packages returns the imports of each folder with Go files, tests left out.
func packages(root string) (map[string][]string, error) {
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, file)
		if d.IsDir() {
			if n := d.Name(); rel != "." && (strings.HasPrefix(n, ".") || n == "testdata" || n == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Clean(filepath.ToSlash(filepath.Dir(rel)))
		if _, ok := found[dir]; !ok {
			found[dir] = nil
		}
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			found[dir] = append(found[dir], p)
		}
		return nil
	})
	return found, err
}

func TestImportsFollowTheMap(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := rooms(text)
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := packages(top)
	if err != nil {
		t.Fatal(err)
	}
	if len(table) == 0 || len(pkgs) == 0 {
		t.Fatalf("%d rooms in the table, %d packages: nothing to compare", len(table), len(pkgs))
	}
	for dir, imports := range pkgs {
		if under(dir, "internal") {
			continue
		}
		r, ok := table[dir]
		if !ok { // rooms that are alike have one row, such as backend/*
			r, ok = table[path.Dir(dir)+"/*"]
		}
		if !ok {
			// A test companion of a room, such as identity/identitytest, lives under its room's rules.
			parent := path.Dir(dir)
			if r, ok = table[parent]; !ok || path.Base(dir) != path.Base(parent)+"test" {
				t.Errorf("package %s has no row in ARCHITECTURE.md", dir)
				continue
			}
			r.may = append(slices.Clone(r.may), parent)
		}
		for _, imported := range imports {
			if !r.allowed(dir, imported) {
				t.Errorf("%s imports %s, which its row in ARCHITECTURE.md does not allow", dir, imported)
			}
		}
	}
	for name := range table {
		if _, ok := pkgs[name]; !ok && path.Base(name) != "*" {
			t.Errorf("ARCHITECTURE.md has a row for %s, but there is no such package", name)
		}
	}
}

func TestAllowed(t *testing.T) {
	f := func(name, imported string, r room, want bool) {
		t.Helper()
		if got := r.allowed(name, imported); got != want {
			t.Errorf("%s importing %s: allowed is %v, want %v", name, imported, got, want)
		}
	}
	llm := room{may: []string{"money"}}
	f("llm", "summit/money", llm, true)
	f("llm", "summit/ledger", llm, false)
	f("llm", "summit/moneybag", llm, false)
	f("llm", "net/http", llm, true)
	f("llm", "github.com/x/y", llm, false)
	f("llm", "summit", llm, false)
	f("run", "modernc.org/sqlite", room{modules: []string{"modernc.org/sqlite"}}, true)
	f("run", "modernc.org/sqlite/lib", room{modules: []string{"modernc.org/sqlite"}}, true)
	f("run", "modernc.org/sqlitex", room{modules: []string{"modernc.org/sqlite"}}, false)
	f("cmd/summit", "summit", room{any: true}, true)
	f(".", "summit/gateway", room{any: true}, true)
}
