//go:build linux

package pages_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/im2-audio/im2/pipeline/job"
)

// A row of the queue changes while it is looked at, until it leads to the song.
func TestARowMovesLive(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	b.open(s.url+"/", 1440, 900)
	b.until(`document.body.textContent.includes('Nothing was put in yet')`)
	id := putJob(t, s.data, 1, "short.mp3", job.Pending, func(r *job.Record) { r.Track = short.name })
	row := func(want string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.getElementById('job-%s')?.textContent.includes(%q)`, id, want))
	}
	stage := func(s job.Stage) string { return filepath.Join(string(s), id) }
	queue := filepath.Join(s.data, job.QueueFolder)
	row("waiting")
	must(t, os.Rename(filepath.Join(queue, stage(job.Pending)), filepath.Join(queue, stage(job.Separating))))
	putProgress(t, s.data, id, 40)
	row("40 %")
	putProgress(t, s.data, id, 90)
	row("90 %")
	must(t, os.Rename(filepath.Join(queue, string(job.Separating), job.Claim{ID: id, Worker: "demucs-1", Token: "00c0ffee"}.Name()), filepath.Join(queue, stage(job.Done))))
	row("done")
	b.click(fmt.Sprintf(`[id="job-%s"] a`, id))
	b.until(`document.querySelectorAll('.lane').length === 4`)
	b.quiet("")
}

// The link that has the focus keeps it while other rows come and go, its own row changes, and its place does.
func TestALinkKeepsTheFocus(t *testing.T) {
	t.Parallel()
	s := newSite(t, short)
	b := newTab(t)
	var done job.Record
	older := putJob(t, s.data, 1, "older.mp3", job.Pending, nil)
	id := putJob(t, s.data, 2, "short.mp3", job.Done, func(r *job.Record) {
		r.Track = short.name
		done = *r
	})
	b.open(s.url+"/", 1440, 900)
	link := fmt.Sprintf(`[id="job-%s"] a`, id)
	b.do(chromedp.Focus(chromedp.CSS(link)))
	focused := func(when string) {
		t.Helper()
		if at := eval[string](b, `document.activeElement.outerHTML.slice(0, 200)`); !eval[bool](b, fmt.Sprintf(`document.activeElement === document.querySelector(%q)`, link)) {
			t.Errorf("%s, the focus is on %s", when, at)
		}
	}
	rows := func(want string) { // by the names of their songs
		t.Helper()
		b.until(fmt.Sprintf(`[...document.querySelectorAll('#live tbody th')].map((e) => e.textContent).join() === %q`, want))
	}
	rows("older.mp3,short.mp3")
	focused("at first")
	putJob(t, s.data, 3, "newer.mp3", job.Pending, nil)
	rows("older.mp3,newer.mp3,short.mp3")
	focused("with another row")

	queue := filepath.Join(s.data, job.QueueFolder)
	done.Attempt, done.History = 2, job.History{{Stage: job.Done, Start: done.Created}}
	text, err := done.Bytes()
	must(t, err)
	record := filepath.Join(queue, string(job.Done), id, job.RecordFile)
	must(t, os.WriteFile(record+".new", text, 0o644))
	must(t, os.Rename(record+".new", record))
	b.until(fmt.Sprintf(`document.querySelector('[id="job-%s"] [data-name=Attempts]').textContent === '2'`, id))
	focused("after its row changed")

	must(t, os.Rename(filepath.Join(queue, string(job.Pending), older), filepath.Join(queue, string(job.Done), older)))
	rows("newer.mp3,short.mp3,older.mp3")
	focused("after rows changed places")
	b.quiet("")
}
