package proof

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/im2-audio/im2/internal/nonroot/capability"
	"github.com/im2-audio/im2/internal/project"
)

// want is what a container of a service is held to.
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
	// data says that the container writes into the data folder.
	data bool
}

// lacking is the level of hardening that is not there.
func (w want) lacking() Level {
	if w.strict {
		return Fail
	}
	return Warn
}

// lackingReadOnly is the level of a root that can be written.
func (w want) lackingReadOnly() Level {
	if w.readOnly {
		return Fail
	}
	return w.lacking()
}

// buildsWithIDs reports whether a service of this project is built for the app user: the
// project says what its own is (x-im2), and the service takes both build arguments.
func buildsWithIDs(p *project.Project, s types.ServiceConfig) bool {
	return p.Data != "" && s.Build != nil && argument(s, "USER_ID") == decimal(p.Settings.AppUser.UID) &&
		argument(s, "GROUP_ID") == decimal(p.Settings.AppUser.GID)
}

func decimal(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func argument(s types.ServiceConfig, name string) string {
	if value := s.Build.Args[name]; value != nil {
		return *value
	}
	return ""
}

// wants says what a service's container is held to. user is what the engine says of the
// container's user, which Compose and the image asked for together; files is what is known of
// the image's files, to tell names.
func wants(p *project.Project, service string, user string, groupAdd []string, files imageFiles) want {
	s, known := p.Compose.Services[service]
	w := want{known: known, uid: -1, gid: -1, groups: numeric(groupAdd)}
	w.toldUID, w.toldGID = files.resolve(user)
	if known {
		w.groups = numeric(s.GroupAdd)
		w.capAdd, w.capDrop, w.privileged, w.readOnly = capability.Names(s.CapAdd), capability.Names(s.CapDrop), s.Privileged, s.ReadOnly
		var configured inspected
		configured.HostConfig.SecurityOpt = s.SecurityOpt
		w.newPrivs = configured.asksNoNewPrivs()
	}
	if known && buildsWithIDs(p, s) {
		w.strict, w.uid, w.gid = true, int64(p.Settings.AppUser.UID), int64(p.Settings.AppUser.GID)
		w.asked = fmt.Sprintf("%s (%s, %s)", p.Settings.AppUser, p.Settings.UIDName, p.Settings.GIDName)
		return w
	}
	w.uid, w.gid = w.toldUID, w.toldGID
	if known && s.User != "" { // The container may be older than the file.
		user = s.User
		w.uid, w.gid = files.resolve(user)
	}
	w.asked = fmt.Sprintf("%q (user of the image or the Compose file)", user)
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

// resolve reads a container's user as the engine does (moby/sys/user, GetExecUser): a name or
// a number, and a group behind a colon; nothing means root. -1 stands for what is not known: a
// name that the image's files do not tell, or tell nothing about.
func (f imageFiles) resolve(user string) (uid, gid int64) {
	name, group, hasGroup := strings.Cut(user, ":")
	uid, gid = -1, -1
	if name == "" {
		uid, name = 0, "root"
	}
	if n, err := strconv.ParseInt(name, 10, 64); err == nil {
		uid = n
	}
	if f.known() {
		row, ok := passwdRow(f.Users, name, uid)
		switch {
		case ok:
			uid, gid = row[0], row[1]
		case uid >= 0:
			gid = 0 // moby's default for who is not in passwd
		}
	}
	if hasGroup && group != "" {
		gid = f.resolveGroup(group)
	}
	return uid, gid
}

func (f imageFiles) resolveGroup(group string) int64 {
	for line := range strings.Lines(f.Groups) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) >= 3 && fields[0] == group {
			if n, err := strconv.ParseInt(fields[2], 10, 64); err == nil {
				return n
			}
		}
	}
	if n, err := strconv.ParseInt(group, 10, 64); err == nil {
		return n
	}
	return -1
}

// passwdRow finds a user by name, or by UID where that is not negative, and returns UID and GID.
func passwdRow(passwd, name string, uid int64) ([2]int64, bool) {
	for line := range strings.Lines(passwd) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) < 4 {
			continue
		}
		u, errU := strconv.ParseInt(fields[2], 10, 64)
		g, errG := strconv.ParseInt(fields[3], 10, 64)
		if errU == nil && errG == nil && (fields[0] == name || uid >= 0 && u == uid) {
			return [2]int64{u, g}, true
		}
	}
	return [2]int64{}, false
}
