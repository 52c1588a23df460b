package enginetest

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// Message is a protobuf message that is being written.
type Message []byte

// Bytes adds a field of text, bytes or a message.
func (m Message) Bytes(n protowire.Number, s string) Message {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

// Number adds a field with an integer.
func (m Message) Number(n protowire.Number, v uint64) Message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

// Operation is an ONNX file with one operation on the inputs a and b, float32 of these shapes, that
// makes c.
func Operation(op string, a, b, c []int64) []byte {
	value := func(name string, dims []int64) string {
		var shape Message
		for _, d := range dims {
			shape = shape.Bytes(1, string(Message(nil).Number(1, uint64(d))))
		}
		tensor := Message(nil).Number(1, 1).Bytes(2, string(shape)) // float32, and the shape
		return string(Message(nil).Bytes(1, name).Bytes(2, string(Message(nil).Bytes(1, string(tensor)))))
	}
	node := Message(nil).Bytes(1, "a").Bytes(1, "b").Bytes(2, "c").Bytes(4, op)
	graph := Message(nil).Bytes(1, string(node)).Bytes(2, "g").Bytes(11, value("a", a)).Bytes(11, value("b", b)).Bytes(12, value("c", c))
	return Message(nil).Number(1, 8).Bytes(7, string(graph)).Bytes(8, string(Message(nil).Bytes(1, "").Number(2, 17)))
}

// Tensor is a parameter of an ONNX file.
type Tensor struct {
	Name     string
	Dims     []uint64
	Raw      string
	External bool
}

// Encode is the tensor as a message TensorProto of float32.
func (t Tensor) Encode() string {
	var m Message
	for _, d := range t.Dims {
		m = m.Number(1, d)
	}
	m = m.Number(2, 1).Bytes(8, t.Name)
	if t.External {
		return string(m.Bytes(13, string(Message(nil).Bytes(1, "location").Bytes(2, "weights.bin"))).Number(14, 1))
	}
	return string(m.Bytes(9, t.Raw))
}

// An Edit changes an ONNX file.
type Edit struct {
	// Opset, unless 0, is the version of the operators.
	Opset uint64
	// Tensors is called for each parameter, and returns what takes its place.
	Tensors func(t Tensor) []Tensor
}

// Apply returns the changed file.
func (e Edit) Apply(tb testing.TB, file []byte) []byte {
	tb.Helper()
	return mapFields(tb, file, func(n protowire.Number, field []byte) Message {
		switch {
		case n == 8 && e.Opset != 0:
			return Message(nil).Bytes(8, string(Message(nil).Bytes(1, "").Number(2, e.Opset)))
		case n == 7 && e.Tensors != nil:
			graph := mapFields(tb, content(tb, field), func(n protowire.Number, field []byte) Message {
				if n != 5 {
					return field
				}
				var m Message
				for _, tensor := range e.Tensors(parse(tb, content(tb, field))) {
					m = m.Bytes(5, tensor.Encode())
				}
				return m
			})
			return Message(nil).Bytes(7, string(graph))
		}
		return field
	})
}

// mapFields replaces each field of a message, given with its tag.
func mapFields(tb testing.TB, message []byte, replace func(n protowire.Number, field []byte) Message) Message {
	tb.Helper()
	out := make(Message, 0, len(message))
	for len(message) > 0 {
		n, _, size := protowire.ConsumeField(message)
		if size < 0 {
			tb.Fatal(protowire.ParseError(size))
		}
		out = append(out, replace(n, message[:size:size])...)
		message = message[size:]
	}
	return out
}

// content is what is in a field of bytes.
func content(tb testing.TB, field []byte) []byte {
	tb.Helper()
	_, _, tag := protowire.ConsumeTag(field)
	value, size := protowire.ConsumeBytes(field[tag:])
	if size < 0 {
		tb.Fatal(protowire.ParseError(size))
	}
	return value
}

func parse(tb testing.TB, message []byte) Tensor {
	tb.Helper()
	var tensor Tensor
	mapFields(tb, message, func(n protowire.Number, field []byte) Message {
		_, _, tag := protowire.ConsumeTag(field)
		switch n {
		case 1:
			d, _ := protowire.ConsumeVarint(field[tag:])
			tensor.Dims = append(tensor.Dims, d)
		case 8:
			tensor.Name = string(content(tb, field))
		case 9:
			tensor.Raw = string(content(tb, field))
		}
		return nil
	})
	return tensor
}
