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

	"github.com/im2-audio/im2/internal/filestate"
)

// known is a file's state and its content's digest then.
type known struct {
	filestate.State
	sum [sha256.Size]byte
}

// doubted returns what is known of a file that had changed just before it was read: it equals no later state,
// but still shows which change BuildKit would not notice.
func (k known) doubted() known {
	k.Changed = -1
	return k
}

// Cache keeps the states of files between runs, one file for each build context, in a folder
// outside of all of them. It is never needed: without it every file is read again.
type Cache struct {
	// Folder is where it is kept; "" for nowhere.
	Folder string
}

func (c Cache) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(c.Folder, hex.EncodeToString(sum[:8]))
}

func (c Cache) load(key string) map[string]known {
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

func (c Cache) store(key string, states map[string]known) error {
	if c.Folder == "" {
		return nil
	}
	text := encode(states)
	sum := sha256.Sum256(text)
	return filestate.Keep(c.path(key), append(sum[:], text...))
}

// errDamaged is returned for bytes that are no states.
var errDamaged = errors.New("damaged")

func encode(states map[string]known) []byte {
	text := binary.AppendUvarint(nil, scheme)
	for path, s := range states {
		text = binary.AppendUvarint(text, uint64(len(path)))
		text = append(text, path...)
		for _, n := range []int64{s.Size, s.Modified, s.Changed} {
			text = binary.AppendVarint(text, n)
		}
		text = binary.AppendUvarint(text, s.Inode)
		text = binary.AppendUvarint(text, uint64(s.Mode))
		text = append(text, s.sum[:]...)
	}
	return text
}

func decode(text []byte) (map[string]known, error) {
	d := decoder{text: text}
	if d.unsigned() != scheme {
		return nil, errDamaged
	}
	states := make(map[string]known)
	for len(d.text) > 0 && !d.bad {
		path := string(d.take(d.unsigned()))
		s := known{State: filestate.State{Size: d.signed(), Modified: d.signed(), Changed: d.signed(), Inode: d.unsigned()}}
		s.Mode = fs.FileMode(d.unsigned())
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
	return uint64(d.skip(int64(n), size))
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
