package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read from a folder. The longest line of the published
// recordings has 65 KB, the largest file 18 MB.
const (
	MaxLineBytes = 1 << 20
	MaxFileBytes = 1 << 30 // decompressed
	maxCells     = 1 << 26 // questions times members of a suite: about 7 GB
)

// readLines decodes every line of r as a T and hands it on with its number,
// counted from one. Empty lines are skipped; unknown keys are ignored, since
// recordings carry extras. Errors name the file and the line.
func readLines[T any](r io.Reader, name string, each func(line int, v *T) error) error {
	limited := &io.LimitedReader{R: r, N: MaxFileBytes + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 64<<10), MaxLineBytes)
	n := 0
	for lines.Scan() {
		n++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if !utf8.Valid(text) {
			return fmt.Errorf("record: %s:%d: not valid UTF-8", name, n)
		}
		v := new(T)
		if err := json.Unmarshal(text, v); err != nil {
			return fmt.Errorf("record: %s:%d: %w", name, n, err)
		}
		if err := each(n, v); err != nil {
			return fmt.Errorf("record: %s:%d: %w", name, n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("record: %s:%d: the line is longer than %d bytes", name, n+1, MaxLineBytes)
	case err != nil:
		return fmt.Errorf("record: %s:%d: %w", name, n+1, err)
	case limited.N <= 0:
		return fmt.Errorf("record: %s: more than %d bytes", name, MaxFileBytes)
	}
	return nil
}

// openFile opens a file of the folder. Where a .gz file is missing it looks
// for the same without that ending; it returns the name that it found.
func openFile(fsys fs.FS, folder, file string) (fs.File, string, error) {
	f, err := fsys.Open(file)
	if plain, ok := strings.CutSuffix(file, ".gz"); ok && errors.Is(err, fs.ErrNotExist) {
		if g, plainErr := fsys.Open(plain); plainErr == nil {
			return g, plain, nil
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("record: %s: %w", folder, err)
	}
	return f, file, nil
}

// readFile is readLines over a file of the folder, decompressed where its
// name ends in .gz.
func readFile[T any](fsys fs.FS, folder, file string, each func(line int, v *T) error) error {
	f, file, err := openFile(fsys, folder, file)
	if err != nil {
		return err
	}
	defer f.Close()
	name := folder + "/" + file
	if !strings.HasSuffix(file, ".gz") {
		return readLines(f, name, each)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("record: %s: %w", name, err)
	}
	defer z.Close()
	return readLines(z, name, each)
}
