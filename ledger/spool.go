package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spool puts aside the postings that a later transaction may reverse, where
// they can't be read again: a few bytes for each, in memory as long as they
// are few, and in a temporary file from then on.
type spool struct {
	most   int // bytes in memory
	lines  []line
	ids    map[line]uint64
	buffer []byte
	file   *os.File
}

// spoolBytes is what a spool keeps in memory: that of some 200,000 settlements.
const spoolBytes = 16 << 20

func newSpool() *spool { return &spool{most: spoolBytes, ids: map[line]uint64{}} }

// add puts the transaction's reversible postings aside.
func (s *spool) add(t *Txn) error {
	postings := t.reversible()
	if len(postings) == 0 {
		return nil
	}
	s.buffer = binary.AppendUvarint(s.buffer, uint64(t.Seq))
	s.buffer = binary.AppendUvarint(s.buffer, uint64(len(postings)))
	for _, p := range postings {
		l := line{p.Account, p.Currency}
		id, ok := s.ids[l]
		if !ok {
			id = uint64(len(s.lines))
			s.ids[l], s.lines = id, append(s.lines, l)
		}
		s.buffer = binary.AppendUvarint(s.buffer, id)
		s.buffer = binary.AppendVarint(s.buffer, int64(p.Amount))
	}
	if len(s.buffer) < s.most {
		return nil
	}
	return s.flush()
}

// flush writes what is in memory to the file.
func (s *spool) flush() (err error) {
	if s.file == nil {
		s.file, err = os.CreateTemp("", "summit-verify-*")
	}
	if err == nil {
		_, err = s.file.Write(s.buffer)
	}
	if s.buffer = s.buffer[:0]; err != nil {
		return fmt.Errorf("ledger: what may be reversed later is put aside in TMPDIR: %w", err)
	}
	return nil
}

// each gives those that are wanted of what was put aside, in their order.
func (s *spool) each(wanted func(seq int64) bool, do func(seq int64, whole map[line]Units)) error {
	var in io.Reader = bytes.NewReader(s.buffer)
	if s.file != nil {
		if err := s.flush(); err != nil {
			return err
		}
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		in = s.file
	}
	r := bufio.NewReaderSize(in, 1<<16)
	for {
		seq, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		n, err2 := binary.ReadUvarint(r)
		if err = errors.Join(err, err2); err != nil {
			return err
		}
		want, whole := wanted(int64(seq)), map[line]Units{}
		for range n {
			id, err := binary.ReadUvarint(r)
			x, err2 := binary.ReadVarint(r)
			if err = errors.Join(err, err2); err != nil {
				return err
			}
			if want {
				whole[s.lines[id]] += Units(x)
			}
		}
		if want {
			do(int64(seq), whole)
		}
	}
}

// close removes the file.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
