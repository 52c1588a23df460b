package main

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// walk is the least that a walk costs which sees owner and mode of each entry: two threads read the folders, ask statx for
// what is in them, and do nothing else. It trusts the tree. A thread takes one after the other of what is directly in root.
func walk(root string) error {
	all, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var failed [2]error
	var working sync.WaitGroup
	for i := range failed {
		working.Go(func() {
			var w walker
			for n := int(next.Add(1)); n <= len(all) && failed[i] == nil; n = int(next.Add(1)) {
				failed[i] = w.visit(unix.AT_FDCWD, []byte(root+"/"+all[n-1].Name()+"\x00"), 0)
			}
		})
	}
	working.Wait()
	return errors.Join(failed[:]...)
}

// walker is a thread of a walk. Its buffers are those of a folder, of one in that, and so on.
type walker struct {
	st      unix.Statx_t
	buffers [][]byte
}

// visit asks for the entry of a NUL-terminated name in dir, and for all that is in it.
func (w *walker) visit(dir int, name []byte, depth int) error {
	_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(&name[0])), unix.AT_SYMLINK_NOFOLLOW, // NUL-terminated by contract
		unix.STATX_BASIC_STATS, uintptr(unsafe.Pointer(&w.st)), 0) // a type of x/sys/unix with the kernel's layout
	if errno != 0 {
		return errno
	}
	if w.st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	fd, err := unix.Openat(dir, unix.ByteSliceToString(name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }() // only read
	if depth == len(w.buffers) {
		w.buffers = append(w.buffers, make([]byte, 64<<10))
	}
	for {
		n, err := unix.Getdents(fd, w.buffers[depth])
		if n <= 0 || err != nil {
			return err
		}
		for entries := w.buffers[depth][:n]; len(entries) > 0; { // as getdents64(2) returns them
			length := binary.NativeEndian.Uint16(entries[16:])
			name := entries[19:length]
			entries = entries[length:]
			if name[0] == '.' && (name[1] == 0 || name[1] == '.' && name[2] == 0) {
				continue
			}
			if err := w.visit(fd, name, depth+1); err != nil {
				return err
			}
		}
	}
}
