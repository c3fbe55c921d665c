package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"summit/internal/whole"
)

// WriteSplit writes one split of a suite into the directory, replacing what
// was there: each file appears whole or not at all. Lines are checked as
// reading checks them; equal input gives equal bytes.
func WriteSplit(dir, suite, split string, questions []Question, rows []Row) error {
	if !word.MatchString(suite) || !word.MatchString(split) {
		return fmt.Errorf("record: suite %q, split %q, want letters, digits, - and _ in both", clip(suite), clip(split))
	}
	for i := range questions {
		if err := questions[i].valid(suite); err != nil {
			return fmt.Errorf("record: %s: question %d: %w", suite, i+1, err)
		}
	}
	for i := range rows {
		if err := rows[i].valid(suite); err != nil {
			return fmt.Errorf("record: %s: row %d: %w", suite, i+1, err)
		}
	}
	if err := writeLines(filepath.Join(dir, suite+".questions."+split+".jsonl.gz"), questions); err != nil {
		return err
	}
	return writeLines(filepath.Join(dir, suite+".outcomes."+split+".jsonl.gz"), rows)
}

// WriteMembers writes the directory's list of members, replacing what was
// there, whole or not at all.
func WriteMembers(dir string, members []Member) error {
	for i := range members {
		if err := members[i].valid(); err != nil {
			return fmt.Errorf("record: member %d: %w", i+1, err)
		}
	}
	return writeLines(filepath.Join(dir, membersFile), members)
}

// writeLines writes one JSON line for each value, compressed where the path
// ends in .gz.
func writeLines[T any](path string, values []T) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for i := range values {
		at := lines.Len()
		if err := enc.Encode(&values[i]); err != nil {
			return fmt.Errorf("record: %s: line %d: %w", path, i+1, err)
		}
		if n := lines.Len() - at; n > MaxLineBytes {
			return fmt.Errorf("record: %s: line %d has %d bytes, want at most %d", path, i+1, n, MaxLineBytes)
		}
	}
	data := lines.Bytes()
	if filepath.Ext(path) == ".gz" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(data); err != nil {
			return fmt.Errorf("record: %s: %w", path, err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("record: %s: %w", path, err)
		}
		data = packed.Bytes()
	}
	return ReplaceFile(path, data)
}

// ReplaceFile writes a file that appears whole or not at all, for everybody to
// read.
func ReplaceFile(path string, data []byte) error {
	err := whole.File(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
