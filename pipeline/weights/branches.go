package weights

import (
	"fmt"
	"math"
)

// outOf is how many channels the nth encoder makes.
func outOf(n int) int { return firstOut << n }

// rowsAt is how many rows (frequencies) the spectrum has before the nth encoder.
func rowsAt(n int) int { return bins >> (2 * n) }

// lengthAt is how many samples the wave has before the nth encoder.
func lengthAt(n int) int {
	t := segment
	for range n {
		t = (t + stride - 1) / stride
	}
	return t
}

// blocks are how many rows of its output an encoder or decoder of the spectrum makes at a time.
var blocks = [depth]int{32, 32, 16, 8}

// encoder is the nth encoder of the spectrum. Rows are the first dimension in memory, so that the
// eight rows that make one of the next are together, and the convolution over them is two products
// of matrices.
func (b *builder) encoder(n int) {
	c, in, rows, r := outOf(n), 2*channels, rowsAt(n+1), blocks[n]
	if n > 0 {
		in = outOf(n - 1)
	}
	name := fmt.Sprintf("encoder.%d", n)
	x, y := fmt.Sprintf("x%d", n), b.buffer(fmt.Sprintf("x%d", n+1), (rows+2*crop)*c*frames)
	p := b.begin(name, rows/r)
	g := p.graph
	row := in * frames
	first := p.in(at(x, 0, r*stride*row), r, stride*in, frames)
	second := p.in(at(x, stride*row, r*stride*row), r, stride*in, frames)
	w := b.param(name+".conv.weight", c, in, kernel, 1)
	half := func(from int) string {
		return g.constant([]int{c, stride * in, 1}, seq(c*stride*in, func(i int) float64 {
			o, k, ch := i/(stride*in), i/in%stride, i%in
			return float64(w[(o*in+ch)*kernel+from+k])
		}))
	}
	v := g.conv1(first, half(0), g.constant([]int{c}, b.param(name+".conv.bias", c)), "")
	v = g.conv1(second, half(stride), "", v)
	v = g.msop("Gelu", []string{v})
	v = b.dconv(g, v, name, r, c, frames)
	v = b.rowsGLU(g, v, name, c)
	if n == 0 { // The embedding of the frequencies.
		v = g.op("Add", []string{v, p.in(at("frequencies", 0, r*c), r, c, 1)})
	}
	p.out(at(y, crop*c*frames, r*c*frames), v, r, c, frames)
}

// rowsGLU is glu for an encoder of the spectrum, whose kernel is 1.
func (b *builder) rowsGLU(g *graph, x, name string, c int) string {
	w, bias := b.param(name+".rewrite.weight", 2*c, c, 1, 1), b.param(name+".rewrite.bias", 2*c)
	dims := []int{c, c, 1}
	value := g.conv1(x, g.constant(dims, w[:c*c]), g.constant([]int{c}, bias[:c]), "")
	gate := g.conv1(x, g.constant(dims, w[c*c:]), g.constant([]int{c}, bias[c:]), "")
	return g.op("Mul", []string{value, g.op("Sigmoid", []string{gate})})
}

// embedding writes the embedding of the frequencies, which the first encoder adds.
func (b *builder) embedding() {
	c, rows := outOf(0), rowsAt(1)
	e := b.operand("/Expand", "Expand", 1, c, rows, 1)
	out := b.buffer("frequencies", rows*c)
	p := b.begin("frequencies", 1)
	const scale = 0.2 // freq_emb of the original's settings
	v := p.graph.constant([]int{rows, c, 1}, seq(rows*c, func(i int) float64 { return scale * float64(e[i%c*rows+i/c]) }))
	p.out(at(out, 0, 0), v, rows, c, 1)
}

