package separator

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

// The service believes exit codes and no texts: those of a full disk are its own.
func TestExitCode(t *testing.T) {
	t.Parallel()
	write := func(err error) error { return &fs.PathError{Op: "write", Path: "vocals.f32", Err: err} }
	for want, err := range map[int]error{
		0: nil, ExitFailed: write(syscall.EIO), ExitFull: errors.Join(write(syscall.ENOSPC), write(syscall.EIO)),
		ExitEnvironment: &environmentError{write(syscall.ENOENT)},
	} {
		if got := exitCode(err); got != want {
			t.Errorf("exitCode(%v) = %d; want %d", err, got, want)
		}
	}
	if got := exitCode(write(syscall.EDQUOT)); got != ExitFull {
		t.Errorf("of a full quota: %d; want %d", got, ExitFull)
	}
}
