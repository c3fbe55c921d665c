package weights

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"summit/tensor"
)

// craft builds GGUF bytes by hand, without the writer's checks.
type craft struct{ b []byte }

func (c *craft) u32(n uint32) *craft {
	c.b = binary.LittleEndian.AppendUint32(c.b, n)
	return c
}

func (c *craft) u64(n uint64) *craft {
	c.b = binary.LittleEndian.AppendUint64(c.b, n)
	return c
}

func (c *craft) text(s string) *craft {
	c.u64(uint64(len(s)))
	c.b = append(c.b, s...)
	return c
}

func (c *craft) bytes(n int) *craft {
	c.b = append(c.b, make([]byte, n)...)
	return c
}

func (c *craft) pad(n int) *craft { return c.bytes((n - len(c.b)%n) % n) }

// head begins a file of that many tensors and keys.
func head(tensors, keys uint64) *craft {
	c := &craft{b: []byte("GGUF")}
	return c.u32(3).u64(tensors).u64(keys)
}

func (c *craft) info(name string, typ uint32, offset uint64, ne ...uint64) *craft {
	c.text(name).u32(uint32(len(ne)))
	for _, n := range ne {
		c.u64(n)
	}
	return c.u32(typ).u64(offset)
}

// weigh runs f and returns what it allocated and how long it took.
func weigh(f func()) (bytes uint64, took time.Duration) {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	start := time.Now()
	f()
	took = time.Since(start)
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc, took
}

// modest fails if reading so many bytes allocated more than a small multiple
// of them, or took long. Error texts and the first slices cost some KiB.
func modest(t *testing.T, name string, size int, f func()) {
	t.Helper()
	if got, took := weigh(f); got > uint64(16*size)+64<<10 || took > 5*time.Second {
		t.Errorf("%s: %d bytes of file took %d bytes of memory and %v", name, size, got, took)
	}
}

const (
	f32  = 0
	q8_0 = 8
	q4_k = 12
)

