package modelfolder

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/im2-audio/im2/pipeline/weights"
)

// end is the last entry of a stream. An archive without it was cut off.
const end = "end"

const (
	// mostFiles is how many files a stream may have.
	mostFiles = 1000
	// mostBytes is how many bytes they may have together: what is prepared is no larger than what it is made from, but
	// for what is written around it.
	mostBytes = weights.MaxSource + 64<<20
)

// Send writes the entry of one file to a stream.
func Send(w *tar.Writer, name string, data []byte) error {
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// SendEnd completes a stream.
func SendEnd(w *tar.Writer) error { return errors.Join(Send(w, end, nil), w.Close()) }

// Receive writes a stream of files to a folder, and commits it when the stream is complete. Otherwise it discards
// it.
func Receive(r io.Reader, to Writer) error {
	err := receive(tar.NewReader(io.LimitReader(r, mostBytes)), to)
	if err == nil {
		err = to.Commit()
	}
	if err != nil {
		to.Discard()
	}
	return err
}

func receive(stream *tar.Reader, to Writer) error {
	for range mostFiles {
		header, err := stream.Next()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("receiving the model: %w", err)
		}
		if header.Name == end {
			return nil
		}
		if header.Typeflag != tar.TypeReg {
			return fmt.Errorf("receiving the model: %q is no file", header.Name)
		}
		file, err := to.Create(header.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, stream)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return fmt.Errorf("receiving the model: more than %d files", mostFiles)
}

// Sender is a Writer that sends what it is given.
type Sender struct {
	stream *tar.Writer
	// finish is told whether the stream is complete, and returns what came of it.
	finish func(complete bool) error
	done   bool
}

// NewSender returns a Writer that sends to w. finish is called once, after the last byte; its error, which
// says more than one of w, is returned in its place.
func NewSender(w io.Writer, finish func(complete bool) error) *Sender {
	return &Sender{stream: tar.NewWriter(w), finish: finish}
}

// Create collects a file, which is sent when it is closed.
func (s *Sender) Create(name string) (io.WriteCloser, error) {
	return &sending{sender: s, name: name}, nil
}

// Commit completes the stream.
func (s *Sender) Commit() error { return s.ended(SendEnd(s.stream)) }

// Discard ends the stream before its end.
func (s *Sender) Discard() {
	if !s.done {
		s.done = true
		_ = s.finish(false) // Who discards has an error already.
	}
}

// ended ends the stream with what became of the last thing that was sent.
func (s *Sender) ended(err error) error {
	if s.done {
		return err
	}
	s.done = true
	if why := s.finish(err == nil); why != nil {
		return why
	}
	return err
}

// sending is a file whose length is known when it is closed.
type sending struct {
	bytes.Buffer
	sender *Sender
	name   string
}

func (f *sending) Close() error {
	if err := Send(f.sender.stream, f.name, f.Bytes()); err != nil {
		return f.sender.ended(err)
	}
	return nil
}
