package ownership

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// suspect is an entry that was seen to be wrong.
type suspect struct {
	name    []byte
	id      identity
	settled bool // see identity.settled
}

const (
	// batch is how many wrong entries share one fence.
	batch = 64
	// tries is how often an entry is looked at that others keep changing.
	tries = 4
)

// entry looks at name in dir. It is all that is done for an entry that is right.
func (w *worker) entry(n *node, dir int, name []byte) {
	if errno := w.lookAt(dir, name, &w.st); errno != 0 {
		w.fail(n, name, errno)
		return
	}
	if isFolder(&w.st) {
		w.folder(n, name)
		return
	}
	w.seen++
	if w.st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		w.mount(n, name)
		return
	}
	if w.needsAt(dir, name, &w.st).nothing() {
		return
	}
	w.wrong(n, dir, name)
}

// needsAt is what name in dir needs, seen as st.
func (w *worker) needsAt(dir int, name []byte, st *unix.Statx_t) need {
	needs := w.want.needs(st)
	if hasRights(st) {
		needs.rights = w.rightsAt(dir, name)
	}
	return needs
}

// needsOf is what fd needs that is open on, or pinned to, what was seen as st.
func (s *sys) needsOf(fd int, want want, st *unix.Statx_t) need {
	needs := want.needs(st)
	needs.rights = s.rightsOf(fd, st)
	return needs
}

// wrong deals with an entry that w.st shows to be wrong: now, if that needs no change,
// or else together with others.
func (w *worker) wrong(n *node, dir int, name []byte) {
	if skip, why := skipped(&w.st); skip != "" {
		w.skip(n, name, skip, why)
		return
	}
	id := identify(&w.st)
	if w.req.DryRun {
		needs := w.needsAt(dir, name, &w.st)
		switch {
		case w.closedTo(dir):
			w.refused(n, name, unix.EROFS, &w.st)
		case id.nlink > 1:
			w.sighted(n, name, id, needs)
		default:
			w.changed(needs)
		}
		return
	}
	w.suspects = append(w.suspects, suspect{name: name, id: id, settled: id.settled(time.Now(), w.local)})
	if len(w.suspects) == batch {
		w.flush(n, dir)
	}
}

// flush sets the entries of n that were found wrong.
//
// The danger is a hard link: somebody links a foreign file into the folder, we pin it,
// and it is unlinked before we look at the link count, which then says 1: it seems to
// have no other name but the one in the folder. Three facts together exclude that:
//
//   - looked at by name before it was pinned (s) and by the pin after (p), it is the same
//     inode with the same link count, 1, and the same change time, and that time is
//     settled: no link was made or removed in between;
//   - it was pinned by its name in this folder, so that name was one of its links then,
//   - or in the middle of being unlinked, with the count lowered but the name not gone
//     yet; but since the count did not change after s, such an unlink had begun before
//     s, and all of those were over after the fence, which lies between s and the pin.
//
// So the name was the only link. Where a fact is missing, worker.certain asks for more.
func (w *worker) flush(n *node, dir int) {
	if len(w.suspects) == 0 {
		return
	}
	fenced := w.fence(dir, w.suspects[0].name)
	for _, s := range w.suspects {
		if w.queue.stopped.Load() {
			break
		}
		w.fix(n, dir, s, fenced)
	}
	w.suspects = w.suspects[:0]
}

// fix sets one wrong entry, trying again where it is changed by others meanwhile.
func (w *worker) fix(n *node, dir int, s suspect, fenced bool) {
	for range tries {
		if !w.attempt(n, dir, s, fenced) {
			return
		}
		if errno := w.lookAt(dir, s.name, &w.st); errno != 0 {
			w.fail(n, s.name, errno)
			return
		}
		if !isFolder(&w.st) && w.needsAt(dir, s.name, &w.st).nothing() {
			return
		}
		s.id = identify(&w.st)
		s.settled = s.id.settled(time.Now(), w.local)
		fenced = w.fence(dir, s.name)
	}
	w.skip(n, s.name, SkipBusy, busyReason)
}

// attempt pins the entry and decides by what is pinned alone. True asks for another try.
func (w *worker) attempt(n *node, dir int, s suspect, fenced bool) bool {
	fd, errno := w.retry(func() (int, unix.Errno) { return w.pin(dir, s.name) })
	if errno != 0 {
		w.fail(n, s.name, errno)
		return false
	}
	defer w.close(fd)
	p := &w.pinned
	if errno := w.look(fd, p); errno != 0 {
		w.fail(n, s.name, errno)
		return false
	}
	switch {
	case isFolder(p):
		w.folder(n, s.name)
		return false
	case !w.openat2 && isMount(p, n.inode.dev):
		w.mount(n, s.name)
		return false
	case w.needsOf(fd, w.want, p).nothing():
		return false
	}
	if skip, why := skipped(p); skip != "" {
		w.skip(n, s.name, skip, why)
		return false
	}
	if identify(p) != s.id {
		return true
	}
	if p.Nlink > 1 && !s.settled {
		if w.settle(s.id) {
			return true
		}
		w.skip(n, s.name, SkipHardLink, "it has other names and was changed a moment ago; run this again")
		return false
	}
	if (!s.settled || !fenced || !w.protected || !w.local) && !w.certain(fd, dir, s) {
		return true
	}
	if p.Nlink > 1 {
		w.sighted(n, s.name, s.id, w.needsOf(fd, w.want, p))
		return false
	}
	w.change(n, s.name, fd, dir, p)
	return false
}

