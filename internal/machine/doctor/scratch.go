package doctor

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/machine/doctor/probe"
	"github.com/im2-audio/im2/internal/project"
	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// scratchPrefix begins the names of folders that are made for a mount. Services take nothing that begins
	// with a dot.
	scratchPrefix = ".im2-doctor-"
	// staleAfter is when such a folder is a killed run's.
	staleAfter = time.Hour
	// mountedAt is where containers have what is mounted.
	mountedAt = "/mnt"
)

// scratch is a folder that this machine and a container write into. It is in the data folder, whose file
// system and mount matter, or else in the project's.
//
// Every service can write to the data folder, and exchange what is in it for links and other folders at any
// moment; doctor may be root. So nothing in it is used by its path: the folder is opened once and proved to be
// the new one, and its files are made and looked at relative to that. The container gets the whole data folder,
// whose own path no service can change; a link in it that leads out ends in the container.
type scratch struct {
	parent, dir *os.Root
	name        string
	// where is the path of parent, and mount that of what a container mounts; inside is where it has the folder.
	where, mount, inside string
}

// newScratch creates the folder. Everybody may write into it: the test is who owns a file, not who may write.
func newScratch(p *project.Project) (*scratch, error) {
	var first error
	for _, parent := range []string{p.Data, p.Root} {
		if parent == "" {
			continue
		}
		s, err := openScratch(parent)
		if err == nil {
			s.mount, s.inside = s.where, path.Join(mountedAt, s.name)
			if parent != p.Data { // No service writes here, and the container need not see the project.
				s.mount, s.inside = filepath.Join(s.where, s.name), mountedAt
			}
			return s, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func openScratch(parent string) (s *scratch, err error) {
	s = &scratch{name: scratchPrefix + rand.Text()}
	if s.where, err = filepath.EvalSymlinks(parent); err != nil {
		return nil, err
	}
	if s.parent, err = os.OpenRoot(s.where); err != nil {
		return nil, err
	}
	dropStale(s.parent)
	if s.dir, err = place.NewFolderIn(s.parent, s.name); err == nil {
		err = s.letIn()
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// letIn lets everybody into the new folder.
func (s *scratch) letIn() error {
	dir, err := s.dir.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // only read
	return dir.Chmod(0o777)
}

// remove removes what the run made, and nothing else: what another program put there stays.
func (s *scratch) remove() {
	if s.dir != nil {
		empty(s.dir)
		_ = s.dir.Close()
	}
	_ = s.parent.Remove(s.name) // What stays is removed by a later run.
	_ = s.parent.Close()
}

// empty removes the files that runs leave in their folder.
func empty(dir *os.Root) {
	for _, name := range []string{probe.FromHost, probe.FromContainer} {
		_ = dir.Remove(name) // Most often it is not there.
	}
}

// dropStale removes the folders of killed runs. Services may make any number of entries beside them.
func dropStale(parent *os.Root) {
	list, err := parent.Open(".")
	if err != nil {
		return // Making the folder says more.
	}
	defer func() { _ = list.Close() }() // only read
	for seen := 0; seen < place.MostEntries && err == nil; {
		var names []string
		names, err = list.Readdirnames(1000)
		for _, name := range names {
			if strings.HasPrefix(name, scratchPrefix) {
				dropOne(parent, name)
			}
		}
		seen += len(names)
	}
}

func dropOne(parent *os.Root, name string) {
	info, err := parent.Lstat(name)
	if err != nil || !info.IsDir() || time.Since(info.ModTime()) <= staleAfter {
		return
	}
	if dir, err := place.OpenFolderIn(parent, name); err == nil {
		empty(dir)
		_ = dir.Close()
	}
	_ = parent.Remove(name) // Of another user: not ours to remove.
}

// ownMade is a file that this machine made.
type ownMade struct {
	file probe.File
	off  *offset
}

func (s *scratch) writeOwn() (ownMade, error) {
	before := time.Now()
	f, err := s.dir.OpenFile(probe.FromHost, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return ownMade{}, err
	}
	_, err = f.WriteString("made by mage doctor\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return ownMade{}, err
	}
	after := time.Now()
	file, err := s.look(probe.FromHost)
	if err != nil {
		return ownMade{}, err
	}
	return ownMade{*file, offsetOf(file.Modified, before, after)}, nil
}

// look returns what a file in the folder looks like from here.
func (s *scratch) look(name string) (*probe.File, error) {
	info, err := s.dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	return probe.Of(info), nil
}
