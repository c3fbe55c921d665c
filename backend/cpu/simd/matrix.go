package simd

import "fmt"

// Matrix is packed weights, rows x cols.
type Matrix struct {
	Rows, Cols int
	Quant      *Form      // the form of quantised weights, or
	Float      *FloatForm // of float weights
	Data       []byte     // PackedBytes(Rows, Cols)
}

// NewMatrix checks that data has the size of the form and shape, so that
// nothing after it needs to.
func NewMatrix(name string, rows, cols int, data []byte) (*Matrix, error) {
	m := &Matrix{Rows: rows, Cols: cols, Quant: FormOf(name), Float: FloatFormOf(name), Data: data}
	if rows < 1 || cols < 1 || rows > 1<<31 || cols > 1<<31 {
		return nil, fmt.Errorf("simd: matrix: got %d x %d, want both from 1 to 2^31", rows, cols)
	}
	want := 0
	switch {
	case m.Quant != nil && cols%m.Quant.Block == 0:
		want = m.Quant.PackedBytes(rows, cols)
	case m.Quant != nil:
		return nil, fmt.Errorf("simd: matrix: got %d columns of %s, want a multiple of %d", cols, name, m.Quant.Block)
	case m.Float != nil:
		want = m.Float.PackedBytes(rows, cols)
	default:
		return nil, fmt.Errorf("simd: matrix: no packed form of %q", name)
	}
	if len(data) != want {
		return nil, fmt.Errorf("simd: matrix: got %d bytes for %d x %d of %s, want %d", len(data), rows, cols, name, want)
	}
	return m, nil
}

// Panels is how many panels of 16 rows there are.
func (m *Matrix) Panels() int { return panels(m.Rows) }

// Pack fills panel p from its rows in the file's layout.
func (m *Matrix) Pack(p int, src []byte) error {
	if p < 0 || p >= m.Panels() {
		return fmt.Errorf("simd: pack: got panel %d of %d", p, m.Panels())
	}
	if m.Quant != nil {
		return m.Quant.Pack(m.panel(p), src, m.Cols)
	}
	return m.Float.Pack(m.panel(p), src, m.Cols)
}

func (m *Matrix) panel(p int) []byte {
	n := len(m.Data) / m.Panels()
	return m.Data[p*n:][:n]
}

// Out says where results go: dst[t*Stride+row] of token t. They are added to
// From, which has FromStride between tokens: 0 for a bias, one for all. Nil
// means zero.
type Out struct {
	Dst        []float32
	Stride     int
	From       []float32
	FromStride int
}

func (o *Out) check(rows, tokens int) error {
	if need := (tokens-1)*o.Stride + rows; o.Stride < rows && tokens > 1 || len(o.Dst) < need {
		return fmt.Errorf("simd: matmul: got room for %d numbers, %d from token to token, want %d rows for %d tokens", len(o.Dst), o.Stride, rows, tokens)
	}
	if o.From == nil {
		return nil
	}
	if need := (tokens-1)*o.FromStride + rows; o.FromStride < 0 || len(o.From) < need {
		return fmt.Errorf("simd: matmul: got %d numbers to add to, want %d", len(o.From), need)
	}
	return nil
}

// Tile is one worker's memory for the edges of a matmul: where a panel at the edge of the matrix, or a group with fewer
// tokens than its kernel, is computed before what counts is copied.
type Tile struct {
	dst, from [8 * PanelRows]float32
}

var zeros [PanelRows]float32

// kernelBytes bounds what one call of assembly reads of the weights: at 5 GB/s,
// slower than any machine with these instructions, 100 microseconds read 500 kB.
const kernelBytes = 256 << 10

// tokenBytes bounds the activations that are gone through for each panel, so
// that they stay in the second-level cache.
const tokenBytes = 512 << 10

