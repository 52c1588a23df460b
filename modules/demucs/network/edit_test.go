package network_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/im2-audio/im2/modules/internal/enginetest"
)

// tensor is a parameter of an ONNX file.
type tensor struct {
	Name     string
	Dims     []uint64
	Raw      string
	External bool
}

// Encode is the tensor as a message TensorProto of float32.
func (t tensor) Encode() string {
	var m enginetest.Message
	for _, d := range t.Dims {
		m = m.Number(1, d)
	}
	m = m.Number(2, 1).Bytes(8, t.Name)
	if t.External {
		return string(m.Bytes(13, string(enginetest.Message(nil).Bytes(1, "location").Bytes(2, "weights.bin"))).Number(14, 1))
	}
	return string(m.Bytes(9, t.Raw))
}

// An edit changes an ONNX file.
type edit struct {
	// Opset, unless 0, is the version of the operators.
	Opset uint64
	// Tensors is called for each parameter, and returns what takes its place.
	Tensors func(t tensor) []tensor
}

// Apply returns the changed file.
func (e edit) Apply(tb testing.TB, file []byte) []byte {
	tb.Helper()
	return mapFields(tb, file, func(n protowire.Number, field []byte) enginetest.Message {
		switch {
		case n == 8 && e.Opset != 0:
			return enginetest.Message(nil).Bytes(8, string(enginetest.Message(nil).Bytes(1, "").Number(2, e.Opset)))
		case n == 7 && e.Tensors != nil:
			graph := mapFields(tb, content(tb, field), func(n protowire.Number, field []byte) enginetest.Message {
				if n != 5 {
					return field
				}
				var m enginetest.Message
				for _, one := range e.Tensors(parse(tb, content(tb, field))) {
					m = m.Bytes(5, one.Encode())
				}
				return m
			})
			return enginetest.Message(nil).Bytes(7, string(graph))
		}
		return field
	})
}

// mapFields replaces each field of a message, given with its tag.
func mapFields(tb testing.TB, message []byte, replace func(n protowire.Number, field []byte) enginetest.Message) enginetest.Message {
	tb.Helper()
	out := make(enginetest.Message, 0, len(message))
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

func parse(tb testing.TB, message []byte) tensor {
	tb.Helper()
	var found tensor
	mapFields(tb, message, func(n protowire.Number, field []byte) enginetest.Message {
		_, _, tag := protowire.ConsumeTag(field)
		switch n {
		case 1:
			d, _ := protowire.ConsumeVarint(field[tag:])
			found.Dims = append(found.Dims, d)
		case 8:
			found.Name = string(content(tb, field))
		case 9:
			found.Raw = string(content(tb, field))
		}
		return nil
	})
	return found
}
