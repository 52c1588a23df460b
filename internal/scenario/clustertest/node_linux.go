package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const containerdConfig = `version = 3
root = '$FOLDER/containerd'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '$PAUSE'
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '$FOLDER/registries'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['$PROGRAMS']
conf_dir = '$FOLDER/network'
`

// hostsConfig says where a node finds the images that programs outside of the cluster push to loopback.
const hostsConfig = `server = "http://$REGISTRY"
[host."http://$REGISTRY"]
capabilities = ["pull", "resolve"]
`

const networkConfig = `{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.24$N.0.0/24"}]], "dataDir": "$FOLDER/addresses"}}]}
`

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ADDRESS
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
healthzPort: 0
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: $GROUP
enforceNodeAllocatable: []
failSwapOn: false
# A full disk is the machine's trouble, and removes no pods.
evictionHard: {memory.available: 50Mi, nodefs.available: 100Mi, imagefs.available: 100Mi}
imageGCHighThresholdPercent: 99
imageGCLowThresholdPercent: 98
resolvConf: ""
`

// addNode connects a new machine to the bridge, and starts containerd and a kubelet there.
func (c *cluster) addNode(ctx context.Context) error {
	n := len(c.nodes) + 1
	m, err := newMachine(fmt.Sprintf("node%d", n), c.folder, c.path)
	if err != nil {
		return err
	}
	c.nodes = append(c.nodes, m)
	link := fmt.Sprintf("node%d", n)
	if err := c.control.ip(ctx, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.pid())); err != nil {
		return err
	}
	if err := c.connect(ctx, n, true); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"addr", "add", nodeAddress(n) + "/24", "dev", "eth0"},
		{"link", "set", "eth0", "up"},
		{"route", "add", "default", "via", controlAddress},
	} {
		if err := m.ip(ctx, args...); err != nil {
			return err
		}
	}
	if err := makeGroups(c.group(m)); err != nil {
		return err
	}
	if err := c.configure(m, n); err != nil {
		return err
	}
	if err := m.start("containerd", "--config="+filepath.Join(m.folder, "containerd.toml")); err != nil {
		return err
	}
	if err := c.until(ctx, func() error { return m.run(ctx, "test", "-S", "/run/containerd/containerd.sock") }); err != nil {
		return m.trouble(err, "containerd")
	}
	return m.start("kubelet", "--config="+filepath.Join(m.folder, "kubelet.yml"), "--kubeconfig="+c.inside(), "--root-dir="+filepath.Join(m.folder, "kubelet"),
		"--cert-dir="+filepath.Join(m.folder, "pki"), "--hostname-override="+m.name, "--node-ip="+nodeAddress(n))
}

// configure writes the files that its programs read.
func (c *cluster) configure(m *machine, n int) error {
	fill := strings.NewReplacer("$FOLDER", m.folder, "$PAUSE", c.pause, "$PROGRAMS", c.programs, "$REGISTRY", registryAddress,
		"$N", strconv.Itoa(n), "$ADDRESS", nodeAddress(n), "$GROUP", c.group(m))
	for name, text := range map[string]string{
		"containerd.toml":          containerdConfig,
		"network/10-pods.conflist": networkConfig,
		"kubelet.yml":              kubeletConfig,
		filepath.Join("registries", c.registry, "hosts.toml"): hostsConfig,
	} {
		path := filepath.Join(m.folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(fill.Replace(text)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// connect plugs the cable of node n in, or pulls it.
func (c *cluster) connect(ctx context.Context, n int, on bool) error {
	link := fmt.Sprintf("node%d", n)
	if !on {
		return c.control.ip(ctx, "link", "set", link, "nomaster", "down")
	}
	return c.control.ip(ctx, "link", "set", link, "master", "br0", "up")
}

// freeze stops the pods of a node, or lets them go on. It stands for the file server that a node without a network cannot
// reach: there, whoever uses the share waits, until the network is back. Here, the share is a folder that all nodes see.
func (c *cluster) freeze(m *machine, on bool) error {
	file, text := "/sys/fs/cgroup"+c.group(m)+"/cgroup.freeze", "0"
	if on {
		text = "1"
	}
	if _, err := os.Stat(file); err != nil { // the first version of control groups
		file, text = "/sys/fs/cgroup/freezer"+c.group(m)+"/freezer.state", "THAWED"
		if on {
			text = "FROZEN"
		}
	}
	err := os.WriteFile(file, []byte(text), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // there has been no pod on it
	}
	return err
}