// MatMul computes the panels of w from first to last-1 for all tokens of x.
// Calls for different panels may run at the same time.
func MatMul(tier Tier, t *Tile, out Out, w *Matrix, x *Activations, first, last int) error {
	if w.Quant == nil || x.cols != w.Cols {
		return fmt.Errorf("simd: matmul: got vectors of %d int8, want %d for %s", x.cols, w.Cols, w.kind())
	}
	if first < 0 || last > w.Panels() || first > last {
		return fmt.Errorf("simd: matmul: got panels %d to %d, want within %d", first, last, w.Panels())
	}
	if err := out.check(w.Rows, x.tokens); err != nil {
		return err
	}
	step := max(8, tokenBytes/(w.Cols/32*actBlock)/8*8)
	for lo := 0; lo < x.tokens; lo += step {
		hi := min(lo+step, x.tokens)
		for p := first; p < last; p++ {
			panel := w.panel(p)
			for at := lo; at < hi; at += 8 {
				w.Quant.group(tier, t, &out, panel, x, at, p*PanelRows, min(PanelRows, w.Rows-p*PanelRows))
			}
		}
	}
	return nil
}

func (m *Matrix) kind() string {
	if m.Quant != nil {
		return m.Quant.Name
	}
	return m.Float.Name
}

// place returns where the kernel writes and starts from: the real place where
// all 16 rows and room tokens exist, else the tile.
func (t *Tile) place(out *Out, at, row, rows, live, room int) (dst []float32, stride int, from []float32, fromStride int) {
	whole := rows == PanelRows && live == room
	if whole {
		dst, stride = out.Dst[at*out.Stride+row:], out.Stride
	} else {
		dst, stride = t.dst[:], PanelRows
	}
	switch {
	case out.From == nil:
		return dst, stride, zeros[:], 0
	case whole:
		return dst, stride, out.From[at*out.FromStride+row:], out.FromStride
	}
	for i := range live {
		copy(t.from[i*PanelRows:][:rows], out.From[(at+i)*out.FromStride+row:])
	}
	return dst, stride, t.from[:], PanelRows
}

// collect copies what counts out of the tile.
func (t *Tile) collect(out *Out, at, row, rows, live int) {
	for i := range live {
		copy(out.Dst[(at+i)*out.Stride+row:][:rows], t.dst[i*PanelRows:])
	}
}

// group computes one panel for one group of tokens.
func (f *Form) group(tier Tier, t *Tile, out *Out, panel []byte, x *Activations, at, row, rows int) {
	offset, room, _ := x.group(at)
	live := min(8, x.tokens-at)
	acts := x.data[offset:]
	dst, stride, from, fromStride := t.place(out, at, row, rows, live, room)
	blocks := x.cols / f.Block
	each := max(1, kernelBytes/f.blockBytes())
	for b := 0; b < blocks; b += each {
		n := min(each, blocks-b)
		wb, xb := panel[b*f.blockBytes():][:n*f.blockBytes()], acts[b*(f.Block/32)*room*actBlock:]
		if b > 0 {
			from, fromStride = dst, stride
		}
		f.call(tier, dst, stride, from, fromStride, wb, xb, room, n)
	}
	if rows != PanelRows || live != room {
		t.collect(out, at, row, rows, live)
	}
}

func (f *Form) call(tier Tier, dst []float32, stride int, from []float32, fromStride int, w, x []byte, room, blocks int) {
	k := &f.kernels[tier]
	xStride := room * actBlock
	// The last bytes that assembly touches, as the slices' bounds.
	_ = dst[(room-1)*stride+PanelRows-1]
	_ = from[(room-1)*fromStride+PanelRows-1]
	_ = w[blocks*f.blockBytes()-1]
	_ = x[blocks*(f.Block/32)*xStride-1]
	switch {
	case k.one == nil:
		f.plain(dst, stride, from, fromStride, w, x, xStride, room, blocks)
	case room == 1:
		k.one(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride), uintptr(blocks))
	case room == 4:
		k.four(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride), uintptr(blocks))
	case k.eight != nil:
		k.eight(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride), uintptr(blocks))
	default:
		for h := range 2 {
			d, fr := dst[4*h*stride:], from[4*h*fromStride:]
			k.four(&d[0], uintptr(stride*4), &fr[0], uintptr(fromStride*4), &w[0], &x[4*h*actBlock], uintptr(xStride), uintptr(blocks))
		}
	}
}

