//go:build !linux

package cpu

func anonymous(n int) ([]byte, error) { return make([]byte, n), nil }

func populate([]byte) {}

func unmap([]byte) {}

func release([]byte) {}
