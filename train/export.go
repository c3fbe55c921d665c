package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Job says what a recipe is exported for: a framework that trains on many chips.
type Job struct {
	Framework string // see Frameworks
	Model     string // what is tuned: a folder of Hugging Face's form, or for LLaMA-Factory a name on a hub
	Devices   int    // chips of the machine; 0 = 8
	// Settings go into the job as they are, in place of what the recipe gives.
	// A name that the framework's pinned release does not know is an error.
	Settings map[string]string
}

// framework is one that jobs are written for.
type framework struct {
	fields string // names of its settings, one a line
	// write returns the job's files beside the data.
	write func(r *Recipe, j *Job, d *exported, set *settings) (map[string]string, error)
}

var frameworks = map[string]framework{}

// Frameworks lists what Export writes for.
func Frameworks() []string { return slices.Sorted(maps.Keys(frameworks)) }

// exported is the data that was written.
type exported struct {
	dir     string
	names   []string // of sources' files in data/, without .jsonl
	weights []float64
	held    []string
	chat    bool // conversations; else texts
}

// settings are a job's, checked against the pinned names.
type settings struct {
	framework string
	known     map[string]bool
	order     []string
	values    map[string]string
	err       error
}

// set sets a value; an unknown name is kept as the error.
func (s *settings) set(name string, value any) {
	if !s.known[name] {
		s.err = errors.Join(s.err, fmt.Errorf("train: export: %s has no setting %q in the release that this version writes for", s.framework, name))
		return
	}
	if _, ok := s.values[name]; !ok {
		s.order = append(s.order, name)
	}
	s.values[name] = fmt.Sprint(value)
}

// Export writes a job into dir: data, configuration and a script that launches
// it. Names of settings are checked against those of a pinned release.
func Export(r *Recipe, j *Job, dir string) error {
	f, ok := frameworks[j.Framework]
	if !ok {
		return fmt.Errorf("train: export: framework: got %q, want one of %s", j.Framework, strings.Join(Frameworks(), ", "))
	}
	if j.Model == "" {
		return errors.New("train: export: model: got none, want what is to be tuned")
	}
	job := *j
	if job.Devices == 0 {
		job.Devices = 8
	}
	if job.Devices < 1 || job.Devices > 1<<16 {
		return fmt.Errorf("train: export: devices: got %d, want 1 to %d", job.Devices, 1<<16)
	}
	s := &settings{framework: j.Framework, known: map[string]bool{}, values: map[string]string{}}
	for line := range strings.Lines(f.fields) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			s.known[line] = true
		}
	}
	// Wrong names are told before anything is written.
	for _, name := range slices.Sorted(maps.Keys(job.Settings)) {
		s.set(name, job.Settings[name])
	}
	if s.err != nil {
		return s.err
	}
	_, there := os.Lstat(dir)
	err := export(r, &job, dir, f, s)
	if err != nil && errors.Is(there, fs.ErrNotExist) {
		os.RemoveAll(dir) // half a job is none
	}
	return err
}

func export(r *Recipe, job *Job, dir string, f framework, s *settings) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o777); err != nil {
		return fmt.Errorf("train: export: %w", err)
	}
	d, err := exportData(r, dir)
	if err != nil {
		return err
	}
	s.order, s.values = nil, map[string]string{}
	files, err := f.write(r, job, d, s)
	if err = errors.Join(err, s.err); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := os.FileMode(0o666)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o777
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), mode); err != nil {
			return fmt.Errorf("train: export: %w", err)
		}
	}
	return nil
}

// finish lets the job's own settings win.
func (s *settings) finish(j *Job) {
	for _, name := range slices.Sorted(maps.Keys(j.Settings)) {
		s.set(name, j.Settings[name])
	}
}

// exportData writes each source as a file of its own in the form that both
// frameworks call ShareGPT, or as texts.
func exportData(r *Recipe, dir string) (*exported, error) {
	d := &exported{dir: dir}
	chats, texts := 0, 0
	one := func(kind string, i int, s Source) (string, error) {
		name := fmt.Sprintf("%s-%d", kind, i)
		err := replace(filepath.Join(dir, "data", name+".jsonl"), func(w io.Writer) error {
			out := bufio.NewWriter(w)
			e := json.NewEncoder(out)
			e.SetEscapeHTML(false)
			err := readFile(r.path(s.File), func(doc *Document) error {
				if doc.Text != "" {
					texts++
					return e.Encode(map[string]string{"text": doc.Text})
				}
				chats++
				turns := make([]turn, len(doc.Messages))
				for k, m := range doc.Messages {
					turns[k] = turn{map[string]string{"system": "system", "user": "human", "assistant": "gpt"}[m.Role], m.Content}
				}
				return e.Encode(map[string]any{"conversations": turns})
			})
			return errors.Join(err, out.Flush())
		})
		return name, err
	}
	for i, s := range r.Sources {
		name, err := one("train", i, s)
		if err != nil {
			return nil, err
		}
		d.names, d.weights = append(d.names, name), append(d.weights, s.Weight)
	}
	for i, s := range r.HeldOut {
		name, err := one("held-out", i, s)
		if err != nil {
			return nil, err
		}
		d.held = append(d.held, name)
	}
	if d.chat = chats > 0; d.chat && texts > 0 {
		return nil, fmt.Errorf("train: export: %d conversations and %d texts, want one kind: frameworks train them in separate stages", chats, texts)
	}
	return d, nil
}

type turn struct {
	From  string `json:"from"`
	Value string `json:"value"`
}

// shares are the sources' weights as parts of one.
func (d *exported) shares() []string {
	sum := 0.0
	for _, w := range d.weights {
		sum += w
	}
	out := make([]string, len(d.weights))
	for i, w := range d.weights {
		out[i] = strconv.FormatFloat(w/sum, 'g', 6, 64)
	}
	return out
}

// quoted is text for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// yamlScalar writes a setting: numbers and words as they are, the rest as JSON,
// which YAML reads.
func yamlScalar(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil || s == "true" || s == "false" || s == "null" {
		return s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // text always encodes
	return strings.TrimSpace(b.String())
}
