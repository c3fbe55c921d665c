//go:build unix

package weights

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapMemory(f *os.File, size int) (*mapped, error) {
	data, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: f.Name(), Err: err}
	}
	return &mapped{data: data, free: unix.Munmap}, nil
}

// drop is advice: a system that does not follow it only holds more memory.
func drop(pages []byte) { _ = unix.Madvise(pages, unix.MADV_DONTNEED) }
