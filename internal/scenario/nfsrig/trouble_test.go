//go:build linux

package nfsrig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestShareHangs stops the file server for ten minutes, ten times as long as a lease, while songs are separated: no work is
// lost, and none done twice.
func TestShareHangs(t *testing.T) {
	const songs = 10
	c := newCluster(t, 2)
	c.write(songs)
	for _, m := range c.clients {
		for _, name := range services {
			c.start(m, name, 5*time.Second)
		}
	}
	c.give(0, songs)
	c.count("queue/done", 2)
	c.server.signal(syscall.SIGSTOP)
	time.Sleep(10 * time.Minute)
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
	wrong := []struct {
		name string
		make func()
		// reset is what resetting says on a client, where root is nobody.
		reset string
	}{
		{
			"the folder belongs to another user", func() { c.server.run("chown", "-R", "2000:2000", share) },
			"operation not permitted: the file system lets root change no owners; fix: on the file server, give",
		},
		{
			"the server takes everybody for another user", func() {
				c.server.run("chown", "-R", "2000:2000", share+"/input")
				c.export("all_squash,anonuid=2000,anongid=2000")
			}, "operation not permitted: it belongs to 2000:2000",
		},
	}
	c.write(len(wrong))
	project := filepath.Join(c.folder, "project")
	c.must(os.MkdirAll(filepath.Join(project, "pipeline-data"), 0o755))
	c.must(os.WriteFile(filepath.Join(project, "docker-compose.yml"), []byte("name: rig\nservices: {}\nx-im2: {data: pipeline-data}\n"), 0o644))
	m.run("mount", "--bind", data, "/host/project/pipeline-data")
	c.server.run("mount", "--bind", share, "/host/project/pipeline-data")
	reset := func(m *machine) (string, error) {
		return m.try(time.Minute, "sh", "-c", "cd /host/project && APP_USER_ID=1000 APP_GROUP_ID=1000 /host/im2 reset-permissions 2>&1")
	}
	for n, w := range wrong {
		as := func(service string) string { return fmt.Sprintf("%s-%d", service, n) } // with a log of its own
		w.make()
		for _, service := range services {
			c.start(m, as(service), time.Second)
		}
		for _, service := range services {
			c.said(m, as(service), "cannot be written by 1000:1000: run `mage reset-permissions`")
		}
		if out, err := reset(m); err == nil || !strings.Contains(out, w.reset) {
			t.Errorf("%s: reset-permissions on a client: %v: %s", w.name, err, out)
		}
		c.export("")
		if out, err := reset(c.server); err != nil {
			t.Errorf("%s: reset-permissions on the server: %v: %s", w.name, err, out)
		}
		c.give(n, n+1)
		c.count("output", n+1)
		for _, service := range services {
			c.stop(m, as(service))
		}
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
