package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/im2-audio/im2/internal/helper/probe"
	"github.com/im2-audio/im2/nonroot"
	"github.com/im2-audio/im2/nonroot/internal/subpath"
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
	legs := ring(mounts, p.parts())
	for n := 0; len(legs) > 0; n++ {
		same := func(l leg) bool {
			return l.leaver == legs[0].leaver && l.taker == legs[0].taker && l.left.mount == legs[0].left.mount && l.there.mount == legs[0].there.mount
		}
		end := slices.IndexFunc(legs, func(l leg) bool { return !same(l) })
		if end < 0 {
			end = len(legs)
		}
		found := p.walk(ctx, all, legs[:end], p.name(fmt.Sprintf("canary-%d", n)))
		if err := ctx.Err(); err != nil {
			return err
		}
		to := &services[legs[0].leaver]
		to.Checks, legs = append(to.Checks, found...), legs[end:]
	}
	return nil
}

// parts are the folders of the data folder in which services work, as p.data has them.
func (p *prover) parts() []string {
	var all []string
	for _, folder := range p.Conventions.Folders {
		if rel, in := subpath.Rel(p.Conventions.Data, folder); in {
			all = append(all, filepath.Join(p.data, rel))
		}
	}
	return all
}

// walk has one container leave canaries in all folders of one mount, checks them, and has another one take them. The
// legs differ by the folder alone. Folders that are right are in the finding of the first.
func (p *prover) walk(ctx context.Context, all []observation, legs []leg, name string) []Finding {
	leaver, taker := &all[legs[0].leaver], &all[legs[0].taker]
	var left, there []string
	for _, l := range legs {
		left, there = append(left, l.left.part), append(there, l.there.part)
	}
	made, by := p.act(ctx, leaver, left, "leave", leaver.umask(), name, legs[0].left.mount)
	var canaries, handed []Finding
	for i, l := range legs {
		if made[i].Failed != "" {
			canaries = append(canaries, found(Canary, missing(made[i]), by, "it cannot make files in %s: %s", l.left, made[i].Failed))
			continue
		}
		f := checkCanary(p.owner(leaver), p.canary(l.host, name), leaver.by == ByHost)
		if by == ByStandIn {
			f.By = by
		}
		f.Detail = l.left.String() + ": " + f.Detail
		canaries = append(canaries, f)
	}
	taken, by := p.act(ctx, taker, there, "take", name, legs[0].there.mount)
	who := taker.container.name
	if taker == leaver {
		who = "it alone writes there, and"
	}
	for i, l := range legs {
		switch {
		case made[i].Failed != "":
		case taken[i].Failed != "":
			handed = append(handed, found(HandOver, nonroot.Error, by, "%s: %s cannot rename and remove it: %s", l.left, who, taken[i].Failed))
		default:
			handed = append(handed, found(HandOver, nonroot.OK, by, "%s: %s renamed and removed it", l.left, who))
		}
	}
	return append(gather(canaries), gather(handed)...)
}

// missing is the level of a canary that could not be made.
func missing(r probe.Result) nonroot.Level {
	if r.Missing {
		return nonroot.Warning
	}
	return nonroot.Error
}

// gather says of findings of folders that are right how many there are, behind the first one.
func gather(all []Finding) []Finding {
	var kept []Finding
	first, more := -1, 0
	for _, f := range all {
		switch {
		case f.Level != nonroot.OK:
			kept = append(kept, f)
		case first < 0:
			first, kept = len(kept), append(kept, f)
		default:
			more++
		}
	}
	if more > 0 {
		kept[first].Detail += "; and in " + english.Plural(more, "more folder", "")
	}
	return kept
}

// act runs our program in a container, or in one of the same configuration where it cannot run
// in that, on folders of one mount. There is a result for each.
func (p *prover) act(ctx context.Context, o *observation, parts []string, args ...string) ([]probe.Result, Way) {
	line, by := p.standIn(o.inspected, append(args, parts...)...), ByStandIn
	if o.sight != nil {
		line, by = slices.Concat([]string{"exec", o.inspected.ID, o.probe}, args, parts), ByContainer
	}
	text, err := p.output(ctx, line...)
	var results []probe.Result
	if err == nil {
		err = json.Unmarshal([]byte(text), &results)
	}
	if err == nil && len(results) != len(parts) {
		err = errors.New("our program's answer is not about all folders")
	}
	if err != nil {
		results = slices.Repeat([]probe.Result{{Failed: said(err)}}, len(parts))
	}
	return results, by
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
	uids, gids := o.uidMap, o.gidMap
	if uids == nil {
		uids, gids = p.around.uidMap, p.around.gidMap
	}
	if uids == nil {
		return p.user().String()
	}
	return fmt.Sprintf("%d:%d", uids.outside(int64(p.user().UID)), gids.outside(int64(p.user().GID)))
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
		part := canaryPart{what: what, right: right & fs.ModePerm}
		info, err := root.Lstat(path)
		if err == nil && info.Mode().Type() != right.Type() {
			err = fmt.Errorf("something else is in its place: %s", info.Mode())
		}
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
		read("folder", folder, 0o755|fs.ModeDir),
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
