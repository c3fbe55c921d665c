package engine

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"testing"

	"summit/tensor"
)

// memory is a Source held in maps.
type memory struct {
	meta    map[string]any
	tensors map[string]tensor.Tensor
}

func (m memory) Value(key string) (any, bool) { v, ok := m.meta[key]; return v, ok }
func (m memory) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := m.tensors[name]
	return t, ok
}
func (m memory) TensorNames() []string { return slices.Sorted(maps.Keys(m.tensors)) }

func (m memory) clone() memory {
	return memory{maps.Clone(m.meta), maps.Clone(m.tensors)}
}

// readGGUF is a small reader for well-made files; the room for all others is weights.
func readGGUF(t testing.TB, path string) memory {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(data)
	num := func(x any) {
		if err := binary.Read(r, binary.LittleEndian, x); err != nil {
			t.Fatal(err)
		}
	}
	u32 := func() (n uint32) { num(&n); return }
	u64 := func() (n uint64) { num(&n); return }
	str := func() string {
		b := make([]byte, u64())
		io.ReadFull(r, b)
		return string(b)
	}
	var value func(kind uint32) any
	value = func(kind uint32) any {
		switch kind {
		case 4:
			return u32()
		case 5:
			return int32(u32())
		case 6:
			return math.Float32frombits(u32())
		case 7:
			b, _ := r.ReadByte()
			return b != 0
		case 8:
			return str()
		case 9:
			of, n := u32(), u64()
			list := make([]any, n)
			for i := range list {
				list[i] = value(of)
			}
			return list
		}
		t.Fatalf("%s: metadata kind %d", path, kind)
		return nil
	}
	m := memory{map[string]any{}, map[string]tensor.Tensor{}}
	u32()
	u32()
	tensors, keys := u64(), u64()
	for range keys {
		k := str()
		m.meta[k] = value(u32())
	}
	at := map[string]int{}
	var order []string
	for range tensors {
		x := tensor.Tensor{Name: str()}
		for range u32() {
			x.Shape = append([]int{int(u64())}, x.Shape...)
		}
		x.Type = tensor.DType(u32())
		at[x.Name] = int(u64())
		m.tensors[x.Name] = x
		order = append(order, x.Name)
	}
	pos := len(data) - r.Len()
	pos += (32 - pos%32) % 32
	for _, name := range order {
		x := m.tensors[name]
		n, err := tensor.ByteSize(x.Type, x.Shape)
		if err != nil {
			t.Fatal(err)
		}
		x.Data = data[pos+at[name] : pos+at[name]+n]
		m.tensors[name] = x
	}
	return m
}
