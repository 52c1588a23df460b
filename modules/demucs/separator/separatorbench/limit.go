//go:build unix

package main

import (
	"syscall"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/im2-audio/im2/modules/demucs/onnxruntime"
)

const (
	// side is the length of each side of the matrices: large enough that the processor's caches
	// are used as well as they can be.
	side = 2048
	// tries are how often they are multiplied; the fastest counts.
	tries = 10
)

// limit measures how many 1e9 operations one thread of ONNX Runtime does in a second of processor
// time when it multiplies two large matrices: no network can be computed faster with it.
func limit(library string) (best float64, err error) {
	env, err := onnxruntime.Open(library, onnxruntime.ThreadOptions{Threads: 1})
	if err != nil {
		return 0, err
	}
	defer env.Close()
	session, err := env.NewSession(multiplication(), []string{"a", "b"}, []string{"c"}, onnxruntime.SessionOptions{})
	if err != nil {
		return 0, err
	}
	defer session.Close()
	matrix := func() onnxruntime.Tensor {
		t := onnxruntime.Tensor{Data: make([]float32, side*side), Shape: []int64{side, side}}
		for i := range t.Data {
			t.Data[i] = float32(i%7) - 3
		}
		return t
	}
	a, b, c := matrix(), matrix(), matrix()
	for range tries {
		before := processorTime()
		if err := session.Run([]onnxruntime.Tensor{a, b}, []onnxruntime.Tensor{c}); err != nil {
			return 0, err
		}
		const operations = 2 * side * side * side
		best = max(best, operations/1e9/(processorTime()-before).Seconds())
	}
	return best, nil
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // never fails for itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// multiplication is a network in ONNX's format: c = a b. The numbers of the fields are those of
// onnx.proto.
func multiplication() []byte {
	text := func(b []byte, field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
	}
	number := func(field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), v)
	}
	dim := number(1, side)                                   // TensorShapeProto.Dimension
	shape := text(text(nil, 1, string(dim)), 1, string(dim)) // TensorShapeProto
	tensor := text(number(1, 1), 2, string(shape))           // TypeProto.Tensor of FLOAT
	kind := text(nil, 1, string(tensor))                     // TypeProto
	info := func(name string) string { return string(text(text(nil, 1, name), 2, string(kind))) }
	node := text(text(text(text(nil, 1, "a"), 1, "b"), 2, "c"), 4, "MatMul")
	graph := text(text(nil, 1, string(node)), 2, "limit")
	graph = text(text(text(graph, 11, info("a")), 11, info("b")), 12, info("c"))
	return text(text(number(1, 8), 7, string(graph)), 8, string(number(2, 17)))
}
