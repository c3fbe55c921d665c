//go:build !linux

package eval

import "time"

var began = time.Now()

// cpu returns the time since the tests began: on this system a machine that
// is busy with other work counts.
func cpu() time.Duration { return time.Since(began) }
