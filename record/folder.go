package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

const membersFile = "members.jsonl"

// Folder is a directory of recorded answers. Only its members are held;
// suites are read when they are asked for.
type Folder struct {
	Members []Member // in the order of the file

	fsys fs.FS
	name string
}

// Open reads the folder's list of members. name is what errors call the
// folder.
func Open(fsys fs.FS, name string) (*Folder, error) {
	f := &Folder{fsys: fsys, name: name}
	seen := map[string]bool{}
	err := readFile(fsys, name, membersFile, func(_ int, m *Member) error {
		if err := m.valid(); err != nil {
			return err
		}
		if seen[m.Name] {
			return fmt.Errorf("member %q twice", clip(m.Name))
		}
		seen[m.Name] = true
		f.Members = append(f.Members, *m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenDir is Open of a directory.
func OpenDir(dir string) (*Folder, error) { return Open(os.DirFS(dir), dir) }

// Name returns what errors call the folder.
func (f *Folder) Name() string { return f.name }

// fileName matches <suite>.<questions|outcomes>.<split>.jsonl(.gz).
var fileName = regexp.MustCompile(`^([A-Za-z0-9_-]+)\.(questions|outcomes)\.([A-Za-z0-9_-]+)\.jsonl(?:\.gz)?$`)

// word matches the names that suites and splits may have, so that none leads
// out of the folder.
var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Suites returns the names of the folder's suites that have all of these
// splits, sorted; without splits, those that have any. The mix is not among
// them.
func (f *Folder) Suites(splits ...string) ([]string, error) {
	has, err := f.files()
	if err != nil {
		return nil, err
	}
	var all []string
	for suite, have := range has {
		if !slices.ContainsFunc(splits, func(s string) bool { return !slices.Contains(have, s) }) {
			all = append(all, suite)
		}
	}
	slices.Sort(all)
	return all, nil
}

// files returns the splits that each suite has a questions file for.
func (f *Folder) files() (map[string][]string, error) {
	entries, err := fs.ReadDir(f.fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("record: %s: %w", f.name, err)
	}
	has := map[string][]string{}
	for _, e := range entries {
		m := fileName.FindStringSubmatch(e.Name())
		if m != nil && m[2] == "questions" && !slices.Contains(has[m[1]], m[3]) {
			has[m[1]] = append(has[m[1]], m[3])
		}
	}
	return has, nil
}

// Read reads the splits of a suite; at least one. The name "mix" stands for
// cruxeval, mathl5 and korbench as one workload over the members that all
// three share. Errors name file and line.
func (f *Folder) Read(suite string, splits ...string) (*Suite, error) {
	return f.read(suite, splits, func(string) bool { return true })
}

// ReadMember is Read with the rows of one member only, which needs a fraction
// of the memory. The rows of others are not checked.
func (f *Folder) ReadMember(member, suite string, splits ...string) (*Suite, error) {
	return f.read(suite, splits, func(name string) bool { return name == member || suite == MixName && alias[name] == member })
}

func (f *Folder) read(suite string, splits []string, keep func(member string) bool) (*Suite, error) {
	if suite == MixName {
		return f.mix(splits, keep)
	}
	if !word.MatchString(suite) {
		return nil, fmt.Errorf("record: %s: suite %q, want letters, digits, - and _", f.name, clip(suite))
	}
	if len(splits) == 0 {
		return nil, fmt.Errorf("record: %s: %s: no split named, want at least one such as train", f.name, suite)
	}
	b := newBuilder(suite, f.Members)
	for i, split := range splits {
		if !word.MatchString(split) {
			return nil, fmt.Errorf("record: %s: %s: split %q, want letters, digits, - and _", f.name, suite, clip(split))
		}
		if slices.Contains(splits[:i], split) {
			return nil, fmt.Errorf("record: %s: %s: split %q named twice", f.name, suite, split)
		}
		if err := f.readSplit(b, suite, split, keep); err != nil {
			if have, e := f.Suites(); e == nil && errors.Is(err, fs.ErrNotExist) && !slices.Contains(have, suite) {
				return nil, fmt.Errorf("record: %s: no suite %q; it holds %s", f.name, suite, strings.Join(have, ", "))
			}
			return nil, err
		}
	}
	return b.suite(), nil
}

func (f *Folder) readSplit(b *builder, suite, split string, keep func(string) bool) error {
	err := readFile(f.fsys, f.name, suite+".questions."+split+".jsonl.gz", func(_ int, q *Question) error {
		return b.question(split, q)
	})
	if err != nil {
		return err
	}
	err = readFile(f.fsys, f.name, suite+".outcomes."+split+".jsonl.gz", func(_ int, r *Row) error {
		if r.Member != "" && !keep(r.Member) {
			return nil
		}
		return b.row(r)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("record: %s: %s: split %q has a file of questions and none of outcomes: %w", f.name, suite, split, fs.ErrNotExist)
	}
	return err
}

// Splits returns the names of the splits that the suite has, sorted. Those of
// the mix are the ones that all its parts have.
func (f *Folder) Splits(suite string) ([]string, error) {
	names, err := f.files()
	if err != nil {
		return nil, err
	}
	have := names[suite]
	if suite == MixName {
		have = slices.Clone(names[mixParts[0]])
		for _, part := range mixParts[1:] {
			have = slices.DeleteFunc(have, func(s string) bool { return !slices.Contains(names[part], s) })
		}
	}
	slices.Sort(have)
	return have, nil
}

// Digest returns a hash of everything that Read of the suite's splits reads,
// so that a kept result can be told from a stale one.
func (f *Folder) Digest(suite string, splits ...string) (string, error) {
	h := sha256.New()
	files := []string{membersFile}
	parts := []string{suite}
	if suite == MixName {
		parts = mixParts
	}
	for _, part := range parts {
		for _, split := range splits {
			files = append(files, part+".questions."+split+".jsonl.gz", part+".outcomes."+split+".jsonl.gz")
		}
	}
	for _, name := range files {
		file, name, err := openFile(f.fsys, f.name, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q\n", name)
		n, err := io.Copy(h, file)
		file.Close()
		if err != nil {
			return "", fmt.Errorf("record: %s/%s: %w", f.name, name, err)
		}
		fmt.Fprintf(h, "%d\n", n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Lines reads one split of a suite as its lines are, with everything that a
// Suite leaves out: to write it again with more rows.
func (f *Folder) Lines(suite, split string) ([]Question, []Row, error) {
	if !word.MatchString(suite) || !word.MatchString(split) {
		return nil, nil, fmt.Errorf("record: %s: suite %q, split %q, want letters, digits, - and _ in both", f.name, clip(suite), clip(split))
	}
	b := newBuilder(suite, f.Members)
	var rows []Row
	err := readFile(f.fsys, f.name, suite+".questions."+split+".jsonl.gz", func(_ int, q *Question) error {
		return b.question(split, q)
	})
	if err == nil {
		err = readFile(f.fsys, f.name, suite+".outcomes."+split+".jsonl.gz", func(_ int, r *Row) error {
			rows = append(rows, *r)
			return b.row(r)
		})
	}
	return b.questions, rows, err
}
