package ownership

import (
	"sync"

	"golang.org/x/sys/unix"
)

// node is a folder that was visited. Its descriptor is open while it is used, and after
// that for as long as there is work in it and the budget allows.
type node struct {
	parent *node // nil for the folder that is reset
	name   []byte
	depth  int
	inode  inode
	offset int64 // where listing goes on

	// The rest is guarded by nodes.mu.
	fd         int // -1 when closed
	active     int // goroutines that use fd now
	pending    int // works in the queue that will
	prev, next *node
}

// nodes keeps few folders open. The idle ones form a list, least lately used first;
// beyond the budget those are closed, and opened again when there is work in them.
type nodes struct {
	mu     sync.Mutex
	budget int
	open   int
	idle   node // the list's ends: next is the first, prev the last
}

func newNodes(budget int) *nodes {
	t := &nodes{budget: budget}
	t.idle.prev, t.idle.next = &t.idle, &t.idle
	return t
}

// add takes in a folder that was just opened; its caller uses it and must release it.
func (t *nodes) add(n *node) {
	t.mu.Lock()
	n.active = 1
	t.open++
	t.mu.Unlock()
}

// hold notes that there will be work in n, take that it begins or will not be done.
func (t *nodes) hold(n *node, works int) {
	t.mu.Lock()
	n.pending += works
	t.mu.Unlock()
}

func (t *nodes) take(n *node) {
	t.hold(n, -1)
}

// acquire returns a descriptor of n that stays open until release.
func (t *nodes) acquire(s *sys, n *node) (int, unix.Errno) {
	if fd, ok := t.tryAcquire(n); ok {
		return fd, 0
	}
	fd, errno := t.reopen(s, n)
	if errno != 0 {
		return -1, errno
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n.active++
	if n.fd >= 0 { // another goroutine was faster
		t.unlist(n)
		s.close(fd)
		return n.fd, 0
	}
	n.fd = fd
	t.open++
	return fd, 0
}

func (t *nodes) tryAcquire(n *node) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.fd < 0 {
		return -1, false
	}
	n.active++
	t.unlist(n)
	return n.fd, true
}

// release ends the use of n. It is closed if nothing more is to be done in it, unless
// keep wants it open in case.
func (t *nodes) release(s *sys, n *node, keep bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.active--
	if n.active > 0 {
		return
	}
	if n.pending == 0 && !keep {
		t.shut(s, n)
		return
	}
	last := t.idle.prev
	n.prev, n.next = last, &t.idle
	last.next, t.idle.prev = n, n
	for t.open > t.budget && t.idle.next != &t.idle {
		oldest := t.idle.next
		t.unlist(oldest)
		t.shut(s, oldest)
	}
}

// shed closes all folders that nobody uses at the moment.
func (t *nodes) shed(s *sys) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.idle.next != &t.idle {
		n := t.idle.next
		t.unlist(n)
		t.shut(s, n)
	}
}

func (t *nodes) unlist(n *node) {
	if n.next == nil {
		return
	}
	n.prev.next, n.next.prev = n.next, n.prev
	n.prev, n.next = nil, nil
}

func (t *nodes) shut(s *sys, n *node) {
	s.close(n.fd)
	n.fd = -1
	t.open--
}

// stride is how far above a folder that is reopened from far away another one is left
// open: going up a tree of depth d costs d*d/stride names then, not d*d.
const stride = 16

// reopen opens n beneath the nearest folder above it that is open; the top one always is.
// What it finds must be the folder that was there before.
func (t *nodes) reopen(s *sys, n *node) (int, unix.Errno) {
	base, path := t.pathFrom(n)
	if len(path) > 2*stride {
		between := path[len(path)-1-stride]
		fd, errno := t.descend(s, base, path[:len(path)-stride])
		t.release(s, base, false)
		if errno != 0 {
			return -1, errno
		}
		t.settle(s, between, fd)
		return t.reopen(s, n)
	}
	defer t.release(s, base, false)
	return t.descend(s, base, path)
}

// settle gives n the descriptor that was opened for it and leaves it open, idle.
func (t *nodes) settle(s *sys, n *node, fd int) {
	t.mu.Lock()
	n.active++
	if n.fd >= 0 {
		t.unlist(n)
		s.close(fd)
	} else {
		n.fd = fd
		t.open++
	}
	t.mu.Unlock()
	t.release(s, n, true)
}

// pathFrom returns the nearest open folder above n, acquired, and those from there to n.
func (t *nodes) pathFrom(n *node) (*node, []*node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	base, length := n.parent, 1
	for base.fd < 0 {
		base, length = base.parent, length+1
	}
	base.active++
	t.unlist(base)
	path := make([]*node, length)
	for at := n; at != base; at = at.parent {
		length--
		path[length] = at
	}
	return base, path
}

// descend opens the last of path, in as few steps as a path's greatest length allows.
func (t *nodes) descend(s *sys, base *node, path []*node) (int, unix.Errno) {
	dir, fd := base.fd, -1
	for len(path) > 0 {
		var hop []byte
		steps := 0
		for _, n := range path {
			if steps > 0 && (!s.openat2 || len(hop)+len(n.name) > unix.PathMax-8) {
				break
			}
			if steps > 0 {
				hop[len(hop)-1] = '/' // over the NUL
			}
			hop = append(hop, n.name...)
			steps++
		}
		next, errno := s.openFolder(dir, hop)
		s.close(fd)
		switch errno {
		case 0:
		case unix.EXDEV, unix.ENOTDIR, unix.ELOOP: // it was moved away, and something else put there
			return -1, unix.ESTALE
		default:
			return -1, errno
		}
		fd, dir = next, next
		var st unix.Statx_t
		if errno := s.look(fd, &st); errno != 0 || identify(&st).inode != path[steps-1].inode {
			s.close(fd)
			return -1, unix.ESTALE
		}
		path = path[steps:]
	}
	return fd, 0
}
