package inputs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2/maybe"
)

// settledAfter is how long a file must have been left alone before its times are believed: a
// second change within the clock's granularity, which is two seconds on FAT, leaves no trace.
const settledAfter = 2 * time.Second

// state is what tells without reading whether a file is still the same, and its content's
// digest. A file system changes ctime by itself, so that a change which puts size and mtime
// back is seen, too (inode(7)).
type state struct {
	size, mtime, ctime int64 // bytes, nanoseconds, nanoseconds
	inode              uint64
	mode               fs.FileMode
	sum                [sha256.Size]byte
}

func stateOf(info fs.FileInfo) state {
	ctime, inode := identity(info)
	return state{size: info.Size(), mtime: info.ModTime().UnixNano(), ctime: ctime, inode: inode, mode: info.Mode()}
}

// same reports whether nothing has happened to the file; the digest is not compared.
func (s state) same(other state) bool {
	other.sum = s.sum
	return s == other && s != state{sum: s.sum}
}

// looksSame reports whether size and mtime are the same: BuildKit's transfer looks at no more
// (fsutil's comparison of metadata), and takes such a file from its own copy.
func (s state) looksSame(other state) bool {
	return s.size == other.size && s.mtime == other.mtime && s.mode == other.mode && s.size > 0
}

// settled reports whether the file's times can be believed at the next look: they are old
// enough, and not in the future, as after a clock that jumped.
func (s state) settled(now time.Time) bool {
	last := now.Add(-settledAfter).UnixNano()
	return s.mtime <= last && s.ctime <= last
}

// Cache keeps the states of files between runs, one file for each build context, in a folder
// outside of all of them. It is never needed: without it every file is read again.
type Cache struct {
	// Folder is where it is kept; "" for nowhere.
	Folder string
}

// path is the file for a key, which is the context and what a build sees of it.
func (c Cache) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(c.Folder, hex.EncodeToString(sum[:8]))
}

// load returns what is known of the files under key; nothing where the cache is missing or
// damaged.
func (c Cache) load(key string) map[string]state {
	if c.Folder == "" {
		return nil
	}
	text, err := os.ReadFile(c.path(key))
	if err != nil || len(text) < sha256.Size {
		return nil
	}
	sum, text := text[:sha256.Size], text[sha256.Size:]
	if want := sha256.Sum256(text); !bytes.Equal(sum, want[:]) {
		return nil
	}
	states, err := decode(text)
	if err != nil {
		return nil
	}
	return states
}

// store keeps the states for the next run.
func (c Cache) store(key string, states map[string]state) error {
	if c.Folder == "" {
		return nil
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return err
	}
	text := encode(states)
	sum := sha256.Sum256(text)
	return maybe.WriteFile(c.path(key), append(sum[:], text...), 0o600)
}

// errDamaged is returned for bytes that are no states.
var errDamaged = errors.New("damaged")

// encode writes states as records: the path with its length, five numbers, and the digest.
func encode(states map[string]state) []byte {
	text := binary.AppendUvarint(nil, scheme)
	for path, s := range states {
		text = binary.AppendUvarint(text, uint64(len(path)))
		text = append(text, path...)
		for _, n := range []int64{s.size, s.mtime, s.ctime} {
			text = binary.AppendVarint(text, n)
		}
		text = binary.AppendUvarint(text, s.inode)
		text = binary.AppendUvarint(text, uint64(s.mode))
		text = append(text, s.sum[:]...)
	}
	return text
}

// decode reads what encode wrote.
func decode(text []byte) (map[string]state, error) {
	d := decoder{text: text}
	if d.unsigned() != scheme {
		return nil, errDamaged
	}
	states := make(map[string]state)
	for len(d.text) > 0 && !d.bad {
		path := string(d.take(d.unsigned()))
		s := state{size: d.signed(), mtime: d.signed(), ctime: d.signed(), inode: d.unsigned()}
		s.mode = fs.FileMode(d.unsigned()) //nolint:gosec // written as 32 bits
		copy(s.sum[:], d.take(sha256.Size))
		states[path] = s
	}
	if d.bad {
		return nil, errDamaged
	}
	return states, nil
}

// decoder reads numbers and texts until something does not fit.
type decoder struct {
	text []byte
	bad  bool
}

func (d *decoder) unsigned() uint64 {
	n, size := binary.Uvarint(d.text)
	return uint64(d.skip(int64(n), size)) //nolint:gosec // the same bits both ways
}

func (d *decoder) signed() int64 {
	n, size := binary.Varint(d.text)
	return d.skip(n, size)
}

func (d *decoder) skip(n int64, size int) int64 {
	if size <= 0 {
		d.bad, d.text = true, nil
		return 0
	}
	d.text = d.text[size:]
	return n
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.text)) {
		d.bad, d.text = true, nil
		return nil
	}
	taken := d.text[:n]
	d.text = d.text[n:]
	return taken
}
