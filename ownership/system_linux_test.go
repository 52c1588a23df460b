package ownership_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/ownership"
)

// forbid is a seccomp profile that answers the system calls that Lacks begins with with
// an error, as one does that is older than they are. It cannot be taken back.
func forbid(errno unix.Errno) error {
	calls := []uint32{unix.SYS_OPENAT2, unix.SYS_STATX, unix.SYS_FCHMODAT2}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for i, call := range calls {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: uint8(len(calls) - i)})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))) // how the kernel takes a filter
	if failed != 0 {
		return failed
	}
	return nil
}

func TestOldSeccompProfile(t *testing.T) {
	t.Parallel()
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			t.Parallel()
			if !inside(t, nil) {
				return
			}
			in := t.TempDir()
			touch(t, 0o600, filepath.Join(in, "d", "f"))
			// The filter needs one thread to have no_new_privs and be the one that asks.
			runtime.LockOSThread()
			if err := forbid(errno); err != nil {
				t.Skipf("skipped: no seccomp here: %v", err)
			}
			if lacks := ownership.Probed(); !slices.Equal(lacks[:3], ownership.Lacks()[:3]) {
				t.Fatalf("found to lack %v", lacks)
			}
			sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other(), AllowRoot: true})
			if err != nil || sum.Seen != 3 || sum.ModesChanged != 1 || sum.ProblemCount() != 0 {
				t.Errorf("%+v, %v", sum, err)
			}
			check(t, filepath.Join(in, "d", "f"), other(), 0o644)
		})
	}
}

func TestThisSystemLacksNothing(t *testing.T) {
	t.Parallel()
	var name unix.Utsname
	must(t, unix.Uname(&name))
	t.Logf("Linux %s lacks %v", unix.ByteSliceToString(name.Release[:]), ownership.Probed())
}

// makeFiles puts n wrong files into a new folder, 100 in each folder below it.
func makeFiles(t *testing.T, top string, n int) {
	t.Helper()
	for i := range n {
		path := filepath.Join(top, strconv.Itoa(i/100), strconv.Itoa(i))
		if i%100 == 0 {
			must(t, os.Mkdir(filepath.Dir(path), 0o700))
		}
		must(t, os.WriteFile(path, nil, 0o600))
	}
}

func TestCancelEndsSoonAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	const files = 20_000
	in := inMemory(t)
	makeFiles(t, in, files)
	req := ownership.Request{Folder: in, Owner: other(), AllowRoot: true, Workers: 2}
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	var at time.Time
	req.Progress = func(int64) { once.Do(func() { at = time.Now(); cancel() }) }
	// With 100 ms until the first call, some machines are done before.
	sum, err := ownership.Reset(ctx, req)
	took := time.Since(at)
	if err != nil && !errors.Is(err, context.Canceled) || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
	t.Logf("%d of %d entries when it was cancelled, over %v later", sum.Seen, files, took)
	req.Progress = nil
	rest, err := ownership.Reset(t.Context(), req)
	const all = files + files/100 + 1
	if err != nil || rest.Seen != all || sum.ModesChanged+rest.ModesChanged < files {
		t.Errorf("then %+v, %v", rest, err)
	}
	last, err := ownership.Reset(t.Context(), req)
	if err != nil || last.ModesChanged+last.OwnersChanged != 0 {
		t.Errorf("and then %+v, %v", last, err)
	}
}

func TestSeenCountsUp(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	touch(t, 0o600, filepath.Join(in, "a"), filepath.Join(in, "b"))
	var calls []int64 // without a lock: the calls come one at a time, and are over
	sum, err := ownership.Reset(t.Context(), ownership.Request{
		Folder: in, Owner: other(), AllowRoot: true, Progress: func(n int64) { calls = append(calls, n) },
	})
	must(t, err)
	if !slices.IsSorted(calls) || calls[len(calls)-1] != sum.Seen {
		t.Errorf("told %v of %d", calls, sum.Seen)
	}
}

// resetForever says that it begins, and resets a folder until it is killed.
func resetForever(folder string) {
	_, _ = os.Stdout.WriteString("on it\n")
	for {
		_, _ = ownership.Reset(context.Background(), ownership.Request{Folder: folder, Owner: other(), AllowRoot: true})
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	const files = 10_000
	in := inMemory(t)
	makeFiles(t, in, files)
	var left int64
	for try := range 8 {
		must(t, resetModes(in))
		cmd := helper(t, "reset", in)
		out, err := cmd.StdoutPipe()
		must(t, err, cmd.Start())
		_, err = bufio.NewReader(out).ReadString('\n')
		must(t, err)
		time.Sleep(time.Duration(try) * 3 * time.Millisecond)
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other(), AllowRoot: true})
		if err != nil || sum.ProblemCount() != 0 {
			t.Fatalf("%+v, %v", sum, err)
		}
		left += sum.ModesChanged
		sum, err = ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other(), AllowRoot: true})
		if err != nil || sum.ModesChanged+sum.OwnersChanged != 0 {
			t.Fatalf("afterwards: %+v, %v", sum, err)
		}
	}
	t.Logf("%d of %d entries were left to second runs", left, 8*files)
}

// resetModes makes all files below in wrong again.
func resetModes(in string) error {
	return filepath.WalkDir(in, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
}

func TestFilesThatComeAndGo(t *testing.T) {
	t.Parallel()
	in := t.TempDir()
	touch(t, 0o600, filepath.Join(in, "d", "stays"))
	over := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 3 {
		busy.Go(func() {
			for n := 0; ; n++ {
				path := filepath.Join(in, "d", fmt.Sprintf("%d-%d", i, n%7))
				switch n % 3 {
				case 0:
					_ = os.WriteFile(path, nil, 0o600)
				case 1:
					_ = os.Mkdir(path, 0o700)
				default:
					_ = os.Rename(path, path+"x")
				}
				_ = os.Remove(path)
				_ = os.Remove(path + "x")
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	var vanished int64
	for range 300 {
		sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other(), AllowRoot: true})
		must(t, err)
		vanished += sum.Vanished
		for _, p := range sum.Problems {
			if p.Skip != ownership.SkipBusy { // a name that was each time another file
				t.Errorf("%+v", p)
			}
		}
	}
	close(over)
	busy.Wait()
	t.Logf("%d entries vanished", vanished)
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	in := filepath.Join(base, "in")
	const files = ownership.MaxProblems + 234
	touch(t, 0o600, filepath.Join(base, "out"))
	must(t, os.Mkdir(in, 0o755))
	for i := range files {
		touch(t, 0o600, filepath.Join(base, fmt.Sprintf("out%d", i)))
		must(t, os.Link(filepath.Join(base, fmt.Sprintf("out%d", i)), filepath.Join(in, fmt.Sprintf("%04d", i))))
	}
	sum, err := ownership.Reset(t.Context(), ownership.Request{Folder: in, Owner: other(), AllowRoot: true})
	if err != nil || len(sum.Problems) != ownership.MaxProblems || sum.MoreProblems != 234 || sum.ProblemCount() != files {
		t.Errorf("%d problems and %d more, %v", len(sum.Problems), sum.MoreProblems, err)
	}
	if !slices.IsSortedFunc(sum.Problems, func(a, b ownership.Problem) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("the problems are not sorted")
	}
}
