package ownership

import (
	"cmp"
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func ensure(root string, folders []string, w want) error {
	s := newSys(probe())
	defer s.close(s.self)
	// The operator may have mounted a folder of its own somewhere; containers cannot.
	s.resolve &^= unix.RESOLVE_NO_XDEV
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &RefusedError{Op: "opening", Subject: root, Err: err}
	}
	defer s.close(top)
	var closed []error
	var deaf error
	for _, folder := range folders {
		err := s.ensureOne(top, folder, w)
		if err != nil {
			err = ensureError(filepath.Join(root, folder), w.owner, err)
		}
		switch {
		case errors.Is(err, unix.EROFS): // such as a mount of its own; the others are made all the same
			closed = append(closed, err)
		case errors.Is(err, ErrNoEffect):
			deaf = cmp.Or(deaf, err) // the others are on the same file system
		case err != nil:
			return err
		}
	}
	return errors.Join(append(closed, deaf)...)
}

// ensureOne makes and sets the folder rel below top. It goes there name by name: a link
// in the place of any of them ends it.
func (s *sys) ensureOne(top int, rel string, w want) error {
	at := top
	defer func() {
		if at != top {
			s.close(at)
		}
	}()
	names := strings.Split(rel, "/")
	for i, text := range names {
		name := append([]byte(text), 0)
		if i == len(names)-1 {
			// 0700 until it has its owner: nobody else gets in meanwhile.
			if err := unix.Mkdirat(at, text, 0o700); err != nil && err != unix.EEXIST {
				return err
			}
		}
		next, errno := s.open(at, name, asPin|unix.O_DIRECTORY)
		if errno == unix.ENOTDIR || errno == unix.ELOOP {
			return ErrNotFolder
		}
		if errno != 0 {
			return errno
		}
		if i == len(names)-1 {
			err := s.setOne(next, w, at, name)
			s.close(next)
			return err
		}
		if at != top {
			s.close(at)
		}
		at = next
	}
	return nil
}

func (s *sys) setOne(fd int, w want, dir int, name []byte) error {
	var st unix.Statx_t
	if errno := s.look(fd, &st); errno != 0 {
		return errno
	}
	done, errno := s.give(fd, w, s.needsOf(fd, w, &st), dir, name, &st)
	if errno != 0 {
		return errno
	}
	if !s.took(fd, w, &done, &st, new(unix.Statx_t)) {
		return ErrNoEffect
	}
	return nil
}
