package weights

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"

	"summit/tensor"
)

var splitPattern = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// splitName takes "model-00002-of-00005.gguf" apart.
func splitName(path string) (prefix string, no, count int, ok bool) {
	m := splitPattern.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return "", 0, 0, false
	}
	no, _ = strconv.Atoi(m[2]) // five digits
	count, _ = strconv.Atoi(m[3])
	return filepath.Join(filepath.Dir(path), m[1]), no, count, no >= 1 && no <= count
}

// openGGUF opens a file, or all parts of a split one, whichever was named.
// The metadata is that of the first part.
func openGGUF(f *File) error {
	prefix, _, count, split := splitName(f.path)
	if !split {
		meta, err := f.openPart(f.path)
		if err != nil {
			return err
		}
		f.meta = *meta
		if n, err := meta.Int("split.count"); err == nil && n > 1 {
			return fmt.Errorf("this is part of a model of %d files, but its name is not like model-00001-of-%05d.gguf: rename the parts", n, n)
		}
		return nil
	}
	for i := range count {
		part := fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, i+1, count)
		meta, err := f.openPart(part)
		if err == nil {
			err = checkPart(meta, i, count)
		}
		if err != nil {
			return fmt.Errorf("part %d of %d: %w", i+1, count, pathless(err))
		}
		if i == 0 {
			f.path, f.meta = part, *meta
		}
	}
	if want, err := f.meta.Int("split.tensors.count"); err == nil && want != int64(len(f.tensors)) {
		return fmt.Errorf("the parts have %d tensors, want %d", len(f.tensors), want)
	}
	return nil
}

func checkPart(meta *Metadata, i, count int) error {
	for _, w := range []struct {
		key  string
		want int
	}{{"split.no", i}, {"split.count", count}} {
		got, err := meta.Int(w.key)
		if err != nil {
			return err
		}
		if got != int64(w.want) {
			return fmt.Errorf("key %q: got %d, want %d as the name says", w.key, got, w.want)
		}
	}
	return nil
}

func (f *File) openPart(path string) (*Metadata, error) {
	m, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	f.maps = append(f.maps, m)
	meta, tensors, err := parseGGUF(m.data)
	if err != nil {
		return nil, err
	}
	return meta, f.addAll(tensors)
}

func (f *File) addAll(tensors []tensor.Tensor) error {
	for _, t := range tensors {
		if err := f.add(t); err != nil {
			return err
		}
	}
	return nil
}
