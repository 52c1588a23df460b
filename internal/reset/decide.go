package reset

import "github.com/im2-audio/im2/internal/ownership"

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

// decide chooses the way for an ordinary user. found is what a dry run found, as far as
// this user may look.
func decide(euid int, owner ownership.Owner, found ownership.Summary) way {
	onlyModes := found.Owner == 0 && len(found.Problems) == 0
	switch {
	case onlyModes && found.Mode == 0:
		return nothing
	case onlyModes && int64(euid) == int64(owner.UID): // the owner may chmod
		return directly
	default:
		return throughEngine
	}
}