// Each row is a damaged or hostile file and what the refusal must say. Those
// about a tensor must name it.
var badGGUF = []struct {
	name string
	data []byte
	want string
}{
	// Header.
	{"empty file", nil, "not GGUF"},
	{"bad magic", []byte("GGML\x03\x00\x00\x00"), "not GGUF"},
	{"only magic", []byte("GGUF"), "version: the file ends"},
	{"version 0", (&craft{b: []byte("GGUF")}).u32(0).u64(0).u64(0).b, "version 0, want 2 or 3"},
	{"version 1", (&craft{b: []byte("GGUF")}).u32(1).u64(0).u64(0).b, "version 1, want 2 or 3"},
	{"version 4", (&craft{b: []byte("GGUF")}).u32(4).u64(0).u64(0).b, "version 4, want 2 or 3"},
	{"big-endian", (&craft{b: []byte("GGUF")}).u32(3 << 24).u64(0).u64(0).b, "big-endian"},
	{"cut in the header", head(1, 1).b[:20], "header: the file ends"},

	// Counts that a few bytes cannot hold.
	{"2^63 tensors", head(1<<63, 0).bytes(19).b, "room for 0"},
	{"2^64-1 tensors", head(math.MaxUint64, 0).bytes(100).b, "room for 3"},
	{"2^63 keys", head(0, 1<<63).bytes(19).b, "room for 1"},
	{"a billion keys", head(0, 1e9).bytes(136).b, "room for 9"},
	{"key of 2^63 bytes", head(0, 1).u64(1 << 63).bytes(16).b, "length of 9223372036854775808"},
	{"key of a GiB", head(0, 1).u64(1 << 30).bytes(16).b, "length of 1073741824"},
	{"key of 70,000 bytes", head(0, 1).text(strings.Repeat("k", 70000)).u32(4).u32(0).b, "70000 bytes, want 65535"},
	{"string of 2^63 bytes", head(0, 1).text("k").u32(8).u64(1 << 63).bytes(8).b, `key "k": a length`},
	{"string of 2^64-1 bytes", head(0, 1).text("k").u32(8).u64(math.MaxUint64).bytes(8).b, `key "k": a length`},
	{"list of 2^63 bytes", head(0, 1).text("k").u32(9).u32(0).u64(1 << 63).bytes(8).b, `key "k": a length`},
	{"list of 2^61 doubles", head(0, 1).text("k").u32(9).u32(12).u64(1 << 61).bytes(8).b, `key "k": a length`},
	{"list of 2^60 strings", head(0, 1).text("k").u32(9).u32(8).u64(1 << 60).bytes(64).b, `key "k": a length`},
	{"list with one string too few", head(0, 1).text("k").u32(9).u32(8).u64(2).text("only, and long").b, `key "k": the file ends`},
	{"list of lists", head(0, 1).text("k").u32(9).u32(9).u64(1).u32(9).u64(1).bytes(8).b, "list of lists"},
	{"lists in lists, deep", head(0, 1).text("k").u32(9).bytes(0).u32(9).u64(1).u32(9).u64(1).u32(9).u64(1).u32(9).u64(1).b, "list of lists"},

	// Keys and values.
	{"value type 13", head(0, 1).text("k").u32(13).bytes(8).b, `key "k": value type 13`},
	{"value type 2^32-1", head(0, 1).text("k").u32(math.MaxUint32).bytes(8).b, "value type 4294967295"},
	{"list of type 99", head(0, 1).text("k").u32(9).u32(99).u64(1).bytes(8).b, "value type 99"},
	{"key twice", head(0, 2).text("k").u32(4).u32(1).text("k").u32(4).u32(2).b, `key "k" stands twice`},
	{"empty key", head(0, 1).text("").u32(4).u32(1).bytes(8).b, "key is empty"},
	{"NUL in key", head(0, 1).text("a\x00b").u32(4).u32(1).b, "NUL"},
	{"bad UTF-8 in key", head(0, 1).text("a\xff").u32(4).u32(1).b, "UTF-8"},
	{"bool of 2", head(0, 1).text("k").u32(7).bytes(0).u32(2).b, "a bool of 2"},
	{"cut in a value", head(0, 1).text("k").u32(10).u32(1).b, `key "k": the file ends`},

	// general.alignment.
	{"alignment 0", head(0, 1).text(alignmentKey).u32(4).u32(0).b, "uint32 power of two"},
	{"alignment 3", head(0, 1).text(alignmentKey).u32(4).u32(3).b, "uint32 power of two"},
	{"alignment 48", head(0, 1).text(alignmentKey).u32(4).u32(48).b, "uint32 power of two"},
	{"alignment 2^30", head(0, 1).text(alignmentKey).u32(4).u32(1 << 30).b, "uint32 power of two"},
	{"alignment 2^31", head(0, 1).text(alignmentKey).u32(4).u32(1 << 31).b, "uint32 power of two"},
	{"alignment as int32", head(0, 1).text(alignmentKey).u32(5).u32(32).b, "got int32 32, want a uint32"},
	{"alignment as uint64", head(0, 1).text(alignmentKey).u32(10).u64(32).b, "got uint64 32, want a uint32"},
	{"alignment as string", head(0, 1).text(alignmentKey).u32(8).text("32").b, "want a uint32"},
	{"offset not of the alignment", head(1, 1).text(alignmentKey).u32(4).u32(64).info("w", f32, 32, 8).pad(64).bytes(128).b, `tensor "w": offset 32, want a multiple of 64`},

	// Tensor names.
	{"empty tensor name", head(1, 0).info("", f32, 0, 8).pad(32).bytes(32).b, "tensor 1 of 1"},
	{"NUL in tensor name", head(1, 0).info("a\x00b", f32, 0, 8).pad(32).bytes(32).b, `"a\x00b"`},
	{"tensor name too long", head(1, 0).info(strings.Repeat("x", 65), f32, 0, 8).pad(32).bytes(32).b, "65 bytes, want 64"},
	{"tensor name of 2^63 bytes", head(1, 0).u64(1 << 63).bytes(64).b, "length of 9223372036854775808"},
	{"tensor twice", head(2, 0).info("w", f32, 0, 8).info("w", f32, 32, 8).pad(32).bytes(64).b, `tensor "w": the name stands twice`},

	// Dimensions.
	{"no dimensions", head(1, 0).info("w", f32, 0).pad(32).bytes(32).b, `tensor "w": 0 dimensions`},
	{"5 dimensions", head(1, 0).info("w", f32, 0, 1, 1, 1, 1, 1).pad(32).bytes(32).b, `tensor "w": 5 dimensions`},
	{"2^32-1 dimensions", head(1, 0).text("w").u32(math.MaxUint32).bytes(99).b, `tensor "w": 4294967295 dimensions`},
	{"a dimension of 0", head(1, 0).info("w", f32, 0, 8, 0).pad(32).bytes(32).b, `tensor "w": dimension 2 is 0`},
	{"a dimension of -1", head(1, 0).info("w", f32, 0, 8, math.MaxUint64).pad(32).bytes(32).b, `tensor "w": dimension 2 is -1`},
	{"2^42+1 in two dimensions", head(1, 0).info("w", f32, 0, 1<<42+1, 1<<42+1).pad(32).bytes(32).b, `tensor "w": shape`},
	{"a product that wraps to 0", head(1, 0).info("w", f32, 0, 1<<32, 1<<32).pad(32).bytes(32).b, `tensor "w": shape`},
	{"bytes that wrap to 32", head(1, 0).info("w", f32, 0, 1<<62+8).pad(32).bytes(32).b, `tensor "w"`},
	{"blocks hide a product that wraps", head(1, 0).info("w", q4_k, 0, 256, 1<<31, 1<<31).pad(32).bytes(144).b, `tensor "w": shape`},

	// Types and blocks.
	{"type 41", head(1, 0).info("w", 41, 0, 8).pad(32).bytes(32).b, `tensor "w": type 41 (unknown) is not supported`},
	{"type 2^32-1", head(1, 0).info("w", math.MaxUint32, 0, 8).pad(32).bytes(32).b, `tensor "w": type 4294967295`},
	{"type 256, which is F32 in 8 bits", head(1, 0).info("w", 256, 0, 8).pad(32).bytes(32).b, `tensor "w": type 256`},
	{"type IQ2_XXS", head(1, 0).info("w", 16, 0, 256).pad(32).bytes(256).b, `tensor "w": type 16 (IQ2_XXS) is not supported`},
	{"row that blocks do not divide", head(1, 0).info("w", q8_0, 0, 33).pad(32).bytes(68).b, `tensor "w": Q8_0: a row of 33 numbers, want a multiple of 32`},
	{"row of 32 as Q4_K", head(1, 0).info("w", q4_k, 0, 32, 8).pad(32).bytes(144).b, `tensor "w": Q4_K: a row of 32`},

	// Data: Bleeding Llama and its kin.
	{"size beyond the file", head(1, 0).info("w", f32, 0, 1<<20).pad(32).bytes(32).b, `tensor "w": F32 [1048576]`},
	{"one byte too few", head(1, 0).info("w", f32, 0, 8).pad(32).bytes(31).b, `tensor "w": F32 [8]`},
	{"offset beyond the file", head(1, 0).info("w", f32, 1<<20, 8).pad(32).bytes(32).b, `tensor "w"`},
	{"offset of -32", head(1, 0).info("w", f32, math.MaxUint64-31, 8).pad(32).bytes(32).b, `tensor "w"`},
	{"offset of 2^63", head(1, 0).info("w", f32, 1<<63, 8).pad(32).bytes(32).b, `tensor "w"`},
	{"no data at all", head(1, 0).info("w", f32, 0, 8).b, `tensor "w"`},
	{"overlap", head(2, 0).info("a", f32, 0, 16).info("b", f32, 32, 8).pad(32).bytes(64).b, `tensor "b": its bytes overlap those of tensor "a"`},
	{"the same bytes twice", head(2, 0).info("a", f32, 0, 8).info("b", f32, 0, 8).pad(32).bytes(32).b, "overlap"},
	{"overlap, listed backwards", head(2, 0).info("b", f32, 32, 8).info("a", f32, 0, 16).pad(32).bytes(64).b, `tensor "b": its bytes overlap those of tensor "a"`},
}

