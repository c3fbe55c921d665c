// Command simdgen writes the amd64 assembly of backend/cpu/simd: the files
// *_amd64.s and the Go declarations of their functions. Its output is
// committed, so nobody needs to run it to build Summit; run it with
// go generate ./backend/cpu/simd after a change here.
//
// A quantised weight form is one file form_<name>.go; see form for what it
// states. Everything that is not a form (activations, attention, conversions)
// is in the file of its noun.
package main

import (
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("o", ".", "folder of package simd")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "simdgen:", err)
		os.Exit(1)
	}
}

// unit is one output: a .s file and the declarations that belong to it.
type unit struct {
	name string
	emit func(*file)
}

var units []unit

func register(name string, emit func(*file)) { units = append(units, unit{name, emit}) }

func run(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// generate returns the text of every output file by its name.
func generate() (map[string][]byte, error) {
	slices.SortFunc(units, func(a, b unit) int { return strings.Compare(a.name, b.name) })
	files := map[string][]byte{}
	for _, u := range units {
		f := newFile()
		u.emit(f)
		files[u.name+"_amd64.s"] = f.assembly()
		goText, err := format.Source(f.declarations())
		if err != nil {
			return nil, fmt.Errorf("declarations of %s: %w", u.name, err)
		}
		files[u.name+"_amd64.go"] = goText
	}
	return files, nil
}
