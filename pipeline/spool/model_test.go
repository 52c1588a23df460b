//go:build unix

package spool

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// Where organizers put songs: into folders of their own, into those of artists and albums, or some this way and some that way.
const (
	onlyFlat = iota
	onlyMedia
	bothLayouts
)

const (
	modelSongs = 6
	// modelFaults is how often something goes wrong in one run.
	modelFaults = 8
	// modelPatience is how long, by the model's clock, all may take once nothing goes wrong any more.
	modelPatience = time.Hour
)

// A model is a data folder with services that are killed, stopped and started again, and a
// machine that loses its power, all as one seed says. It has one clock, which passes while
// something is done, and one process does one step at a time.
type model struct {
	rng   *rand.Rand
	disk  *memDisk
	clock time.Time
	procs []*proc
	// faults are those still to come.
	faults int
	// alike gives all workers one name, as processes on one host have; and the disk is a file server's.
	alike bool
	// tokens makes the tokens of claims; a test replaces it by one that repeats itself.
	tokens func() string
	names  int
	// layouts says where organizers put songs.
	layouts int
	// cancelled are the jobs of which Cancel said that they are; nil where nobody cancels any.
	cancelled map[string]bool
	// dark says that the power goes before the next step.
	dark bool
	// trouble is how many of a thousand things that are asked of the disk fail, and answers get
	// lost, as long as there are faults.
	trouble int
}

func newModel(seed uint64) *model {
	m := &model{rng: rand.New(rand.NewPCG(seed, 1)), clock: time.Date(2026, 11, 23, 11, 30, 0, 0, time.UTC), faults: modelFaults}
	m.alike = seed%3 == 0
	m.layouts = int(seed / 3 % 3)
	m.tokens = m.token
	m.disk = newMemDisk(m.rng, m.now)
	view := memView{m.disk, func() error { return nil }, m.token, func() bool { return false }, false}
	for _, dir := range []string{"input", "output", "archive", "rejected", job.QueueFolder} {
		_ = view.Mkdir("/" + dir)
	}
	for _, stage := range job.Stages {
		_ = view.Mkdir("/" + job.QueueFolder + "/" + string(stage))
	}
	for i := range modelSongs {
		data := []byte(content(song(i)))
		_ = m.disk.add("/input/"+song(i), &memNode{data: data, synced: data})
	}
	for _, c := range m.disk.log {
		c.last()
	}
	return m
}

// song is the name of a file: the last one cannot be decoded, and the one before it is the first one under another name.
func song(i int) string {
	switch i {
	case modelSongs - 1:
		return fmt.Sprintf("bad %d", i)
	case modelSongs - 2:
		return "again 0"
	default:
		return fmt.Sprintf("song %d", i)
	}
}

// content is what the file of a name holds.
func content(name string) string { return strings.Replace(name, "again", "song", 1) }

func (m *model) now() time.Time { return m.clock }

func (m *model) token() string { return fmt.Sprintf("%08x", m.rng.Uint32()) }

// run plays everything, and returns what is wrong at the end.
func (m *model) run() error {
	for _, role := range []func(*proc){(*proc).watch, (*proc).watch, (*proc).watch, (*proc).separate, (*proc).separate, (*proc).organize, (*proc).organize} {
		m.start(role, 0)
	}
	if m.cancelled != nil {
		m.start((*proc).cancel, 0)
	}
	defer m.end()
	deadline := time.Time{}
	for {
		p := m.next()
		m.clock = m.clock.Add(time.Duration(1+m.rng.IntN(20_000)) * time.Microsecond)
		switch {
		case m.dark:
			m.loseAll()
		case m.faults > 0 && m.rng.IntN(60) == 0:
			m.fault(p)
		default:
			p.step()
		}
		if m.faults > 0 {
			continue
		}
		if deadline.IsZero() {
			deadline = m.clock.Add(modelPatience)
		}
		if m.rest() {
			return m.check()
		}
		if m.clock.After(deadline) {
			return fmt.Errorf("stuck: %v", m.everything())
		}
	}
}

// next returns a process that may go on, any of them, and lets time pass until there is one.
func (m *model) next() *proc {
	for {
		var ready []*proc
		soonest := m.procs[0]
		for _, p := range m.procs {
			if !p.wakes.After(m.clock) {
				ready = append(ready, p)
			}
			if p.wakes.Before(soonest.wakes) {
				soonest = p
			}
		}
		if len(ready) > 0 {
			return ready[m.rng.IntN(len(ready))]
		}
		m.clock = soonest.wakes
	}
}

