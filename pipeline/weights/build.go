package weights

import (
	"context"
	"fmt"
	"io"
	"strconv"
)

// The sizes of HTDemucs for one segment.
const (
	segment    = 343980 // samples of each channel
	frames     = 336    // of the STFT
	bins       = 2048   // of the STFT
	channels   = 2
	depth      = 4    // encoders, and decoders, of each branch
	growth     = 2    // channels from one encoder to the next
	firstOut   = 48   // channels of the first encoder
	kernel     = 8    // of an encoder's convolution
	stride     = 4    // of an encoder's convolution
	crop       = 2    // what padding adds at each end
	compress   = 8    // channels of an encoder's output for each one in its residual branch
	bottleneck = 512  // channels of the transformer
	hidden     = 2048 // of the transformer's feed-forward layers
	heads      = 8
	layers     = 5 // of the transformer
	epsilon    = 1e-5
)

// A builder turns the parameters of a source into pieces, and writes each when the next one is begun.
type builder struct {
	ctx    context.Context // it lives as long as one call of Prepare
	create func(name string) (io.WriteCloser, error)
	src    *source
	stems  int
	int8   bool
	// used are the parameters that were asked for.
	used     map[string]bool
	piece    *piece
	manifest Manifest
	// err is the first thing that went wrong; what is built after it is not used.
	err error
}

// A piece is a graph with what it is bound to.
type piece struct {
	name  string
	graph *graph
	Piece
}

func (b *builder) param(name string, dims ...int) []float32 {
	t, ok := b.src.tensors[name]
	if !ok {
		b.fail("it has no parameter %q", name)
		return make([]float32, product(dims))
	}
	b.used[name] = true
	same := len(t.dims) == len(dims)
	for i := range dims {
		same = same && t.dims[i] == int64(dims[i])
	}
	if !same {
		b.fail("the parameter %q has the shape %v, not %v", name, t.dims, dims)
		return make([]float32, product(dims))
	}
	return t.floats()
}

// operand returns the parameter that an operation works with, by the operation's name: exporters
// give no names to parameters that they have folded or transposed.
func (b *builder) operand(node, op string, dims ...int) []float32 {
	n, ok := b.src.nodes[node]
	if ok && n.op == op {
		for _, in := range n.inputs {
			if _, ok := b.src.tensors[in]; ok {
				return b.param(in, dims...)
			}
		}
	}
	b.fail("it has no operation %s named %q with a parameter", op, node)
	return make([]float32, product(dims))
}

func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = &GraphError{fmt.Sprintf(format, args...)}
	}
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

func (b *builder) buffer(name string, size int) string {
	b.manifest.Buffers = append(b.manifest.Buffers, Buffer{name, int64(size)})
	return name
}

// A view says what an input or output of a piece is bound to.
type view struct {
	buffer       string
	offset, step int
}

func at(buffer string, offset, step int) view { return view{buffer, offset, step} }

func (b *builder) begin(name string, runs int) *piece {
	b.flush()
	b.piece = &piece{name: name, graph: newGraph(), Piece: Piece{Runs: runs, Inputs: []View{}}}
	return b.piece
}

func (p *piece) in(v view, dims ...int) string {
	name := "in" + strconv.Itoa(len(p.Inputs))
	p.Inputs = append(p.Inputs, v.bind(name, dims))
	return p.graph.input(name, dims...)
}

func (p *piece) out(v view, value string, dims ...int) {
	name := "out" + strconv.Itoa(len(p.Outputs))
	p.Outputs = append(p.Outputs, v.bind(name, dims))
	p.graph.output(name, value, dims...)
}

func (v view) bind(name string, dims []int) View {
	shape := make([]int64, len(dims))
	for i, d := range dims {
		shape[i] = int64(d)
	}
	return View{Name: name, Buffer: v.buffer, Offset: int64(v.offset), Step: int64(v.step), Shape: shape}
}

// seq are the numbers f(0) to f(n-1).
func seq(n int, f func(i int) float64) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(f(i))
	}
	return s
}

// A Buffer is memory that pieces write to and read from, counted in numbers of 32 bits. It is all
// zeros before the first piece writes to it.
type Buffer struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// A View is a part of a buffer that an input or output of a piece is bound to. A piece that runs
// several times has its view move on by Step numbers each time. Views may overlap: that is how a
// layer sees the rows around its own.
type View struct {
	// Name is the name of the input or output in the piece's file.
	Name   string  `json:"name"`
	Buffer string  `json:"buffer"`
	Offset int64   `json:"offset"`
	Step   int64   `json:"step,omitempty"`
	Shape  []int64 `json:"shape"`
}

// A Range is a part of a buffer.
type Range struct {
	Buffer string `json:"buffer"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
}

// Values is how many numbers a view has.
func (v View) Values() int64 {
	n := int64(1)
	for _, d := range v.Shape {
		n *= d
	}
	return n
}