// decoder is the nth decoder of the spectrum, which undoes encoder depth-1-n.
func (b *builder) decoder(n int, x string, xHalo int) (out string, outHalo int) {
	level := depth - 1 - n
	c, rows, r := outOf(level), rowsAt(level+1), blocks[level]
	o := channels * 2 * b.stems
	if n < depth-1 {
		o = outOf(level - 1)
	}
	name := fmt.Sprintf("decoder.%d", n)
	row := c * frames
	y := b.buffer(fmt.Sprintf("y%d", n), (rows+2)*row)
	p := b.begin(name, rows/r)
	g := p.graph
	v := p.in(at(x, (xHalo-1)*row, r*row), r+2, c, frames)
	skip := p.in(at(fmt.Sprintf("x%d", level+1), (crop-1)*row, r*row), r+2, c, frames)
	v = g.op("Add", []string{v, skip})
	v = g.op("Reshape", []string{g.op("Transpose", []string{v}, attr("perm", []int{1, 0, 2})), g.shape(1, c, r+2, frames)})
	v = b.glu(g, v, name, c, []int{3, 3}, []int{0, 1, 0, 1})
	v = g.op("Transpose", []string{g.op("Reshape", []string{v, g.shape(c, r, frames)})}, attr("perm", []int{1, 0, 2}))
	v = b.dconv(g, v, name, r, c, frames)
	p.out(at(y, row, r*row), v, r, c, frames)

	// The transposed convolution: four rows of its output come from a row of y and the one before.
	groups := rows + 1
	r = groupsAtOnce(groups)
	out = b.buffer(fmt.Sprintf("d%d", n), groups*stride*o*frames)
	q := b.begin(name+".up", groups/r)
	g = q.graph
	here := q.in(at(y, row, r*row), r, c, frames)
	before := q.in(at(y, 0, r*row), r, c, frames)
	w, bias := b.param(name+".conv_tr.weight", c, o, kernel, 1), b.param(name+".conv_tr.bias", o)
	half := func(from int) string {
		return g.constant([]int{stride * o, c, 1}, seq(stride*o*c, func(i int) float64 {
			k, ch, in := i/(o*c), i/c%o, i%c
			return float64(w[(in*o+ch)*kernel+from+k])
		}))
	}
	v = g.conv1(here, half(0), g.constant([]int{stride * o}, seq(stride*o, func(i int) float64 { return float64(bias[i%o]) })), "")
	v = g.conv1(before, half(stride), "", v)
	if n < depth-1 {
		v = g.msop("Gelu", []string{v})
	}
	q.out(at(out, 0, r*stride*o*frames), v, r, stride*o, frames)
	if n < depth-1 { // What the crop takes away must be zeros for the next decoder.
		q.Clear = []Range{{out, int64((crop - 1) * o * frames), int64(o * frames)}, {out, int64((crop + stride*rows) * o * frames), int64(o * frames)}}
	}
	return out, crop
}

// groupsAtOnce is the largest divisor of n up to 43.
func groupsAtOnce(n int) int {
	for r := min(n, 43); ; r-- {
		if n%r == 0 {
			return r
		}
	}
}

func (b *builder) tencoder(n int, x string) string {
	c, in := outOf(n), channels
	if n > 0 {
		in = outOf(n - 1)
	}
	t, next := lengthAt(n), lengthAt(n+1)
	name := fmt.Sprintf("tencoder.%d", n)
	y := b.buffer(fmt.Sprintf("t%d", n+1), c*next)
	p := b.begin(name, 1)
	g := p.graph
	v := p.in(at(x, 0, 0), 1, in, t)
	v = g.op("Conv", []string{v, g.constant([]int{c, in, kernel}, b.param(name+".conv.weight", c, in, kernel)), g.constant([]int{c}, b.param(name+".conv.bias", c))},
		attr("kernel_shape", []int{kernel}), attr("strides", []int{stride}), attr("pads", []int{crop, crop + next*stride - t}))
	v = g.msop("Gelu", []string{v})
	v = b.dconv(g, v, name, 1, c, next)
	v = b.glu(g, v, name, c, []int{1}, []int{0, 0})
	p.out(at(y, 0, 0), v, 1, c, next)
	return y
}