// MatMulFloat is MatMul for float weights: x has tokens rows of w.Cols floats,
// xStride apart.
func MatMulFloat(tier Tier, t *Tile, out Out, w *Matrix, x []float32, xStride, tokens, first, last int) error {
	if w.Float == nil || tokens < 1 || tokens > 1 && xStride < w.Cols || len(x) < (tokens-1)*xStride+w.Cols {
		return fmt.Errorf("simd: matmul: got %d floats, %d from token to token, want %d for %d tokens and %s", len(x), xStride, w.Cols, tokens, w.kind())
	}
	if first < 0 || last > w.Panels() || first > last {
		return fmt.Errorf("simd: matmul: got panels %d to %d, want within %d", first, last, w.Panels())
	}
	if err := out.check(w.Rows, tokens); err != nil {
		return err
	}
	step := max(8, tokenBytes/(w.Cols*4)/8*8)
	for lo := 0; lo < tokens; lo += step {
		hi := min(lo+step, tokens)
		for p := first; p < last; p++ {
			for at := lo; at < hi; {
				room := 1
				if left := hi - at; left >= 8 {
					room = 8
				} else if left >= 4 {
					room = 4
				} else if left >= 2 {
					room = 2
				}
				w.Float.group(tier, t, &out, w.panel(p), x[at*xStride:], xStride, w.Cols, room, at, p*PanelRows, min(PanelRows, w.Rows-p*PanelRows))
				at += room
			}
		}
	}
	return nil
}

func (f *FloatForm) group(tier Tier, t *Tile, out *Out, panel []byte, x []float32, xStride, cols, room, at, row, rows int) {
	dst, stride, from, fromStride := t.place(out, at, row, rows, room, room)
	const each = kernelBytes / (PanelRows * 4) // even, and the same for every size of weight
	for c := 0; c < cols; c += each {
		n := min(each, cols-c)
		wb, xb := panel[c*PanelRows*f.Size:][:n*PanelRows*f.Size], x[c:]
		if c > 0 {
			from, fromStride = dst, stride
		}
		f.call(tier, dst, stride, from, fromStride, wb, xb, xStride, room, n)
	}
	if rows != PanelRows {
		t.collect(out, at, row, rows, room)
	}
}

func (f *FloatForm) call(tier Tier, dst []float32, stride int, from []float32, fromStride int, w []byte, x []float32, xStride, room, columns int) {
	k := &f.kernels[tier]
	_ = dst[(room-1)*stride+PanelRows-1]
	_ = from[(room-1)*fromStride+PanelRows-1]
	_ = w[columns*PanelRows*f.Size-1]
	_ = x[(room-1)*xStride+columns-1]
	switch {
	case k.one == nil:
		f.plain(dst, stride, from, fromStride, w, x, xStride, room, columns)
	case room == 1:
		k.one(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride*4), uintptr(columns))
	case room == 2:
		k.two(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride*4), uintptr(columns))
	case room == 4:
		k.four(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride*4), uintptr(columns))
	case k.eight != nil:
		k.eight(&dst[0], uintptr(stride*4), &from[0], uintptr(fromStride*4), &w[0], &x[0], uintptr(xStride*4), uintptr(columns))
	default:
		for h := range 2 {
			d, fr := dst[4*h*stride:], from[4*h*fromStride:]
			k.four(&d[0], uintptr(stride*4), &fr[0], uintptr(fromStride*4), &w[0], &x[4*h*xStride], uintptr(xStride*4), uintptr(columns))
		}
	}
}
