//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

// A memDisk is a file system in memory that can lose its power. What was synced lasts; of the
// rest, each change of a name lasts or not, in any combination in which the changes to one name,
// and those to one file or folder, keep their order. A file whose data was not synced comes back
// with all, half or none of it.
type memDisk struct {
	rng   *rand.Rand
	clock func() time.Time
	nodes map[int]*memNode
	// now are the names as programs see them, lasting those that no power cut can take back.
	now, lasting memNames
	// log has the changes since lasting was made.
	log []*memChange
	// last maps what changes are about to the latest one about it.
	last map[string]*memChange
	// ignores are the paths whose syncs do nothing: what a test takes away to see it missed.
	ignores func(path string) bool
}

// memNames maps each folder to what it has.
type memNames map[int]map[string]int

type memNode struct {
	folder       bool
	data, synced []byte
	changed      time.Time
}

// A memChange is a change of names that happens whole or not at all.
type memChange struct {
	make    func(memNames)
	folders []int
	after   []*memChange
	lasts   bool
}

const memRoot = 1

func newMemDisk(rng *rand.Rand, clock func() time.Time) *memDisk {
	return &memDisk{
		rng: rng, clock: clock, nodes: map[int]*memNode{memRoot: {folder: true}},
		now: memNames{memRoot: {}}, lasting: memNames{memRoot: {}}, last: map[string]*memChange{},
		ignores: func(string) bool { return false },
	}
}

func notThere(path string) error { return &fs.PathError{Op: "mem", Path: path, Err: fs.ErrNotExist} }

// find returns what is at a path.
func (d *memDisk) find(path string) (int, error) {
	at := memRoot
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		next, ok := d.now[at][name]
		if !ok {
			return 0, notThere(path)
		}
		at = next
	}
	return at, nil
}

// parent returns the folder that a path is in, and its name there.
func (d *memDisk) parent(path string) (int, string, error) {
	at, err := d.find(filepath.Dir(path))
	if err == nil && !d.nodes[at].folder {
		err = notThere(path)
	}
	return at, filepath.Base(path), err
}

// change makes a change of names about these things, in these folders.
func (d *memDisk) change(do func(memNames), folders []int, about ...string) {
	c := &memChange{make: do, folders: folders}
	for _, folder := range folders {
		about = append(about, fmt.Sprintf("made %d", folder))
		d.nodes[folder].changed = d.clock()
	}
	for _, key := range about {
		if before := d.last[key]; before != nil {
			c.after = append(c.after, before)
		}
		if !strings.HasPrefix(key, "made ") {
			d.last[key] = c
		}
	}
	do(d.now)
	d.log = append(d.log, c)
}

func nameKey(folder int, name string) string { return fmt.Sprintf("%d/%s", folder, name) }

func nodeKey(node int) string { return fmt.Sprintf("node %d", node) }

func (d *memDisk) add(path string, node *memNode) error {
	in, name, err := d.parent(path)
	if err != nil {
		return err
	}
	return d.addIn(in, name, path, node)
}

// addIn is add in a folder that was found before, and may have been moved or removed since.
func (d *memDisk) addIn(in int, name, path string, node *memNode) error {
	if !d.reaches(memRoot, in) {
		return notThere(path)
	}
	if _, taken := d.now[in][name]; taken {
		return &fs.PathError{Op: "mem", Path: path, Err: fs.ErrExist}
	}
	id := len(d.nodes) + 1
	d.nodes[id] = node
	node.changed = d.clock()
	d.change(func(n memNames) {
		n[in][name] = id
		if node.folder && n[id] == nil {
			n[id] = map[string]int{}
		}
	}, []int{in}, nameKey(in, name), nodeKey(id))
	d.last[fmt.Sprintf("made %d", id)] = d.log[len(d.log)-1]
	return nil
}

