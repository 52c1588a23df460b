package spooltest

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Nobody is the user and group of AsNobody where root runs the tests.
const Nobody = 65534

// AsNobody makes this goroutine one that modes hold for, whoever runs the test, and returns a folder of that user's. It is
// on tmpfs where there is one: ext4 takes milliseconds for each folder of a deep tree.
func AsNobody(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "im2-") //nolint:usetesting // What t.TempDir makes is in a folder of root's.
	if err != nil {
		dir, err = os.MkdirTemp("", "im2-") //nolint:usetesting // as above
	}
	Must(t, err)
	t.Cleanup(func() {
		AsRoot(t) // What this test made may belong to both.
		Must(t, os.RemoveAll(dir))
	})
	if os.Geteuid() == 0 {
		Must(t, os.Chown(dir, Nobody, Nobody))
		runtime.LockOSThread() // The thread ends with the goroutine, since nothing unlocks it.
		Must(t, unix.Setfsuid(Nobody))
	}
	return dir
}

// AsRoot ends what AsNobody made of this goroutine.
func AsRoot(t *testing.T) {
	t.Helper()
	Must(t, unix.Setfsuid(os.Geteuid()))
}

// DeepFolders makes a folder at path with so many folders in one another, each of this mode and with a file and an empty
// folder beside the next one.
func DeepFolders(t *testing.T, path string, levels int, mode uint32) {
	t.Helper()
	Must(t, unix.Mkdir(path, 0o755))
	dir, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	Must(t, err)
	for range levels {
		file, err := unix.Openat(dir, "f", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		Must(t, errors.Join(err, unix.Close(file), unix.Mkdirat(dir, "a", 0o755), unix.Mkdirat(dir, "d", 0o755)))
		next, err := unix.Openat(dir, "d", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		Must(t, errors.Join(err, unix.Fchmod(dir, mode), unix.Close(dir)))
		dir = next
	}
	Must(t, unix.Close(dir))
}
