//go:build linux

package nfsrig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/weights"
	"github.com/im2-audio/im2/pipeline/weights/weightstest"
)

const (
	serverNode = 10
	// user is who the services run as, and whose the share is.
	user = 1000
	// data is the data folder in the clients, and share that in the server.
	data  = "/data"
	share = "/data/share"
	// dataID says that the share is the one that is meant.
	dataID = "the-share-of-nfsrig"
)

// A cluster is a file server and its clients.
type cluster struct {
	*rig
	server  *machine
	clients []*machine
}

func newCluster(t *testing.T, clients int) *cluster {
	t.Helper()
	c := &cluster{rig: newRig(t)}
	t.Cleanup(func() {
		if t.Failed() {
			c.keepLogs()
		}
	})
	disk := filepath.Join(c.folder, "disk")
	f, err := os.Create(disk)
	c.must(err)
	c.must(f.Truncate(16 << 30)) // most of it a hole
	c.must(f.Close())
	c.server = c.newMachine(serverNode, "384M", disk)
	c.server.run("mke2fs", "-q", "-t", "ext4", "-i", "8192", "/dev/ubda")
	c.serve()
	c.prepare()
	for i := range clients {
		// The stand-in engine needs little, but the service wants to know that there is enough for the real one.
		m := c.newMachine(serverNode+1+i, "640M", "")
		c.clients = append(c.clients, m)
		c.mount(m)
	}
	return c
}

// serve begins to share, after a boot. What the server must remember of its clients is on its disk, too.
func (c *cluster) serve() {
	c.t.Helper()
	m := c.server
	m.run("mount", "-t", "ext4", "/dev/ubda", data)
	m.run("mkdir", "-p", share, data+"/state/rpc_pipefs", data+"/state/nfsdcld", data+"/state/v4recovery", data+"/state/sm")
	m.run("mount", "--bind", data+"/state", "/var/lib/nfs")
	m.run("touch", "/var/lib/nfs/etab", "/var/lib/nfs/rmtab", "/run/exports")
	m.run("mount", "-t", "rpc_pipefs", "rpc", "/var/lib/nfs/rpc_pipefs")
	m.run("modprobe", "nfsd")
	m.run("mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd")
	for _, argv := range [][]string{
		{"nfsdcld"},
		{"rpc.mountd", "-N", "3"},
		{"rpc.nfsd", "-N", "3", "-G", "10", "-L", "10", "4"}, // shorter than the usual 90 s
	} {
		m.run(argv...)
	}
	c.export("")
}

// export shares the folder, with these options beside the usual ones.
func (c *cluster) export(options string) {
	c.t.Helper()
	c.server.run("exportfs", "-o", strings.TrimSuffix("rw,sync,no_subtree_check,root_squash,fsid=0,"+options, ","), dataNet+"0/24:"+share)
}

// prepare makes the data folder, with a model that the service takes for the user's own.
func (c *cluster) prepare() {
	c.t.Helper()
	models := filepath.Join(c.folder, "models")
	weightstest.Make(c.t, models, "standin", weights.FP32)
	c.server.run("cp", "-r", "/host/models", share+"/models")
	c.server.run("mkdir", "-p", share+"/input", share+"/queue", share+"/output", share+"/archive", share+"/rejected")
	c.server.run("sh", "-c", "echo "+dataID+" > "+share+"/data-id")
	c.server.run("chown", "-R", fmt.Sprintf("%d:%d", user, user), share)
	c.server.run("sync") // The server may lose its power within a minute.
}

func (c *cluster) mount(m *machine) {
	c.t.Helper()
	// The server may still wait for the clients that it knew before it was cut.
	m.run("mount", "-t", "nfs4", "-o", "vers=4.2,hard", dataNet+strconv.Itoa(serverNode)+":/", data)
}

// start starts a service under a name, which is "service" or "service-N".
func (c *cluster) start(m *machine, name string, engine time.Duration, args ...string) {
	c.t.Helper()
	service, _, _ := strings.Cut(name, "-")
	argv := []string{"/host/" + service, "-data=" + data, "-health-file=/tmp/" + name + ".health"}
	if service == "demucs" {
		argv = append(argv, "-model=standin", "-weights="+data+"/models", "-program=/host/engine", "-library=/host/engine",
			"-ffmpeg=/host/ffmpeg", "-ffprobe=/host/ffprobe", "-memory=low")
	}
	r := request{
		Name: c.serviceName(m, name), Argv: append(argv, args...), UID: user,
		Env: []string{"STANDIN_TIME=" + engine.String(), "IM2_DATA_ID=" + dataID, "IM2_NODE=" + m.name()},
	}
	c.must(m.tell("start", r))
}

// serviceName is a service's name in the whole cluster.
func (c *cluster) serviceName(m *machine, name string) string {
	return m.name() + "-" + name
}

// keepLogs prints what the services said, but for the ordinary.
func (c *cluster) keepLogs() {
	logs, err := filepath.Glob(filepath.Join(c.folder, "*.log"))
	c.must(err)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		c.must(err)
		var kept []string
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "level=INFO") {
				kept = append(kept, line)
			}
		}
		c.t.Logf("%s:\n%s", filepath.Base(path), strings.Join(kept[max(0, len(kept)-40):], ""))
	}
}
