//go:build linux

package nfsrig_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// partitionTime is longer than a lease.
const partitionTime = 100 * time.Second

// TestChaos separates songs with two hosts while services are killed, hosts and the file server lose their power, and
// hosts are cut off. IM2_CLUSTER_CHAOS has other numbers: songs, kills, cuts of clients, cuts of the server, partitions.
func TestChaos(t *testing.T) {
	numbers := []int{200, 30, 3, 1, 3}
	if text := os.Getenv("IM2_CLUSTER_CHAOS"); text != "" {
		if _, err := fmt.Sscan(text, &numbers[0], &numbers[1], &numbers[2], &numbers[3], &numbers[4]); err != nil {
			t.Fatalf("IM2_CLUSTER_CHAOS=%q: %v", text, err)
		}
	}
	c := newCluster(t, 2)
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("IM2_CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		c.must(err)
	}
	t.Logf("IM2_CHAOS_SEED=%d", seed)
	x := &chaos{cluster: c, rand: rand.New(rand.NewPCG(seed, 0)), songs: numbers[0]}
	c.must(os.Mkdir(filepath.Join(c.folder, "songs"), 0o755))
	for n := range x.songs {
		c.must(os.WriteFile(filepath.Join(c.folder, "songs", songName(n)+".wav"), song(n), 0o644))
	}
	for _, m := range c.clients {
		x.startAll(m)
	}
	began := time.Now()
	var events []func()
	for i, event := range []func(){x.kill, x.cutClient, x.cutServer, x.partition} {
		events = append(events, slices.Repeat([]func(){event}, numbers[1+i])...)
	}
	x.rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for i, event := range events {
		x.put((i + 1) * x.songs / len(events))
		time.Sleep(time.Duration(x.rand.IntN(6000)) * time.Millisecond)
		event()
	}
	x.outages.Wait()
	x.say("all events are over")
	x.wait(20 * time.Minute)
	x.say("all of it took %s", time.Since(began).Round(time.Second))
	for _, m := range c.clients {
		for _, name := range services {
			c.must(m.tell("stop", request{Name: c.serviceName(m, name)}))
		}
	}
	for _, fault := range faults(c.result(), x.songs) {
		t.Error(fault)
	}
	if t.Failed() {
		x.keepLogs()
	}
}

// services are those that each client has.
var services = []string{"watcher", "demucs", "organizer"}

type chaos struct {
	*cluster
	rand  *rand.Rand
	songs int
	given int

	// outages are the partitions; while there is one, no host is cut.
	outages sync.WaitGroup
	deadFor time.Time // until when a service stays dead for long
}

func (x *chaos) say(format string, args ...any) {
	x.t.Logf("%s  %s", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

func (x *chaos) startAll(m *machine) {
	for _, name := range services {
		x.start(m, name, 2*time.Second)
	}
}

// put puts songs into input/ on the file server, until there were so many.
func (x *chaos) put(until int) {
	for ; x.given < until; x.given++ {
		name := songName(x.given) + ".wav"
		x.server.runAs(user, "cp", "/host/songs/"+name, share+"/input/"+name)
	}
}

func (x *chaos) client() *machine { return x.clients[x.rand.IntN(len(x.clients))] }

// kill kills a service; sometimes it stays dead for longer than a lease.
func (x *chaos) kill() {
	m, name, dead := x.client(), services[x.rand.IntN(len(services))], time.Duration(x.rand.IntN(3000))*time.Millisecond
	if x.rand.IntN(4) == 0 && time.Now().After(x.deadFor) {
		dead += 65 * time.Second
		x.deadFor = time.Now().Add(dead)
	}
	x.say("kill %s of node %d for %s", name, m.n, dead)
	x.must(m.tell("kill", request{Name: x.serviceName(m, name), Dead: dead}))
}

func (x *chaos) cutClient() {
	x.outages.Wait()
	m := x.client()
	x.say("cut node %d", m.n)
	m.cut()
	time.Sleep(time.Duration(x.rand.IntN(10)) * time.Second)
	m.boot()
	x.mount(m)
	x.startAll(m)
	x.say("node %d is back", m.n)
}

func (x *chaos) cutServer() {
	x.outages.Wait()
	x.say("cut the file server")
	x.server.cut()
	time.Sleep(time.Duration(x.rand.IntN(10)) * time.Second)
	x.server.boot()
	x.serve()
	x.say("the file server is back")
}

// partition cuts a client off, while other things happen.
func (x *chaos) partition() {
	x.outages.Wait()
	m := x.client()
	x.say("node %d is cut off", m.n)
	m.connect(false)
	x.outages.Go(func() {
		time.Sleep(partitionTime)
		m.connect(true)
		x.say("node %d is connected again", m.n)
	})
}

// wait waits until nothing is left to do.
func (x *chaos) wait(limit time.Duration) {
	x.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(2 * time.Second) {
		out := x.server.run("sh", "-c", "cd "+share+" && for f in input queue/incoming queue/pending queue/separating queue/separated queue/organizing; "+
			"do echo $f $(ls $f | wc -l); done; echo output $(ls output | wc -l)")
		left := 0
		for line := range strings.Lines(out) {
			var folder string
			var n int
			if _, err := fmt.Sscan(line, &folder, &n); err != nil {
				x.t.Fatalf("%q: %v", out, err)
			}
			if folder != "output" {
				left += n
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			x.t.Errorf("after %s there is work left: %s", limit, strings.ReplaceAll(out, "\n", ", "))
			return
		}
	}
}

// keepLogs prints what the services said, but for the ordinary.
func (x *chaos) keepLogs() {
	logs, err := filepath.Glob(filepath.Join(x.folder, "*.log"))
	x.must(err)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		x.must(err)
		var kept []string
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "level=INFO") {
				kept = append(kept, line)
			}
		}
		x.t.Logf("%s:\n%s", filepath.Base(path), strings.Join(kept[max(0, len(kept)-40):], ""))
	}
}
