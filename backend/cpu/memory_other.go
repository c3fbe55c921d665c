//go:build !linux

package cpu

func anonymous(n int) ([]byte, error) { return make([]byte, n), nil }

func populate([]byte) {}

func unmap([]byte) {}

// filePages are pages of a view of a file; here nothing is known of them.
type filePages struct{}

func pagesOf([]byte) filePages { return filePages{} }

func (filePages) release() {}
