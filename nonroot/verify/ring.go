package verify

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/im2-audio/im2/nonroot/internal/subpath"
)

// dataMount is a way from a container to the data folder, or to a part of it.
type dataMount struct {
	// inside is where the container has it, host where this machine has it.
	inside, host string
	// writable says that the container may write through it.
	writable bool
}

func (m dataMount) canWrite() bool { return m.writable }

// dataMounts finds the mounts by which a container reaches the data folder: of the folder, of
// one in it, or of one above it, as such or by way of a volume that is bound to it. devices maps the
// names of such volumes to their folders.
func dataMounts(data string, mounts []mounted, devices map[string]string) []dataMount {
	var all []dataMount
	if data == "" {
		return nil
	}
	for _, m := range mounts {
		sources := []string{m.Source, m.Resolved}
		if m.Type != "bind" {
			sources = []string{devices[m.Name]}
		}
		for _, source := range sources {
			if !filepath.IsAbs(source) {
				continue // such as another server's
			}
			if subpath.In(data, source) {
				all = append(all, dataMount{m.Destination, source, m.RW})
				break
			}
			if rel, above := subpath.Rel(source, data); above {
				all = append(all, dataMount{path.Join(m.Destination, filepath.ToSlash(rel)), data, m.RW})
				break
			}
		}
	}
	// The whole folder before its parts.
	slices.SortStableFunc(all, func(a, b dataMount) int { return strings.Compare(a.host, b.host) })
	return slices.CompactFunc(all, func(a, b dataMount) bool { return a.host == b.host && a.writable == b.writable })
}

// place is a folder as a container has it: part is relative to mount, "." for all of it.
type place struct{ mount, part string }

func (p place) String() string { return path.Join(p.mount, p.part) }

// leg is one way of a canary: from the container that leaves it to the next one that sees the
// folder, which takes it.
type leg struct {
	// leaver and taker are indices of containers.
	leaver, taker int
	// left is the folder as the leaver has it, host as this machine has it, and there as the
	// taker has it.
	left  place
	host  string
	there place
}

// ring makes every container leave a canary in each part of the data folder that it may write
// to, and the next one in line take it: the last hands over to the first, and one that is alone
// in a folder to itself. Parts are what it mounts and which of folders are in that.
func ring(containers [][]dataMount, folders []string) []leg {
	var legs []leg
	for i, mounts := range containers {
		for _, m := range mounts {
			for _, host := range append([]string{m.host}, folders...) {
				rel, in := subpath.Rel(m.host, host)
				left := place{m.inside, filepath.ToSlash(rel)}
				if !in || !m.writable || rel == "." && host != m.host || over(mounts, left) != m {
					continue
				}
				for step := 1; step <= len(containers); step++ {
					j := (i + step) % len(containers)
					if there, ok := sees(containers[j], host); ok {
						legs = append(legs, leg{leaver: i, taker: j, left: left, host: host, there: there})
						break
					}
				}
			}
		}
	}
	return slices.CompactFunc(legs, func(a, b leg) bool { return a.leaver == b.leaver && a.host == b.host })
}

// over returns the mount by which a container reaches a folder: another one may be in the way to it.
func over(mounts []dataMount, p place) dataMount {
	var deepest dataMount
	for _, m := range mounts {
		if subpath.In(m.inside, p.String()) && len(m.inside) >= len(deepest.inside) {
			deepest = m
		}
	}
	return deepest
}

// sees returns where a container has a folder of this machine in which it may write.
func sees(mounts []dataMount, host string) (place, bool) {
	for _, m := range mounts {
		rel, ok := subpath.Rel(m.host, host)
		if there := (place{m.inside, filepath.ToSlash(rel)}); ok && m.writable && over(mounts, there) == m {
			return there, true
		}
	}
	return place{}, false
}
