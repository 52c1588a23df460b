package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"github.com/im2-audio/im2/pipeline/audio"
	"github.com/im2-audio/im2/pipeline/handover"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/space"
	"github.com/im2-audio/im2/pipeline/title"
)

const (
	// uploadPath is the page on which songs are put in.
	uploadPath = "/upload"
	// mostUploads is how many requests put songs in at the same time, and mostWaiting how many wait for that, for turnWithin at most.
	mostUploads, mostWaiting = 4, 100
	turnWithin               = time.Minute
	// mostFiles is how many songs one request may have, and mostBetween how many bytes there may be between two of them: fields
	// without a file, and what a form says of the next song.
	mostFiles, mostBetween = 1000, 8 << 10
	// mostName is how many bytes of a browser's name for a song are kept, and said to people.
	mostName = 512
	// headBytes is how much of a song's beginning is looked at, as by the watcher.
	headBytes = 3072
	// lookEvery is after how many bytes it is asked whether the disk still has room.
	lookEvery = 8 << 20
	// mostCredit is how long who has sent fast may send slowly: a slot is not held for hours by who was fast for a minute.
	mostCredit = time.Minute
	// leftAfter is when a copy that nobody goes on with was left by a crash: who sends nothing for chunkWithin is given up.
	leftAfter = time.Hour
)

// uploads put songs from browsers into input/.
type uploads struct {
	data  string
	most  int64
	limit space.Limit
	log   *slog.Logger
	now   func() time.Time
	// slots has an entry for each request that puts songs in, line for each that wait.
	slots, line chan struct{}
	swept       time.Time
}

func newUploads(o Options) *uploads {
	return &uploads{
		data: o.Data, most: o.MostUpload, limit: o.MinFree, log: o.Log, now: time.Now,
		slots: make(chan struct{}, mostUploads), line: make(chan struct{}, mostWaiting),
	}
}

func (u *uploads) folder() string { return filepath.Join(u.data, job.InputFolder) }

// tend removes what crashes left, now and then. The error says why nothing can be put in.
func (u *uploads) tend() error {
	if now := u.now(); u.swept.IsZero() || now.Sub(u.swept) >= leftAfter {
		u.swept = now
		place.SweepOlder(u.folder(), leftAfter, job.BrowserPattern)
	}
	err := place.Writable(u.folder())
	switch {
	case errors.Is(err, syscall.EROFS):
		return errors.New("songs cannot be put into input/, which is mounted read-only: run `mage up`")
	case err != nil:
		return fmt.Errorf("songs cannot be put into input/: %w", err)
	}
	return nil
}

// end waits for the uploads that are under way, whose connections are closed, so that they leave nothing behind. None begins after that.
func (u *uploads) end() {
	for range cap(u.slots) {
		u.slots <- struct{}{}
	}
}

// enter waits until a request may put songs in; leave must follow. It reports false where it is not its turn for too long, or others
// wait already.
func (u *uploads) enter(ctx context.Context) bool {
	select {
	case u.line <- struct{}{}:
	default:
		return false
	}
	defer func() { <-u.line }()
	patience := time.NewTimer(turnWithin)
	defer patience.Stop()
	select {
	case u.slots <- struct{}{}:
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}

func (u *uploads) leave() { <-u.slots }

// A problem is why a song, or a whole request, was not taken.
type problem struct {
	status int
	// text says so to who sent it.
	text string
	// ends says that nothing that follows in the request is taken.
	ends bool
}

func (p *problem) Error() string { return p.text }

// A clientError is one of the connection.
type clientError struct{ error }

func (e *clientError) Unwrap() error { return e.error }

// problemOf says in words what an error means.
func (u *uploads) problemOf(err error) *problem {
	var known *problem
	var opening *handover.OpenError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, new(*clientError)), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return &problem{http.StatusBadRequest, "It stopped before its end, and nothing of it was kept. Send it again.", true}
	case errors.Is(err, space.ErrLow):
		return &problem{http.StatusInsufficientStorage, sentence(err), true}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &problem{http.StatusInsufficientStorage, "The disk of the data folder is full. \"mage prune\" makes room.", true}
	case errors.Is(err, syscall.EROFS):
		return &problem{http.StatusInternalServerError, "The folder input/ is mounted read-only: type \"mage up\".", true}
	case errors.Is(err, fs.ErrPermission):
		return &problem{http.StatusInternalServerError, "The service may not write to the folder input/: type \"mage reset-permissions\".", true}
	case errors.As(err, &opening), errors.Is(err, fs.ErrNotExist):
		return &problem{http.StatusInternalServerError, "The folder input/ is not there, or was replaced: type \"mage up\".", true}
	}
	return &problem{http.StatusInternalServerError, "It could not be written: " + printable(err.Error()), true}
}

