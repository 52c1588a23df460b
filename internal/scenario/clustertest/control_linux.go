package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// controlAddress is the address of the control plane and of the registry; node N has nodeAddress(N).
const (
	controlAddress  = "10.77.0.254"
	registryAddress = controlAddress + ":5000"
	serverAddress   = controlAddress + ":6443"
	serviceNetwork  = "10.96.0.0/24"
	serviceAddress  = "10.96.0.1" // of the API server, for pods
)

func nodeAddress(n int) string { return fmt.Sprintf("10.77.0.%d", n) }

const registryConfig = `version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: %q}
`

// startControl starts etcd, the API server with its controllers and scheduler, and the registry, in a network with a
// bridge for the nodes. The API server is in the namespace of the bridge, so that it reaches every node.
func (c *cluster) startControl(ctx context.Context) error {
	m := c.control
	for _, args := range [][]string{
		{"link", "add", "br0", "type", "bridge"},
		{"addr", "add", controlAddress + "/24", "dev", "br0"},
		{"link", "set", "br0", "up"},
	} {
		if err := m.ip(ctx, args...); err != nil {
			return err
		}
	}
	config := filepath.Join(m.folder, "registry.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, registryConfig, filepath.Join(m.folder, "images"), registryAddress), 0o600); err != nil {
		return err
	}
	if err := m.start("registry", "serve", config); err != nil {
		return err
	}
	const etcd = "http://127.0.0.1:2379"
	if err := m.start("etcd", "--data-dir="+filepath.Join(m.folder, "etcd"), "--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls=http://127.0.0.1:2380", "--unsafe-no-fsync", "--log-level=warn"); err != nil {
		return err
	}
	if err := c.authority.writeServer(m.folder, controlAddress, "127.0.0.1", serviceAddress); err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(m.folder, name) }
	if err := m.start("kube-apiserver", "--etcd-servers="+etcd, "--bind-address="+controlAddress, "--advertise-address="+controlAddress,
		"--secure-port=6443", "--tls-cert-file="+in("server.pem"), "--tls-private-key-file="+in("server.key"), "--client-ca-file="+in("ca.pem"),
		"--service-account-key-file="+in("accounts.key"), "--service-account-signing-key-file="+in("accounts.key"),
		"--service-account-issuer=https://clustertest", "--authorization-mode=RBAC", "--service-cluster-ip-range="+serviceNetwork,
		"--kubelet-preferred-address-types=InternalIP"); err != nil {
		return err
	}
	if err := c.until(ctx, func() error { return c.kubectl(ctx, "get", "--raw=/readyz") }); err != nil {
		return m.trouble(err, "kube-apiserver")
	}
	if err := m.start("kube-controller-manager", "--kubeconfig="+c.inside(), "--service-account-private-key-file="+in("accounts.key"),
		"--root-ca-file="+in("ca.pem"), "--leader-elect=false"); err != nil {
		return err
	}
	return m.start("kube-scheduler", "--kubeconfig="+c.inside(), "--leader-elect=false")
}

// until repeats something until it goes well, or two minutes have passed.
func (c *cluster) until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(300 * time.Millisecond):
		}
	}
}
