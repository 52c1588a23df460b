package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// mostDrained and drainWithin are how much of a request that is refused is read, and for how long: some browsers show no answer
	// as long as they cannot send all.
	mostDrained, drainWithin = 64 << 20, 5 * time.Second
	// retryAfter is in how many seconds a browser may try again when there are too many at once.
	retryAfter = 10
)

// uploadView is what the page shows.
type uploadView struct {
	// Most is how much a song may have, in words and in bytes.
	Most      string
	MostBytes int64
	// Warning says that the disk is nearly full.
	Warning string
	// Files are what was sent, Problem is what was wrong with all of it; "" for nothing.
	Files   []received
	Problem string
}

func (s *Server) uploadPage(w http.ResponseWriter, _ *http.Request) {
	s.showUpload(w, http.StatusOK, uploadView{})
}

func (s *Server) showUpload(w http.ResponseWriter, status int, view uploadView) {
	// With no-referrer, a form of this page would come without its origin.
	w.Header().Set("Referrer-Policy", "same-origin")
	view.Most, view.MostBytes = place.Bytes(s.uploads.most), s.uploads.most
	view.Warning = s.uploads.limit.Look(s.data).Warning()
	s.show(w, status, "upload", view)
}

// upload takes the songs that a form sends.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // It is set again for the answer.
	files, err := s.takeUpload(r, control)
	view, status := uploadView{Files: files}, http.StatusOK
	if i := slices.IndexFunc(files, func(one received) bool { return one.problem != nil }); i >= 0 {
		status = files[i].problem.status
	}
	if err != nil {
		p := s.uploads.problemOf(err)
		if status == http.StatusOK {
			status = p.status
		}
		if len(files) == 0 || files[len(files)-1].problem != p {
			view.Problem = p.text
		}
		if r.Header.Get("Expect") != "" || !drained(r.Body, control) { // Who asks before it sends is not made to send.
			w.Header().Set("Connection", "close")
		}
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	_ = control.SetWriteDeadline(time.Now().Add(pageWithin))
	s.showUpload(w, status, view)
}

// drained reads what is left of a request. It reports false if that is too much.
func drained(body io.Reader, control *http.ResponseController) bool {
	_ = control.SetReadDeadline(time.Now().Add(drainWithin))
	_, err := io.CopyN(io.Discard, body, mostDrained)
	return errors.Is(err, io.EOF)
}

func (s *Server) takeUpload(r *http.Request, control *http.ResponseController) ([]received, error) {
	kind, values, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || values["boundary"] == "" {
		return nil, &problem{http.StatusUnsupportedMediaType, "Songs are sent as a form: multipart/form-data.", true}
	}
	if r.ContentLength > 0 {
		if err := s.uploads.limit.CheckFor(s.uploads.folder(), r.ContentLength); err != nil {
			return nil, err
		}
	}
	if !s.uploads.enter(r.Context()) {
		return nil, &problem{http.StatusServiceUnavailable, "Too many songs are being sent at once. Try again in a moment.", true}
	}
	defer s.uploads.leave()
	body := &uploadBody{body: r.Body, control: control, credit: pageWithin}
	files, err := s.uploads.receive(r.Context(), body, values["boundary"])
	if err == nil && len(files) == 0 {
		return nil, &problem{http.StatusBadRequest, "No file was chosen.", true}
	}
	return files, err
}
