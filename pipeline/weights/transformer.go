package weights

import (
	"fmt"
	"math"
)

// linear is x W + bias for x [n, in]. With 8 bits, each column of W has a scale of its own, and ONNX
// Runtime finds one for x in each run.
func (b *builder) linear(g *graph, x string, w, bias []float32, in, out int) string {
	if b.int8 {
		q, scales := quantise(w, out)
		return g.msop("DynamicQuantizeMatMul", []string{
			x, g.raw(int8Type, []int{in, out}, q), g.constant([]int{out}, scales),
			g.raw(int8Type, []int{out}, make([]byte, out)), g.constant([]int{out}, bias),
		})
	}
	return g.op("Gemm", []string{x, g.constant([]int{in, out}, w), g.constant([]int{out}, bias)})
}

func (b *builder) layerNorm(g *graph, x, name string) string {
	return g.op("LayerNormalization", []string{x, g.constant([]int{bottleneck}, b.param(name+".weight", bottleneck)), g.constant([]int{bottleneck}, b.param(name+".bias", bottleneck))},
		attr("axis", -1), attr("epsilon", epsilon))
}

// up brings what an encoder made, [rows, c, t], to the transformer: [rows*t, 512], normalised and
// with its position.
func (b *builder) up(suffix, x string, offset, rows, t int, position []float32) string {
	c := outOf(depth - 1)
	n := rows * t
	y := b.buffer("z"+suffix, n*bottleneck)
	p := b.begin("up"+suffix, 1)
	g := p.graph
	v := p.in(at(x, offset, 0), rows, c, t)
	v = g.conv1(v, g.constant([]int{bottleneck, c, 1}, b.param("channel_upsampler"+suffix+".weight", bottleneck, c, 1)),
		g.constant([]int{bottleneck}, b.param("channel_upsampler"+suffix+".bias", bottleneck)), "")
	v = g.op("Transpose", []string{v}, attr("perm", []int{0, 2, 1}))
	v = g.op("Reshape", []string{v, g.shape(n, bottleneck)})
	v = b.layerNorm(g, v, "crosstransformer.norm_in"+suffix)
	v = g.op("Add", []string{v, g.constant([]int{n, bottleneck}, position)})
	p.out(at(y, 0, 0), v, n, bottleneck)
	return y
}

// down undoes up. The rows before and after those of the spectrum stay zeros.
func (b *builder) down(suffix, x string, rows, t, halo int) string {
	c := outOf(depth - 1)
	y := b.buffer("w"+suffix, (rows+2*halo)*c*t)
	p := b.begin("down"+suffix, 1)
	g := p.graph
	v := p.in(at(x, 0, 0), rows*t, bottleneck)
	v = g.op("Transpose", []string{g.op("Reshape", []string{v, g.shape(rows, t, bottleneck)})}, attr("perm", []int{0, 2, 1}))
	v = g.conv1(v, g.constant([]int{c, bottleneck, 1}, b.param("channel_downsampler"+suffix+".weight", c, bottleneck, 1)),
		g.constant([]int{c}, b.param("channel_downsampler"+suffix+".bias", c)), "")
	p.out(at(y, halo*c*t, 0), v, rows, c, t)
	return y
}

// attention is a layer of the transformer for n positions of one branch; other, with m positions,
// is the other branch for the layers that look there.
func (b *builder) layer(suffix string, i int, x, other string, n, m int) string {
	name := fmt.Sprintf("crosstransformer.layers%s.%d", suffix, i)
	node := fmt.Sprintf("/crosstransformer/layers%s.%d", suffix, i)
	y := b.buffer(fmt.Sprintf("z%s%d", suffix, i), n*bottleneck)
	p := b.begin(fmt.Sprintf("layer%s.%d", suffix, i), 1)
	g := p.graph
	in := p.in(at(x, 0, 0), n, bottleneck)
	kind, last := "self_attn", "norm2"
	query := b.layerNorm(g, in, name+".norm1")
	key, keys := query, n
	if i%2 == 1 {
		kind, last, keys = "cross_attn", "norm3", m
		key = b.layerNorm(g, p.in(at(other, 0, 0), m, bottleneck), name+".norm2")
	}
	w, bias := b.projections(name, node, kind)
	gamma := b.param(name+".gamma_1.scale", bottleneck)
	head := func(j int, x string, n int) string {
		v := b.linear(g, x, w[j], bias[j], bottleneck, bottleneck)
		return g.op("Reshape", []string{v, g.shape(1, n, bottleneck)})
	}
	v := g.msop("MultiHeadAttention", []string{head(0, query, n), head(1, key, keys), head(2, key, keys)}, attr("num_heads", heads))
	v = g.op("Reshape", []string{v, g.shape(n, bottleneck)})
	out, outBias := b.param(name+"."+kind+".out_proj.weight", bottleneck, bottleneck), b.param(name+"."+kind+".out_proj.bias", bottleneck)
	v = b.linear(g, v, scaleColumns(transpose(out, bottleneck, bottleneck), gamma), scaleColumns(outBias, gamma), bottleneck, bottleneck)
	v = g.op("Add", []string{in, v})
	v = b.feedForward(g, v, name, node, last)
	p.out(at(y, 0, 0), b.normOut(g, v, node, n), n, bottleneck)
	return y
}

