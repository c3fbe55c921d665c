package eval

import (
	"syscall"
	"time"
)

// cpu returns the time that the process has spent on processors: what a run
// takes, however busy the machine is with other work.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
