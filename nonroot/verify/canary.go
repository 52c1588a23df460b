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

// handOver sends a canary along every leg of the ring, and adds what became of it to the
// findings of the container that left it.
func (p *prover) handOver(ctx context.Context, looks []look) error {
	if p.data == "" {
		p.note("the project has no data folder, so no canary was left in one")
		return nil
	}
	var at []int // of the steady ones in looks
	var mounts [][]dataMount
	for i := range looks {
		if looks[i].steady {
			at, mounts = append(at, i), append(mounts, looks[i].mounts)
		}
	}
	for n, leg := range ring(mounts) {
		leaver, taker := &looks[at[leg.leaver]], &looks[at[leg.taker]]
		name := p.name(fmt.Sprintf("canary-%d", n))
		found := p.fly(ctx, leaver, taker, leg, name)
		if err := ctx.Err(); err != nil {
			return err
		}
		leaver.service.Checks = append(leaver.service.Checks, found...)
	}
	return nil
}

// fly has one container leave a canary, looks at it, and has another one take it.
func (p *prover) fly(ctx context.Context, leaver, taker *look, l leg, name string) []Finding {
	by, err := p.act(ctx, leaver, "leave", leaver.seen.serviceUmask(), path.Join(l.left, name))
	if err != nil {
		return []Finding{found(Canary, nonroot.Error, by, "it cannot make files in %s: %s", l.left, said(err))}
	}
	canary := judgeCanary(p.owner(leaver), p.plumage(l.host, name), leaver.seen.by == ByHost)
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
func (p *prover) act(ctx context.Context, l *look, args ...string) (Way, error) {
	if l.seen.sight != nil {
		_, err := p.output(ctx, append([]string{"exec", l.seen.inspected.ID, l.seen.probe}, args...)...)
		return ByContainer, err
	}
	_, err := p.output(ctx, p.standIn(l.seen.inspected, args...)...)
	return ByStandIn, err
}

// standIn are the arguments of a container that has the same user, groups, capabilities,
// options and mounts as another one, and our program instead of its own.
func (p *prover) standIn(i inspected, args ...string) []string {
	line := []string{"run", "--rm", "--label", p.label, "--pull", "never", "--network", "none", "--log-driver", "none", "--volumes-from", i.ID}
	line = append(line, repeat("--user", i.Config.User)...)
	line = append(line, repeat("--userns", i.HostConfig.UsernsMode)...)
	line = append(line, repeat("--group-add", i.HostConfig.GroupAdd...)...)
	line = append(line, repeat("--cap-drop", i.HostConfig.CapDrop...)...)
	line = append(line, repeat("--cap-add", i.HostConfig.CapAdd...)...)
	line = append(line, repeat("--security-opt", i.HostConfig.SecurityOpt...)...)
	if i.HostConfig.ReadonlyRootfs {
		line = append(line, "--read-only")
	}
	return append(append(line, p.Image), args...)
}

// repeat gives a flag with each value that is not empty.
func repeat(flag string, values ...string) []string {
	var all []string
	for _, value := range values {
		if value != "" {
			all = append(all, flag, value)
		}
	}
	return all
}

// owner is the app user as this machine sees what a container makes.
func (p *prover) owner(l *look) string {
	uid, gid := int64(p.user().UID), int64(p.user().GID)
	if l.seen.uidMap != nil {
		uid, gid = l.seen.uidMap.outside(uid), l.seen.gidMap.outside(gid)
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

// feather is one part of a canary, as this machine sees it.
type feather struct {
	what  string
	owner string
	mode  fs.FileMode
	right fs.FileMode
	err   error
}

// plumage looks at the three parts of a canary.
func (p *prover) plumage(host, name string) []feather {
	parts := []feather{
		{what: "file", right: 0o644},
		{what: "folder", right: 0o755},
		{what: "file in the folder", right: 0o644},
	}
	root, err := p.open(host)
	if err != nil {
		return []feather{{what: "folder", err: err}}
	}
	defer root.Close() //nolint:errcheck // only read
	folder := probe.FolderOf(name)
	for i, path := range []string{name, folder, filepath.Join(folder, "file")} {
		info, err := root.Lstat(path)
		if err != nil {
			parts[i].err = err
			continue
		}
		parts[i].mode = info.Mode().Perm()
		if owner, known := ownership.Of(info); known {
			parts[i].owner = owner.String()
		}
	}
	return parts
}

// judgeCanary says whether the parts have the right owner and modes. local says that this
// machine is the engine's; another one may translate owners, or have another folder of that
// name.
func judgeCanary(owner string, parts []feather, local bool) Finding {
	otherwise := nonroot.Error
	if !local {
		otherwise = nonroot.Warning
	}
	var wrong []string
	unknown := false
	for _, part := range parts {
		switch {
		case part.err != nil && !local && errors.Is(part.err, fs.ErrNotExist):
			return found(Canary, nonroot.Warning, ByContainer, "written, but not to be seen here: the engine has another file system than this machine")
		case part.err != nil:
			return found(Canary, nonroot.Error, ByHost, "the %s cannot be looked at: %v", part.what, part.err)
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
		return found(Canary, nonroot.Warning, ByHost, "modes 644 and 755; this system does not say whose the files are")
	}
	return found(Canary, nonroot.OK, ByHost, "files and folders belong to %s, 644 and 755", owner)
}
