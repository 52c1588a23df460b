package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The parts of ONNX's format that are needed, by the numbers of their fields in onnx.proto. The
// format is stable: fields are added and never renumbered.
const (
	modelIRVersion, modelProducer, modelGraph, modelOpset = 1, 2, 7, 8
	opsetDomain, opsetVersion                             = 1, 2
	graphNode, graphName, graphInitializer                = 1, 2, 5
	graphInput, graphOutput                               = 11, 12
	nodeInput, nodeOutput, nodeName, nodeOp               = 1, 2, 3, 4
	nodeAttribute, nodeDomain                             = 5, 7
	attrName, attrFloat, attrInt, attrText                = 1, 2, 3, 4
	attrInts, attrType                                    = 8, 20
	tensorDims, tensorType, tensorFloats                  = 1, 2, 4
	tensorName, tensorRaw, tensorLocation                 = 8, 9, 14
	infoName, infoType                                    = 1, 2
	typeTensor, tensorElement, tensorShape                = 1, 1, 2
	shapeDim, dimValue                                    = 1, 1
)

// Element types and attribute types.
const (
	float32Type, int8Type, int64Type   = 1, 3, 7
	floatAttr, intAttr, textAttr, ints = 1, 2, 3, 7
)

// errFormat is returned for bytes that are not of ONNX's format.
var errFormat = errors.New("it is not an ONNX file, or it is damaged")

// A source is what is needed of an ONNX file: its parameters and how its nodes use them.
type source struct {
	opset   int64
	tensors map[string]tensor
	nodes   map[string]sourceNode
	ops     map[string]int
	inputs  map[string][]int64
	outputs int
}

// A tensor is a parameter of a network.
type tensor struct {
	dims []int64
	// data is little-endian float32.
	data []byte
}

// A sourceNode is an operation of the source.
type sourceNode struct {
	op     string
	inputs []string
}

// readSource reads an ONNX file. The tensors are views of data.
func readSource(data []byte) (*source, error) {
	s := &source{tensors: map[string]tensor{}, nodes: map[string]sourceNode{}, ops: map[string]int{}, inputs: map[string][]int64{}}
	graphs := 0
	err := fields(data, func(n protowire.Number, value []byte, _ uint64) error {
		switch n {
		case modelGraph:
			graphs++
			return s.readGraph(value)
		case modelOpset:
			return s.readOpset(value)
		}
		return nil
	})
	if err == nil && graphs != 1 {
		err = errFormat
	}
	return s, err
}

func (s *source) readOpset(data []byte) error {
	domain, version := "", uint64(0)
	err := fields(data, func(n protowire.Number, value []byte, number uint64) error {
		switch n {
		case opsetDomain:
			domain = string(value)
		case opsetVersion:
			version = number
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		s.opset = int64(min(version, math.MaxInt32))
	}
	return err
}

func (s *source) readGraph(data []byte) error {
	return fields(data, func(n protowire.Number, value []byte, _ uint64) error {
		switch n {
		case graphNode:
			return s.readNode(value)
		case graphInitializer:
			return s.readTensor(value)
		case graphInput:
			return s.readInput(value)
		case graphOutput:
			s.outputs++
		}
		return nil
	})
}

func (s *source) readNode(data []byte) error {
	var node sourceNode
	name := ""
	err := fields(data, func(n protowire.Number, value []byte, _ uint64) error {
		switch n {
		case nodeInput:
			node.inputs = append(node.inputs, string(value))
		case nodeName:
			name = string(value)
		case nodeOp:
			node.op = string(value)
		}
		return nil
	})
	s.ops[node.op]++
	s.nodes[name] = node
	return err
}

// readTensor keeps a parameter. Others than float32 in one piece are passed over: none is needed.
func (s *source) readTensor(data []byte) error {
	var t tensor
	name, kind, elsewhere := "", uint64(0), false
	err := fields(data, func(n protowire.Number, value []byte, number uint64) error {
		switch n {
		case tensorDims:
			return each(value, number, func(d uint64) { t.dims = append(t.dims, int64(min(d, math.MaxInt32))) })
		case tensorType:
			kind = number
		case tensorName:
			name = string(value)
		case tensorRaw, tensorFloats: // Packed floats are little-endian as well.
			t.data = value
		case tensorLocation:
			elsewhere = number != 0
		}
		return nil
	})
	if err != nil || kind != float32Type {
		return err
	}
	if elsewhere {
		return fmt.Errorf("%w: the numbers of %q are in another file; export the model into one", errFormat, name)
	}
	if size(t.dims) != len(t.data)/4 || len(t.data)%4 != 0 {
		return fmt.Errorf("%w: tensor %q has %d bytes, want %d for shape %v", errFormat, name, len(t.data), 4*size(t.dims), t.dims)
	}
	s.tensors[name] = t
	return nil
}

func (s *source) readInput(data []byte) error {
	name := ""
	var dims []int64
	inside := func(want protowire.Number, do func([]byte) error) func(protowire.Number, []byte, uint64) error {
		return func(n protowire.Number, value []byte, _ uint64) error {
			if n == want {
				return do(value)
			}
			return nil
		}
	}
	dim := func(value []byte) error {
		d := uint64(0)
		err := fields(value, func(n protowire.Number, _ []byte, number uint64) error {
			if n == dimValue {
				d = number
			}
			return nil
		})
		dims = append(dims, int64(min(d, math.MaxInt32)))
		return err
	}
	err := fields(data, func(n protowire.Number, value []byte, _ uint64) error {
		switch n {
		case infoName:
			name = string(value)
		case infoType:
			return fields(value, inside(typeTensor, func(value []byte) error {
				return fields(value, inside(tensorShape, func(value []byte) error { return fields(value, inside(shapeDim, dim)) }))
			}))
		}
		return nil
	})
	s.inputs[name] = dims
	return err
}

// fields calls do for each field of a message: with its bytes, or its number.
func fields(data []byte, do func(n protowire.Number, value []byte, number uint64) error) error {
	for len(data) > 0 {
		n, kind, used := protowire.ConsumeTag(data)
		if used < 0 {
			return errFormat
		}
		data = data[used:]
		var value []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			value, used = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			number, used = protowire.ConsumeVarint(data)
		default:
			used = protowire.ConsumeFieldValue(n, kind, data)
		}
		if used < 0 {
			return errFormat
		}
		if err := do(n, value, number); err != nil {
			return err
		}
		data = data[used:]
	}
	return nil
}

// each calls do for the numbers of a repeated field, packed or not.
func each(packed []byte, number uint64, do func(uint64)) error {
	if packed == nil {
		do(number)
		return nil
	}
	for len(packed) > 0 {
		v, used := protowire.ConsumeVarint(packed)
		if used < 0 {
			return errFormat
		}
		do(v)
		packed = packed[used:]
	}
	return nil
}

func size(dims []int64) int {
	n := int64(1)
	for _, d := range dims {
		if d < 0 || d > 0 && n > math.MaxInt32/d {
			return -1
		}
		n *= d
	}
	return int(n)
}

func (t tensor) floats() []float32 {
	f := make([]float32, len(t.data)/4)
	for i := range f {
		f[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
	}
	return f
}
