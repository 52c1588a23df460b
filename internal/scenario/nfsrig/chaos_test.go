//go:build linux

package nfsrig_test

import (
	"fmt"
	"math/rand/v2"
	"os"
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
	c.write(x.songs)
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
	x.end(20 * time.Minute)
	x.say("all of it took %s", time.Since(began).Round(time.Second))
}

// TestWatchersAreKilled kills one of two hasty watchers after the other while they take many songs.
func TestWatchersAreKilled(t *testing.T) {
	const songs, kills = 80, 20
	c := newCluster(t, 2)
	x := &chaos{cluster: c, songs: songs}
	c.write(songs)
	for _, m := range c.clients {
		c.start(m, "watcher", 0, "-settle=300ms", "-poll=100ms")
		c.start(m, "demucs", 0)
		c.start(m, "organizer", 0)
	}
	var put sync.WaitGroup
	put.Go(func() {
		c.clients[0].runAs(user, "sh", "-c", "for song in /host/songs/*; do cp $song "+data+"/input; sleep 0.2; done")
	})
	for n := range kills {
		time.Sleep(1300 * time.Millisecond)
		m := c.clients[1]
		if n%4 == 3 { // One works on while the other starts again and again.
			m = c.clients[0]
		}
		c.must(m.tell("kill", request{Name: c.serviceName(m, "watcher")}))
	}
	put.Wait()
	x.end(10 * time.Minute)
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

// startAll starts the services of a machine. The clock of one machine is an hour ahead, and its organizer has another layout.
func (x *chaos) startAll(m *machine) {
	layout := "flat"
	if m == x.clients[1] {
		m.run("date", "-s", "1 hour")
		layout = "media"
	}
	for _, name := range services {
		var args []string
		if name == "organizer" {
			args = []string{"-layout=" + layout}
		}
		x.start(m, name, 2*time.Second, args...)
	}
}

// put puts songs into input/ on the file server, until there were so many.
func (x *chaos) put(until int) {
	x.give(x.given, until)
	x.given = until
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

// end waits until all songs came out, stops the services, and inspects the share.
func (x *chaos) end(limit time.Duration) {
	x.t.Helper()
	x.wait(limit)
	for _, m := range x.clients {
		for _, name := range services {
			x.stop(m, name)
		}
	}
	for _, fault := range faults(x.result(), x.songs) {
		x.t.Error(fault)
	}
}

// wait waits until nothing is left to do.
func (x *chaos) wait(limit time.Duration) {
	x.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(2 * time.Second) {
		out := x.server.run("sh", "-c", "cd "+share+" && for f in input queue/incoming queue/pending queue/separating queue/separated queue/organizing; "+
			"do echo $f $(ls $f 2>/dev/null | wc -l); done; echo output $(ls output | wc -l)")
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
