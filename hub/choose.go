package hub

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

var part = regexp.MustCompile(`-\d{5}-of-\d{5}\.gguf$`)

// Choose returns which of a model's files to fetch. Patterns are those of
// path.Match, against the name or its last part. Without patterns it is what
// one needs to run the model: safetensors with their configuration and
// tokenizer, or the only GGUF model; several GGUF models are an error that
// names them.
func Choose(files []File, patterns ...string) ([]File, error) {
	if len(patterns) > 0 {
		return match(files, patterns)
	}
	models := map[string]bool{}
	var gguf, folder []File
	weights := false
	for _, f := range files {
		base := path.Base(f.Name)
		switch path.Ext(f.Name) {
		case ".gguf":
			models[part.ReplaceAllString(f.Name, "")] = true
			gguf = append(gguf, f)
		case ".safetensors":
			if !strings.Contains(f.Name, "/") { // folders hold other forms of the same
				weights = true
				folder = append(folder, f)
			}
		case ".json", ".jinja", ".model", ".txt":
			if !strings.Contains(f.Name, "/") && base != "configuration.json" {
				folder = append(folder, f)
			}
		}
	}
	switch {
	case weights:
		return folder, nil
	case len(models) == 1:
		return gguf, nil
	case len(models) > 1:
		var names []string
		for m := range models {
			names = append(names, m)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("hub: the model comes in %d forms, name one: %s", len(names), strings.Join(names[:min(len(names), 40)], " "))
	}
	return nil, fmt.Errorf("hub: none of the %d files is .safetensors or .gguf", len(files))
}

func match(files []File, patterns []string) ([]File, error) {
	var out []File
	for _, p := range patterns {
		matched := false
		for _, f := range files {
			whole, err := path.Match(p, f.Name)
			if err != nil {
				return nil, fmt.Errorf("hub: pattern %q: %w", p, err)
			}
			last, _ := path.Match(p, path.Base(f.Name)) // the same pattern is well-formed
			if !whole && !last {
				continue
			}
			if matched = true; !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
		if !matched {
			return nil, fmt.Errorf("hub: pattern %q matches none of the %d files", p, len(files))
		}
	}
	return out, nil
}