// reaches reports whether a folder is at, or somewhere below it.
func (d *memDisk) reaches(at, folder int) bool {
	if at == folder {
		return true
	}
	for _, node := range d.now[at] {
		if d.nodes[node].folder && d.reaches(node, folder) {
			return true
		}
	}
	return false
}

// renameIn renames between folders that were found before, and may have been moved or removed since.
func (d *memDisk) renameIn(in int, name string, into int, as, from, to string, replace bool) error {
	if !d.reaches(memRoot, in) || !d.reaches(memRoot, into) {
		return notThere(from)
	}
	node, ok := d.now[in][name]
	if !ok {
		return notThere(from)
	}
	if there, taken := d.now[into][as]; taken && (!replace || d.nodes[there].folder != d.nodes[node].folder || len(d.now[there]) > 0) {
		return &fs.PathError{Op: "mem", Path: to, Err: fs.ErrExist}
	}
	d.change(func(n memNames) {
		delete(n[in], name)
		n[into][as] = node
	}, []int{in, into}, nameKey(in, name), nameKey(into, as), nodeKey(node))
	return nil
}

func (d *memDisk) remove(path string) error {
	in, name, err := d.parent(path)
	if err != nil {
		return err
	}
	node, ok := d.now[in][name]
	if !ok {
		return notThere(path)
	}
	if len(d.now[node]) > 0 {
		return &fs.PathError{Op: "mem", Path: path, Err: errors.New("not empty")}
	}
	var emptied []*memChange // No folder goes before what was in it.
	for _, c := range d.log {
		if slices.Contains(c.folders, node) {
			emptied = append(emptied, c)
		}
	}
	d.change(func(n memNames) { delete(n[in], name) }, []int{in}, nameKey(in, name), nodeKey(node))
	last := d.log[len(d.log)-1]
	last.after = append(last.after, emptied...)
	return nil
}

func (d *memDisk) syncFolder(path string) error {
	at, err := d.find(path)
	if err != nil || d.ignores(path) {
		return err
	}
	for _, c := range d.log {
		if slices.Contains(c.folders, at) {
			c.last()
		}
	}
	return nil
}

// last makes a change one that no power cut can take back, with all that it follows.
func (c *memChange) last() {
	if c.lasts {
		return
	}
	c.lasts = true
	for _, before := range c.after {
		before.last()
	}
}

// lose takes the power away and gives it back.
func (d *memDisk) lose() {
	kept := map[*memChange]bool{}
	for _, c := range d.log {
		kept[c] = c.lasts || (d.rng.IntN(2) == 0 && !slices.ContainsFunc(c.after, func(b *memChange) bool {
			_, sinceThen := kept[b]
			return sinceThen && !kept[b]
		}))
		if kept[c] {
			c.make(d.lasting)
		}
	}
	d.log, d.last = nil, map[string]*memChange{}
	d.now = memNames{}
	for folder, names := range d.lasting {
		d.now[folder] = maps.Clone(names)
	}
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		node := d.nodes[id]
		if !node.folder && string(node.data) != string(node.synced) {
			node.data = [][]byte{node.synced, node.data, node.data[:len(node.data)/2], nil}[d.rng.IntN(4)]
		}
		node.synced = node.data
	}
}

// A memInfo describes what is at a path.
type memInfo struct {
	name string
	node *memNode
}

func (i memInfo) Name() string               { return i.name }
func (i memInfo) Size() int64                { return int64(len(i.node.data)) }
func (i memInfo) ModTime() time.Time         { return i.node.changed }
func (i memInfo) IsDir() bool                { return i.node.folder }
func (i memInfo) Sys() any                   { return nil }
func (i memInfo) Type() fs.FileMode          { return i.Mode().Type() }
func (i memInfo) Info() (fs.FileInfo, error) { return i, nil }

func (i memInfo) Mode() fs.FileMode {
	if i.node.folder {
		return fs.ModeDir | place.FolderMode
	}
	return place.FileMode
}
