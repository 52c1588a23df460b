package weights

import "fmt"

// NodeThatAdds is the name of every convolution with a tensor to add, which not every execution
// provider can compute.
const NodeThatAdds = "FusedConv_v2"

// conv1 is a convolution with a kernel of 1: [rows, in, t] -> [rows, out, t]. z, unless "", is added.
func (g *graph) conv1(x, w, bias, z string) string {
	shape := attr("kernel_shape", []int{1})
	if z != "" {
		return g.msop("FusedConv", []string{x, w, bias, z}, shape)
	}
	return g.op("Conv", []string{x, w, bias}, shape)
}

// dconv is the residual branch of every encoder and decoder: two layers, each a narrow dilated
// convolution, GroupNorm, GELU, a convolution back to twice the channels, GroupNorm, GLU and a
// scale, added to x: [rows, c, t]. Each row is normalised on its own.
//
// The second GroupNorm is never computed on what it normalises, which has 16 times the channels of
// what that is made from: the mean and the variance of W h follow from the first and second moments
// of h, so that the normalisation becomes part of W.
func (b *builder) dconv(g *graph, x, prefix string, rows, c, t int) string {
	h := c / compress
	for layer := range 2 {
		p := fmt.Sprintf("%s.dconv.layers.%d.", prefix, layer)
		n := fmt.Sprintf("/%s/dconv/layers.%d/layers.%d.", prefix, layer, layer)
		d := 1 << layer
		y := g.op("Conv", []string{x, g.constant([]int{h, c, 3}, b.param(p+"0.weight", h, c, 3)), g.constant([]int{h}, b.param(p+"0.bias", h))},
			attr("kernel_shape", []int{3}), attr("dilations", []int{d}), attr("pads", []int{d, d}))
		y = g.groupNorm(y, b.operand(n+"1/Mul", "Mul", h, 1), b.operand(n+"1/Add", "Add", h, 1), rows, h, t)
		y = g.msop("Gelu", []string{y})
		widen := widening{
			w: b.param(p+"3.weight", 2*c, h, 1), bias: b.param(p+"3.bias", 2*c), gamma: b.operand(n+"4/Mul", "Mul", 2*c, 1),
			beta: b.operand(n+"4/Add", "Add", 2*c, 1), scale: b.operand(n+"6/Mul", "Mul", c, 1), rows: rows, h: h, c: c, t: t,
		}
		value, gate := widen.write(g, y)
		gate = g.op("Sigmoid", []string{gate})
		x = g.op("Add", []string{x, g.op("Mul", []string{value, gate})})
	}
	return x
}

// groupNorm is GroupNorm with one group: each of [rows, c, t] is normalised as a whole.
func (g *graph) groupNorm(x string, gamma, beta []float32, rows, c, t int) string {
	if rows == 1 {
		y := g.op("Reshape", []string{x, g.shape(1, 1, c*t)})
		y = g.op("InstanceNormalization", []string{y, g.constant([]int{1}, []float32{1}), g.constant([]int{1}, []float32{0})}, attr("epsilon", epsilon))
		y = g.op("Reshape", []string{y, g.shape(1, c, t)})
		y = g.op("Mul", []string{y, g.constant([]int{c, 1}, gamma)})
		return g.op("Add", []string{y, g.constant([]int{c, 1}, beta)})
	}
	y := g.op("Reshape", []string{x, g.shape(rows, c*t)})
	y = g.op("LayerNormalization", []string{y, g.constant([]int{c * t}, repeat(gamma, t)), g.constant([]int{c * t}, repeat(beta, t))},
		attr("axis", -1), attr("epsilon", epsilon))
	return g.op("Reshape", []string{y, g.shape(rows, c, t)})
}

// A widening is GroupNorm(W x + bias) for x [rows, h, t] with 2c channels, and a scale for the first
// half of them.
type widening struct {
	w, bias, gamma, beta, scale []float32
	rows, h, c, t               int
}

// row is a number of W with the bias as its last column.
func (n widening) row(channel, i int) float64 {
	if i == n.h {
		return float64(n.bias[channel])
	}
	return float64(n.w[channel*n.h+i])
}