func TestBadGGUF(t *testing.T) {
	for _, row := range badGGUF {
		t.Run(row.name, func(t *testing.T) {
			var err error
			modest(t, row.name, len(row.data), func() { _, _, err = parseGGUF(row.data) })
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
			// The same through a file.
			path := filepath.Join(t.TempDir(), "bad.gguf")
			if err := os.WriteFile(path, row.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if f, err := Open(path, Options{}); err == nil {
				f.Close()
				t.Error("Open took it")
			} else if !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want the path in it", err)
			}
		})
	}
}

// Well-formed files with the same parts, so that the rows above fail for what
// they say and not for how they are built.
func TestGoodGGUF(t *testing.T) {
	f := func(name string, data []byte, tensors int) {
		t.Helper()
		_, list, err := parseGGUF(data)
		if err != nil || len(list) != tensors {
			t.Errorf("%s: %d tensors, %v; want %d", name, len(list), err, tensors)
		}
	}
	f("nothing in it", head(0, 0).b, 0)
	f("version 2", (&craft{b: []byte("GGUF")}).u32(2).u64(0).u64(0).b, 0)
	f("one", head(1, 0).info("w", f32, 0, 8).pad(32).bytes(32).b, 1)
	f("own alignment", head(1, 1).text(alignmentKey).u32(4).u32(64).info("w", f32, 64, 8).pad(64).bytes(96).b, 1)
	f("listed backwards, with a gap", head(2, 0).info("b", f32, 64, 8).info("a", f32, 0, 8).pad(32).bytes(96).b, 2)
	f("quantised", head(1, 0).info("w", q8_0, 0, 64, 2).pad(32).bytes(4*34).b, 1)
	f("longest name", head(1, 0).info(strings.Repeat("x", 64), f32, 0, 8).pad(32).bytes(32).b, 1)
	f("empty list", head(0, 1).text("k").u32(9).u32(4).u64(0).b, 0)
	f("strings that are no text", head(0, 1).text("k").u32(9).u32(8).u64(2).text("\xff\x00").text("").b, 0)
}

