package inputs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
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
	sum, text := [sha256.Size]byte(text), text[sha256.Size:]
	states, err := decode(text)
	if err != nil || sum != sha256.Sum256(text) {
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

// cacheVersion is the version of the format; what another one wrote is not read.
const cacheVersion = 2

// errDamaged is returned for bytes that are no states.
var errDamaged = errors.New("damaged")

func encode(states map[string]known) []byte {
	text := binary.AppendUvarint(nil, cacheVersion)
	for path, s := range states {
		text = append(binary.AppendUvarint(text, uint64(len(path))), path...)
		for _, n := range []int64{s.Size, s.Modified, s.Changed, int64(s.Inode), int64(s.Mode)} {
			text = binary.AppendVarint(text, n)
		}
		text = append(text, s.sum[:]...)
	}
	return text
}

func decode(text []byte) (map[string]known, error) {
	r := bytes.NewReader(text)
	if version, err := binary.ReadUvarint(r); err != nil || version != cacheVersion {
		return nil, errDamaged
	}
	states := make(map[string]known)
	for r.Len() > 0 {
		length, err := binary.ReadUvarint(r)
		if err != nil || length > uint64(r.Len()) {
			return nil, errDamaged
		}
		path := make([]byte, length)
		_, err = io.ReadFull(r, path)
		var numbers [5]int64
		for i := range numbers {
			if err == nil {
				numbers[i], err = binary.ReadVarint(r)
			}
		}
		s := known{State: filestate.State{
			Size: numbers[0], Modified: numbers[1], Changed: numbers[2], Inode: uint64(numbers[3]), Mode: fs.FileMode(numbers[4]),
		}}
		if err == nil {
			_, err = io.ReadFull(r, s.sum[:])
		}
		if err != nil {
			return nil, errDamaged
		}
		states[string(path)] = s
	}
	return states, nil
}
