package weights

import (
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// mapped is a file seen as memory, read-only: writing to data faults. If the
// file is made shorter while it is mapped, touching what is gone kills the
// process; replace model files by renaming, as summit pull does.
type mapped struct {
	data []byte
	free func([]byte) error // nil: data is ordinary memory
}

// mapFile maps a whole file. An empty one gives no data.
func mapFile(path string) (*mapped, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	size := info.Size()
	if size == 0 {
		return &mapped{}, nil
	}
	if size != int64(int(size)) {
		return nil, fmt.Errorf("%d bytes do not fit into this machine's memory", size)
	}
	return mapMemory(f, int(size))
}

func (m *mapped) close() error {
	data, free := m.data, m.free
	m.data, m.free = nil, nil
	if free == nil {
		return nil
	}
	return free(data)
}

// release drops the pages that lie wholly inside part, if part lies in m.
func (m *mapped) release(part []byte) {
	if m.free == nil || len(part) == 0 {
		return
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	if at < base || at+uintptr(len(part)) > base+uintptr(len(m.data)) {
		return
	}
	page := os.Getpagesize()
	lo := (int(at-base) + page - 1) / page * page
	hi := (int(at-base) + len(part)) / page * page
	if lo < hi {
		drop(m.data[lo:hi])
	}
}
