package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/ownership"
)

// handOver has canaries left and taken along the ring, and adds what became of them to the
// services of the containers that left them.
func (p *prover) handOver(ctx context.Context, all []observation, services []Service) error {
	if p.data == "" {
		p.note("the project has no data folder, so no canary was left in one")
		return nil
	}
	mounts := make([][]dataMount, len(all)) // those that are not steady have none, and what may end at any moment
	for i, o := range all {
		if o.steady && !o.container.guest() {
			mounts[i] = o.mounts
		}
	}
	for n, leg := range ring(mounts) {
		found := p.leg(ctx, &all[leg.leaver], &all[leg.taker], leg, p.name(fmt.Sprintf("canary-%d", n)))
		if err := ctx.Err(); err != nil {
			return err
		}
		services[leg.leaver].Checks = append(services[leg.leaver].Checks, found...)
	}
	return nil
}

// leg has one container leave a canary, checks it, and has another one take it.
func (p *prover) leg(ctx context.Context, leaver, taker *observation, l leg, name string) []Finding {
	by, err := p.act(ctx, leaver, "leave", leaver.umask(), path.Join(l.left, name))
	if err != nil {
		return []Finding{found(Canary, nonroot.Error, by, "it cannot make files in %s: %s", l.left, said(err))}
	}
	canary := checkCanary(p.owner(leaver), p.canary(l.host, name), leaver.by == ByHost)
	if by == ByStandIn {
		canary.By = by
	}
	canary.Detail = l.left + ": " + canary.Detail
	by, err = p.act(ctx, taker, "take", path.Join(l.there, name))
	who := taker.container.name
	if taker == leaver {
		who = "it alone writes there, and"
	}
	if err != nil {
		return []Finding{canary, found(HandOver, nonroot.Error, by, "%s: %s cannot rename and remove it: %s", l.left, who, said(err))}
	}
	return []Finding{canary, found(HandOver, nonroot.OK, by, "%s: %s renamed and removed it", l.left, who)}
}

// act runs our program in a container, or in one of the same configuration where it cannot run
// in that.
func (p *prover) act(ctx context.Context, o *observation, args ...string) (Way, error) {
	if o.sight != nil {
		_, err := p.output(ctx, append([]string{"exec", o.inspected.ID, o.probe}, args...)...)
		return ByContainer, err
	}
	_, err := p.output(ctx, p.standIn(o.inspected, args...)...)
	return ByStandIn, err
}

// standIn are the arguments of a container that has the same user, groups, capabilities,
// options and mounts as another one, and our program instead of its own.
func (p *prover) standIn(i inspected, args ...string) []string {
	line := []string{"run", "--rm", "--label", p.label, "--pull", "never", "--network", "none", "--log-driver", "none", "--volumes-from", i.ID}
	repeat := func(flag string, values ...string) {
		for _, value := range values {
			if value != "" {
				line = append(line, flag, value)
			}
		}
	}
	repeat("--user", i.Config.User)
	repeat("--userns", i.HostConfig.UsernsMode)
	repeat("--group-add", i.HostConfig.GroupAdd...)
	repeat("--cap-drop", i.HostConfig.CapDrop...)
	repeat("--cap-add", i.HostConfig.CapAdd...)
	repeat("--security-opt", i.HostConfig.SecurityOpt...)
	if i.HostConfig.ReadonlyRootfs {
		line = append(line, "--read-only")
	}
	return append(append(line, p.Image), args...)
}

// owner is the app user as this machine sees what a container makes.
func (p *prover) owner(o *observation) string {
	uid, gid := int64(p.user().UID), int64(p.user().GID)
	if o.uidMap != nil {
		uid, gid = o.uidMap.outside(uid), o.gidMap.outside(gid)
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

// canaryPart is one part of a canary, as this machine sees it.
type canaryPart struct {
	what  string
	owner string // "" where this system does not say
	mode  fs.FileMode
	right fs.FileMode
	err   error
}

// canary reads the three parts of a canary.
func (p *prover) canary(host, name string) []canaryPart {
	root, err := p.open(host)
	if err != nil {
		return []canaryPart{{what: "folder", err: err}}
	}
	defer func() { _ = root.Close() }()
	read := func(what, path string, right fs.FileMode) canaryPart {
		part := canaryPart{what: what, right: right}
		info, err := root.Lstat(path)
		if err != nil {
			part.err = err
			return part
		}
		part.mode = info.Mode().Perm()
		if owner, known := ownership.Of(info); known {
			part.owner = owner.String()
		}
		return part
	}
	folder := probe.FolderOf(name)
	return []canaryPart{
		read("file", name, 0o644),
		read("folder", folder, 0o755),
		read("file in the folder", filepath.Join(folder, "file"), 0o644),
	}
}

// checkCanary says whether the parts have the right owner and modes. local says that this
// machine is the engine's; another one may translate owners, or have another folder of that
// name.
func checkCanary(owner string, parts []canaryPart, local bool) Finding {
	otherwise := nonroot.Error
	if !local {
		otherwise = nonroot.Warning
	}
	var wrong []string
	unknown := false
	for _, part := range parts {
		switch {
		case part.err != nil && !local && errors.Is(part.err, fs.ErrNotExist):
			return found(Canary, nonroot.Warning, ByContainer, "written, but not visible on this machine: the engine has another file system")
		case part.err != nil:
			return found(Canary, nonroot.Error, ByHost, "the %s cannot be read: %v", part.what, part.err)
		}
		if part.owner == "" {
			unknown = true // this system does not say
		} else if part.owner != owner {
			wrong = append(wrong, fmt.Sprintf("the %s belongs to %s, not %s", part.what, part.owner, owner))
		}
		if part.mode != part.right {
			otherwise = nonroot.Error // modes are not translated
			wrong = append(wrong, fmt.Sprintf("the %s has mode %o, not %o", part.what, part.mode, part.right))
		}
	}
	if len(wrong) > 0 {
		return found(Canary, otherwise, ByHost, "%s", strings.Join(wrong, "; "))
	}
	if unknown {
		return found(Canary, nonroot.Warning, ByHost, "modes 644 and 755; this system does not say which user owns the files")
	}
	return found(Canary, nonroot.OK, ByHost, "files and folders belong to %s, 644 and 755", owner)
}
