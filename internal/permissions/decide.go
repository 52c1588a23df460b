package permissions

import (
	"slices"

	"github.com/im2-audio/im2/ownership"
)

// way is how a reset is done.
type way int

const (
	// nothing: everything is right.
	nothing way = iota
	// directly: by this process.
	directly
	// throughEngine: by a container.
	throughEngine
)

func decide(euid int, owner ownership.Owner, found ownership.Summary) way {
	onlyModes := found.Owner == 0 && !closed(found)
	switch {
	case onlyModes && found.Mode == 0:
		return nothing
	case onlyModes && int64(euid) == int64(owner.UID): // the owner may chmod
		return directly
	default:
		return throughEngine
	}
}

// closed reports whether a dry run met entries that more rights would have helped with. What is skipped by
// design is skipped by everybody.
func closed(found ownership.Summary) bool {
	return found.MoreProblems > 0 || slices.ContainsFunc(found.Problems, func(p ownership.Problem) bool { return p.Skip == "" })
}
