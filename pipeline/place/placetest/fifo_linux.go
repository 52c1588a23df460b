package placetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Within is how long all that is tried may take.
const Within = 20 * time.Second

// OpensNoFIFO tries do again and again while the folder at path is exchanged for a FIFO and back, as a service that was taken
// over can. do opens the folder. The test fails where do waits for the FIFO, and where it was not tried with both.
func OpensNoFIFO(t *testing.T, path string, do func() error) {
	t.Helper()
	fifo := path + ".fifo"
	if err := unix.Mkfifo(fifo, 0o700); err != nil {
		t.Fatal(err)
	}
	var attacker sync.WaitGroup
	exchanged, stop := 0, make(chan struct{})
	attacker.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, fifo, unix.RENAME_EXCHANGE) == nil {
				exchanged++
				continue
			}
			_, _ = unix.Mkfifo(fifo, 0o700), unix.Mkfifo(path, 0o700) // do may have removed it
		}
	})
	done, opened, failed := make(chan error, 1), 0, 0
	go func() {
		var last error
		for begin := time.Now(); opened+failed < 2000 || (opened == 0 || failed == 0) && time.Since(begin) < Within/2; {
			if err := do(); err != nil {
				last = err
				failed++
			} else {
				opened++
			}
		}
		done <- last
	}()
	var last error
	var waits error
	select {
	case last = <-done:
	case <-time.After(Within):
		waits = errors.New("it waits for a FIFO")
	}
	close(stop)
	attacker.Wait()
	if waits != nil {
		t.Fatalf("%s, exchanged %d times: %v", path, exchanged, waits)
	}
	t.Logf("%d exchanges, opened %d times, and failed %d times: %v", exchanged, opened, failed, last)
	if opened == 0 || failed == 0 {
		t.Error("it was not tried with both")
	}
}
