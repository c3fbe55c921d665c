package weights

import (
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
	"strings"
)

const (
	indexName  = "model.safetensors.index.json"
	configName = "config.json"
	maxConfig  = 16 << 20
	maxSide    = 128 << 20 // the largest tokenizer.json of a member has 33 MB
)

// sideNames are the files beside the weights that others read.
var sideNames = []string{
	"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
	"generation_config.json", "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt",
}

// openSafetensors opens one file, or all that an index names, and config.json
// and the tokenizer's files from the same folder.
func openSafetensors(f *File) error {
	dir := filepath.Dir(f.path)
	shards := []string{filepath.Base(f.path)}
	var place map[string]string
	if filepath.Base(f.path) == indexName {
		var err error
		if place, err = readIndex(f.path); err != nil {
			return err
		}
		shards = slices.Compact(slices.Sorted(maps.Values(place)))
	}
	notes := map[string]string{}
	for _, shard := range shards {
		if err := f.openShard(filepath.Join(dir, shard), shard, place, notes); err != nil {
			if place != nil {
				err = fmt.Errorf("%s: %w", shard, err)
			}
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(place)) {
		if _, ok := f.index[name]; !ok {
			return fmt.Errorf("tensor %q: the index says it is in %s, which does not have it", name, place[name])
		}
	}
	if err := f.readConfig(filepath.Join(dir, configName)); err != nil {
		return err
	}
	if len(notes) > 0 {
		f.meta.Set(folderNotes, notes)
	}
	for _, name := range sideNames {
		b, err := readBounded(filepath.Join(dir, name), maxSide)
		if err == nil {
			f.sides[name] = b
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, pathless(err))
		}
	}
	return nil
}

func (f *File) openShard(path, shard string, place, notes map[string]string) error {
	m, err := mapFile(path)
	if err != nil {
		return pathless(err)
	}
	f.maps = append(f.maps, m)
	own, tensors, err := parseSafetensors(m.data)
	if err != nil {
		return err
	}
	for _, t := range tensors {
		if in, ok := place[t.Name]; ok && in != shard {
			return fmt.Errorf("tensor %q: the index says it is in %s", t.Name, in)
		}
		if err := f.add(t); err != nil {
			return err
		}
	}
	maps.Copy(notes, own)
	return nil
}

// readIndex returns which file has each tensor.
func readIndex(path string) (map[string]string, error) {
	b, err := readBounded(path, maxHeader)
	if err != nil {
		return nil, pathless(err)
	}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if len(index.Map) == 0 {
		return nil, errors.New("index: weight_map is empty")
	}
	for name, file := range index.Map {
		if file != filepath.Base(file) || !filepath.IsLocal(file) || strings.ContainsAny(file, `/\`) || !strings.HasSuffix(file, ".safetensors") {
			return nil, fmt.Errorf("index: tensor %q is in %q, want the plain name of a .safetensors file", name, file)
		}
	}
	return index.Map, nil
}

// readConfig reads config.json, where there is one, as the metadata.
func (f *File) readConfig(path string) error {
	b, err := readBounded(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", configName, pathless(err))
	}
	return f.setConfig(b)
}

func (f *File) setConfig(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return fmt.Errorf("%s: %w", configName, err)
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		f.meta.Set(key, settle(all[key]))
	}
	return nil
}

// settle turns JSON numbers into int64 where they are whole, else float64. A
// number beyond float64 stays a text. Depth is bounded by the JSON decoder.
func settle(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		if f, err := x.Float64(); err == nil {
			return f
		}
		return x.String()
	case []any:
		for i := range x {
			x[i] = settle(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = settle(x[k])
		}
	}
	return v
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	return b, nil
}

// unfold turns the metadata of a GGUF file that was made of a model folder
// back into what the folder said.
func (f *File) unfold() error {
	config, ok := f.meta.values[folderConfig].(string)
	if !ok {
		return nil
	}
	for _, key := range f.meta.keys {
		name, side := strings.CutPrefix(key, folderSide)
		if text, ok := f.meta.values[key].(string); ok && side {
			f.sides[name] = []byte(text)
		}
	}
	f.meta, f.format = Metadata{}, "safetensors"
	return f.setConfig([]byte(config))
}
