package summit

import "time"

// Limits bounds what the server takes on.
type Limits struct {
	BodyBytes    int64         `yaml:"body_bytes" jsonschema:"minimum=0"`   // longest request body; 0 = 33554432 (32 MiB)
	BodiesBytes  int64         `yaml:"bodies_bytes" jsonschema:"minimum=0"` // bodies of all requests in flight together; 0 = 268435456 (256 MiB)
	Requests     int           `yaml:"requests" jsonschema:"minimum=0"`     // requests answered at the same time; 0 = 512
	Queue        int           `yaml:"queue" jsonschema:"minimum=0"`        // requests that wait for their turn; 0 = 512
	RequestTime  time.Duration `yaml:"request_time"`                        // the longest that one request may take; 0 = 10m
	WriteTime    time.Duration `yaml:"write_time"`                          // the longest that a client may leave a piece of its answer unread; 0 = 30s
	ShutdownTime time.Duration `yaml:"shutdown_time"`                       // what running answers get to end in after a first Ctrl-C or SIGTERM; 0 = 30s
}

func (l Limits) withDefaults() Limits {
	or(&l.BodyBytes, 32<<20)
	or(&l.BodiesBytes, 256<<20)
	or(&l.Requests, 512)
	or(&l.Queue, 512)
	or(&l.RequestTime, 10*time.Minute)
	or(&l.WriteTime, 30*time.Second)
	or(&l.ShutdownTime, 30*time.Second)
	return l
}

func (l Limits) check(k *checker) {
	for _, n := range []struct {
		path  string
		value int64
	}{
		{"body_bytes", l.BodyBytes}, {"bodies_bytes", l.BodiesBytes}, {"requests", int64(l.Requests)}, {"queue", int64(l.Queue)},
		{"request_time", int64(l.RequestTime)}, {"write_time", int64(l.WriteTime)}, {"shutdown_time", int64(l.ShutdownTime)},
	} {
		if n.value < 0 {
			k.add(join("limits", n.path), "%d, want zero or more", n.value)
		}
	}
}