// sentence makes one of an error.
func sentence(err error) string {
	text := printable(err.Error())
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// errTooLarge is what a song is that has more bytes than it may have. What follows it would have to be read, and is not.
func (u *uploads) errTooLarge() *problem {
	return &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("It is too large: a song may have %s. Cut it into parts, or export it as FLAC.", place.Bytes(u.most)), true}
}

// A received is what became of a song that was sent.
type received struct {
	// Name is what the browser calls it, cut to mostName, Entry how it is called in input/; that is "" where it was not taken.
	Name, Entry string
	problem     *problem
}

// Problem says why it was not taken.
func (r received) Problem() string { return r.problem.text }

// receive takes the songs of a request. The error ended it before its end; it is a song's own problem if that is about the last one.
func (u *uploads) receive(ctx context.Context, body *uploadBody, boundary string) (all []received, err error) {
	defer func() { u.logRefused(all) }()
	parts := multipart.NewReader(body, boundary)
	body.allow(mostBetween)
	for {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // One that is wrapped came before the end.
			return all, nil
		}
		if err != nil {
			return all, notAForm(err)
		}
		name, isFile, readable := fileName(part)
		if !isFile {
			if _, err := io.Copy(io.Discard, part); err != nil {
				return all, err
			}
			continue
		}
		if len(all) == mostFiles {
			return all, &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("More than %d songs at once: send the others after these.", mostFiles), true}
		}
		body.allow(u.most + mostBetween)
		one := received{Name: strings.Clone(title.Shorten(name, mostName))} // Else all that it was cut from stays in memory.
		if readable {
			one.Entry, err = u.put(ctx, name, part)
		} else {
			err = errNoName
		}
		if err != nil {
			one.problem = u.problemOf(err)
		}
		all = append(all, one)
		if one.problem != nil && one.problem.ends {
			return all, one.problem
		}
		if _, err := io.Copy(io.Discard, part); err != nil { // what was not read of one that is no song
			return all, err
		}
		body.allow(mostBetween)
	}
}

// logRefused says in one line which songs of a request were not taken: there may be a thousand.
func (u *uploads) logRefused(all []received) {
	var refused []received
	for _, one := range all {
		if one.problem != nil {
			refused = append(refused, one)
		}
	}
	if len(refused) > 0 {
		u.log.Warn("songs from a browser were not taken", "count", len(refused), "first", refused[0].Name, "reason", refused[0].problem.text)
	}
}

// errNoName is what a song is whose name the form has in a way that cannot be read.
var errNoName = &problem{http.StatusBadRequest, "Its name cannot be read. Perhaps it has a quotation mark or a backslash in it: rename it.", false}

var (
	// givenName finds the name of a file in what a form says of a part of it.
	givenName = regexp.MustCompile(`(?i);\s*filename\*?\s*=(.*)`)
	// unescape turns back what forms of browsers and curl cannot have in a name, as the HTML standard has it
	// (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data).
	unescape = strings.NewReplacer("%22", `"`, "%0D", "\r", "%0A", "\n")
)

