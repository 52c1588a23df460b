//go:build unix

package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/space"
)

// A bench is a data folder with what serves its metrics.
type bench struct {
	t    *testing.T
	data string
	made int
	c    *collector
	now  time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, data: t.TempDir(), now: time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)}
	for _, folder := range job.Folders() {
		b.must(os.MkdirAll(filepath.Join(b.data, folder), 0o755))
	}
	b.c = newCollector(Options{Data: b.data, Limit: space.Limit{Percent: 50}})
	b.c.now = func() time.Time { return b.now }
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// job puts a job into a stage: under a claim, if one follows its ID.
func (b *bench) job(stage job.Stage, claim, more string) (dir string) {
	b.t.Helper()
	b.made++
	id := fmt.Sprintf("20260102T030000.%06dZ-00000000", b.made)
	dir = filepath.Join(b.data, "queue", string(stage), id+claim)
	b.must(os.Mkdir(dir, 0o755))
	b.must(os.WriteFile(filepath.Join(dir, "job.json"), []byte(fmt.Sprintf(`{"id": %q, "name": "song.mp3" %s}`, id, more)), 0o644))
	return dir
}

// ask returns what is served some time later, as Prometheus reads it.
func (b *bench) ask(later time.Duration) map[string]*dto.MetricFamily {
	b.t.Helper()
	b.now = b.now.Add(later)
	w := httptest.NewRecorder()
	b.c.handler().ServeHTTP(w, httptest.NewRequestWithContext(b.t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		b.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	b.must(err)
	return families
}

// value is that of the metric with these labels, as text.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) string {
	for _, m := range families[name].GetMetric() {
		var got []string
		for _, l := range m.GetLabel() {
			got = append(got, l.GetValue())
		}
		if !slices.Equal(got, labels) {
			continue
		}
		switch {
		case m.Gauge != nil:
			return fmt.Sprint(m.Gauge.GetValue())
		case m.Counter != nil:
			return fmt.Sprint(m.Counter.GetValue())
		case m.Histogram != nil:
			return fmt.Sprint(m.Histogram.GetSampleCount(), " in ", m.Histogram.GetSampleSum())
		}
	}
	return "none"
}

func (b *bench) want(families map[string]*dto.MetricFamily, want map[string]string) {
	b.t.Helper()
	for key, text := range want {
		words := strings.Fields(key)
		if got := value(families, words[0], words[1:]...); got != text {
			b.t.Errorf("%s is %s; want %s", key, got, text)
		}
	}
}

func TestWhatIsThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.want(b.ask(0), map[string]string{
		"im2_queue_jobs pending": "0", "im2_queue_oldest_seconds": "0", "im2_ended_jobs done": "0", "im2_queue_unseparated_jobs": "0", "im2_paused": "0",
	})
	b.job(job.Pending, "", "")
	b.job(job.Pending, "", "")
	held := b.job(job.Separating, ".host-1.0011aabb", "")
	b.must(os.WriteFile(filepath.Join(held, "progress.json"), []byte(`{"phase": "separating", "updated": "2026-01-02T03:59:50Z"}`), 0o644))
	b.job(job.Separated, "", "")
	b.job(job.Done, "", "")
	b.must(pause.Set(b.data, "anna", -1, -1))
	b.want(b.ask(time.Second), map[string]string{"im2_queue_jobs pending": "0"}) // It is good for a moment.
	families := b.ask(time.Second)
	b.want(families, map[string]string{
		"im2_queue_jobs incoming": "0", "im2_queue_jobs pending": "2", "im2_queue_jobs separating": "1", "im2_queue_jobs separated": "1", "im2_queue_jobs organizing": "0",
		"im2_queue_unseparated_jobs": "1", "im2_queue_oldest_seconds": "3601.999999", "im2_paused": "1",
		"im2_lease_seconds separating host-1": "12", "im2_ended_jobs done": "0", "im2_ended_jobs failed": "0", "im2_queue_jobs done": "none",
	})
	free := families["im2_disk_free_bytes"].GetMetric()[0].GetGauge().GetValue()
	size := families["im2_disk_size_bytes"].GetMetric()[0].GetGauge().GetValue()
	if least := families["im2_disk_least_free_bytes"].GetMetric()[0].GetGauge().GetValue(); free <= 0 || size < free || least < size*0.49 || least > size*0.51 {
		t.Errorf("%f of %f bytes are free, and %f must be", free, size, least)
	}
	b.want(b.ask(endedFor), map[string]string{"im2_ended_jobs done": "1"})
}

