package ownership

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/im2-audio/im2/internal/exit"
)

// Owner is the user and the group that things belong to, or that a process runs as.
type Owner struct {
	// UID and GID are the numeric IDs.
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// String is UID:GID, as chown(1), USER and "user:" have it.
func (o Owner) String() string { return fmt.Sprintf("%d:%d", o.UID, o.GID) }

// ParseOwner reads what String writes.
func ParseOwner(text string) (Owner, error) {
	user, group, _ := strings.Cut(text, ":")
	uid, err := strconv.ParseUint(user, 10, 32)
	if err != nil {
		return Owner{}, fmt.Errorf("the UID of %q: %w", text, err)
	}
	gid, err := strconv.ParseUint(group, 10, 32)
	if err != nil {
		return Owner{}, fmt.Errorf("the GID of %q: %w", text, err)
	}
	return Owner{UID: uint32(uid), GID: uint32(gid)}, nil
}

// check refuses owners that nobody can mean. 4294967295 is -1 to chown(2), which then
// leaves the owner as it is: the reset would claim to have done what it did not.
func (o Owner) check(root bool) error {
	if o.UID == math.MaxUint32 || o.GID == math.MaxUint32 {
		return exit.Errorf(exit.Unusable, "giving files to %s: 4294967295 means \"leave as it is\" to the system, not an owner", o)
	}
	if !root && (o.UID == 0 || o.GID == 0) {
		return exit.Errorf(exit.Unusable, "giving files to %s: root shall not own data that services work on", o)
	}
	return nil
}
