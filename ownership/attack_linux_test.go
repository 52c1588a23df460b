package ownership_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/dev/thorough"
	"github.com/im2-audio/im2/ownership"
)

// attackVar is how long TestAttackers goes on, such as 60s.
const attackVar = "IM2_OWNERSHIP_ATTACK"

// siege is how long the attack lasts, and how many attempts there must be at least: one is
// a reset's meeting with one attacked name.
func siege(t *testing.T) (time.Duration, int) {
	t.Helper()
	if text := os.Getenv(attackVar); text != "" {
		d, err := time.ParseDuration(text)
		must(t, err)
		return d, 1
	}
	return time.Duration(thorough.Of(20, 2)) * time.Second, thorough.Of(20_000, 1)
}

// TestAttackers resets a folder again and again while others, who may do what root may,
// do all they can to lead it out: at no time does anything outside change.
func TestAttackers(t *testing.T) {
	t.Parallel()
	needsRoot(t, "files that others must not reach")
	lasts, least := siege(t)
	for name, base := range map[string]string{"disk": t.TempDir(), "memory": inMemory(t)} {
		t.Run(name, func(t *testing.T) {
			stop := besiege(t, base)
			var done besieged
			for start := time.Now(); time.Since(start) < lasts/2 || done.resets*attacked < least/2; {
				done.reset(t, base)
			}
			stop()
			t.Logf("%d attempts in %d resets, which saw %d entries, changed %d owners and %d modes, left %v, %d vanished, %d problems; outside, %d changed",
				done.resets*attacked, done.resets, done.sum.Seen, done.sum.OwnersChanged, done.sum.ModesChanged, done.sum.Skipped, done.sum.Vanished, done.sum.MoreProblems, done.hits)
		})
	}
}

// besiege makes the scene and starts the attackers. The function it returns ends them
// and logs how often they struck.
func besiege(t *testing.T, base string) func() {
	t.Helper()
	for _, name := range victims() {
		touch(t, 0o600, filepath.Join(base, "out", name))
	}
	must(t, os.Symlink("nowhere", filepath.Join(base, "out", "s")))
	must(t, os.Mkdir(filepath.Join(base, "in"), 0o700))
	type attacker struct {
		cmd   *exec.Cmd
		stdin io.Closer
		out   io.Reader
	}
	var all []attacker
	for i := range 2 {
		cmd := helper(t, "attack", base, strconv.Itoa(i))
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1") // or else there is no processor left for the resets
		stdin, err := cmd.StdinPipe()
		must(t, err)
		out, err := cmd.StdoutPipe()
		must(t, err, cmd.Start())
		all = append(all, attacker{cmd, stdin, out})
	}
	for i := range all { // until all of them are at it
		for {
			if _, err := os.Lstat(filepath.Join(base, "in", strconv.Itoa(i), "ready")); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return func() {
		for i, a := range all {
			_ = a.stdin.Close()
			var strikes map[string]int64
			must(t, json.NewDecoder(a.out).Decode(&strikes), a.cmd.Wait())
			t.Logf("attacker %d struck %v times", i, strikes)
			for kind, n := range strikes {
				if n == 0 {
					t.Errorf("attacker %d never did %s", i, kind)
				}
			}
		}
	}
}

// victims are the files outside, which belong to root with mode 600.
func victims() []string {
	return []string{"file", "folder/inner", "folder/sub/x", "hard", "over", "moved", "renamed"}
}

// attacked is how many names are under attack: two attackers, with eight kinds each.
const attacked = 2 * 8

// besieged counts what the resets did.
type besieged struct {
	resets, hits int
	sum          ownership.Summary
}

// reset does one and looks at everything outside. Owners take turns, so that everything
// is wrong each time; systems do, too.
func (b *besieged) reset(t *testing.T, base string) {
	t.Helper()
	systems := [][]string{nil, nil, nil, {"protected"}, {"openat2"}, {"fchmodat2"}, {"fchmodat2", "proc"}, {"statx"}, {"listxattrat"}}
	id := uint32(4711 + b.resets%2)
	req := ownership.Request{Folder: filepath.Join(base, "in"), Owner: ownership.Owner{UID: id, GID: id}, Workers: 1 + b.resets%4}
	lacks := slices.Clone(systems[b.resets/2%len(systems)])
	if b.resets%100 != 0 { // waiting takes most of the time then
		lacks = append(lacks, "patience")
	}
	sum, err := ownership.ResetWithout(t.Context(), req, lacks...)
	must(t, err)
	b.resets++
	b.sum.Seen += sum.Seen
	b.sum.OwnersChanged += sum.OwnersChanged
	b.sum.ModesChanged += sum.ModesChanged
	b.sum.Vanished += sum.Vanished
	if b.sum.Skipped == nil {
		b.sum.Skipped = sum.Skipped
	} else {
		for why, n := range sum.Skipped {
			b.sum.Skipped[why] += n
		}
	}
	for _, p := range sum.Problems {
		if p.Skip == "" {
			b.sum.MoreProblems++
			t.Logf("%+v", p)
		}
	}
	_ = filepath.WalkDir(filepath.Join(base, "out"), func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err != nil || unix.Lstat(path, &st) != nil {
			return nil //nolint:nilerr // what the attackers move to and fro
		}
		if rel, _ := filepath.Rel(base, path); len(rel) > 8 && rel[:8] == "out/own-" {
			return fs.SkipDir // moved here from the inside
		}
		mode := uint32(0o600)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			mode = 0o755
		case unix.S_IFLNK:
			mode = 0o777
		}
		if st.Uid != 0 || st.Gid != 0 || st.Mode&0o7777 != mode {
			b.hits++
			t.Errorf("after %d resets, %s belongs to %d:%d with mode %o", b.resets, path, st.Uid, st.Gid, st.Mode&0o7777)
			_ = os.Lchown(path, 0, 0)
			if st.Mode&unix.S_IFMT != unix.S_IFLNK {
				_ = os.Chmod(path, os.FileMode(mode))
			}
		}
		return nil
	})
}

