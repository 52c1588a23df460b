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

// ParseOwner reads "UID:GID", as [Owner.String] writes it: two decimal numbers without signs or leading zeros. 0 and
// 4294967295 are read; [Reset] refuses them. The error wraps [ErrOwner].
func ParseOwner(text string) (Owner, error) {
	user, group, _ := strings.Cut(text, ":")
	uid, uidErr := strconv.ParseUint(user, 10, 32)
	gid, gidErr := strconv.ParseUint(group, 10, 32)
	o := Owner{UID: uint32(uid), GID: uint32(gid)} // 32 bits were parsed
	if uidErr != nil || gidErr != nil || o.String() != text {
		return Owner{}, refused("reading owner", strconv.Quote(text), ErrOwner, "it must be UID:GID, two decimal numbers such as 1000:1000")
	}
	return o, nil
}

// check refuses owners that nobody can mean. 4294967295 is -1 to chown(2), which then
// leaves the owner as it is: the reset would claim to have done what it did not.
func (o Owner) check(root bool) error {
	if o.UID == math.MaxUint32 || o.GID == math.MaxUint32 {
		return refused("giving files to", o.String(), ErrOwner, "4294967295 is no ID: chown reads it as \"do not change\"")
	}
	if !root && (o.UID == 0 || o.GID == 0) {
		return refused("giving files to", o.String(), ErrOwner, "UID or GID 0 needs AllowRoot")
	}
	return nil
}
