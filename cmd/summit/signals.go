package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// errInterrupted is why a command's context ends at the first signal.
var errInterrupted = errors.New("interrupted")

// signals turns Ctrl-C and SIGTERM into the end of a context: once = end in
// good order, twice = now.
type signals struct {
	ctx context.Context
	// instead, if it is set and true for a Ctrl-C, takes it: a chat stops its
	// answer and goes on.
	instead atomic.Pointer[func() bool]
}

func watchSignals() *signals {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &signals{ctx: ctx}
	came := make(chan os.Signal, 2)
	signal.Notify(came, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		for sig := range came {
			if take := s.instead.Load(); take != nil && sig == os.Interrupt && (*take)() {
				continue
			}
			if ctx.Err() != nil {
				os.Exit(exitFailed)
			}
			cancel(errInterrupted)
		}
	}()
	return s
}
