package cpu

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Pages of a file's view are given back and read again; memory that is no such
// view is left alone.
func TestRelease(t *testing.T) {
	want := bytes.Repeat([]byte("summit"), 10000)
	heap := bytes.Clone(want)
	pagesOf(heap).release()
	if !bytes.Equal(heap, want) {
		t.Error("memory that is no view of a file lost its contents")
	}
	own, err := anonymous(len(want))
	if err != nil {
		t.Fatal(err)
	}
	defer unmap(own)
	copy(own, want)
	pagesOf(own).release()
	if !bytes.Equal(own, want) {
		t.Error("anonymous memory lost its contents")
	}

	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	view, err := syscall.Mmap(int(f.Fd()), 0, len(want), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(view)
	p := pagesOf(view[100:20000])
	if size := uintptr(os.Getpagesize()); p.hi-p.lo < 19900 || p.lo%size != 0 || p.hi%size != 0 {
		t.Fatalf("pages %#x to %#x, want whole ones around 19900 bytes", p.lo, p.hi)
	}
	if !bytes.Equal(view, want) { // now they are resident
		t.Fatal("the view differs from the file")
	}
	p.release()
	if !bytes.Equal(view, want) {
		t.Error("the view differs from the file after release")
	}
}
