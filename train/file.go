package train

import (
	"errors"
	"fmt"
	"io"

	"summit/tensor"
	"summit/weights"
)

// write writes the model as a GGUF file: a new one with the recipe's metadata,
// or the base's with its own, LoRA's factors added to the matrices.
func (s *run) write(path string) error {
	typ := tensor.F32
	if s.recipe.Type != "" {
		var err error
		if typ, err = tensor.ParseDType(s.recipe.Type); err != nil {
			return fmt.Errorf("train: type: %w", err)
		}
	}
	if s.base != nil {
		return s.writeBase(path, typ)
	}
	meta := &weights.Metadata{}
	d, err := newDecoder(s.recipe, s.v.tok.Len())
	if err != nil {
		return err
	}
	for _, f := range append(d.facts, vocabularyFacts(s.v.data)...) {
		meta.Set(f.key, f.value)
	}
	types := make([]tensor.DType, len(s.m.tensors))
	for i, t := range s.m.tensors {
		if len(t.Shape) > 1 {
			types[i] = weights.Fitting(typ, tensor.F16, t.Cols())
		}
	}
	return writeModel(path, meta, s.m.tensors, types)
}

func (s *run) writeBase(path string, typ tensor.DType) (err error) {
	f, err := weights.Open(s.recipe.path(s.recipe.Base), weights.Options{})
	if err != nil {
		return fmt.Errorf("train: base: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	changed := s.m.merge()
	meta := s.base.meta.Clone()
	for _, k := range []string{"split.no", "split.count", "split.tensors.count"} {
		meta.Delete(k)
	}
	for key, v := range map[string]string{"general.name": s.recipe.Name, "general.description": s.recipe.About} {
		if v != "" {
			meta.Set(key, v)
		}
	}
	for _, f := range s.recipe.Sampling.facts() {
		meta.Set(f.key, f.value)
	}
	types, from := make([]tensor.DType, len(s.m.tensors)), make([]tensor.Tensor, len(s.m.tensors))
	for i, t := range s.m.tensors {
		from[i] = t
		if !changed[t.Name] { // as it lies there: quantising it again might round again
			if own, ok := f.Tensor(t.Name); ok && own.Type == s.base.types[i] && len(own.Data) > 0 {
				from[i] = own
			}
		}
		types[i] = s.base.types[i]
		if len(t.Shape) > 1 && s.recipe.Type != "" {
			types[i] = weights.Fitting(typ, tensor.F16, t.Cols())
		}
		if !types[i].CanQuantize() && types[i] != from[i].Type {
			types[i] = weights.Fitting(tensor.Q8_0, tensor.F16, t.Cols())
		}
	}
	return writeModel(path, meta, from, types)
}

// writeModel writes tensors as a GGUF file, each in its type.
func writeModel(path string, meta *weights.Metadata, from []tensor.Tensor, types []tensor.DType) error {
	list := make([]tensor.Tensor, len(from))
	for i, t := range from {
		list[i] = tensor.Tensor{Name: t.Name, Type: types[i], Shape: t.Shape}
	}
	return replace(path, func(out io.Writer) error {
		w, err := weights.NewWriter(out, meta, list)
		if err != nil {
			return err
		}
		for i, t := range from {
			n, err := tensor.ByteSize(types[i], t.Shape)
			if err != nil {
				return err
			}
			b := make([]byte, n)
			if err := weights.Convert(b, types[i], t); err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return w.Close()
	})
}
