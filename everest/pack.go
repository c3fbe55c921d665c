package everest

import (
	"fmt"
	"io"

	"summit/tensor"
	"summit/weights"
)

// Pack writes a trained model in the form that lies in the binary: matrices
// in the type, the card in the metadata, and how it is sampled.
func Pack(w io.Writer, skill, file string, typ tensor.DType) error {
	s, err := Find(skill)
	if err != nil {
		return err
	}
	f, err := weights.Open(file, weights.Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	meta := f.Meta()
	meta.Set("general.name", s.Member())
	meta.Set("general.description", s.About)
	meta.Set("general.license", "apache-2.0")
	meta.Set("general.sampling.temp", s.Temperature)
	meta.Set("general.sampling.top_p", s.TopP)
	meta.Set("general.sampling.min_p", float32(0))
	if err := f.Write(w, weights.Rewrite{Type: typ, Embed: typ}); err != nil {
		return fmt.Errorf("everest: %s: %w", s.Name, err)
	}
	return nil
}