func (b *builder) tdecoder(n int, x string) string {
	level := depth - 1 - n
	c, t, next := outOf(level), lengthAt(level+1), lengthAt(level)
	o := channels * b.stems
	if n < depth-1 {
		o = outOf(level - 1)
	}
	name := fmt.Sprintf("tdecoder.%d", n)
	y := b.buffer(fmt.Sprintf("td%d", n), o*next)
	p := b.begin(name, 1)
	g := p.graph
	v := g.op("Add", []string{p.in(at(x, 0, 0), 1, c, t), p.in(at(fmt.Sprintf("t%d", level+1), 0, 0), 1, c, t)})
	v = b.glu(g, v, name, c, []int{3}, []int{1, 1})
	v = b.dconv(g, v, name, 1, c, t)
	v = g.op("ConvTranspose", []string{v, g.constant([]int{c, o, kernel}, b.param(name+".conv_tr.weight", c, o, kernel)), g.constant([]int{o}, b.param(name+".conv_tr.bias", o))},
		attr("kernel_shape", []int{kernel}), attr("strides", []int{stride}), attr("pads", []int{crop, stride*t + stride - crop - next}))
	if n < depth-1 {
		v = g.msop("Gelu", []string{v})
	}
	p.out(at(y, 0, 0), v, 1, o, next)
	return y
}

// logPeriod is the logarithm of the longest period of the embeddings of positions: 10000.
const logPeriod = 9.2103403719761827

// position2D is the embedding of rows and frames: [rows, frames, 512]. See create_2d_sin_embedding
// in demucs/transformer.py.
func position2D(rows, frames int) []float32 {
	const half = bottleneck / 2
	table := make([][half]float64, max(rows, frames))
	for at := range table {
		for k := 0; k < half; k += 2 {
			table[at][k], table[at][k+1] = sincos(float64(at) * exp(-logPeriod*float64(k)/half))
		}
	}
	return seq(rows*frames*bottleneck, func(i int) float64 {
		row, frame, c := i/(frames*bottleneck), i/bottleneck%frames, i%bottleneck
		if c < half {
			return table[frame][c]
		}
		return table[row][c-half]
	})
}

// position1D is the embedding of samples: [length, 512]. See create_sin_embedding there.
func position1D(length int) []float32 {
	const half = bottleneck / 2
	all := make([]float32, length*bottleneck)
	for at := range length {
		for k := range half {
			sin, cos := sincos(float64(at) * exp(-logPeriod*float64(k)/(half-1)))
			all[at*bottleneck+k], all[at*bottleneck+half+k] = float32(cos), float32(sin)
		}
	}
	return all
}

// A prepared model must have the same bytes wherever it is prepared, since its digest is known in
// advance. The functions of package math differ in their last bits from one kind of processor to
// another, and so do sums of products, which some processors compute in one step. The functions here
// do not: each product is rounded, by an explicit conversion, before anything is added to it. They are
// exact to about 13 digits, of which a float32 has 7.

// Pi/2 in two parts, the first with so few bits that a product with a small whole number is exact.
const (
	halfPiHigh = 1.57079632673412561417e+00
	halfPiLow  = 6.07710050650619224932e-11
)

// sincos returns the sine and the cosine of x, for x from 0 to a million.
func sincos(x float64) (sin, cos float64) {
	turns := math.Floor(float64(x/(math.Pi/2)) + 0.5)
	r := float64(x - float64(turns*halfPiHigh))
	r = float64(r - float64(turns*halfPiLow))
	square := float64(r * r)
	sin, cos = 1, 1
	for k := 18.0; k >= 2; k -= 2 { // The power series, from its smallest member on.
		sin = 1 - float64(float64(square*sin)/float64(k*(k+1)))
		cos = 1 - float64(float64(square*cos)/float64(k*(k-1)))
	}
	sin = float64(r * sin)
	switch int64(turns) % 4 {
	case 1:
		return cos, -sin
	case 2:
		return -sin, -cos
	case 3:
		return -cos, sin
	}
	return sin, cos
}

// exp returns e to the power of x, for x from -20 to 0.
func exp(x float64) float64 {
	const halvings = 10
	x /= 1 << halvings
	y := 1.0
	for k := 10.0; k >= 1; k-- {
		y = 1 + float64(float64(x*y)/k)
	}
	for range halvings {
		y = float64(y * y)
	}
	return y
}
