// Package metrics serves, in the form of Prometheus, what the pipeline does: from the data folder alone, so that no service but the one
// that serves it needs a network.
//
// Gauges say what is there now. Counters count from the start of the process that serves them, as those of any program do: of jobs that
// had ended before, only the number is told. What is read for an answer is bounded, and good for a moment.
package metrics

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/pause"
	"github.com/im2-audio/im2/pipeline/proof"
	"github.com/im2-audio/im2/pipeline/queue"
	"github.com/im2-audio/im2/pipeline/space"
)

const (
	// goodFor is how long what waits and is in work is good for: whoever asks more often makes a file server no more work.
	goodFor = 2 * time.Second
	// endedFor is that of the jobs that have ended, of which there are many.
	endedFor = 30 * time.Second
	// mostRead is how many records of jobs that ended are read at a time; the others are read the next time.
	mostRead = 1000
	// livesFor is for how long a container counts as living that wrote its proof, as it does each minute.
	livesFor = 3 * time.Minute
	// mostHeld is of how many jobs in the hands of workers the leases are told.
	mostHeld = 200
	// within bounds an answer.
	within = 20 * time.Second
	// mostAsking is how many may ask at the same time.
	mostAsking = 8
)

// Options are what is served.
type Options struct {
	// Data is the data folder.
	Data string
	// Limit is how much of its disk stays free.
	Limit space.Limit
}

// A desc is one metric.
type desc struct {
	name, help string
	labels     []string
}

var (
	queueJobs   = desc{"im2_queue_jobs", "Jobs in a stage of the queue.", []string{"stage"}}
	unseparated = desc{"im2_queue_unseparated_jobs", "Jobs that a worker has, and unless workers take no song those that wait for one.", nil}
	endedJobs   = desc{"im2_ended_jobs", "Jobs that are done, were rejected, or failed.", []string{"stage"}}
	oldest      = desc{"im2_queue_oldest_seconds", "How long ago the oldest song that has not ended was taken; 0 where there is none.", nil}
	leases      = desc{"im2_lease_seconds", "How long ago a worker gave a sign of life for a job that it has, by its own clock.", []string{"stage", "worker"}}
	services    = desc{"im2_services", "Containers of a service that gave a sign of life in the last three minutes.", []string{"service"}}
	paused      = desc{"im2_paused", "1 while workers take no song because somebody paused them.", nil}
	diskFree    = desc{"im2_disk_free_bytes", "Bytes free on the disk of the data folder.", nil}
	diskSize    = desc{"im2_disk_size_bytes", "Bytes that the disk of the data folder has.", nil}
	diskLeast   = desc{"im2_disk_least_free_bytes", "Bytes that must be free for workers to take songs.", nil}

	attempts = desc{"im2_attempts_total", "Attempts of jobs that ended since this process started.", nil}
	losses   = desc{"im2_losses_total", "Workers that were lost with jobs that ended since this process started.", nil}
	rejected = desc{"im2_rejected_total", "Songs rejected since this process started: duplicate, file (it is no song), or separation.", []string{"kind"}}
	failed   = desc{"im2_failed_total", "Jobs given up since this process started.", nil}
	seconds  = desc{"im2_stage_seconds", "Seconds that jobs which are done since this process started spent in each stage.", []string{"stage"}}
)

// buckets are those of seconds: a song takes from a second to hours.
var buckets = []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600}

// The kinds of im2_rejected_total.
const (
	kindDuplicate  = "duplicate"
	kindFile       = "file"
	kindSeparation = "separation"
)

// Handler answers GET with the metrics of a data folder; 503 where it cannot be read.
func Handler(o Options) http.Handler { return newCollector(o).handler() }

func (c *collector) handler() http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c, c.attempts, c.losses, c.rejected, c.failed, c.seconds)
	answer := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: mostAsking})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		if err := c.look(ctx); err != nil {
			http.Error(w, "counting jobs: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer.ServeHTTP(w, r)
	})
}

// A collector has what was read last.
type collector struct {
	Options
	queue *queue.Queue
	now   func() time.Time

	attempts, losses, failed prometheus.Counter
	rejected                 *prometheus.CounterVec
	seconds                  *prometheus.HistogramVec

	mu     sync.Mutex
	looked time.Time
	err    error
	// values are the gauges.
	values []prometheus.Metric
	// ends finds the jobs that end; endedLooked is when it looked last.
	ends        *queue.Ends
	endedLooked time.Time
}

func newCollector(o Options) *collector {
	counter := func(d desc) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: d.name, Help: d.help})
	}
	c := &collector{
		Options: o, queue: queue.New(o.Data), now: time.Now,
		attempts: counter(attempts), losses: counter(losses), failed: counter(failed),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{Name: rejected.name, Help: rejected.help}, rejected.labels),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: seconds.name, Help: seconds.help, Buckets: buckets}, seconds.labels),
		ends:     queue.New(o.Data).Ends(job.Done, job.Rejected, job.Failed),
	}
	for _, kind := range []string{kindDuplicate, kindFile, kindSeparation} { // From the start, or the first one is seen by no rate.
		c.rejected.WithLabelValues(kind)
	}
	for _, stage := range job.Stages {
		if !stage.Final() {
			c.seconds.WithLabelValues(string(stage))
		}
	}
	return c
}

// gauges are the metrics of Collect.
var gauges = []desc{queueJobs, unseparated, endedJobs, oldest, leases, services, paused, diskFree, diskSize, diskLeast}

