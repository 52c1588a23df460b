package server

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/queue"
)

const (
	// onePage is how many songs or jobs one page has.
	onePage = 50
	// mostQuestion is how many bytes of a question are searched for.
	mostQuestion = 200
)

// A pager is where a page is among others of its kind.
type pager struct {
	// Number is that of this page, from 1 to Last; Total is how many entries all have.
	Number, Last, Total int
	// base is the address of all, without the number.
	base url.URL
}

// pagerOf finds the page that is asked for; a number that is none, or too large, is the nearest one.
func pagerOf(r *http.Request, base url.URL, total int) pager {
	last := max(1, (total+onePage-1)/onePage)
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if errors.Is(err, strconv.ErrRange) && number > 0 {
		number = last
	}
	return pager{Number: min(max(1, number), last), Last: last, Total: total, base: base}
}

// bounds are the entries of this page.
func (p pager) bounds() (from, to int) {
	from = (p.Number - 1) * onePage
	return from, min(from+onePage, p.Total)
}

// Before and After are the addresses of the neighbours; "" where there is none.
func (p pager) Before() string { return p.at(p.Number - 1) }

// After is as Before.
func (p pager) After() string { return p.at(p.Number + 1) }

func (p pager) at(number int) string {
	if number < 1 || number > p.Last {
		return ""
	}
	query := p.base.Query()
	query.Set("page", strconv.Itoa(number))
	address := p.base
	address.RawQuery = query.Encode()
	return address.String()
}

// libraryView is what the library's page shows.
type libraryView struct {
	pager
	Question string
	Songs    []*song
	// Ready is false until all songs were read.
	Ready bool
}

func (s *Server) libraryPage(w http.ResponseWriter, r *http.Request) {
	question := printable(cutBytes(r.URL.Query().Get("q"), mostQuestion))
	songs, ready := s.library.search(question)
	base := url.URL{Path: "/library"}
	if question != "" {
		base.RawQuery = url.Values{"q": {question}}.Encode()
	}
	view := libraryView{pager: pagerOf(r, base, len(songs)), Question: question, Ready: ready}
	from, to := view.bounds()
	view.Songs = songs[from:to]
	s.show(w, http.StatusOK, "library", view)
}

// failedView is what the page of what went wrong shows.
type failedView struct {
	pager
	Jobs []failure
}

// A failure is a job that did not become a song, with what to do.
type failure struct {
	row
	// Advice says what to do in one sentence, Command what to type; "" for nothing.
	Advice, Command string
}

func (s *Server) failedPage(w http.ResponseWriter, r *http.Request) {
	view, err := s.lookFailed(r)
	if err != nil {
		s.failed(w, "reading the queue", err)
		return
	}
	s.show(w, http.StatusOK, "failed", view)
}

// lookFailed reads the jobs of the page that is asked for.
func (s *Server) lookFailed(r *http.Request) (view failedView, err error) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	listing, err := s.queue.queue.List(r.Context())
	if err != nil {
		return view, err
	}
	ids := listing.IDs(job.Failed, job.Rejected)
	slices.Reverse(ids)
	view.pager = pagerOf(r, url.URL{Path: "/failed"}, len(ids))
	from, to := view.bounds()
	for _, id := range ids[from:to] {
		j, err := listing.Get(r.Context(), id)
		if err == nil && (j.Stage == job.Failed || j.Stage == job.Rejected) { // Else somebody has tried it again.
			view.Jobs = append(view.Jobs, s.failureOf(j))
		}
	}
	return view, r.Context().Err()
}

// dataFolder is what the data folder is called on the host, unless the project has another one.
const dataFolder = "pipeline-data"

func (s *Server) failureOf(j queue.Job) failure {
	f := failure{row: rowOf(j, s.now())}
	file := j.RawRejected()
	switch {
	case j.Stage == job.Failed && j.Problem != "":
		f.Advice = "What is left of it is in " + path.Join(dataFolder, job.QueueFolder, string(job.Failed), j.ID) + "."
	case j.Stage == job.Failed:
		f.Advice, f.Command = "To try it again:", "mage retry "+j.ID
	case file == "":
		f.Advice = "Its file is not kept."
	case j.DuplicateOf != "":
		f.Advice, f.Command = "To separate it again:", command("mage separate", " -again", dataFolder, job.RejectedFolder, file)
	default:
		f.Advice, f.Command = "Fix the file, then put it in again:", command("mv", " "+path.Join(dataFolder, job.InputFolder)+"/", dataFolder, job.RejectedFolder, file)
	}
	if file != "" && f.Command == "" {
		f.Advice = "Its file is in " + path.Join(dataFolder, job.RejectedFolder) + ", under a name that cannot be shown: move it to " + path.Join(dataFolder, job.InputFolder) + " once it is right."
	}
	return f
}

// command is a command line with a file; "" where the file's name cannot be shown as it is.
func command(program, end string, file ...string) string {
	argument := word(path.Join(file...))
	if argument == "" {
		return ""
	}
	return program + " " + argument + end
}
