// Package onnxruntime calls ONNX Runtime's C library without cgo.
//
// ONNX Runtime offers its functions as a table of pointers, [OrtApi] in onnxruntime_c_api.h.
// The table only grows: a library that knows version 20 of it has every function at the place
// where version 20 had it, whatever its own version is. This package asks for version 20, so any
// library from 1.20 on will do, and one that is older is refused with an error. The places used
// are listed in api.go.
//
// Only what a network of float32 tensors needs is here: one environment with one pool of threads
// for all sessions, sessions made from files or memory, and runs whose inputs and outputs are
// memory of the caller's. Nothing is allocated for a tensor by this package.
//
// All calls may crash the process when the library or the model is damaged; that is why the
// service runs them in a child process. Memory that is given to a call must stay where it is
// until the call returns: memory from Go's heap does not move, and is kept alive here.
//
// [OrtApi]: https://onnxruntime.ai/docs/api/c/struct_ort_api.html
package onnxruntime