// fileName is what a form calls the file that a part of it has. isFile is false where it has none: it is another field, or no file was
// chosen. Where the name is not readable, name is what there is in its place.
func fileName(part *multipart.Part) (name string, isFile, readable bool) {
	if name := part.FileName(); name != "" {
		return unescape.Replace(name), true, true
	}
	disposition := part.Header.Get("Content-Disposition")
	given := givenName.FindStringSubmatch(disposition)
	if given == nil {
		return "", false, true
	}
	_, values, err := mime.ParseMediaType(disposition)
	if _, empty := values["filename"]; err == nil && empty {
		return "", false, true
	}
	return strings.Trim(given[1], `" `), true, false
}

// notAForm says of an error of the connection what it is, and of any other one that the form cannot be read.
func notAForm(err error) error {
	switch {
	case errors.As(err, new(*clientError)), errors.As(err, new(*problem)):
		return err
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return &problem{http.StatusBadRequest, "The form cannot be read. Perhaps the name of a file has characters in it that cannot be seen: rename it.", true}
}

// put puts a song into input/ and returns the name that it has there.
func (u *uploads) put(ctx context.Context, name string, content io.Reader) (entry string, err error) {
	if err := u.limit.Check(u.folder()); err != nil { // Of many small songs, none is large enough for the look below.
		return "", err
	}
	left := u.most
	bytesRead, looked := int64(0), int64(0)
	content = place.Reader(ctx, content, func(n int) { bytesRead += int64(n) })
	buffered := bufio.NewReaderSize(readerFunc(func(p []byte) (int, error) {
		n, err := content.Read(p)
		if left -= int64(n); left < 0 {
			return 0, u.errTooLarge()
		}
		if bytesRead-looked >= lookEvery {
			looked = bytesRead
			if err := u.limit.Check(u.folder()); err != nil {
				return 0, err
			}
		}
		return n, err
	}), headBytes)
	head, err := buffered.Peek(headBytes)
	switch kind, mayBe := audio.Recognize(head[:min(len(head), audio.HeadSize)], mimetype.Detect(head).String()); {
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	case len(head) == 0:
		return "", &problem{http.StatusBadRequest, "It is empty: it has 0 bytes.", false}
	case !mayBe:
		return "", &problem{http.StatusUnsupportedMediaType, "It is not audio: its content is of the type " + kind + ", whatever its name says. " +
			"If it should be a song, check that it plays, or export it again as WAV, FLAC or MP3.", false}
	}
	placed, err := handover.Put(ctx, u.data, handover.Song{Name: entryName(name), Size: handover.Unknown, Pattern: job.BrowserPattern}, buffered, -1, -1)
	if err != nil {
		return "", err
	}
	u.log.Info("a song came from a browser", "name", placed.Entry, "bytes", bytesRead)
	return placed.Entry, nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// entryName is the name that a song gets in input/: one that every system can have, and that the watcher takes.
func entryName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	for {
		song, ext := title.Split(title.Whole(name))
		if name = title.Safe(song) + ext; !title.Unfinished(name) {
			return name
		}
	}
}

// An uploadBody is what a client sends. It must come at slowest bytes a second, and never rest for longer than chunkWithin.
type uploadBody struct {
	body    io.Reader
	control *http.ResponseController
	// credit is for how long the client may still be waited for. Waiting takes from it, and what comes adds to it, up to mostCredit.
	// What this service needs to write a song takes nothing.
	credit time.Duration
	left   int64
}

// allow sets how many bytes may be read from now on.
func (b *uploadBody) allow(n int64) { b.left = n }

func (b *uploadBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &problem{http.StatusBadRequest, "The request has more than songs in it.", true}
	}
	began := time.Now()
	_ = b.control.SetReadDeadline(began.Add(min(b.credit, chunkWithin))) // What has none, such as a test's, waits for nobody.
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.credit = min(b.credit-time.Since(began)+time.Duration(n)*time.Second/slowest, mostCredit)
	b.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{}) // Who has sent all may wait until it is on the disk.
	case err != nil:
		err = &clientError{err}
	}
	return n, err
}
