package ownership

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// worker is one goroutine of a walk.
type worker struct {
	*walk
	*sys
	buf      []byte
	st       unix.Statx_t
	pinned   unix.Statx_t
	after    unix.Statx_t
	suspects []suspect
	found    []work

	seen, told, owner, mode, rights, vanished int64
}

// work takes work until there is none.
func (w *worker) work() {
	w.buf = make([]byte, bigRead)
	for {
		item, ok := w.queue.pop()
		if !ok {
			return
		}
		switch {
		case item.buf != nil:
			w.shared(item)
		case item.name != nil:
			w.enter(item)
		default:
			w.resume(item.dir)
		}
		w.count()
	}
}

// count tells the walk how far this worker is.
func (w *worker) count() {
	w.walk.seen.Add(w.seen - w.told)
	w.told = w.seen
}

// shared visits entries that another worker has read.
func (w *worker) shared(item work) {
	defer w.giveSpare(item.buf)
	fd, ok := w.use(item.dir, nil)
	if !ok {
		return
	}
	w.scan(item.dir, fd, item.buf)
	w.pass()
	w.nodes.release(w.sys, item.dir, false)
}

// resume goes on listing a folder.
func (w *worker) resume(n *node) {
	fd, ok := w.use(n, nil)
	if !ok {
		return
	}
	if _, err := unix.Seek(fd, n.offset, unix.SEEK_SET); err != nil {
		w.fail(n, nil, number(err))
	} else {
		w.list(n, fd)
	}
	w.nodes.release(w.sys, n, false)
}

// use acquires the folder that work is in; name is the entry that the work is about.
func (w *worker) use(n *node, name []byte) (int, bool) {
	fd, errno := w.retry(func() (int, unix.Errno) { return w.nodes.acquire(w.sys, n) })
	w.nodes.take(n)
	if errno != 0 {
		w.fail(n, name, errno)
		return -1, false
	}
	return fd, true
}

// retry opens something; where descriptors run out, it first closes what is idle.
func (w *worker) retry(open func() (int, unix.Errno)) (int, unix.Errno) {
	fd, errno := open()
	if errno == unix.EMFILE || errno == unix.ENFILE {
		w.nodes.shed(w.sys)
		return open()
	}
	return fd, errno
}

// enter visits a folder: sets it, then lists it.
func (w *worker) enter(item work) {
	dir, ok := w.use(item.dir, item.name)
	if !ok {
		return
	}
	n := w.visit(item.dir, dir, item.name)
	w.nodes.release(w.sys, item.dir, false)
	if n != nil {
		w.list(n, n.fd)
		w.nodes.release(w.sys, n, false)
	}
}

// visit opens and sets the folder name in parent. It returns nil where it is not to be
// listed. Setting it before listing it closes one that was open to everybody at once.
func (w *worker) visit(parent *node, dir int, name []byte) *node {
	if parent.depth+1 >= maxDepth {
		w.skip(parent, name, SkipDeep, "too many folders are inside of one another")
		return nil
	}
	n := &node{parent: parent, name: name, depth: parent.depth + 1, fd: -1}
	fd, errno := w.retry(func() (int, unix.Errno) { return w.openFolder(dir, name) })
	if errno == unix.EACCES && !w.req.DryRun {
		if !w.unlock(n, dir, name) {
			return nil
		}
		fd, errno = w.openFolder(dir, name)
	}
	switch errno {
	case 0:
	case unix.EXDEV:
		w.mount(parent, name)
		return nil
	case unix.ENOTDIR, unix.ELOOP: // it was replaced by something else
		w.entry(parent, dir, name)
		w.flush(parent, dir)
		w.pass()
		return nil
	default:
		w.fail(parent, name, errno)
		return nil
	}
	n.fd = fd
	w.nodes.add(n)
	if list, _ := w.setFolder(n, fd); !list {
		w.nodes.release(w.sys, n, false)
		return nil
	}
	w.seen++
	return n
}

