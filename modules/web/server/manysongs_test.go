package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/title"
)

// A request may have a thousand songs. Other fields of the form are none.
func TestAThousandSongsAreTaken(t *testing.T) {
	t.Parallel()
	s, _ := newUploadServer(t, nil)
	for _, c := range []struct{ fields, songs int }{{0, mostFiles}, {20, mostFiles}, {0, mostFiles + 1}, {20, mostFiles + 1}} {
		body := new(bytes.Buffer)
		form := multipart.NewWriter(body)
		for i := range c.fields {
			spooltest.Must(t, form.WriteField(fmt.Sprint("field", i), "text"))
		}
		for range c.songs {
			part, err := form.CreateFormFile("file", "a.wav")
			spooltest.Must(t, err)
			_, err = io.WriteString(part, "text")
			spooltest.Must(t, err)
		}
		spooltest.Must(t, form.Close())
		all, err := s.uploads.receive(t.Context(), bodyOf(body), form.Boundary())
		if len(all) != mostFiles {
			t.Errorf("%d fields, %d songs: %d were looked at", c.fields, c.songs, len(all))
		}
		tooMany := err != nil && strings.Contains(err.Error(), "More than 1000 songs")
		if tooMany != (c.songs > mostFiles) || err != nil && !tooMany {
			t.Errorf("%d fields, %d songs: %v", c.fields, c.songs, err)
		}
	}
}

func bodyOf(r io.Reader) *uploadBody {
	return &uploadBody{body: r, control: http.NewResponseController(httptest.NewRecorder()), credit: pageWithin}
}

// Of long names a part is kept and said, and of many songs that are refused there is one line in the log.
func TestLongNamesTakeNoMemory(t *testing.T) { //nolint:paralleltest // memory is measured
	const most = 4 << 20
	log := new(bytes.Buffer)
	s, input := newUploadServer(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
	read, write := io.Pipe()
	form := multipart.NewWriter(write)
	go func() {
		var err error
		for i := 0; i < mostFiles && err == nil; i++ {
			var part io.Writer
			if part, err = form.CreateFormFile("file", strings.Repeat(strconv.Itoa(i%10), 7<<10)+".wav"); err == nil {
				_, err = io.WriteString(part, "text")
			}
		}
		_ = write.CloseWithError(errors.Join(err, form.Close()))
	}()
	before := used()
	all, err := s.uploads.receive(t.Context(), bodyOf(read), form.Boundary())
	kept := used() - before
	if err != nil || len(all) != mostFiles || len(all[999].Name) != mostName || kept > most {
		t.Errorf("%d songs, %v, %d bytes are kept; want %d at most", len(all), err, kept, most)
	}
	runtime.KeepAlive(all)
	if strings.Count(log.String(), "\n") != 1 || log.Len() > 2*mostName || !strings.Contains(log.String(), "count=1000") {
		t.Errorf("%d bytes of log: %.2000s", log.Len(), log)
	}
	if w := send(t, s, nil, file{strings.Repeat("a", 7<<10) + ".mp3", wave}); w.Code != http.StatusOK {
		t.Errorf("%d, %s", w.Code, w.Body)
	}
	spooltest.WantNames(t, input, strings.Repeat("a", title.LongestFolder)+".mp3")
	if w := send(t, s, nil, file{strings.Repeat("a", mostBetween) + ".mp3", wave}); w.Code != http.StatusBadRequest {
		t.Errorf("a longer one: %d, %s", w.Code, w.Body)
	}
}
