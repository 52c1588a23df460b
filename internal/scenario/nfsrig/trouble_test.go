//go:build linux

package nfsrig_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestShareHangs stops the file server for longer than a lease while songs are separated: no work is lost, and none done
// twice.
func TestShareHangs(t *testing.T) {
	const songs, lease = 10, "20s"
	c := newCluster(t, 2)
	c.write(songs)
	for _, m := range c.clients {
		for _, name := range services {
			c.start(m, name, 5*time.Second, "-lease="+lease, "-renew=4s")
		}
	}
	c.give(0, songs)
	c.count("queue/done", 2)
	c.server.signal(syscall.SIGSTOP)
	time.Sleep(60 * time.Second)
	c.server.signal(syscall.SIGCONT)
	c.count("output", songs)
	c.count("queue/done", songs)
	for _, m := range c.clients {
		for _, name := range services {
			c.stop(m, name)
		}
	}
	for _, fault := range faults(c.result(), songs) {
		t.Error(fault)
	}
}

// TestOtherUsers mounts shares in which the services' user may not write: each service says so, and what fixes it, and
// goes on when that was done.
func TestOtherUsers(t *testing.T) {
	c := newCluster(t, 1)
	m := c.clients[0]
	wrong := map[string]func(){
		"the folder belongs to another user": func() { c.server.run("chown", "-R", "2000:2000", share) },
		"the server takes everybody for another user": func() {
			c.server.run("exportfs", "-o", c.export+",all_squash,anonuid=2000,anongid=2000", dataNet+"0/24:"+share)
		},
	}
	right := func() {
		c.server.run("exportfs", "-o", c.export, dataNet+"0/24:"+share)
		c.server.run("chown", "-R", "1000:1000", share)
	}
	c.write(len(wrong))
	n := 0
	for name, make := range wrong {
		make()
		for _, service := range services {
			c.start(m, service, time.Second)
		}
		for _, service := range services {
			c.said(m, service, "cannot be written by 1000:1000: run `mage reset-permissions`")
		}
		right()
		c.give(n, n+1)
		n++
		c.count("output", n)
		for _, service := range services {
			c.stop(m, service)
			c.must(os.Remove(filepath.Join(c.folder, c.serviceName(m, service)+".log")))
		}
		t.Log(name)
	}
}

// said waits until a service has said something.
func (c *cluster) said(m *machine, service, want string) {
	c.t.Helper()
	path := filepath.Join(c.folder, c.serviceName(m, service)+".log")
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		text, err := os.ReadFile(path)
		c.must(err)
		if strings.Contains(string(text), want) {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s did not say %q, but\n%s", service, want, text)
		}
	}
}
