package verify

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/sys/user"

	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/capability"
)

// want is what a container of a service must be.
type want struct {
	// strict asks for everything that this project's own services have. Another service fails
	// by what is a danger, or not what its own Compose file asks for; hardening that it does
	// not ask for is a warning.
	strict bool
	// uid and gid are the IDs that were asked for; -1 where that is not known, or root.
	uid, gid int64
	// toldUID and toldGID are what the engine was told; -1 where that is a name that nothing
	// here translates.
	toldUID, toldGID int64
	// groups are supplementary groups that were asked for beside gid.
	groups []int64
	// asked says who asked for which user.
	asked string
	// capAdd and capDrop are what the Compose file adds and drops; nil with known false where it has
	// no such service. privileged, newPrivs and readOnly say that it asks for these.
	capAdd, capDrop                []string
	privileged, newPrivs, readOnly bool
	known                          bool
	// memory and pids are the limits that the Compose file asks for, in bytes and processes; 0 for none.
	memory, pids int64
	// data says that the container writes into the data folder.
	data bool
}

// lacking is the level of hardening that is not there. asked says that the Compose file asks for it.
func (w want) lacking(asked bool) nonroot.Level {
	if w.strict || asked {
		return nonroot.Error
	}
	return nonroot.Warning
}

// is reports whether IDs are those that were asked for, as far as both are known.
func (w want) is(uid, gid int64) bool {
	return w.uid <= 0 || (uid < 0 || uid == w.uid) && (w.gid < 0 || gid < 0 || gid == w.gid)
}

// buildsWithIDs reports whether a service of this project is built for the app user: the
// project says what its own is (x-im2), and the service takes both build arguments.
func (p *prover) buildsWithIDs(s types.ServiceConfig) bool {
	if p.Conventions == nil || s.Build == nil {
		return false
	}
	uid, gid := s.Build.Args["USER_ID"], s.Build.Args["GROUP_ID"]
	return uid != nil && gid != nil && *uid+":"+*gid == p.user().String()
}

// wants says what a service's container must be. spec is what the engine says of the
// container's user, which Compose and the image asked for together; files is what is known of
// the image's files, to tell names.
func (p *prover) wants(service string, spec string, groupAdd []string, files imageFiles) want {
	s, known := p.project.Services[service]
	w := want{known: known, uid: -1, gid: -1, groups: numeric(groupAdd)}
	w.toldUID, w.toldGID = files.resolve(spec)
	if known {
		w.groups = numeric(s.GroupAdd)
		w.capAdd, w.capDrop, w.privileged, w.readOnly = capability.Names(s.CapAdd), capability.Names(s.CapDrop), s.Privileged, s.ReadOnly
		var configured inspected
		configured.HostConfig.SecurityOpt = s.SecurityOpt
		w.newPrivs = configured.asksNoNewPrivs()
		w.memory, w.pids = limits(s)
	}
	if known && p.buildsWithIDs(s) {
		w.strict, w.uid, w.gid = true, int64(p.user().UID), int64(p.user().GID)
		w.asked = fmt.Sprintf("%s (%s, %s)", p.user(), p.Conventions.UID.Name, p.Conventions.GID.Name)
		return w
	}
	w.uid, w.gid = w.toldUID, w.toldGID
	if known && s.User != "" { // The container may be older than the file.
		spec = s.User
		w.uid, w.gid = files.resolve(spec)
	}
	w.asked = fmt.Sprintf("%q (user of the image or the Compose file)", spec)
	return w
}

func numeric(texts []string) []int64 {
	var all []int64
	for _, text := range texts {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// resolve reads a container's user as the engine does: a name or a number, and a group behind a
// colon; nothing means root. -1 stands for what is not known: a name that the image's files do
// not tell, or tell nothing about.
func (f imageFiles) resolve(spec string) (uid, gid int64) {
	read := func(spec string) (*user.ExecUser, error) {
		return user.GetExecUser(spec, nil, strings.NewReader(f.Users), strings.NewReader(f.Groups))
	}
	name, group, _ := strings.Cut(spec, ":")
	whole, err := read(spec)
	if err == nil && (group != "" || f.known()) {
		return int64(whole.Uid), int64(whole.Gid)
	}
	if alone, err := read(name); err == nil {
		return int64(alone.Uid), -1
	}
	return -1, -1
}
