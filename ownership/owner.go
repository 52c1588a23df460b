package ownership

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Owner is a user and a group, by their numeric IDs: those that files belong to, or that a process runs
// as. The zero value is root.
type Owner struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// String is "UID:GID", as chown(1), a Dockerfile's USER and a Compose file's "user:" have it.
func (o Owner) String() string { return fmt.Sprintf("%d:%d", o.UID, o.GID) }

// ParseOwner reads "UID:GID" in decimal digits; both are needed.
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
		return refused("giving files to", o.String(), ErrOwner, "4294967295 means \"leave as it is\" to the system, not an owner")
	}
	if !root && (o.UID == 0 || o.GID == 0) {
		return refused("giving files to", o.String(), ErrOwner, "refusing UID or GID 0: root must not own service data")
	}
	return nil
}
