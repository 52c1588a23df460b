//go:build linux

package nfsrig_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// least is how much of linear the throughput must be at least.
const least = 0.95

// TestScaling separates songs with 1, 2, 4 and 8 workers on two hosts, and a stand-in engine that takes 10 s for each. There
// are as many songs for each worker each time. The time begins when each of them may have done one, and ends while there is
// another one for each: it is the throughput of workers that have songs, without a start and an end in which some have none.
// They start one after the other: otherwise all end their songs at once, again and again, on machines with one processor each.
func TestScaling(t *testing.T) {
	const engine, each = 10 * time.Second, 9
	c := newCluster(t, 2)
	c.write(8 * (each + 1))
	c.start(c.clients[0], "organizer", 0)
	var one float64
	for _, workers := range []int{1, 2, 4, 8} {
		c.start(c.clients[0], "watcher", 0)
		c.give(0, workers*(each+1))
		c.count("queue/pending", workers*(each+1))
		c.stop(c.clients[0], "watcher")
		before := c.inside("output")
		for n := range workers {
			c.start(c.clients[n%2], fmt.Sprintf("demucs-%d", n), engine)
			time.Sleep(engine / time.Duration(workers))
		}
		first := c.count("output", before+workers) // a machine takes a while to start them all
		began := time.Now()
		perMinute := float64(c.count("output", before+workers*each)-first) / time.Since(began).Minutes()
		if workers == 1 {
			one = perMinute
		}
		t.Logf("%d workers: %.2f songs a minute, %.2f of linear", workers, perMinute, perMinute/one/float64(workers))
		if perMinute < least*one*float64(workers) {
			t.Errorf("with %d workers, the throughput is not %.2f of linear", workers, least)
		}
		c.count("output", before+workers*(each+1))
		for n := range workers {
			c.stop(c.clients[n%2], fmt.Sprintf("demucs-%d", n))
		}
		c.server.run("sh", "-c", "rm -rf "+share+"/queue/done/* "+share+"/archive/*")
	}
}

// TestOperations measures what each operation of the queue costs on NFS while other songs wait.
func TestOperations(t *testing.T) {
	const times = 200
	c := newCluster(t, 1)
	first, waiting := 0, 0
	for _, want := range []int{0, 1000, 10_000, 100_000} {
		if want > waiting {
			c.server.runAs(user, "/host/spoolbench", "-dir="+share, "-fill="+strconv.Itoa(want-waiting))
			waiting = want
		}
		c.server.run("sync")
		before, lists := c.calls()
		out, err := c.clients[0].tryAs(10*time.Minute, user, "/host/spoolbench", "-dir="+data, "-operations="+strconv.Itoa(times))
		c.must(err)
		var o struct {
			Waiting int     `json:"waiting"`
			List    float64 `json:"list_milliseconds"`
			Put     float64 `json:"put_microseconds"`
			Claim   float64 `json:"claim_microseconds"`
			HandOn  float64 `json:"hand_on_microseconds"`
		}
		c.must(json.Unmarshal([]byte(out), &o))
		after, listsAfter := c.calls()
		calls := after - before
		t.Logf("%d waiting: put %.1f ms, claim %.1f ms, hand on %.1f ms, list all %.1f ms; %.1f calls for each song, and %d for lists",
			o.Waiting, o.Put/1000, o.Claim/1000, o.HandOn/1000, o.List, float64(calls)/times, listsAfter-lists)
		if o.Waiting != want {
			t.Errorf("%d wait, not %d", o.Waiting, want)
		}
		if first == 0 {
			first = calls
		}
		if calls > first*5/4 { // times depend on what else the machine does
			t.Errorf("with %d waiting, the server got %d calls; with none, %d", want, calls, first)
		}
	}
}

// calls are how many calls the server got from a client so far, without those for lists, and those.
func (c *cluster) calls() (all, lists int) {
	c.t.Helper()
	_, text, _ := strings.Cut(c.clients[0].run("cat", "/proc/self/mountstats"), "per-op statistics")
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		c.must(err)
		if name == "READDIR" {
			lists = n
		} else {
			all += n
		}
	}
	return all, lists
}

// write writes songs that the machines can read.
func (c *cluster) write(songs int) {
	c.t.Helper()
	c.must(os.MkdirAll(c.folder+"/songs", 0o755))
	for n := range songs {
		c.must(os.WriteFile(c.folder+"/songs/"+songName(n)+".wav", song(n), 0o644))
	}
}

// give puts songs into input/ on the file server. They are on its disk before it goes on, as they are when a client has
// put them in: until then a power cut takes them away.
func (c *cluster) give(from, to int) {
	c.t.Helper()
	for n := from; n < to; n++ {
		name := songName(n) + ".wav"
		c.server.runAs(user, "sh", "-c", fmt.Sprintf("cp /host/songs/%s %s/input && sync %[2]s/input/%[1]s %[2]s/input", name, share))
	}
}

// inside is how many entries a folder in the share has.
func (c *cluster) inside(folder string) int {
	c.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(c.server.run("sh", "-c", "ls "+share+"/"+folder+" | wc -l")))
	c.must(err)
	return n
}

// count waits until a folder in the share has so many entries, or more, and returns how many.
func (c *cluster) count(folder string, n int) int {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(300 * time.Millisecond) {
		is := c.inside(folder)
		if is >= n {
			return is
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s has %d entries, not %d", folder, is, n)
		}
	}
}

// stop kills a service for good.
func (c *cluster) stop(m *machine, name string) {
	c.t.Helper()
	c.must(m.tell("stop", request{Name: c.serviceName(m, name)}))
}