// A worker counts while its container lives, whether it has a song or not.
func TestWhichServicesLive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	leave := func(name string, ago time.Duration, text string) {
		path := filepath.Join(b.data, proof.Folder, name+".json")
		b.must(os.MkdirAll(filepath.Dir(path), 0o755))
		b.must(os.WriteFile(path, []byte(text), 0o644))
		at := time.Now().Add(-ago)
		b.must(os.Chtimes(path, at, at))
	}
	of := func(service, host string) string {
		text, err := json.Marshal(proof.New(service, "1", host, "", proof.Rights{}, func(string) string { return "" }))
		b.must(err)
		return string(text)
	}
	leave("demucs-a", time.Second, of("demucs", "a"))
	leave("demucs-b", 170*time.Second, of("demucs", "b"))
	leave("demucs-c", 190*time.Second, of("demucs", "c"))
	leave("watcher-a", time.Hour, of("watcher", "a"))
	leave("evil-a", 0, `{"service": "evil"}`)
	b.want(b.ask(0), map[string]string{"im2_services demucs": "2", "im2_services watcher": "0", "im2_services evil": "none"})
}

// Who scales workers is told of songs that wait only while workers take songs; of those that workers have, always.
func TestNoWorkerIsWantedThatRests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	room, none := space.Limit{Bytes: 1}, space.Limit{Bytes: math.MaxInt64}
	for range 5 {
		b.job(job.Pending, "", "")
	}
	b.job(job.Separating, ".host-1.0011aabb", "")
	for _, c := range []struct {
		paused bool
		limit  space.Limit
		want   string
	}{{false, room, "6"}, {true, room, "1"}, {false, none, "1"}, {true, none, "1"}, {false, room, "6"}} {
		b.c.Limit = c.limit
		b.must(pause.Clear(b.data))
		if c.paused {
			b.must(pause.Set(b.data, "anna", -1, -1))
		}
		b.want(b.ask(goodFor), map[string]string{"im2_queue_unseparated_jobs": c.want, "im2_queue_jobs pending": "5"})
	}
	b.must(pause.Set(b.data, "anna", -1, -1))
	b.must(os.RemoveAll(filepath.Join(b.data, "queue/separating")))
	b.want(b.ask(goodFor), map[string]string{"im2_queue_unseparated_jobs": "0"})
}

// Of jobs that had ended before, nothing is counted but how many they are; of those that end later, each is counted once.
func TestWhatEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.job(job.Done, "", `, "attempt": 2`)
	b.ask(0)
	b.job(job.Done, "", `, "attempt": 3, "losses": 2, "history": [
		{"stage": "pending", "start": "2026-01-02T03:00:00Z", "end": "2026-01-02T03:01:00Z"}, {"stage": "separating", "start": "2026-01-02T03:01:00Z", "end": "2026-01-02T03:01:30Z"},
		{"stage": "done", "start": "2026-01-02T03:01:30Z"}]`)
	b.job(job.Rejected, "", `, "duplicate_of": "20260102T030000.000001Z-00000000"`)
	b.job(job.Rejected, "", "")
	b.job(job.Rejected, "", `, "attempt": 1, "history": [{"stage": "separating", "start": "2026-01-02T03:00:00Z", "attempt": 1}, {"stage": "rejected", "start": "2026-01-02T03:00:01Z"}]`)
	b.job(job.Failed, "", `, "attempt": 3`)
	b.must(os.WriteFile(filepath.Join(b.job(job.Failed, "", ""), "job.json"), []byte("{"), 0o644)) // Nothing is known of it.
	want := map[string]string{
		"im2_ended_jobs done": "2", "im2_ended_jobs rejected": "3", "im2_ended_jobs failed": "2", "im2_attempts_total": "7", "im2_losses_total": "2", "im2_failed_total": "1",
		"im2_rejected_total duplicate": "1", "im2_rejected_total file": "1", "im2_rejected_total separation": "1",
		"im2_stage_seconds pending": "1 in 60", "im2_stage_seconds separating": "1 in 30", "im2_stage_seconds organizing": "0 in 0", "im2_stage_seconds done": "none",
	}
	for range 3 {
		b.want(b.ask(endedFor), want)
	}
	b.must(os.RemoveAll(filepath.Join(b.data, "queue/done"))) // Pruned.
	want["im2_ended_jobs done"] = "0"
	b.want(b.ask(endedFor), want)
}

func TestADataFolderThatIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ask(0)
	b.must(os.RemoveAll(b.data))
	b.now = b.now.Add(goodFor)
	w := httptest.NewRecorder()
	b.c.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "im2_queue_jobs{") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// Nothing in the data folder can make an answer that cannot be read, or one without an end.
func TestHostileJobs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	outside := t.TempDir()
	for i := range 3 * mostHeld {
		dir := b.job(job.Separating, fmt.Sprintf(".host-%d.0011aabb", i), "")
		b.must(os.WriteFile(filepath.Join(dir, "progress.json"), []byte(`{"phase": "separating", "updated": "2099-01-02T03:59:50Z"}`), 0o644))
	}
	b.must(os.Symlink(outside, filepath.Join(b.data, "queue/done/20260102T030000.000001Z-00000000")))
	b.must(os.Symlink(outside, filepath.Join(b.data, "queue/pending/\n im2_queue_jobs 5")))
	b.must(os.Mkdir(filepath.Join(b.data, "queue/separating/20260102T030000.000001Z-00000000.a\"} 5\nb.0011aabb"), 0o755))
	families := b.ask(0)
	if n := len(families["im2_lease_seconds"].GetMetric()); n != mostHeld {
		t.Errorf("%d leases; want %d", n, mostHeld)
	}
	b.want(families, map[string]string{"im2_queue_jobs separating": strconv.Itoa(3 * mostHeld), "im2_queue_jobs pending": "0", "im2_ended_jobs done": "0"})
}

func TestTheNamesAreGood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	held := b.job(job.Separating, ".host-1.0011aabb", "")
	b.must(os.WriteFile(filepath.Join(held, "progress.json"), []byte(`{"updated": "2026-01-02T03:59:50Z"}`), 0o644))
	proven := proof.New("demucs", "1", "a", "", proof.Rights{}, func(string) string { return "" })
	defer proven.Keep(t.Context(), b.data)()
	var all []*dto.MetricFamily
	for _, family := range b.ask(0) {
		all = append(all, family)
	}
	problems, err := promlint.NewWithMetricFamilies(all).Lint()
	if err != nil || len(problems) > 0 || len(all) < 14 {
		t.Errorf("%d metrics: %v, %v", len(all), problems, err)
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	b.must(err)
	board, err := os.ReadFile("../../docs/grafana.json")
	b.must(err)
	var parsed struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	b.must(json.Unmarshal(board, &parsed))
	var asked []string
	for _, panel := range parsed.Panels {
		for _, target := range panel.Targets {
			found := regexp.MustCompile(`\bim2_\w+`).FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("panel %q asks for nothing: %s", panel.Title, target.Expr)
			}
			asked = append(asked, found...)
		}
	}
	for _, name := range asked {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if !slices.ContainsFunc(all, func(f *dto.MetricFamily) bool { return f.GetName() == base || f.GetName() == name }) {
			t.Errorf("docs/grafana.json asks for %s, which is not served", name)
		}
	}
	for _, family := range all {
		name := family.GetName()
		if !strings.Contains(string(page), "`"+name) {
			t.Errorf("docs/metrics.md has no %s", name)
		}
		if !slices.ContainsFunc(asked, func(a string) bool { return strings.HasPrefix(a, name) }) {
			t.Errorf("docs/grafana.json does not show %s", name)
		}
	}
}
