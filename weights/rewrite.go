package weights

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"summit/tensor"
)

// Rewrite says how Write turns one model into a GGUF file.
type Rewrite struct {
	// Type is what big matrices become, also quantised ones.
	Type tensor.DType
	// Embed is what the embedding becomes, which is kept closer than the rest as
	// each error in it goes through all layers; F32, the zero value, leaves it.
	Embed tensor.DType
	// Keep says which tensors stay as they are; nil = Kept, the embedding apart.
	Keep func(t tensor.Tensor) bool
	// Progress, if set, is told of bytes read so far.
	Progress func(done, total int64)
}

// The keys under which a file keeps what came from a model folder: its
// config.json, notes and side files, as they were. Tensors keep their names.
// Such a file opens as the folder did.
const (
	folderConfig = "summit.folder.config"
	folderSide   = "summit.folder.side."
	folderNotes  = "__metadata__"
)

// maxStep bounds how much of a tensor is converted at once.
const maxStep = 32 << 20

// Write writes the model as one GGUF file with its matrices in another type.
// A model folder becomes a GGUF file that only Summit reads, as the names of
// its tensors stay.
func (f *File) Write(out io.Writer, o Rewrite) error {
	keep := o.Keep
	if keep == nil {
		keep = Kept
	}
	if !o.Type.CanQuantize() {
		return fmt.Errorf("weights: %s is not a type to quantise to", o.Type)
	}
	meta := f.meta.Clone()
	if f.format == "safetensors" {
		var err error
		if meta, err = f.folderMeta(); err != nil {
			return fmt.Errorf("weights: %s: %w", f.path, err)
		}
	}
	for _, key := range []string{"split.no", "split.count", "split.tensors.count"} {
		meta.Delete(key) // the file will be whole
	}
	list := f.Tensors()
	for i, t := range list {
		list[i].Data = nil
		plain := t
		plain.Type = tensor.F32 // Kept leaves quantised ones alone; here they are converted too
		switch {
		case !t.Type.CanDequantize():
		case len(t.Shape) > 1 && isEmbedding(t.Name):
			if o.Embed != tensor.F32 {
				list[i].Type = Fitting(o.Embed, t.Type, t.Cols())
			}
		case !keep(plain):
			list[i].Type = Fitting(o.Type, t.Type, t.Cols())
		}
		list[i].Shape = shorten(t.Shape)
	}
	w, err := NewWriter(out, meta, list)
	if err != nil {
		return err
	}
	total, done := f.Bytes(), int64(0)
	for i, t := range f.tensors {
		step := max(1, maxStep/max(1, 4*t.Cols()))
		flat := tensor.Tensor{Name: t.Name, Type: t.Type, Shape: []int{t.NumRows(), t.Cols()}, Data: t.Data}
		for lo := 0; lo < flat.Shape[0]; lo += step {
			part, err := flat.Rows(lo, min(lo+step, flat.Shape[0]))
			if err != nil {
				return err
			}
			size, err := tensor.ByteSize(list[i].Type, part.Shape)
			if err != nil {
				return fmt.Errorf("weights: tensor %q: %w", t.Name, err)
			}
			b := part.Data
			if list[i].Type != t.Type {
				b = make([]byte, size)
				if err := Convert(b, list[i].Type, part); err != nil {
					return fmt.Errorf("weights: %s: %w", f.path, err)
				}
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			f.Release(part)
			done += int64(len(part.Data))
			if o.Progress != nil {
				o.Progress(done, total)
			}
		}
	}
	return w.Close()
}

// shorten drops leading dimensions of 1 beyond what GGUF can say.
func shorten(shape []int) []int {
	for len(shape) > maxDims && shape[0] == 1 {
		shape = shape[1:]
	}
	return shape
}

func (f *File) folderMeta() (*Metadata, error) {
	meta := &Metadata{}
	config := map[string]any{}
	for _, key := range f.meta.keys {
		if key != folderNotes {
			config[key] = f.meta.values[key]
		}
	}
	b, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	meta.Set(folderConfig, string(b))
	for _, name := range slices.Sorted(maps.Keys(f.sides)) {
		meta.Set(folderSide+name, string(f.sides[name]))
	}
	return meta, nil
}
