package run

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"sync"

	"github.com/dustin/go-humanize"
)

// MaxOutput is how many bytes of a command's output a Buffer takes, unless it has another limit: far more than the
// engine says of all of its containers, and little beside this machine's memory.
const MaxOutput = 8 << 20

// TooMuchError is returned for a command that wrote more than is taken. The command was stopped.
type TooMuchError struct {
	// Limit is how many bytes are taken.
	Limit int
}

// Error says how much is taken.
func (e *TooMuchError) Error() string {
	return "it was stopped, since it wrote more than " + humanize.IBytes(uint64(max(0, e.Limit)))
}

// Buffer keeps the output of a command, which may be that of a hostile program and have no end. A write past the
// limit fails with a *[TooMuchError], and then Local stops the command. The zero value takes MaxOutput bytes.
//
// It may be both outputs of a command at once. A bytes.Buffer may not, even behind a lock of its callers: io.Copy
// uses its ReadFrom, which drops what others wrote meanwhile.
type Buffer struct {
	// Limit is how many bytes it takes; 0 stands for MaxOutput.
	Limit int

	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit := cmp.Or(b.Limit, MaxOutput); b.buf.Len()+len(p) > limit {
		return 0, &TooMuchError{Limit: limit}
	}
	return b.buf.Write(p)
}

// Bytes returns what was written; a command may not be writing meanwhile.
func (b *Buffer) Bytes() []byte { return b.buf.Bytes() }

// stopping returns w, with a call of stop when a write fails. A file stays one: the command itself writes to it.
func stopping(w io.Writer, stop func(error)) io.Writer {
	if _, isFile := w.(*os.File); isFile || w == nil {
		return w
	}
	return stopper{w, stop}
}

type stopper struct {
	io.Writer
	stop func(error)
}

// Write implements io.Writer.
func (s stopper) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil {
		s.stop(err)
	}
	return n, err
}
