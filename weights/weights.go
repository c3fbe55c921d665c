// Package weights opens model files: names to tensors, and what the file says
// about itself. GGUF (version 2 and 3, split or whole) and safetensors with a
// Hugging Face config.json give the same File; what the names mean is for
// others to say. It also writes GGUF and converts number types.
//
// A file is mapped, not read: tensors are views of it. Everything a file
// claims is checked against its size before use, and nothing is allocated
// beyond a small multiple of the bytes that are there. To add a format, write
// one file that calls registerFormat.
package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"summit/tensor"
)

// File is an open model: metadata and tensors. Close ends the life of all
// tensor data it gave out. Its methods may be called at the same time, Close
// and Release excepted.
type File struct {
	path    string
	format  string
	meta    Metadata
	tensors []tensor.Tensor
	index   map[string]int
	sides   map[string][]byte
	maps    []*mapped
}

// Options say how a file is opened. The zero value opens it as it is.
type Options struct {
	// Quantize is the type that big plain matrices are converted to in memory;
	// F32, the zero value, leaves all as stored. Only F32, F16, BF16 and F64
	// matrices are converted, see Keep. Where blocks do not divide the rows, a
	// matrix becomes Q8_0, or stays as it is.
	Quantize tensor.DType
	// Keep says which tensors are left as stored when Quantize is set; nil = Kept.
	Keep func(t tensor.Tensor) bool
	// Progress, if set, is told of bytes read so far while quantising.
	Progress func(done, total int64)
}

// format recognises and opens one kind of file. Each is registered by its
// own file.
type format struct {
	name string
	// match looks at a path and the file's first bytes.
	match func(path string, head []byte) bool
	// open fills f; maps it appends are closed by the caller if it fails.
	open func(f *File) error
}

var formats []format

func registerFormat(f format) {
	formats = append(formats, f)
	sort.Slice(formats, func(i, j int) bool { return formats[i].name < formats[j].name })
}

// Open opens a model: a .gguf file (any part of a split one opens all), a
// .safetensors file, or a folder with safetensors and config.json or with one
// GGUF model. Errors name the file and, where one is to blame, the tensor.
func Open(path string, o Options) (*File, error) {
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	if o.Quantize != tensor.F32 {
		if err := f.quantize(o); err != nil {
			return nil, errors.Join(fmt.Errorf("weights: %s: %w", path, err), f.Close())
		}
	}
	return f, nil
}

func open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, pathless(err)
	}
	if info.IsDir() {
		if path, err = folderModel(path); err != nil {
			return nil, err
		}
	}
	head, err := readHead(path)
	if err != nil {
		return nil, pathless(err)
	}
	for _, k := range formats {
		if !k.match(path, head) {
			continue
		}
		f := &File{path: path, format: k.name, index: map[string]int{}, sides: map[string][]byte{}}
		err := k.open(f)
		if err == nil {
			err = f.unfold()
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
	return nil, fmt.Errorf("neither GGUF nor safetensors: it begins with %q", head)
}

// pathless takes the path out of an error that Open names anyway.
func pathless(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// readHead returns the first 8 bytes of a file, fewer if it is shorter.
func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 8)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head[:n], nil
}

// folderModel returns the file to open in a folder: the index or the only
// file of a safetensors model, or the only GGUF model.
func folderModel(dir string) (string, error) {
	for _, name := range []string{indexName, "model.safetensors"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	for _, pattern := range []string{"*.safetensors", "*.gguf"} {
		found, err := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		if err != nil {
			return "", err
		}
		found = slices.DeleteFunc(found, func(p string) bool { // later parts of a split model
			_, no, _, ok := splitName(p)
			return ok && no != 1
		})
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return "", fmt.Errorf("the folder has %d models (%s, %s, ...), name one", len(found), filepath.Base(found[0]), filepath.Base(found[1]))
		}
	}
	return "", errors.New("the folder has neither a .safetensors nor a .gguf file")
}

// escapeGlob quotes what Glob would read as a pattern.
func escapeGlob(dir string) string {
	var out []rune
	for _, r := range dir {
		if r == '*' || r == '?' || r == '[' {
			out = append(out, '[', r, ']')
			continue
		}
		out = append(out, r)
	}
	return string(out)
}

// add appends a tensor unless the name is taken.
func (f *File) add(t tensor.Tensor) error {
	if _, taken := f.index[t.Name]; taken {
		return fmt.Errorf("tensor %q: the name stands twice", t.Name)
	}
	f.index[t.Name] = len(f.tensors)
	f.tensors = append(f.tensors, t)
	return nil
}

// Path returns the file that was opened; of a folder, the file in it.
func (f *File) Path() string { return f.path }

// Format returns "gguf" or "safetensors": whose names and keys the model has.
// A folder that Write made one file of still counts as safetensors.
func (f *File) Format() string { return f.format }

// Meta returns the metadata: GGUF's keys, or those of config.json.
func (f *File) Meta() *Metadata { return &f.meta }

// Value returns a metadata value by its key: a number, a bool, a string or a
// slice of them with GGUF's own widths; from config.json int64, float64,
// bool, string, []any or map[string]any.
func (f *File) Value(key string) (any, bool) { return f.meta.Value(key) }

// Tensor returns a tensor by its name in the file.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := f.index[name]
	if !ok {
		return tensor.Tensor{}, false
	}
	return f.tensors[i], true
}

// Tensors returns all tensors in the order of the file.
func (f *File) Tensors() []tensor.Tensor { return slices.Clone(f.tensors) }

// TensorNames returns all names in the order of the file.
func (f *File) TensorNames() []string {
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}

// Side returns the bytes of a file that lies beside safetensors weights, such
// as tokenizer.json or chat_template.jinja, as they are.
func (f *File) Side(name string) ([]byte, bool) {
	b, ok := f.sides[name]
	return b, ok
}

// Bytes returns the size of all tensor data.
func (f *File) Bytes() int64 {
	var n int64
	for _, t := range f.tensors {
		n += int64(len(t.Data))
	}
	return n
}

// Release tells the system that a tensor's part of the mapped file is not
// needed now: a caller that made a copy in another layout does not hold both.
// The data may be read again, from the disk. Data that is not of this file is
// left alone.
func (f *File) Release(t tensor.Tensor) {
	for _, m := range f.maps {
		m.release(t.Data)
	}
}

// Close unmaps the file. No tensor data may be touched after it.
func (f *File) Close() error {
	var errs []error
	for _, m := range f.maps {
		errs = append(errs, m.close())
	}
	f.maps, f.tensors, f.index = nil, nil, nil
	return errors.Join(errs...)
}
