package ownership

import (
	"errors"
	"fmt"
	"io/fs"
)

// The reasons for which a request is refused. A folder that cannot be opened has the error of the operating
// system instead, such as [io/fs.ErrNotExist].
var (
	// ErrNotFolder: the folder is not a directory. A symbolic link is not accepted, since a container could have
	// made it; only [Request.Below] may have some.
	ErrNotFolder = errors.New("it is not a folder (a symbolic link is not accepted)")
	// ErrNoEffect is that of a file system that keeps no owners or modes, and does not say so.
	ErrNoEffect = errors.New("its file system took the change, and it has no effect here (see its mount options, such as uid= and umask=)")
	// ErrProtected: the folder must not be reset. It is the root of the file system, a system folder, a home folder
	// or one above it.
	ErrProtected = errors.New("protected folder")
	// ErrOutside: [Request.Below] is not in the Folder, or a folder of [Ensure] is not below root.
	ErrOutside = errors.New("outside of the folder")
	// ErrOwner: the owner cannot be read or used. It has UID or GID 0 without [Request.AllowRoot], an ID of
	// 4294967295, which chown reads as "do not change", or an ID that this user namespace does not have.
	ErrOwner = errors.New("unusable owner")
	// ErrMode: a mode has more than permission bits, or keeps a folder's owner out.
	ErrMode = errors.New("unusable mode")
)

// RefusedError is returned for a request that cannot be carried out as it is. Nothing was changed.
type RefusedError struct {
	// Op is what was being done, such as "resetting" or "giving files to".
	Op string
	// Subject is the folder, owner or mode that is refused; empty where Err names it.
	Subject string
	// Err is the reason. It wraps one of the errors above or an error of the operating system.
	Err error
}

// Error is "Op Subject: Err".
func (e *RefusedError) Error() string {
	if e.Subject == "" {
		return e.Op + ": " + e.Err.Error()
	}
	return e.Op + " " + e.Subject + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// reasonError is one of the reasons in other words.
type reasonError struct {
	kind error
	text string
}

func (e reasonError) Error() string { return e.text }
func (e reasonError) Unwrap() error { return e.kind }

func refused(op, subject string, kind error, text string) error {
	return &RefusedError{Op: op, Subject: subject, Err: reasonError{kind, text}}
}

func interrupted(folder string, err error) error {
	return fmt.Errorf("resetting %s: %w; the next run goes on", folder, err)
}

// ensureError names the folder that could not be made or set.
func ensureError(folder string, owner Owner, err error) error {
	switch {
	case errors.Is(err, ErrNotFolder):
		return &RefusedError{Op: "preparing", Subject: folder, Err: fmt.Errorf("%w; move it away, then try again", err)}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("giving %s to %s: %w", folder, owner, err)
	}
	return fmt.Errorf("preparing %s: %w", folder, err)
}