// A big vocabulary costs about what its bytes cost.
func TestMetadataMemory(t *testing.T) {
	const n = 200_000
	c := head(0, 2).text("tokens").u32(9).u32(8).u64(n)
	for i := range n {
		c.text("token"[:1+i%5])
	}
	c.text("scores").u32(9).u32(6).u64(n).bytes(4 * n)
	var meta *Metadata
	got, _ := weigh(func() {
		var err error
		if meta, _, err = parseGGUF(c.b); err != nil {
			t.Error(err)
		}
	})
	if got > uint64(3*len(c.b)) {
		t.Errorf("%d bytes of metadata took %d, want at most 3 times as much", len(c.b), got)
	}
	if list, err := meta.Strings("tokens"); err != nil || len(list) != n || list[4] != "token" || list[5] != "t" {
		t.Errorf("tokens: %d, %v", len(list), err)
	}
	if n := testing.AllocsPerRun(10, func() { _, _, _ = parseGGUF(c.b) }); n > 50 {
		t.Errorf("%v allocations, want a few", n)
	}
}

func TestEveryCut(t *testing.T) {
	c := head(2, 3)
	c.text("a").u32(8).text("text").text("b").u32(9).u32(8).u64(2).text("x").text("yz").text("c").u32(12).u64(1)
	c.info("w", f32, 0, 8).info("v", q8_0, 32, 32).pad(32).bytes(32 + 34)
	if _, _, err := parseGGUF(c.b); err != nil {
		t.Fatal(err)
	}
	for n := range c.b {
		if _, _, err := parseGGUF(c.b[:n:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken", n, len(c.b))
		}
	}
}

func FuzzGGUF(f *testing.F) {
	for _, row := range badGGUF {
		f.Add(row.data)
	}
	f.Add(head(1, 1).text(alignmentKey).u32(4).u32(64).info("w", f32, 64, 8).pad(64).bytes(96).b)
	f.Add(head(2, 0).info("b", q4_k, 160, 256).info("a", q8_0, 0, 32, 2).pad(32).bytes(304).b)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		var meta *Metadata
		var list []tensor.Tensor
		var err error
		modest(t, "fuzz", len(data), func() { meta, list, err = parseGGUF(data) })
		if err != nil {
			return
		}
		total := 0
		for _, x := range list {
			if err := x.Check(); err != nil {
				t.Error(err)
			}
			total += len(x.Data)
		}
		if total > len(data) {
			t.Errorf("tensors have %d bytes, the file %d", total, len(data))
		}
		again(t, meta, list)
	})
}