// fault kills a process, stops it for a while, or takes the power away from all.
func (m *model) fault(p *proc) {
	m.faults--
	switch m.rng.IntN(5) {
	case 0, 1:
		m.kill(p)
	case 2, 3:
		p.wakes = m.clock.Add(time.Duration(m.rng.IntN(300)) * time.Second)
	case 4:
		m.loseAll()
	}
}

// loseAll takes the power away from all.
func (m *model) loseAll() {
	m.dark = false
	for _, p := range slices.Clone(m.procs) {
		m.kill(p)
	}
	m.disk.lose()
}

// kill ends a process for good, and starts another in its place after a while.
func (m *model) kill(p *proc) {
	p.end()
	m.procs = slices.DeleteFunc(m.procs, func(other *proc) bool { return other == p })
	name := p.name
	if m.rng.IntN(2) == 0 {
		name = "" // A container that is made anew has another one.
	}
	m.startAs(p.role, name, time.Duration(m.rng.IntN(100))*time.Second)
}

func (m *model) start(role func(*proc), after time.Duration) { m.startAs(role, "", after) }

func (m *model) startAs(role func(*proc), name string, after time.Duration) {
	if m.names++; name == "" {
		name = fmt.Sprintf("w%d", m.names)
	}
	if m.alike {
		name = "w"
	}
	p := &proc{model: m, role: role, name: name, wakes: m.clock.Add(after), resume: make(chan bool), paused: make(chan bool)}
	p.disk = memView{m.disk, p.ask, m.token, m.loses, m.alike}
	p.spool = on(p.disk, "/", m.now, m.token)
	p.spool.claimToken = m.tokens
	m.procs = append(m.procs, p)
}

func (m *model) end() {
	for _, p := range m.procs {
		p.end()
	}
}

// fails reports whether the disk does not do what it is asked for.
func (m *model) fails() bool { return m.faults > 0 && m.trouble > 0 && m.rng.IntN(1000) < m.trouble }

// loses reports whether the answer to a rename gets lost.
func (m *model) loses() bool { return m.fails() }

// modelRuns is how many seeds are played.
func modelRuns() uint64 {
	return uint64(thorough.Of(150, 60))
}

// Whatever is killed or stopped at whatever step, and whenever the power goes, the invariant in
// the package comment holds.
func TestNothingIsLostAndNothingDoneTwice(t *testing.T) {
	t.Parallel()
	for seed := range modelRuns() {
		if err := newModel(seed).run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The same holds where the disk fails now and then, and where it answers that it did not do what it
// did, as a file server does.
func TestADiskThatFails(t *testing.T) {
	t.Parallel()
	for seed := range modelRuns() {
		m := newModel(seed)
		m.trouble = 1 + int(seed%200)
		if err := m.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The same holds while jobs are cancelled, at any step of whoever has them: each ends, as if it had not been, or in failed
// with all that it is tried again with; and there where Cancel said so.
func TestCancelledJobsAreNotLost(t *testing.T) {
	t.Parallel()
	answered := 0
	for seed := range 2 * modelRuns() {
		m := newModel(seed)
		m.cancelled = map[string]bool{}
		m.trouble = int(seed % 2 * (1 + seed%200))
		if err := m.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		answered += len(m.cancelled)
	}
	if answered < int(modelRuns())/4 {
		t.Errorf("only %d jobs were cancelled", answered)
	}
}

// The model would notice if something were missing of what the invariant rests on.
func TestTheModelNoticesWhatIsMissing(t *testing.T) {
	t.Parallel()
	stages := func(path string) bool { return strings.Count(path, "/") == 2 && strings.HasPrefix(path, "/queue/") }
	tests := map[string]func(m *model){
		"the fence: names of claims repeat": func(m *model) {
			m.alike = true
			m.tokens = func() string { return "00000000" }
		},
		"the sync of a file before it gets its name": func(m *model) {
			m.disk.ignores = func(path string) bool { return strings.Contains(path, place.TempPrefix) }
		},
		"the sync of a job's folder before it is moved": func(m *model) {
			m.disk.ignores = func(path string) bool { return strings.Count(path, "/") == 3 && strings.HasPrefix(path, "/queue/") }
		},
		"the sync of a stage before something else is changed": func(m *model) { m.disk.ignores = stages },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3000) {
				m := newModel(seed)
				spoil(m)
				if err := m.run(); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Error("nothing was noticed")
		})
	}
}
