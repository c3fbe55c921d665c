package arch

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNamesStayHere holds the rule that no code decides by an architecture's name: outside the file that registers
// it, no string of the rooms that compute has it. shape.go is a table of sizes of known models: data that decides
// nothing.
func TestNamesStayHere(t *testing.T) {
	var all []string
	for name := range families {
		if name == "summit" {
			continue // also the product's name
		}
		all = append(all, regexp.QuoteMeta(name))
	}
	names := regexp.MustCompile(`(?i)(^|[^a-z0-9])(` + strings.Join(all, "|") + `)($|[^a-z0-9.])`)
	home := regexp.MustCompile(`(?s)register\(family\{\s*name: +"([^"]+)"`)
	seen := 0
	for _, room := range []string{"arch", "tensor", "weights", "backend", "engine", "grammar"} {
		err := filepath.WalkDir(filepath.Join("..", room), func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || d.IsDir() || strings.Contains(path, "archtest") || d.Name() == "shape.go" || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			seen++
			own := home.FindSubmatch(src)
			var s scanner.Scanner
			s.Init(token.NewFileSet().AddFile(path, -1, len(src)), src, nil, 0)
			for {
				_, tok, lit := s.Scan()
				if tok == token.EOF {
					return nil
				}
				if tok != token.STRING || own != nil {
					continue
				}
				if names.MatchString(lit) {
					t.Errorf("%s has the architecture name in %s", path, lit)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 20 {
		t.Errorf("only %d files looked at", seen)
	}
}