// certain makes sure that what fd is pinned to is still called s.name, after everything
// that was going on when it was looked at is over. It is asked where the change time
// tells nothing or nothing hinders others from linking to foreign files (the sysctl
// fs.protected_hardlinks).
func (w *worker) certain(fd, dir int, s suspect) bool {
	w.fence(dir, s.name)
	return w.still(fd, dir, s.name, s.id, &w.st)
}

// settle waits until id is settled, which only few files ever need: those with several
// names that were changed a moment ago. False if the walk has waited too often already:
// somebody may do nothing but change files to keep it waiting.
func (w *worker) settle(id identity) bool {
	left := id.unsettled(time.Now(), w.local)
	if left <= 0 {
		return true
	}
	if left > longestWait || w.waited.Add(1) > int32(w.waits) { // a small number
		return false // a time in the future is another clock's, or this one was set back
	}
	for ; left > 0 && !w.queue.stopped.Load(); left = id.unsettled(time.Now(), w.local) {
		time.Sleep(min(left, 100*time.Millisecond))
	}
	return true
}

// maxWaits is how many times a walk waits for change times to settle: a second's worth on
// local file systems, where it takes 50 ms.
const maxWaits = 20

// change gives what fd is open on or pinned to, seen as st, what it needs; or, dry, only
// counts. The owner comes first: the kernel clears the set-user-ID bits in the same call,
// so that no moment exists in which such a file belongs to its new owner. False if that
// failed; it is reported then.
func (w *worker) change(n *node, name []byte, fd, dir int, st *unix.Statx_t) bool {
	need := w.needsOf(fd, w.want, st)
	if need.nothing() {
		return true
	}
	if skip, why := skipped(st); skip != "" {
		w.skip(n, name, skip, why)
		return false
	}
	if w.req.DryRun {
		if isFolder(st) && w.closedTo(fd) {
			w.refused(n, name, unix.EROFS, st)
			return false
		}
		w.changed(need)
		return true
	}
	done, errno := w.give(fd, w.want, need, dir, name, st)
	if errno == 0 && !w.took(fd, w.want, &done, st, &w.after) {
		w.changed(done)
		w.skip(n, name, "", ErrNoEffect.Error())
		return false
	}
	w.changed(done)
	if errno != 0 {
		w.refused(n, name, errno, st)
		return false
	}
	return true
}

// took reports whether what was done to fd, seen as st before, had an effect, and takes from done what had none. Some
// file systems that know no owners say that they changed one. What is wrong in another way now was changed by others.
func (s *sys) took(fd int, w want, done *need, st, now *unix.Statx_t) bool {
	if s.look(fd, now) != 0 {
		return true
	}
	left := s.needsOf(fd, w, now)
	deaf := need{
		owner:  done.owner && left.owner && now.Uid == st.Uid && now.Gid == st.Gid,
		mode:   done.mode && left.mode && now.Mode == st.Mode,
		rights: rights{},
	}
	if left.rights.any() && left.rights == done.rights {
		deaf.rights, done.rights = left.rights, rights{}
	}
	done.owner, done.mode = done.owner && !deaf.owner, done.mode && !deaf.mode
	return deaf.nothing()
}

// closedTo reports whether nothing can be changed in the folder that fd is open on, or pinned to: a read-only mount, or
// a read-only snapshot in a file system that is not.
func (w *worker) closedTo(fd int) bool {
	return w.closed || w.proc && unix.Faccessat(w.self, strconv.Itoa(fd), unix.W_OK, 0) == unix.EROFS
}

func readOnly(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}

func (w *worker) changed(what need) {
	if what.owner {
		w.owner++
	}
	if what.mode {
		w.mode++
	}
	if what.rights.any() {
		w.rights++
	}
}

// give sets owner and mode where they are wrong, removes rights, and returns what it did.
func (s *sys) give(fd int, w want, todo need, dir int, name []byte, st *unix.Statx_t) (need, unix.Errno) {
	var done need
	if todo.owner {
		if errno := s.chown(fd, w.owner); errno != 0 {
			return done, errno
		}
		done.owner = true
	}
	if todo.mode {
		mode, _ := w.modeOf(st.Mode)
		if errno := s.chmod(fd, mode, dir, name, st); errno != 0 {
			return done, errno
		}
		done.mode = true
	}
	if todo.rights.any() {
		if errno := s.removeRights(fd, todo.rights, w.owner); errno != 0 {
			return done, errno
		}
		done.rights = todo.rights
	}
	return done, 0
}