// unlock sets a folder that may not be read by a pinned descriptor, which needs no such
// right: its owner may do that. False if it failed and that was reported.
func (w *worker) unlock(n *node, dir int, name []byte) bool {
	pin, errno := w.open(dir, name, asPin|unix.O_DIRECTORY)
	if errno != 0 {
		w.fail(n, nil, errno)
		return false
	}
	defer w.close(pin)
	list, right := w.setFolder(n, pin)
	return list && right
}

// setFolder notes which folder fd is and gives it owner and mode. It says whether the
// folder may be listed, which one that could not be set right may; why not was reported.
func (w *worker) setFolder(n *node, fd int) (list, right bool) {
	if errno := w.look(fd, &w.st); errno != 0 {
		w.fail(n, nil, errno)
		return false, false
	}
	n.inode = identify(&w.st).inode
	if n.parent != nil && !w.openat2 && isMount(&w.st, n.parent.inode.dev) {
		w.mount(n.parent, n.name)
		return false, false
	}
	return true, w.change(n, nil, fd, -1, &w.st)
}

// list reads the folder and visits what is in it.
func (w *worker) list(n *node, fd int) {
	for !w.queue.stopped.Load() {
		limit := bigRead
		if w.queue.full() {
			limit = smallRead
		}
		size, more, errno := w.fill(fd, limit)
		if errno != 0 {
			w.fail(n, nil, errno)
		}
		buf := w.buf[:size]
		if more && w.queue.idle.Load() > 0 {
			if spare := w.takeSpare(); spare != nil {
				w.nodes.hold(n, 1)
				w.queue.push(work{dir: n, buf: buf})
				w.buf = spare
				continue
			}
		}
		n.offset = w.scan(n, fd, buf)
		if more && len(w.found) > 0 { // these first, so that not all of them must be remembered
			w.nodes.hold(n, 1)
			w.queue.push(work{dir: n})
		}
		again := more && len(w.found) == 0
		w.pass()
		if !again {
			return
		}
		w.count()
	}
}

// fill reads entries into the worker's buffer until there are no more or it is half full.
func (w *worker) fill(fd, limit int) (size int, more bool, errno unix.Errno) {
	for size <= limit/2 {
		n, err := unix.Getdents(fd, w.buf[size:limit])
		switch errno := number(err); {
		case errno == unix.EINTR:
		case errno == unix.EINVAL && size > 0: // the rest is too small for the next name
			return size, true, 0
		case errno == unix.ENOENT: // the folder was removed
			return size, false, 0
		case errno != 0:
			return size, false, errno
		case n == 0:
			return size, false, 0
		}
		size += max(n, 0)
	}
	return size, true, 0
}

// What getdents64(2) returns: inode 8 bytes, offset of the next entry 8, length 2, type 1,
// then the name with its NUL.
const (
	direntOffset = 8
	direntLength = 16
	direntType   = 18
	direntName   = 19
)

// scan visits the entries in buf, which lie in n, open as fd. It returns the offset of the
// one after them. Folders are only put into w.found.
func (w *worker) scan(n *node, fd int, buf []byte) int64 {
	var offset int64
	for len(buf) > direntName && !w.queue.stopped.Load() {
		length := int(binary.NativeEndian.Uint16(buf[direntLength:]))
		if length <= direntName || length > len(buf) {
			w.fail(n, nil, unix.EIO)
			break
		}
		offset = int64(binary.NativeEndian.Uint64(buf[direntOffset:])) // a cookie: any bits
		name := buf[direntName:length]
		switch {
		case name[0] == '.' && (name[1] == 0 || name[1] == '.' && name[2] == 0):
		case buf[direntType] == unix.DT_DIR:
			w.folder(n, name)
		default:
			w.entry(n, fd, name)
		}
		buf = buf[length:]
	}
	w.flush(n, fd)
	return offset
}

// folder remembers a folder in n to be visited.
func (w *worker) folder(n *node, name []byte) {
	own := make([]byte, len(unix.ByteSliceToString(name))+1)
	copy(own, name)
	w.found = append(w.found, work{dir: n, name: own})
}

// pass puts the folders that were found into the queue.
func (w *worker) pass() {
	if len(w.found) == 0 {
		return
	}
	w.nodes.hold(w.found[0].dir, len(w.found))
	w.queue.push(w.found...)
	clear(w.found)
	w.found = w.found[:0]
}
