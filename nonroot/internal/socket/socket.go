// Package socket knows the sockets of container engines. A process that can write to one is root on its machine.
package socket

import (
	"path"
	"slices"
	"strings"

	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// places are where engines listen.
var places = []string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
	"/run/docker/containerd/containerd.sock", "/run/buildkit/buildkitd.sock",
}

// names are how the sockets are called, wherever they are.
var names = []string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock", "buildkitd.sock"}

// Reached reports whether a mount of source reaches a socket: it is one, or a folder above one. more are further places of
// sockets.
func Reached(source string, more ...string) bool {
	source = canonical(source)
	if slices.Contains(names, path.Base(source)) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(places, more), func(s string) bool { return subpath.In(source, canonical(s)) })
}

// canonical is a path as the kernel would have it: /var/run is a link to /run everywhere.
func canonical(name string) string {
	name = path.Clean(name)
	if rest, ok := strings.CutPrefix(name, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		return "/run" + rest
	}
	return name
}
