package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/term"
)

// bufferSize is how much is read at once.
const bufferSize = 128 << 10

var (
	// errStalled is returned when the server sent nothing for too long.
	errStalled = errors.New("the server sends nothing any more")
	// errCut is returned when an answer ended before it was complete.
	errCut = errors.New("the connection was cut")
	// errOtherFile is returned when the server has a file of another size there.
	errOtherFile = errors.New("the server has another file there")
)

// temporaryError is an error that another try may not meet.
type temporaryError struct{ err error }

func (e *temporaryError) Error() string { return e.err.Error() }
func (e *temporaryError) Unwrap() error { return e.err }

// storageError is an error in writing what was received.
type storageError struct{ err error }

func (e *storageError) Error() string { return e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }

// statusError is an answer that is no file.
type statusError struct{ status string }

func (e *statusError) Error() string { return "the server answered " + strconv.Quote(e.status) }

// download is the transfer of one tarball into the part.
type download struct {
	client  *http.Client
	address string
	// host is the part of address that messages may name.
	host  string
	part  *os.File
	size  int64
	stall time.Duration
	bar   *term.Progress

	// offset is how much of the part is there; received is what came in this run.
	offset, received int64
	// tag is the strong validator of what was received in this run, "" when there is none.
	// It is not kept for the next run: the pinned digest tells what was mixed up.
	tag string
	// mixed says that the part is put together from several answers.
	mixed bool
}

// attempt asks for what is missing, and writes what comes to the part.
func (d *download) attempt(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	resp, err := d.ask(ctx)
	if err != nil {
		return connectError(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // It was only read.
	if err := d.accept(resp); err != nil {
		return err
	}
	body := &reader{ctx: ctx, r: resp.Body}
	return d.write(ctx, body, func() { watchdog.Reset(d.stall) })
}

func (d *download) ask(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // What is counted must be the file's own bytes.
	if d.offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.offset))
		if d.tag != "" {
			req.Header.Set("If-Range", d.tag)
		}
	}
	return d.client.Do(req)
}

// accept decides whether the body of an answer is what is missing, and starts over where
// the server did.
func (d *download) accept(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code/100 == 2 && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/"):
		return fmt.Errorf("%w: a page to read", errOtherFile)
	case code == http.StatusOK:
		if resp.ContentLength >= 0 && resp.ContentLength != d.size {
			return fmt.Errorf("%w: of %d bytes and not %d", errOtherFile, resp.ContentLength, d.size)
		}
		if err := d.restart(); err != nil {
			return err
		}
	case code == http.StatusPartialContent:
		if err := d.continues(resp.Header.Get("Content-Range")); err != nil {
			return err
		}
		d.mixed = true
	case code == http.StatusRequestedRangeNotSatisfiable && d.offset > 0:
		return d.startOver("the server cannot go on there")
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly,
		code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		return &temporaryError{&statusError{resp.Status}}
	default:
		return &statusError{resp.Status}
	}
	d.tag = strongTag(resp.Header.Get("ETag"))
	return nil
}

// continues checks that a partial answer begins where the part ends.
func (d *download) continues(contentRange string) error {
	var first, last int64
	var total string
	n, err := fmt.Sscanf(contentRange, "bytes %d-%d/%s", &first, &last, &total)
	if err != nil || n != 3 || first != d.offset {
		return d.startOver("the server goes on elsewhere")
	}
	if all, err := strconv.ParseInt(total, 10, 64); err == nil && all != d.size {
		return fmt.Errorf("%w: of %d bytes and not %d", errOtherFile, all, d.size)
	}
	return nil
}

// startOver drops what there is, for the next attempt.
func (d *download) startOver(why string) error {
	if d.offset == 0 {
		return errors.New(why) // a server's nonsense has no further use
	}
	if err := d.restart(); err != nil {
		return err
	}
	return &temporaryError{errors.New(why)}
}

// restart drops what there is.
func (d *download) restart() error {
	if err := d.part.Truncate(0); err != nil {
		return &storageError{err}
	}
	d.offset, d.tag, d.mixed = 0, "", false
	return nil
}

// strongTag returns an ETag that stands for the very bytes; a weak one does not.
func strongTag(tag string) string {
	if strings.HasPrefix(tag, `"`) {
		return tag
	}
	return ""
}

// write appends the body to the part. alive is called whenever something came.
func (d *download) write(ctx context.Context, body io.Reader, alive func()) error {
	buf := make([]byte, bufferSize)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			alive()
			if err := d.append(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case d.offset == d.size:
			return nil // However the connection ended, everything is there.
		case context.Cause(ctx) != nil:
			return connectError(ctx, err)
		case errors.Is(err, io.EOF):
			return &temporaryError{errCut}
		default:
			return &temporaryError{fmt.Errorf("%w: %w", errCut, discreet(err))}
		}
	}
}

func (d *download) append(data []byte) error {
	if d.offset+int64(len(data)) > d.size {
		tooLong := fmt.Errorf("%w: of more than %d bytes", errOtherFile, d.size)
		return errors.Join(tooLong, d.restart())
	}
	if _, err := d.part.WriteAt(data, d.offset); err != nil {
		return &storageError{err}
	}
	d.offset += int64(len(data))
	d.received += int64(len(data))
	d.bar.Set(d.offset)
	return nil
}
