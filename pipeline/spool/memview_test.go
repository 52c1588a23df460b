//go:build unix

package spool

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/pipeline/place"
)

// A memView is the disk as one process uses it. Each step of each operation passes the gate,
// where the process may be stopped or killed.
type memView struct {
	*memDisk
	gate func() error
	// temps makes the names of temporary files.
	temps func() string
	// loses reports whether the answer to a rename that was made gets lost, as a file server's may:
	// asked again, it finds nothing there.
	loses func() bool
	// replaces says that RenameNew can replace an empty folder by another, as on file servers.
	replaces bool
}

func (v memView) ReadFile(path string) ([]byte, error) {
	if err := v.gate(); err != nil {
		return nil, err
	}
	at, err := v.find(path)
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.nodes[at].data), nil
}

func (v memView) ReadDir(path string) ([]fs.DirEntry, error) {
	if err := v.gate(); err != nil {
		return nil, err
	}
	at, err := v.find(path)
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(v.now[at])) {
		entries = append(entries, memInfo{name, v.nodes[v.now[at][name]]})
	}
	return entries, nil
}

func (v memView) Lstat(path string) (fs.FileInfo, error) {
	if err := v.gate(); err != nil {
		return nil, err
	}
	at, err := v.find(path)
	if err != nil {
		return nil, err
	}
	return memInfo{filepath.Base(path), v.nodes[at]}, nil
}

func (v memView) Temp(dir string, data []byte, sync bool) (string, error) {
	if err := v.gate(); err != nil {
		return "", err
	}
	path := filepath.Join(dir, place.TempPrefix+v.temps())
	node := &memNode{data: slices.Clone(data)}
	if err := v.create(path, node); err != nil {
		return "", err
	}
	if !sync {
		return path, nil
	}
	if err := v.gate(); err != nil {
		if errors.Is(err, errKilled) || v.remove(path) == nil {
			path = ""
		}
		return path, err
	}
	if !v.ignores(path) {
		node.synced = node.data
	}
	return path, nil
}

func (v memView) Mkdir(path string) error {
	if err := v.gate(); err != nil {
		return err
	}
	return v.create(path, &memNode{folder: true})
}

// create makes a file or folder. The process may be stopped, or cut off, after it found the folder that this is in: then it is
// made there, wherever that folder is by then.
func (v memView) create(path string, node *memNode) error {
	in, name, err := v.parent(path)
	if err == nil && v.rng.IntN(4) == 0 {
		err = v.gate()
	}
	if err != nil {
		return err
	}
	return v.addIn(in, name, path, node)
}

func (v memView) Rename(from, to string) error {
	if err := v.gate(); err != nil {
		return err
	}
	return v.renamed(from, to, true)
}

func (v memView) renamed(from, to string, replace bool) error {
	in, name, err := v.parent(from)
	if err != nil {
		return err
	}
	into, as, err := v.parent(to)
	if err != nil {
		return err
	}
	if v.rng.IntN(4) == 0 {
		if err := v.gate(); err != nil {
			return err
		}
	}
	err = v.renameIn(in, name, into, as, from, to, replace)
	if err == nil && v.loses() {
		return notThere(from)
	}
	return err
}

func (v memView) RenameNew(from, to string) error {
	if err := v.gate(); err != nil {
		return err
	}
	at, err := v.find(from)
	return v.renamed(from, to, v.replaces && err == nil && v.nodes[at].folder)
}

func (v memView) Remove(path string) error {
	if err := v.gate(); err != nil {
		return err
	}
	return v.remove(path)
}

func (v memView) RemoveAll(path string) error {
	entries, err := v.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if err == nil {
			err = v.RemoveAll(filepath.Join(path, entry.Name()))
		}
	}
	if err != nil {
		return err
	}
	return ignore(v.Remove(path), fs.ErrNotExist)
}

func (v memView) SyncFolder(path string) error {
	if err := v.gate(); err != nil {
		return err
	}
	return v.syncFolder(path)
}

func (v memView) Chmod(string, fs.FileMode) error { return v.gate() }

func (v memView) Touch(string) error { return v.gate() }
