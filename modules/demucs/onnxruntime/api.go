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

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// apiVersion is the version of the table that is asked for.
const apiVersion = 20

// function is a place in the table of functions, counted from 0 in the order of the members of
// struct OrtApi in onnxruntime_c_api.h.
type function int

const (
	fnGetErrorMessage                  function = 2
	fnCreateSessionFromArray           function = 8
	fnRun                              function = 9
	fnCreateSessionOptions             function = 10
	fnDisableMemPattern                function = 17
	fnDisableCPUMemArena               function = 19
	fnSetGraphOptimizationLevel        function = 23
	fnCreateTensorWithDataAsOrtValue   function = 49
	fnCreateCPUMemoryInfo              function = 69
	fnReleaseEnv                       function = 92
	fnReleaseStatus                    function = 93
	fnReleaseMemoryInfo                function = 94
	fnReleaseSession                   function = 95
	fnReleaseValue                     function = 96
	fnReleaseSessionOptions            function = 100
	fnCreateEnvWithGlobalThreadPools   function = 119
	fnDisablePerSessionThreads         function = 120
	fnCreateThreadingOptions           function = 121
	fnReleaseThreadingOptions          function = 122
	fnAddSessionConfigEntry            function = 130
	fnSetGlobalIntraOpNumThreads       function = 147
	fnSetGlobalInterOpNumThreads       function = 148
	fnSetGlobalSpinControl             function = 149
	fnSetGlobalDenormalAsZero          function = 155
	fnSessionOptionsAppendExecProvider function = 216
	tableSize                          function = 285 // members in version 20
)

// ErrLibrary is returned for a library that is missing, or that is not one of ONNX Runtime that
// this package can use.
var ErrLibrary = errors.New("the ONNX Runtime library cannot be used")

// A StatusError is what ONNX Runtime itself says of a call that failed.
type StatusError struct {
	// Doing says what was tried.
	Doing string
	// Message is ONNX Runtime's text.
	Message string
}

func (e *StatusError) Error() string { return e.Doing + ": " + e.Message }

// library is the loaded table.
type library struct {
	table   []uintptr
	version string
}

// load opens the shared library at path.
func load(path string) (*library, error) {
	getBase, err := entry(path, "OrtGetApiBase")
	if err != nil {
		return nil, err
	}
	base, _, _ := purego.SyscallN(getBase)
	if base == 0 {
		return nil, fmt.Errorf("%w: %q has no ORT API table", ErrLibrary, path)
	}
	// struct OrtApiBase has two functions: GetApi(version) and GetVersionString().
	functions := *(*[2]uintptr)(pointer(base))
	text, _, _ := purego.SyscallN(functions[1])
	l := &library{version: goString(text)}
	table, _, _ := purego.SyscallN(functions[0], apiVersion)
	if table == 0 {
		return nil, fmt.Errorf("%w: %q is version %s, and version 1.%d or later is needed", ErrLibrary, path, l.version, apiVersion)
	}
	l.table = unsafe.Slice((*uintptr)(pointer(table)), tableSize) // Version 20 has so many.
	return l, nil
}

// call calls a function that returns a status, and turns that into an error.
func (l *library) call(doing string, fn function, args ...uintptr) error {
	status, _, _ := purego.SyscallN(l.table[fn], args...)
	if status == 0 {
		return nil
	}
	message, _, _ := purego.SyscallN(l.table[fnGetErrorMessage], status)
	err := &StatusError{Doing: doing, Message: goString(message)}
	l.release(fnReleaseStatus, status)
	return err
}

// release calls a function that frees an object.
func (l *library) release(fn function, object uintptr) {
	if object != 0 {
		_, _, _ = purego.SyscallN(l.table[fn], object)
	}
}

// pointer makes a pointer of an address that C code returned. Go's vet rightly distrusts that for
// memory of Go's, which this never is.
func pointer(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// longestText bounds what is read of a text of the library's.
const longestText = 64 << 10

// goString copies a text that ends with a zero byte.
func goString(address uintptr) string {
	if address == 0 {
		return ""
	}
	for n := range longestText {
		if *(*byte)(unsafe.Add(pointer(address), n)) == 0 {
			return string(unsafe.Slice((*byte)(pointer(address)), n))
		}
	}
	return ""
}

// A cString is a text for C code, pinned for as long as its pins are.
type cString struct{ bytes []byte }

func newCString(s string) cString { return cString{append([]byte(s), 0)} }

func (c cString) address(pins *runtime.Pinner) uintptr {
	pins.Pin(&c.bytes[0])
	return uintptr(unsafe.Pointer(&c.bytes[0]))
}

// addressOf pins a value and returns where it is.
func addressOf[T any](pins *runtime.Pinner, value *T) uintptr {
	pins.Pin(value)
	return uintptr(unsafe.Pointer(value))
}
