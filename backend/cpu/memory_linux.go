package cpu

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// anonymous returns zeroed memory outside of Go's heap, in large pages where
// there are any: gigabytes of weights would make the collector's goal
// gigabytes too.
func anonymous(n int) ([]byte, error) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	_ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) // only a wish
	return b, nil
}

// populate touches fresh memory all at once, cheaper than page by page when it
// is written.
func populate(b []byte) {
	const madvPopulateWrite = 23 // Linux 5.14; without it pages come as they are touched
	_ = syscall.Madvise(b, madvPopulateWrite)
}

func unmap(b []byte) {
	if len(b) > 0 {
		_ = syscall.Munmap(b)
	}
}

// filePages are the whole pages of a read-only view of a file.
type filePages struct{ lo, hi uintptr }

// pagesOf returns the pages that b touches, or none if b is no view of a file:
// memory that is not would lose its contents.
func pagesOf(b []byte) filePages {
	if len(b) == 0 {
		return filePages{}
	}
	size := uintptr(os.Getpagesize())
	at := uintptr(unsafe.Pointer(&b[0]))
	p := filePages{at / size * size, (at + uintptr(len(b)) + size - 1) / size * size}
	if !fileView(p.lo, p.hi) {
		return filePages{}
	}
	return p
}

// release tells the system that the pages are not needed soon. They are read
// from the file again if they are.
func (p filePages) release() {
	if p.hi > p.lo {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, p.lo, p.hi-p.lo, syscall.MADV_DONTNEED)
	}
}

// fileView reports whether the addresses are one read-only view of a file.
func fileView(lo, hi uintptr) bool {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return false
	}
	for line := range bytes.Lines(maps) {
		f := bytes.Fields(line) // range, rights, offset, device, inode, path
		if len(f) < 6 {
			continue
		}
		from, to, ok := bytes.Cut(f[0], []byte("-"))
		a, err1 := strconv.ParseUint(string(from), 16, 64)
		b, err2 := strconv.ParseUint(string(to), 16, 64)
		if !ok || err1 != nil || err2 != nil || uintptr(a) > lo || uintptr(b) < hi {
			continue
		}
		return f[1][0] == 'r' && f[1][1] == '-' && string(f[4]) != "0"
	}
	return false
}
