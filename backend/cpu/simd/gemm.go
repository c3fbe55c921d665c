package simd

import "fmt"

// GemmCols is how many columns a packed panel of the right matrix has.
const GemmCols = 32

// gemmDepth is how much of k one call of a kernel takes: a panel of it, 32 KB,
// stays in the first cache.
const gemmDepth = 256

type gemmKernel func(c *float32, ldc uintptr, a *float32, aRow, aCol uintptr, b *float32, k, add uintptr)

type gemmRows struct {
	rows int
	run  gemmKernel
}

// gemmTier is a tier's kernels, fewest rows first, and how many columns they do.
type gemmTier struct {
	cols    int
	kernels []gemmRows
}

var gemmKernels [tiers]gemmTier

// Strided is a view of a matrix whose element (i, k) is Data[i*Row+k*Col]. One
// of the strides is mostly 1.
type Strided struct {
	Data     []float32
	Row, Col int
}

func (s Strided) check(what string, rows, cols int) {
	if rows > 0 && cols > 0 && (s.Row < 0 || s.Col < 0 || (rows-1)*s.Row+(cols-1)*s.Col >= len(s.Data)) {
		panic(fmt.Sprintf("simd: gemm: %s of %dx%d with strides %d and %d in %d numbers", what, rows, cols, s.Row, s.Col, len(s.Data)))
	}
}

// Right is a packed right matrix [K, N].
type Right struct {
	Data []float32
	K, N int
}

// PackedLen is how many numbers a right matrix [k, n] takes packed.
func PackedLen(k, n int) int { return (n + GemmCols - 1) / GemmCols * GemmCols * k }

// PackRight packs the right matrix b [k, n] for Gemm: panels of 32 columns,
// each [k][32], the last filled up with zeros. dst has PackedLen(k, n) numbers.
func PackRight(dst []float32, b Strided, k, n int) Right {
	b.check("right matrix", k, n)
	if len(dst) < PackedLen(k, n) {
		panic(fmt.Sprintf("simd: gemm: pack %dx%d into %d numbers, want %d", k, n, len(dst), PackedLen(k, n)))
	}
	for at := 0; at < n; at += GemmCols {
		w := min(GemmCols, n-at)
		panel := dst[at*k : (at+GemmCols)*k]
		switch {
		case b.Col == 1:
			for i := range k {
				line := panel[i*GemmCols : (i+1)*GemmCols]
				copy(line, b.Data[i*b.Row+at:i*b.Row+at+w])
				clear(line[w:])
			}
		default:
			if w < GemmCols {
				clear(panel)
			}
			// Eight columns at a time: their lines of the source stay in the cache.
			for j := 0; j < w; j += 8 {
				for i := range k {
					for c := j; c < min(j+8, w); c++ {
						panel[i*GemmCols+c] = b.Data[i*b.Row+(at+c)*b.Col]
					}
				}
			}
		}
	}
	return Right{dst[:PackedLen(k, n)], k, n}
}

// Gemm sets c [m, n], whose rows are ldc apart, to a [m, k] times the
// first k rows and n columns of b, or adds the product to it. Each number is
// one chain over k, whatever m and n are and however the work is cut.
func Gemm(tier Tier, c []float32, ldc int, a Strided, b Right, m, n, k int, add bool) {
	if m <= 0 || n <= 0 {
		return
	}
	a.check("left matrix", m, k)
	if ldc < n || (m-1)*ldc+n > len(c) || k > b.K || n > b.N || len(b.Data) < PackedLen(b.K, b.N) {
		panic(fmt.Sprintf("simd: gemm: %dx%dx%d by rows of %d in %d numbers, right matrix of %dx%d", m, n, k, ldc, len(c), b.K, b.N))
	}
	if k <= 0 {
		if !add {
			for i := range m {
				clear(c[i*ldc : i*ldc+n])
			}
		}
		return
	}
	if len(gemmKernels[tier].kernels) == 0 {
		gemmPlain(c, ldc, a, b, m, n, k, add)
		return
	}
	for from := 0; from < k; from += gemmDepth {
		deep := min(gemmDepth, k-from)
		part := Strided{a.Data[from*a.Col:], a.Row, a.Col}
		for at := 0; at < n; at += GemmCols {
			panel := b.Data[at*b.K+from*GemmCols:]
			if n-at >= GemmCols {
				gemmPanel(tier, c[at:], ldc, part, panel, m, deep, add || from > 0)
				continue
			}
			gemmEdge(tier, c[at:], ldc, part, panel, m, n-at, deep, add || from > 0)
		}
	}
}

// gemmPanel does m rows of one whole panel.
func gemmPanel(tier Tier, c []float32, ldc int, a Strided, b []float32, m, k int, add bool) {
	t := &gemmKernels[tier]
	flag := uintptr(0)
	if add {
		flag = 1
	}
	for i := 0; i < m; {
		kernel := &t.kernels[len(t.kernels)-1]
		for j := len(t.kernels) - 1; kernel.rows > m-i; j-- {
			kernel = &t.kernels[j-1]
		}
		for col := 0; col < GemmCols; col += t.cols {
			kernel.run(&c[i*ldc+col], uintptr(4*ldc), &a.Data[i*a.Row], uintptr(4*a.Row), uintptr(4*a.Col), &b[col], uintptr(k), flag)
		}
		i += kernel.rows
	}
}

// gemmEdge does m rows of a panel with fewer columns, by way of a whole tile.
func gemmEdge(tier Tier, c []float32, ldc int, a Strided, b []float32, m, n, k int, add bool) {
	const rows = 12
	var tile [rows * GemmCols]float32
	for i := 0; i < m; i += rows {
		r := min(rows, m-i)
		if add {
			for j := range r {
				copy(tile[j*GemmCols:], c[(i+j)*ldc:(i+j)*ldc+n])
			}
		}
		gemmPanel(tier, tile[:], GemmCols, Strided{a.Data[i*a.Row:], a.Row, a.Col}, b, r, k, add)
		for j := range r {
			copy(c[(i+j)*ldc:(i+j)*ldc+n], tile[j*GemmCols:])
		}
	}
}

func gemmPlain(c []float32, ldc int, a Strided, b Right, m, n, k int, add bool) {
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		if !add {
			clear(row)
		}
		for at := 0; at < n; at += GemmCols {
			out := row[at:min(at+GemmCols, n)]
			for p := range k {
				x, line := a.Data[i*a.Row+p*a.Col], b.Data[at*b.K+p*GemmCols:]
				for j := range out {
					out[j] += float32(x * line[j]) // the conversion keeps it from being fused on some machines
				}
			}
		}
	}
}
