package train

import (
	"fmt"
	"io"

	"summit/tensor"
	"summit/weights"
)

// write writes the model as a GGUF file.
func (s *run) write(path string) error {
	typ, err := tensor.ParseDType(s.recipe.Type)
	if err != nil {
		return fmt.Errorf("train: type: %w", err)
	}
	meta := &weights.Metadata{}
	d, err := newDecoder(s.recipe, s.v.tok.Len())
	if err != nil {
		return err
	}
	for _, f := range append(d.facts, vocabularyFacts(s.v.data)...) {
		meta.Set(f.key, f.value)
	}
	return writeModel(path, meta, s.m.params, typ)
}

// writeModel writes parameters as a GGUF file, matrices in the type or in what
// of it fits their rows, vectors as F32.
func writeModel(path string, meta *weights.Metadata, p *params, typ tensor.DType) error {
	var list []tensor.Tensor
	for _, t := range p.tensors {
		if len(t.Shape) > 1 {
			t.Type = weights.Fitting(typ, tensor.F16, t.Cols())
		}
		t.Data = nil
		list = append(list, t)
	}
	return replace(path, func(out io.Writer) error {
		w, err := weights.NewWriter(out, meta, list)
		if err != nil {
			return err
		}
		for i, t := range p.tensors {
			n, err := tensor.ByteSize(list[i].Type, t.Shape)
			if err != nil {
				return err
			}
			b := make([]byte, n)
			if err := weights.Convert(b, list[i].Type, t); err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return w.Close()
	})
}