// write adds it to a graph and returns its two halves.
func (n widening) write(g *graph, x string) (value, gate string) {
	h1 := n.h + 1 // One more channel, of ones, makes the bias part of W.
	ones := g.constant([]int{n.rows, 1, n.t}, seq(n.rows*n.t, func(int) float64 { return 1 }))
	x = g.op("Concat", []string{x, ones}, attr("axis", 1))
	moments := g.msop("FusedMatMul", []string{x, x}, attr("transB", 1), attr("alpha", 1/float64(n.t))) // [rows, h1, h1]
	moments = g.op("Reshape", []string{moments, g.shape(n.rows, h1*h1)})
	m := g.op("MatMul", []string{moments, g.constant([]int{h1 * h1, 2}, n.statistics())})
	square := g.op("Slice", []string{m, g.shape(0), g.shape(1), g.shape(1)})
	mean := g.op("Slice", []string{m, g.shape(1), g.shape(2), g.shape(1)})
	variance := g.op("Sub", []string{square, g.op("Mul", []string{mean, mean})})
	variance = g.op("Max", []string{variance, g.scalar(0)})
	deviation := g.op("Sqrt", []string{g.op("Add", []string{variance, g.scalar(epsilon)})})
	deviation = g.op("Reshape", []string{deviation, g.shape(n.rows, 1, 1)})
	mean = g.op("Reshape", []string{mean, g.shape(n.rows, 1, 1)})
	return n.half(g, x, mean, deviation, 0, func(o int) float64 { return float64(n.scale[o]) }),
		n.half(g, x, mean, deviation, n.c, func(int) float64 { return 1 })
}

// statistics make, of the moments of x, the mean of the squares of all channels and the mean of them:
// two columns of a matrix with a row for each moment.
func (n widening) statistics() []float32 {
	h1 := n.h + 1
	stats := make([]float64, h1*h1*2)
	for o := range 2 * n.c {
		for i := range h1 {
			for j := range h1 {
				stats[(i*h1+j)*2] += n.row(o, i) * n.row(o, j) / float64(2*n.c)
			}
			stats[(i*h1+n.h)*2+1] += n.row(o, i) / float64(2*n.c)
		}
	}
	return seq(len(stats), func(i int) float64 { return stats[i] })
}

// half is c channels from the channel from on: (W x - mean) / deviation * gamma + beta, scaled, with all
// of that in a matrix [rows, c, h1] that x is multiplied with.
func (n widening) half(g *graph, x, mean, deviation string, from int, scale func(channel int) float64) string {
	h1 := n.h + 1
	dims := []int{1, n.c, h1}
	matrix := func(f func(o, i int) float64) string {
		return g.constant(dims, seq(n.c*h1, func(at int) float64 { return f(at/h1, at%h1) * scale(at/h1) }))
	}
	last := func(values []float32) func(o, i int) float64 {
		return func(o, i int) float64 {
			if i != n.h {
				return 0
			}
			return float64(values[from+o])
		}
	}
	weight := matrix(func(o, i int) float64 { return n.row(from+o, i) * float64(n.gamma[from+o]) })
	y := g.op("Sub", []string{weight, g.op("Mul", []string{mean, matrix(last(n.gamma))})})
	y = g.op("Add", []string{g.op("Div", []string{y, deviation}), matrix(last(n.beta))})
	return g.op("MatMul", []string{y, x})
}

func repeat(values []float32, times int) []float32 {
	all := make([]float32, 0, len(values)*times)
	for _, v := range values {
		for range times {
			all = append(all, v)
		}
	}
	return all
}

// glu is a convolution to twice the channels and the gated linear unit after it, as two
// convolutions, so that nothing has to be split.
func (b *builder) glu(g *graph, x, prefix string, c int, kernelShape, pads []int) string {
	size := product(kernelShape)
	dims := append([]int{2 * c, c}, kernelShape...)
	w, bias := b.param(prefix+".rewrite.weight", dims...), b.param(prefix+".rewrite.bias", 2*c)
	dims[0] = c
	half := c * c * size
	attrs := []attribute{attr("kernel_shape", kernelShape), attr("pads", pads)}
	value := g.op("Conv", []string{x, g.constant(dims, w[:half]), g.constant([]int{c}, bias[:c])}, attrs...)
	gate := g.op("Conv", []string{x, g.constant(dims, w[half:]), g.constant([]int{c}, bias[c:])}, attrs...)
	return g.op("Mul", []string{value, g.op("Sigmoid", []string{gate})})
}
