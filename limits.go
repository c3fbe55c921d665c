package summit

import "time"

// Limits bounds what the server takes on. Zero values are the defaults.
type Limits struct {
	BodyBytes int64         `yaml:"body_bytes" jsonschema:"minimum=0"` // longest request body; 0 = 33554432 (32 MiB)
	Shutdown  time.Duration `yaml:"shutdown"`                          // time that streams get to end after a first Ctrl-C or SIGTERM; 0 = 30s
}

func (l Limits) withDefaults() Limits {
	or(&l.BodyBytes, 32<<20)
	or(&l.Shutdown, 30*time.Second)
	return l
}

func (l Limits) check(k *checker) {
	if l.BodyBytes < 0 {
		k.add("limits.body_bytes", "%d, want zero or more", l.BodyBytes)
	}
}
