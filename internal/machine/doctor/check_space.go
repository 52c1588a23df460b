package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/shirou/gopsutil/v4/disk"

	"github.com/im2-audio/im2/internal/project"
)

const (
	gigabyte = 1_000_000_000
	// A song of ten minutes comes to half a gigabyte on its way, and the model with its download to
	// 300 MB; images need some four gigabytes while they are built.
	leastData, goodData     = gigabyte / 2, 3 * gigabyte
	leastEngine, goodEngine = gigabyte, 5 * gigabyte
	// leastInodes is how many more files there must be room for.
	leastInodes = 10_000
)

// room is what is known of the place for a folder.
type room struct {
	name, kind string
	free       uint64
	inodes     uint64
	// counted says that the file system has a fixed number of inodes at all.
	counted bool
}

func checkSpace(ctx context.Context, _ *Doctor, f *facts) answer {
	path, name := f.project.Root, "."
	if data := f.project.Data; data != "" {
		path, name = existing(data), f.project.Rel(data)
	}
	data, err := roomAt(ctx, name, path)
	if err != nil {
		return failed("df -h "+path, "asking for the free space of %s: %v", path, err)
	}
	a := assessRoom(data, leastData, goodData, "make room there: du -sh "+name+"/*")
	if f.engine == nil || f.engine.Remote() || runtime.GOOS != "linux" || f.engine.Server.Desktop() {
		return a
	}
	engine, err := roomAt(ctx, "the engine", f.engine.Server.DockerRootDir)
	if err != nil || f.engine.Server.DockerRootDir == "" {
		return a // not for this user to see
	}
	return worse(a, assessRoom(engine, leastEngine, goodEngine, "docker builder prune"))
}

func existing(path string) string {
	for {
		if found, err := filepath.EvalSymlinks(path); err == nil {
			return found
		}
		if filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

func roomAt(ctx context.Context, name, path string) (room, error) {
	usage, err := disk.UsageWithContext(ctx, path)
	if err != nil {
		return room{}, err
	}
	return room{name, kindAt(ctx, path), usage.Free, usage.InodesFree, usage.InodesTotal > 0}, nil
}

// kindAt returns the type of the file system of a path, such as "ext4": that of the deepest mount above it.
// disk.Usage takes ext4 for ext2.
func kindAt(ctx context.Context, path string) string {
	mounts, err := disk.PartitionsWithContext(ctx, true)
	if err != nil {
		return "an unknown file system"
	}
	kind, deepest := "an unknown file system", -1
	for _, m := range mounts {
		// Of two mounts at one place the later one is on top.
		if project.Within(m.Mountpoint, path) && len(m.Mountpoint) >= deepest {
			kind, deepest = m.Fstype, len(m.Mountpoint)
		}
	}
	return kind
}

// File systems whose files are lost at a restart, or belong to whoever mounted them.
var (
	passing   = []string{"tmpfs", "ramfs"}
	ownerless = []string{"9p", "drvfs", "vboxsf", "cifs", "smb3", "smbfs", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "fuse.sshfs"}
)

func assessRoom(r room, least, good uint64, free string) answer {
	text := fmt.Sprintf("%s: %s free on %s", r.name, humanize.Bytes(r.free), r.kind)
	switch {
	case r.free < least:
		return failed(free, "%s, needed: %s", text, humanize.Bytes(least))
	case r.counted && r.inodes < leastInodes:
		return failed(free, "%s, but room for only %d more files", text, r.inodes)
	case slices.Contains(ownerless, r.kind):
		return warned("move the project to a file system with owners", "%s, which may not keep owners and modes", text)
	case slices.Contains(passing, r.kind):
		return warned("move the project to a disk", "%s, which is empty after a restart", text)
	case r.free < good:
		return warned(free, "%s, good to have: %s", text, humanize.Bytes(good))
	}
	return ok("%s", text)
}

func worse(a, b answer) answer {
	rank := []Result{OK, Warn, Fail}
	joined := a
	if slices.Index(rank, b.level) > slices.Index(rank, a.level) {
		joined = b
	}
	joined.detail = strings.Join([]string{a.detail, b.detail}, "; ")
	return joined
}
