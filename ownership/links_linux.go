package ownership

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxLinked and maxNames bound what is remembered of wrong files with several names,
	// to some 30 MiB. The others are reported, and a second run comes to them.
	maxLinked = 1 << 17
	maxNames  = 1 << 19
)

// links are the wrong files with several names. One is set after the walk if all of its
// names were seen inside of the folder, and it did not change from the first sighting on.
//
// Sightings count by folder and name, since a folder that is moved from where the walk
// was to where it comes later is seen twice; the change time of what is in it stays.
type links struct {
	mu    sync.Mutex
	seed  maphash.Seed
	files map[inode]*linked
	names map[uint64]struct{}
}

// linked is one of them.
type linked struct {
	id      identity
	in      *node
	name    []byte
	what    need
	seen    uint32
	changed bool
	over    bool // some names were too many to remember
}

func (l *links) reset() {
	l.seed = maphash.MakeSeed()
	l.files = map[inode]*linked{}
	l.names = map[uint64]struct{}{}
}

// add notes that the file was seen, as st, under name in n. False if that is too much to
// remember.
func (l *links) add(n *node, name []byte, id identity, what need) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.files[id.inode]
	if one == nil {
		if len(l.files) == maxLinked || len(l.names) == maxNames {
			return false
		}
		one = &linked{id: id, in: n, name: append([]byte{}, name...), what: what}
		l.files[id.inode] = one
	}
	if one.id != id {
		one.changed = true
		return true
	}
	key := l.hash(id.inode, n.inode, name)
	if _, twice := l.names[key]; twice {
		return true // or a collision, which counts a name less: the file is refused then
	}
	if len(l.names) == maxNames {
		one.over = true
		return true
	}
	l.names[key] = struct{}{}
	one.seen++
	return true
}

func (l *links) hash(file, folder inode, name []byte) uint64 {
	var fixed [32]byte
	binary.NativeEndian.PutUint64(fixed[0:], file.dev)
	binary.NativeEndian.PutUint64(fixed[8:], file.ino)
	binary.NativeEndian.PutUint64(fixed[16:], folder.dev)
	binary.NativeEndian.PutUint64(fixed[24:], folder.ino)
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.Write(fixed[:]) // never fails
	_, _ = h.Write(name)
	return h.Sum64()
}

// sighted notes a wrong file with several names.
func (w *worker) sighted(n *node, name []byte, id identity, what need) {
	name = append([]byte(unix.ByteSliceToString(name)), 0)
	if !w.links.add(n, name, id, what) {
		w.skip(n, name, SkipHardLink, "it has other names, as have too many other wrong files; run this again")
	}
}

// finishLinks sets the files with several names that are all in the folder.
func (w *walk) finishLinks(ctx context.Context, by *worker) error {
	for _, one := range w.links.files {
		if err := ctx.Err(); err != nil {
			return interrupted(w.req.Folder, err)
		}
		if w.fatal != nil {
			return w.fatal
		}
		by.finishLink(one)
	}
	return w.fatal
}

func (w *worker) finishLink(one *linked) {
	switch {
	case one.over:
		w.skip(one.in, one.name, SkipHardLink, "it has more names than can be remembered along with others; run this again")
	case one.changed:
		w.skip(one.in, one.name, SkipHardLink, movedLink)
	case one.seen < one.id.nlink:
		w.skip(one.in, one.name, SkipHardLink, fmt.Sprintf(
			"it has %d names and %d of them in this folder: changing it would change it elsewhere, too", one.id.nlink, one.seen))
	case w.req.DryRun:
		w.changed(one.what)
	default:
		w.setLink(one)
	}
}

const movedLink = "it has other names and was changed meanwhile; run this again"

// setLink sets a file by one of its names, if it is as it was at the first sighting.
func (w *worker) setLink(one *linked) {
	dir, errno := w.nodes.acquire(w.sys, one.in)
	if errno != 0 {
		w.skip(one.in, one.name, SkipHardLink, movedLink)
		return
	}
	defer w.nodes.release(w.sys, one.in, true)
	fd, errno := w.pin(dir, one.name)
	if errno != 0 {
		w.skip(one.in, one.name, SkipHardLink, movedLink)
		return
	}
	defer w.close(fd)
	if errno := w.look(fd, &w.pinned); errno != 0 || identify(&w.pinned) != one.id {
		w.skip(one.in, one.name, SkipHardLink, movedLink)
		return
	}
	w.change(one.in, one.name, fd, dir, &w.pinned)
}
