package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"summit/record"
)

// procedure counts the changes of how plans are chosen and measured: results
// that were kept by another one are not used.
const procedure = 3

// maxStateBytes bounds the file of finished suites; twelve suites with all
// pools and policies have about 1 MB.
const maxStateBytes = 64 << 20

// state is finished suites in a file, so that a run that was stopped goes on
// where it was. Without a file it keeps nothing.
type state struct {
	path   string
	suites map[string][]SuiteReport
}

type stateFile struct {
	Version int                      `json:"version"`
	Suites  map[string][]SuiteReport `json:"suites"` // by what they were made from
}

func openState(path string) (*state, error) {
	s := &state{path: path, suites: map[string][]SuiteReport{}}
	if path == "" {
		return s, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("eval: state: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxStateBytes+1))
	if err != nil {
		return nil, fmt.Errorf("eval: state: %w", err)
	}
	var file stateFile
	if len(data) > maxStateBytes {
		return nil, fmt.Errorf("eval: state %s: more than %d bytes; remove it to begin anew", path, maxStateBytes)
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("eval: state %s: %w; remove it to begin anew", path, err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("eval: state %s: version %d, want 1; remove it to begin anew", path, file.Version)
	}
	if file.Suites != nil {
		s.suites = file.Suites
	}
	return s, nil
}

func (s *state) get(key string) ([]SuiteReport, bool) {
	r, ok := s.suites[key]
	return r, ok
}

// put keeps a finished suite.
func (s *state) put(key string, r []SuiteReport) error {
	s.suites[key] = r
	if s.path == "" {
		return nil
	}
	data, err := json.Marshal(stateFile{1, s.suites})
	if err != nil {
		return fmt.Errorf("eval: state: %w", err)
	}
	if err := record.ReplaceFile(s.path, data); err != nil {
		return fmt.Errorf("eval: state: %w", err)
	}
	return nil
}

// key identifies a suite's result: by the procedure, the options that count
// and the files it is made from. Without a state file nothing is looked up.
func (o *Options) key(suite string, splits []string) (string, error) {
	if o.State == "" {
		return suite, nil
	}
	digest, err := o.Folder.Digest(suite, splits...)
	if err != nil {
		return "", err
	}
	made, err := json.Marshal(struct {
		Procedure       int
		Suite, Digest   string
		Train           []string
		Test            string
		Pools, Policies []string
		Caps            []float64
		AllowCommands   bool
	}{procedure, suite, digest, o.Train, o.Test, o.Pools, o.Policies, slices.Clone(o.Caps), o.AllowCommands})
	if err != nil {
		return "", fmt.Errorf("eval: state: %w", err)
	}
	sum := sha256.Sum256(made)
	return hex.EncodeToString(sum[:]), nil
}

// key identifies a live run: the same task, model and split go on with the
// same journal.
func (o *LiveOptions) key() (string, error) {
	judge := ""
	if o.Judge != nil {
		judge = o.Judge.Card().Name
	}
	made, err := json.Marshal(struct {
		Task                *Task
		Model, Judge, Split string
	}{o.Task, o.Model.Card().Name, judge, o.Split})
	if err != nil {
		return "", fmt.Errorf("eval: live: %w", err)
	}
	sum := sha256.Sum256(made)
	return hex.EncodeToString(sum[:8]), nil
}
