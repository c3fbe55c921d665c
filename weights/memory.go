package weights

import (
	"errors"
	"fmt"
)

// FromMemory opens a whole GGUF model that is in memory already, such as one
// embedded in the program. name stands for its path. Tensors are views of
// data, which must not change while the File is open.
func FromMemory(name string, data []byte) (*File, error) {
	f := &File{path: name, format: "gguf", index: map[string]int{}, sides: map[string][]byte{}}
	meta, tensors, err := parseGGUF(data)
	if err == nil {
		f.meta = *meta
		err = f.addAll(tensors)
	}
	if n, e := f.meta.Int("split.count"); err == nil && e == nil && n > 1 {
		err = fmt.Errorf("part of a model of %d files, want a whole one", n)
	}
	if err == nil {
		err = f.unfold()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("weights: %s: %w", name, err), f.Close())
	}
	return f, nil
}
