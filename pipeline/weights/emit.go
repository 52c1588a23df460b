package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// opset is the version of ONNX's operators that the pieces are written in; microsoft is the domain
// of those that ONNX Runtime adds.
const (
	irVersion = 8
	opset     = 17
	microsoft = "com.microsoft"
)

// sharedSize is how large a parameter may be to be looked for among those that there are.
const sharedSize = 1 << 12

// A graph is a network that is being written: operations in their order, each on values that exist
// by then.
type graph struct {
	nodes, initializers, inputs, outputs [][]byte
	constants                            map[string]string
	count                                int
}

func newGraph() *graph { return &graph{constants: map[string]string{}} }

// An attribute is a setting of an operation.
type attribute struct {
	name  string
	value any
}

func attr(name string, value any) attribute { return attribute{name, value} }

func (g *graph) op(kind string, inputs []string, attrs ...attribute) string {
	out := g.name()
	g.add("", kind, inputs, []string{out}, attrs)
	return out
}

// msop is op for an operation that ONNX Runtime adds to the standard ones.
func (g *graph) msop(kind string, inputs []string, attrs ...attribute) string {
	out := g.name()
	g.add(microsoft, kind, inputs, []string{out}, attrs)
	return out
}

func (g *graph) name() string {
	g.count++
	return "v" + strconv.Itoa(g.count)
}

func (g *graph) add(domain, kind string, inputs, outputs []string, attrs []attribute) {
	var b []byte
	for _, in := range inputs {
		b = appendText(b, nodeInput, in)
	}
	for _, out := range outputs {
		b = appendText(b, nodeOutput, out)
	}
	b = appendText(b, nodeName, kind+"_"+outputs[0])
	b = appendText(b, nodeOp, kind)
	for _, a := range attrs {
		b = appendMessage(b, nodeAttribute, a.encode())
	}
	if domain != "" {
		b = appendText(b, nodeDomain, domain)
	}
	g.nodes = append(g.nodes, b)
}

func (a attribute) encode() []byte {
	b := appendText(nil, attrName, a.name)
	switch v := a.value.(type) {
	case float64:
		b = protowire.AppendFixed32(protowire.AppendTag(b, attrFloat, protowire.Fixed32Type), math.Float32bits(float32(v)))
		return appendNumber(b, attrType, floatAttr)
	case int:
		return appendNumber(appendNumber(b, attrInt, int64(v)), attrType, intAttr)
	case []int:
		for _, i := range v {
			b = appendNumber(b, attrInts, int64(i))
		}
		return appendNumber(b, attrType, ints)
	default: // The callers are all in this package, and a text is the only other kind.
		return appendNumber(appendText(b, attrText, fmt.Sprint(v)), attrType, textAttr)
	}
}

// constant adds a parameter and returns its name. The same few numbers are kept once.
func (g *graph) constant(dims []int, values []float32) string {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return g.raw(float32Type, dims, data)
}

func (g *graph) scalar(v float64) string { return g.constant([]int{}, []float32{float32(v)}) }

// shape adds a list of whole numbers, as Reshape and its like take.
func (g *graph) shape(values ...int) string {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return g.raw(int64Type, []int{len(values)}, data)
}

func (g *graph) raw(kind int64, dims []int, data []byte) string {
	var b []byte
	for _, d := range dims {
		b = appendNumber(b, tensorDims, int64(d))
	}
	b = appendNumber(b, tensorType, kind)
	name := "c" + strconv.Itoa(len(g.initializers))
	if len(data) < sharedSize {
		key := string(b) + string(data)
		if same, ok := g.constants[key]; ok {
			return same
		}
		g.constants[key] = name
	}
	b = appendText(b, tensorName, name)
	b = protowire.AppendBytes(protowire.AppendTag(b, tensorRaw, protowire.BytesType), data)
	g.initializers = append(g.initializers, b)
	return name
}

func (g *graph) input(name string, dims ...int) string {
	g.inputs = append(g.inputs, valueInfo(name, dims))
	return name
}

func (g *graph) output(name, value string, dims ...int) {
	g.add("", "Identity", []string{value}, []string{name}, nil)
	g.outputs = append(g.outputs, valueInfo(name, dims))
}

func valueInfo(name string, dims []int) []byte {
	var shape []byte
	for _, d := range dims {
		shape = appendMessage(shape, shapeDim, appendNumber(nil, dimValue, int64(d)))
	}
	kind := appendMessage(appendNumber(nil, tensorElement, float32Type), tensorShape, shape)
	return appendMessage(appendText(nil, infoName, name), infoType, appendMessage(nil, typeTensor, kind))
}

// encode returns the graph as an ONNX file. The same graph always gives the same bytes.
func (g *graph) encode(name string) []byte {
	body := appendText(nil, graphName, name)
	for _, part := range []struct {
		number   protowire.Number
		messages [][]byte
	}{{graphNode, g.nodes}, {graphInitializer, g.initializers}, {graphInput, g.inputs}, {graphOutput, g.outputs}} {
		for _, m := range part.messages {
			body = appendMessage(body, part.number, m)
		}
	}
	b := appendNumber(nil, modelIRVersion, irVersion)
	b = appendText(b, modelProducer, "im2")
	b = appendMessage(b, modelGraph, body)
	b = appendMessage(b, modelOpset, appendNumber(appendText(nil, opsetDomain, ""), opsetVersion, opset))
	return appendMessage(b, modelOpset, appendNumber(appendText(nil, opsetDomain, microsoft), opsetVersion, 1))
}

func appendText(b []byte, n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func appendMessage(b []byte, n protowire.Number, m []byte) []byte {
	b = slices.Grow(b, len(m)+16)
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), m)
}

func appendNumber(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}
