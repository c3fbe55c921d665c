package everest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// The corpus of poems. It is not ours to hand on: a recipe names it.
const (
	// CorpusOrigin says where the poems are from.
	CorpusOrigin = "github.com/chinese-poetry/chinese-poetry (texts in the public domain), simplified by OpenCC t2s, as JSON lines"
	// CorpusHash is the SHA-256 of the JSON lines that the poet was trained on.
	CorpusHash = "677de47c5b9b3aab51ef42e477aedd3e6e96b3c06322cf5eb20c630470d50b38"
)

// PartOf returns what a poem is for, by its lines.
func PartOf(p *Poem) Part { return partOf(strings.Join(p.Lines, "")) }

// maxPoemBytes bounds a line of the corpus.
const maxPoemBytes = 1 << 20

// ReadPoems reads a corpus: JSON lines, as they are or packed by xz, for
// which the program xz has to be installed. The hash of the unpacked bytes
// has to be want, if want is not empty.
func ReadPoems(path, want string, each func(Poem) error) (err error) {
	in, end, err := openCorpus(path)
	if err != nil {
		return fmt.Errorf("everest: corpus: %w", err)
	}
	defer func() { err = errors.Join(err, end()) }()
	h := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(in, h))
	lines.Buffer(nil, maxPoemBytes)
	for n := 1; lines.Scan(); n++ {
		var p Poem
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return fmt.Errorf("everest: corpus: %s:%d: %w", path, n, err)
		}
		if err := each(p); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("everest: corpus: %s: %w", path, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); want != "" && got != want {
		return fmt.Errorf("everest: corpus: %s: SHA-256 %s, want %s: another version of %s", path, got, want, CorpusOrigin)
	}
	return nil
}

// openCorpus opens the file; end closes it and says what went wrong.
func openCorpus(path string) (in io.Reader, end func() error, err error) {
	if !strings.HasSuffix(path, ".xz") {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return f, f.Close, nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("xz", "-dc", "--", path)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w; unpack it with xz -d", path, err)
	}
	return out, func() error {
		_, _ = io.Copy(io.Discard, out) // xz ends once all is read
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("everest: corpus: xz: %w: %s", err, strings.TrimSpace(complaint.String()))
		}
		return nil
	}, nil
}