// attack does every kind of attack at once, each on names of its own, until its standard
// input ends. It prints how often it did each.
func attack(base, who string) {
	in := filepath.Join(base, "in", who)
	if who == "1" { // is often interrupted in the middle of a step, which gives others time
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	}
	strikes := map[string]*atomic.Int64{}
	var over atomic.Bool
	var busy sync.WaitGroup
	_ = os.Mkdir(in, 0o700)
	for kind, prepare := range kinds(filepath.Join(base, "out"), who) {
		count := &atomic.Int64{}
		strikes[kind] = count
		strike := prepare(filepath.Join(in, kind))
		busy.Go(func() {
			for !over.Load() {
				strike()
				count.Add(1)
			}
		})
	}
	write(filepath.Join(in, "ready"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	over.Store(true)
	busy.Wait()
	told := map[string]int64{}
	for kind, count := range strikes {
		told[kind] = count.Load()
	}
	_ = json.NewEncoder(os.Stdout).Encode(told)
}

// kinds are the attacks. Each is prepared at a path and returns one strike.
func kinds(out, who string) map[string]func(at string) func() {
	return map[string]func(at string) func(){
		"file for symlink":   exchange(filepath.Join(out, "file"), func(at string) { write(at) }),
		"folder for symlink": exchange(filepath.Join(out, "folder"), func(at string) { write(filepath.Join(at, "inner")); write(filepath.Join(at, "sub", "x")) }),
		"hard link in and out": func(at string) func() {
			return func() {
				_ = os.Link(filepath.Join(out, "hard"), at)
				_ = os.Remove(at)
			}
		},
		"hard link over file": func(at string) func() {
			return func() {
				_ = os.Link(filepath.Join(out, "over"), at+".new")
				_ = os.Rename(at+".new", at)
				write(at + ".new")
				_ = os.Rename(at+".new", at)
			}
		},
		"hard link of symlink": func(at string) func() {
			return func() {
				_ = os.Link(filepath.Join(out, "s"), at)
				_ = os.Remove(at)
			}
		},
		"hard link renamed": func(at string) func() {
			_ = os.Link(filepath.Join(out, "renamed"), at)
			return swing(at, at+"-z")
		},
		"folder with hard link moved": func(at string) func() {
			write(filepath.Join(at, "file"))
			_ = os.Link(filepath.Join(out, "moved"), filepath.Join(at, "link"))
			_ = os.Mkdir(at+"-z", 0o700)
			return swing(at, filepath.Join(at+"-z", "here"))
		},
		"folder moved out": func(at string) func() {
			write(filepath.Join(at, "file"))
			_ = os.Symlink(filepath.Join(out, "folder"), filepath.Join(at, "sub"))
			return swing(at, filepath.Join(out, "own-"+who))
		},
	}
}

// exchange swaps what makes makes with a symbolic link, atomically, and now and then gives
// it a wrong mode.
func exchange(to string, makes func(at string)) func(at string) func() {
	return func(at string) func() {
		makes(at)
		own, err := os.Open(at)
		_ = os.Symlink(to, at+".link")
		strikes := 0
		return func() {
			_ = unix.Renameat2(unix.AT_FDCWD, at, unix.AT_FDCWD, at+".link", unix.RENAME_EXCHANGE)
			if strikes++; strikes%16 == 0 && err == nil {
				_ = own.Chmod(0o711)
			}
		}
	}
}

// swing renames something to and fro.
func swing(a, b string) func() {
	return func() {
		_ = os.Rename(a, b)
		_ = os.Rename(b, a)
	}
}

func write(path string) {
	_ = os.MkdirAll(filepath.Dir(path), 0o755)
	_ = os.WriteFile(path, nil, 0o600)
}
