package simd

// Pause tells the processor that this is a loop that waits: it takes some tens
// of nanoseconds and leaves the core to others meanwhile.
func Pause()
