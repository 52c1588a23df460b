// Package socket knows the sockets of container engines. A process that can write to one is root on its machine, or the user
// whose rootless engine it is.
package socket

import (
	"path"
	"slices"
	"strings"
)

// places are where engines listen; a "*" is one folder of any name. What is above a "//" is so much else that a mount of it
// says nothing of engines.
var places = []string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
	"/run/docker/containerd/containerd.sock", "/run/buildkit/buildkitd.sock", "/run/k3s/containerd/containerd.sock",
	"/run/cri-dockerd.sock", "/run/balena-engine.sock", "/run/incus/unix.socket",
	"/var/lib//incus/unix.socket", "/var/lib//lxd/unix.socket", "/var/snap//lxd/common/lxd/unix.socket",
	// Of rootless engines, and of Docker Desktop and what is like it.
	"/run/user/*/docker.sock", "/run/user/*/podman/podman.sock", "/run/user/*/containerd-rootless/containerd.sock",
	"/run/user/*/buildkit/buildkitd.sock", "/tmp//podman-run-*/podman/podman.sock",
	"/home/*//.docker/run/docker.sock", "/home/*//.docker/desktop/docker.sock", "/Users/*//.docker/run/docker.sock",
}

// names are how the sockets are called, wherever they are.
var names = []string{
	"docker.sock", "containerd.sock", "podman.sock", "crio.sock", "buildkitd.sock", "cri-dockerd.sock", "balena-engine.sock",
}

// Reached reports whether a mount of source reaches a socket: it is one, or a folder above one. more are further places of
// sockets.
func Reached(source string, more ...string) bool {
	source = canonical(source)
	if slices.Contains(names, path.Base(source)) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(places, more), func(s string) bool { return above(source, s) })
}

// above reports whether a path is that of a socket, or of a folder that it is in.
func above(source, socket string) bool {
	common, _, _ := strings.Cut(socket, "//")
	parts := strings.Split(canonical(socket), "/")
	depth := strings.Count(source, "/")
	switch {
	case source == "/":
		return true
	case !path.IsAbs(source) || len(parts) <= depth || common != socket && depth <= strings.Count(common, "/"):
		return false
	}
	is, err := path.Match(strings.Join(parts[:depth+1], "/"), source)
	return err == nil && is
}

// canonical is a path as the kernel would have it: /var/run is a link to /run everywhere.
func canonical(name string) string {
	name = path.Clean(name)
	if rest, ok := strings.CutPrefix(name, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		return "/run" + rest
	}
	return name
}
