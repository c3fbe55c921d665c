//go:build !amd64

package simd

import "runtime"

// Pause lets other goroutines run.
func Pause() { runtime.Gosched() }
