package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"summit/arch/archtest"
)

// FuzzLoad puts any values under any keys of small models of every architecture: Load says what is wrong, or gives a
// model whose facts hold; it never panics and builds nothing that the tensors do not bear out.
func FuzzLoad(f *testing.F) {
	f.Add(uint8(0), "attention.head_count", int64(0), 0.5, "x", uint8(0))
	f.Add(uint8(3), "rope.scaling.factor", int64(1<<40), -1.5, "yarn", uint8(1))
	f.Add(uint8(9), "mixers", int64(7), 1.0, "mla", uint8(2))
	f.Add(uint8(12), "ssm.inner_size", int64(-1), 1.0, "delta", uint8(3))
	f.Add(uint8(130), "rope_scaling", int64(0), 0.5, "llama3", uint8(7))
	f.Add(uint8(131), "layer_types", int64(0), 0.5, "full_attention", uint8(3))
	f.Add(uint8(133), "num_attention_heads", int64(0), 0.5, "", uint8(0))
	names, folders := slices.Sorted(maps.Keys(families)), archtest.Cases()
	var kinds []string // that a folder may say it is
	for _, name := range names {
		kinds = append(kinds, families[name].hfTypes...)
	}
	f.Fuzz(func(t *testing.T, family uint8, key string, n int64, x float64, text string, kind uint8) {
		m := little(family%2 == 0)
		was := m.meta["general.architecture"].(string)
		name := names[int(family)%len(names)]
		for k, v := range maps.Clone(m.meta) {
			if rest, ok := strings.CutPrefix(k, was+"."); ok {
				m.meta[name+"."+rest] = v
			}
		}
		m.meta["general.architecture"] = name
		var v any
		switch kind % 8 {
		case 0:
			v = n
		case 1:
			v = x
		case 2:
			v = text
		case 3:
			v = []any{n, x, text}
		case 4:
			v = n%2 == 0
		case 5:
			v = uint64(n)
		case 6:
			v = []int64{n, n, n, n}
		case 7:
			v = map[string]any{text: n}
		}
		m.meta[name+"."+key] = v
		m.meta[key] = v
		var src Source = m
		if family >= 128 { // a model folder
			c := folders[int(family)%len(folders)]
			c.Config = maps.Clone(c.Config)
			if family >= 192 {
				c.Config["architectures"] = []any{kinds[int(family)%len(kinds)]}
			}
			c.Config[key] = v
			src = c
		}
		model, err := Load(src)
		if err != nil {
			return
		}
		if err := model.Validate(); err != nil {
			t.Fatalf("loaded and not valid: %v", err)
		}
	})
}