func (d desc) described() *prometheus.Desc { return prometheus.NewDesc(d.name, d.help, d.labels, nil) }

// Describe is of prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range gauges {
		to <- d.described()
	}
}

// Collect is of prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	values := c.values
	c.mu.Unlock()
	for _, value := range values {
		to <- value
	}
}

// look reads what there is, unless that was done a moment ago.
func (c *collector) look(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.looked.IsZero() && c.now().Sub(c.looked) < goodFor {
		return c.err
	}
	values, err := c.read(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // Who asked is gone, or it takes too long: the next one tries again.
	}
	c.values, c.err, c.looked = values, err, c.now()
	return err
}

func (c *collector) read(ctx context.Context) (values []prometheus.Metric, err error) {
	if _, err := filepath.EvalSymlinks(c.Data); err != nil { // A queue that is not there counts as empty.
		return nil, err
	}
	add := func(d desc, value float64, labels ...string) {
		values = append(values, prometheus.MustNewConstMetric(d.described(), prometheus.GaugeValue, value, labels...))
	}
	p, err := pause.Read(c.Data)
	if err != nil {
		return nil, err
	}
	disk := c.Limit.Look(c.Data)
	rest := p != nil || disk != nil && disk.Low // Then more workers are of no use.
	unseparatedJobs, first := 0, time.Time{}
	for _, stage := range job.Stages {
		if stage.Final() {
			continue
		}
		ids, err := c.queue.Waiting(ctx, stage)
		if err != nil {
			return nil, err
		}
		add(queueJobs, float64(len(ids)), string(stage))
		if stage == job.Separating || stage == job.Pending && !rest {
			unseparatedJobs += len(ids)
		}
		if len(ids) > 0 {
			made := (&job.Record{ID: ids[0]}).Made()
			if first.IsZero() || made.Before(first) {
				first = made
			}
		}
	}
	add(unseparated, float64(unseparatedJobs))
	age := 0.0
	if !first.IsZero() {
		age = max(0, c.now().Sub(first).Seconds())
	}
	add(oldest, age)
	if err := c.readLeases(ctx, add); err != nil {
		return nil, err
	}
	if err := c.readServices(add); err != nil {
		return nil, err
	}
	add(paused, map[bool]float64{true: 1}[p != nil])
	if disk != nil {
		add(diskFree, float64(disk.Free))
		add(diskSize, float64(disk.Size))
		add(diskLeast, float64(disk.Least))
	}
	if err := c.readEnded(ctx); err != nil {
		return nil, err
	}
	for stage, n := range c.ends.Counts() {
		add(endedJobs, float64(n), string(stage))
	}
	return values, nil
}

// readLeases tells how old the leases of the jobs in the hands of workers are: of the oldest one of each worker in a stage.
func (c *collector) readLeases(ctx context.Context, add func(d desc, value float64, labels ...string)) error {
	type holder struct{ stage, worker string }
	ages := map[holder]float64{}
	for _, stage := range []job.Stage{job.Separating, job.Organizing} {
		n := 0
		for j, err := range c.queue.In(ctx, stage) {
			if err != nil {
				return err
			}
			if n++; n > mostHeld {
				break
			}
			if j.Progress == nil || j.Progress.Updated.IsZero() || j.Last().Worker == "" {
				continue
			}
			h := holder{string(stage), j.Last().Worker}
			ages[h] = max(ages[h], c.now().Sub(j.Progress.Updated).Seconds())
		}
	}
	for h, age := range ages {
		add(leases, age, h.stage, h.worker)
	}
	return nil
}

// readServices counts the containers that live, a worker without a song, too: each writes its proof again each minute.
func (c *collector) readServices(add func(d desc, value float64, labels ...string)) error {
	proofs, _, err := proof.List(c.Data)
	if err != nil {
		return err
	}
	living := map[string]float64{}
	for _, p := range proofs {
		if p.Err != nil {
			continue
		}
		living[p.Service] += 0 // One that is gone is seen to be.
		if p.Unseen < livesFor {
			living[p.Service]++
		}
	}
	for service, n := range living {
		add(services, n, service)
	}
	return nil
}

// readEnded counts jobs that ended, and reads the records of those that did so since the last look.
func (c *collector) readEnded(ctx context.Context) error {
	if c.ends.Counts() != nil && c.now().Sub(c.endedLooked) < endedFor {
		return nil
	}
	ended, err := c.ends.Look(ctx, mostRead)
	if err != nil {
		return err
	}
	for _, j := range ended {
		if j.Problem == "" {
			c.count(&j)
		}
	}
	c.endedLooked = c.now()
	return nil
}

// count counts a job that ended.
func (c *collector) count(j *queue.Job) {
	c.attempts.Add(float64(j.Attempt))
	c.losses.Add(float64(j.Losses))
	switch j.Stage {
	case job.Failed:
		c.failed.Inc()
	case job.Rejected:
		c.rejected.WithLabelValues(kindOf(j)).Inc()
	case job.Done:
		for stage, spent := range j.Timings(c.now()) {
			if !stage.Final() {
				c.seconds.WithLabelValues(string(stage)).Observe(max(0, spent))
			}
		}
	}
}

func kindOf(j *queue.Job) string {
	if j.DuplicateOf != "" {
		return kindDuplicate
	}
	for _, v := range j.History {
		if v.Stage == job.Separating {
			return kindSeparation
		}
	}
	return kindFile
}
