package verify

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/im2-audio/im2/internal/helper/probe"
)

// A thread's user is its own: setresuid(2), asked of the kernel and not of the C library, changes no
// other one's.
func TestAThreadOfAnotherUserIsSeen(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("LEFT OUT: a thread of another user, because only root can make one; run the tests as root")
	}
	changed, over := make(chan error), make(chan struct{})
	defer close(over)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with its user
		_, _, failed := unix.RawSyscall(unix.SYS_SETRESUID, 4711, 4711, 4711)
		var err error
		if failed != 0 {
			err = failed
		}
		changed <- err
		<-over
	}()
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	texts, err := probe.Threads("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseThreads(texts, nil, nil)
	if err != nil || !slices.ContainsFunc(all, func(p process) bool { return p.uids[1] == 4711 }) {
		t.Errorf("seen %v, %v", all, err)
	}
}
