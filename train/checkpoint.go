package train

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unsafe"
)

// A checkpoint is a line of JSON, then parameters and both moments as float32
// in this machine's order, then the CRC-32 of everything before.
type checkpoint struct {
	Version   int     `json:"version"`
	Recipe    string  `json:"recipe"` // fingerprint
	Step      int     `json:"step"`
	Tokens    int64   `json:"tokens"`
	Seconds   float64 `json:"seconds"`
	Loss      float64 `json:"loss"`
	Places    []place `json:"places"`
	Numbers   int     `json:"numbers"` // of each array
	BigEndian bool    `json:"big_endian"`
}

const checkpointVersion = 1

var bigEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 0
}()

// fingerprint is a hash of what a run's weights depend on: the recipe without
// its places and intervals, the vocabulary and the documents.
func fingerprint(r *Recipe, v *vocabulary, m *Model, sources []*corpus) string {
	h := sha256.New()
	c := *r
	c.Name, c.Out, c.Evaluate, c.Checkpoint, c.Type, c.HeldOut, c.About, c.Sampling, c.dir = "", "", 0, 0, "", nil, "", Sampling{}, ""
	c.Base = ""
	c.Sources = append([]Source(nil), r.Sources...)
	for i := range c.Sources {
		c.Sources[i].File = ""
	}
	e := json.NewEncoder(h)
	_ = e.Encode(c)             // a hash takes everything,
	_ = e.Encode(v.data.Tokens) // and these are plain values
	_ = e.Encode(v.data.Merges)
	_, _ = h.Write(bytesOf(m.values)) // what it begins with
	for _, s := range sources {
		_ = binary.Write(h, binary.LittleEndian, s.ids)
		_ = binary.Write(h, binary.LittleEndian, s.learn)
		_ = e.Encode(s.starts)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

// save writes the checkpoint beside the old one and then takes its place.
func (s *run) save() (err error) {
	head, err := json.Marshal(checkpoint{
		checkpointVersion, s.print, s.done, s.tokens, s.took.Seconds(), s.loss, s.data.places, s.m.learn.n, bigEndian,
	})
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	return replace(s.file("checkpoint.bin"), func(w io.Writer) error {
		sum := crc32.NewIEEE()
		out := io.MultiWriter(w, sum)
		for _, b := range [][]byte{append(head, '\n'), bytesOf(s.m.learn.of(s.m.values)), bytesOf(s.moment1), bytesOf(s.moment2)} {
			if _, err := out.Write(b); err != nil {
				return err
			}
		}
		return binary.Write(w, binary.LittleEndian, sum.Sum32())
	})
}

// replace writes a file under another name first, so that a crash leaves the
// old one.
func replace(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	err = errors.Join(err, w.Flush(), f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("train: write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// load goes on from the checkpoint, if there is one.
func (s *run) load() error {
	path := s.file("checkpoint.bin")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	if err := s.read(f); err != nil {
		return fmt.Errorf("train: checkpoint %s: %w", path, err)
	}
	return nil
}

const maxHead = 1 << 20

func (s *run) read(f io.Reader) error {
	sum := crc32.NewIEEE()
	in := bufio.NewReaderSize(f, maxHead)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("its first line: %w", err)
	}
	_, _ = sum.Write(line) // a hash takes everything
	var c checkpoint
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	switch {
	case c.Version != checkpointVersion:
		return fmt.Errorf("version %d, want %d", c.Version, checkpointVersion)
	case c.Recipe != s.print:
		return errors.New("it is of another recipe or other data; remove it to begin anew")
	case c.Numbers != s.m.learn.n || len(c.Places) != len(s.data.places) || c.Step < 0 || c.BigEndian != bigEndian:
		return fmt.Errorf("%d numbers, %d sources, step %d: want %d and %d", c.Numbers, len(c.Places), c.Step, s.m.learn.n, len(s.data.places))
	}
	for i, p := range c.Places {
		if p.At < 0 || p.At >= s.data.sources[i].len() || p.Epoch < 0 || p.Tokens < 0 {
			return fmt.Errorf("place %+v of source %d with %d documents", p, i, s.data.sources[i].len())
		}
	}
	for _, x := range [][]float32{s.m.learn.of(s.m.values), s.moment1, s.moment2} {
		b := bytesOf(x)
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		_, _ = sum.Write(b)
	}
	var want uint32
	if err := binary.Read(in, binary.LittleEndian, &want); err != nil {
		return err
	}
	if got := sum.Sum32(); got != want {
		return fmt.Errorf("checksum: got %08x, want %08x", got, want)
	}
	s.done, s.tokens, s.loss, s.took = c.Step, c.Tokens, c.Loss, time.Duration(c.Seconds*float64(time.Second))
	copy(s.data.places, c.Places)
	return nil
}
