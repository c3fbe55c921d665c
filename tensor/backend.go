package tensor

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Backend is a chip that runs programs. Weights, buffers and executables are
// opaque: only the backend that made one knows where and how it lies.
//
// The contract is these calls and those of Executable, nothing else. It has
// room for tiers apart: collectives between several chips, and training. A
// backend is used by one goroutine at a time.
type Backend interface {
	// Caps tells what the chip is and can.
	Caps() Caps
	// Supports reports whether the step runs natively with weights of type t
	// (t counts for steps with matrices only). What does not is run by another
	// backend and counted; see WithFallback.
	Supports(op Op, t DType) bool
	// Load takes a weight in the layout that suits its use. The tensors' data
	// must stay valid until the weight is freed: a backend may keep the view.
	Load(w WeightSpec) (Weight, error)
	// Alloc reserves a buffer, or says how many bytes were missing.
	Alloc(b BufferSpec) (Buffer, error)
	// Free gives back what Load or Alloc returned.
	Free(r Resource)
	// Copy copies one block or slot between two buffers of one layout.
	Copy(dst Buffer, dstItem int, src Buffer, srcItem int) error
	// Upload and Download move one block or slot as float32, in the order that
	// BufferSpec.ItemLen describes.
	Upload(dst Buffer, item int, src []float32) error
	Download(dst []float32, src Buffer, item int) error
	// Compile prepares a checked program with its weights and buffers, given
	// in the program's order, for batches up to a size.
	Compile(p *Program, w []Weight, b []Buffer, lim Limits) (Executable, error)
	// Counters tells what ran since the backend was opened.
	Counters() []Counter
	// Close frees everything.
	Close() error
}

// Executable is a compiled program with its registers.
type Executable interface {
	// Run carries out all steps on a batch. It may return before they are
	// done; Read waits for them.
	Run(b *Batch) error
	// Read copies rows [row, row+len(dst)/Cols) of a float register. The last
	// Run's batch says which rows are meaningful.
	Read(dst []float32, reg, row int) error
	// Write sets rows of a register before a Run, for tests and for inputs
	// that are no tokens. Int registers take whole numbers.
	Write(reg, row int, src []float32) error
	Close() error
}

// Resource is memory on a chip.
type Resource interface {
	Bytes() int64 // as it lies there; 0 if it is only a view of the file
}

// Weight is what Load returned, Buffer what Alloc returned.
type (
	Weight Resource
	Buffer Resource
)

// Caps is what a backend says of itself.
type Caps struct {
	Name    string
	Kernels string // tier of its kernels, for people: "plain", "avx512vnni", ...
	Threads int    // workers that share a step; 1 if that means nothing

	MemoryBytes int64   // of the chip; 0 = the host's
	Caches      []DType // types of KV cache, the best first

	// Invariant: a row's results depend on its own sequence alone, bit for
	// bit: not on the batch around it, on how a prompt is cut, or on Threads.
	Invariant bool
	// Exact: weights count as stored and arithmetic is float32.
	Exact bool
	// Fused: steps of several matrices and norms with a residual add are taken
	// as they are. Others see them taken apart by Decompose.
	Fused bool
}

// Counter is how often one operation ran.
type Counter struct {
	Op       Op
	Native   int64         // steps that the backend ran itself
	Fallback int64         // steps that another backend ran for it
	Time     time.Duration // spent in both, if measured
}

// Options opens a backend. The zero value is a sensible default.
type Options struct {
	Exact   bool   // weights as stored, float32 arithmetic
	Threads int    // 0 = one a processor core
	Kernels string // tier by name, "" = the best there is
}

var (
	backendsMu sync.RWMutex
	backends   = map[string]opener{}
)

type opener struct {
	about string
	open  func(Options) (Backend, error)
}

// Register makes a backend known by name. It is called from init and panics
// on a name that is taken.
func Register(name, about string, open func(Options) (Backend, error)) {
	backendsMu.Lock()
	defer backendsMu.Unlock()
	if _, taken := backends[name]; taken {
		panic("tensor: two backends named " + name)
	}
	backends[name] = opener{about, open}
}

// Backends returns the names of all registered backends, sorted.
func Backends() []string {
	backendsMu.RLock()
	defer backendsMu.RUnlock()
	names := make([]string, 0, len(backends))
	for name := range backends {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// About returns a backend's description in one line.
func About(name string) string {
	backendsMu.RLock()
	defer backendsMu.RUnlock()
	return backends[name].about
}

// Open opens a registered backend.
func Open(name string, o Options) (Backend, error) {
	backendsMu.RLock()
	b, ok := backends[name]
	backendsMu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("tensor: backend: got %q, want one of %s", name, strings.Join(Backends(), ", "))
	}
	if o.Threads < 0 {
		return nil, fmt.Errorf("tensor: backend %s: %d threads, want 0 or more", name, o.Threads)
	}
	return b.open(o)
}