// projections are the weights [512, 512] and biases of query, key and value.
func (b *builder) projections(name, node, kind string) (w, bias [3][]float32) {
	const d = bottleneck
	node += "/" + kind
	if _, ok := b.src.tensors[name+"."+kind+".in_proj_weight"]; ok { // As PyTorch has it: [3*512, 512].
		all, allBias := b.param(name+"."+kind+".in_proj_weight", 3*d, d), b.param(name+"."+kind+".in_proj_bias", 3*d)
		for j := range w {
			w[j], bias[j] = transpose(all[j*d*d:(j+1)*d*d], d, d), allBias[j*d:(j+1)*d]
		}
		return w, bias
	}
	if kind == "self_attn" {
		all, allBias := b.operand(node+"/MatMul", "MatMul", d, 3*d), b.param(name+"."+kind+".in_proj_bias", 3*d)
		for j := range w {
			w[j], bias[j] = columns(all, 3*d, j*d, d), allBias[j*d:(j+1)*d]
		}
		return w, bias
	}
	w[0], bias[0] = b.operand(node+"/MatMul", "MatMul", d, d), b.operand(node+"/Add", "Add", d)
	both, bothBias := b.operand(node+"/MatMul_1", "MatMul", d, 2*d), b.operand(node+"/Add_1", "Add", 2*d)
	for j := range 2 {
		w[1+j], bias[1+j] = columns(both, 2*d, j*d, d), bothBias[j*d:(j+1)*d]
	}
	return w, bias
}

func (b *builder) feedForward(g *graph, x, name, node, norm string) string {
	gamma := b.param(name+".gamma_2.scale", bottleneck)
	v := b.layerNorm(g, x, name+"."+norm)
	v = b.linear(g, v, b.operand(node+"/linear1/MatMul", "MatMul", bottleneck, hidden), b.param(name+".linear1.bias", hidden), bottleneck, hidden)
	v = g.msop("Gelu", []string{v})
	v = b.linear(g, v, scaleColumns(b.operand(node+"/linear2/MatMul", "MatMul", hidden, bottleneck), gamma), scaleColumns(b.param(name+".linear2.bias", bottleneck), gamma), hidden, bottleneck)
	return g.op("Add", []string{x, v})
}

func (b *builder) normOut(g *graph, x, node string, n int) string {
	v := g.op("Reshape", []string{x, g.shape(1, 1, n*bottleneck)})
	v = g.op("InstanceNormalization", []string{v, g.constant([]int{1}, []float32{1}), g.constant([]int{1}, []float32{0})}, attr("epsilon", epsilon))
	v = g.op("Reshape", []string{v, g.shape(n, bottleneck)})
	v = g.op("Mul", []string{v, g.constant([]int{bottleneck}, b.operand(node+"/norm_out/Mul", "Mul", bottleneck, 1))})
	return g.op("Add", []string{v, g.constant([]int{bottleneck}, b.operand(node+"/norm_out/Add", "Add", bottleneck, 1))})
}

func columns(m []float32, stride, from, width int) []float32 {
	var c []float32
	for i := 0; i < len(m); i += stride {
		c = append(c, m[i+from:i+from+width]...)
	}
	return c
}

func transpose(m []float32, rows, columns int) []float32 {
	return seq(len(m), func(i int) float64 { return float64(m[i%rows*columns+i/rows]) })
}

func scaleColumns(m, scale []float32) []float32 {
	return seq(len(m), func(i int) float64 { return float64(m[i]) * float64(scale[i%len(scale)]) })
}

// quantise rounds a matrix to 8 bits, with a scale for each column.
func quantise(m []float32, columns int) (q []byte, scales []float32) {
	const most = 127
	scales = make([]float32, columns)
	for i, v := range m {
		scales[i%columns] = max(scales[i%columns], float32(math.Abs(float64(v)))/most)
	}
	q = make([]byte, len(m))
	for i, v := range m {
		if s := scales[i%columns]; s > 0 {
			q[i] = byte(int8(math.RoundToEven(float64(v / s))))
		}
	}
	return q, scales
}
