package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// FuzzLoad puts any values under any keys of small models of every architecture: Load says what is wrong, or gives a
// model whose facts hold; it never panics and builds nothing that the tensors do not bear out.
func FuzzLoad(f *testing.F) {
	f.Add(uint8(0), "attention.head_count", int64(0), 0.5, "x", uint8(0))
	f.Add(uint8(3), "rope.scaling.factor", int64(1<<40), -1.5, "yarn", uint8(1))
	f.Add(uint8(9), "mixers", int64(7), 1.0, "mla", uint8(2))
	f.Add(uint8(12), "ssm.inner_size", int64(-1), 1.0, "delta", uint8(3))
	names := slices.Sorted(maps.Keys(families))
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
		model, err := Load(m)
		if err != nil {
			return
		}
		if err := model.Validate(); err != nil {
			t.Fatalf("loaded and not valid: %v", err)
		}
	})
}
