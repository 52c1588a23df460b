// Package probe is what "mage doctor" does inside of a container and of a build: it looks at
// IDs, the clock and a mounted folder. The command probe runs it there, so that it needs
// nothing of an image: no shell, no stat, no sha256sum.
package probe

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/im2-audio/im2/internal/idmap"
	"github.com/im2-audio/im2/ownership"
)

const (
	// Name is the program's.
	Name = "im2-doctor"
	// Variable is the environment variable, and in a build the argument, that it reads.
	Variable = "IM2_DOCTOR"
)

// The names of the files in the folder that is mounted for the probe.
const (
	// FromHost is the file that is there already.
	FromHost = "host"
	// FromContainer is the file that the container makes.
	FromContainer = "container"
)

// Sight is what there is to be seen from inside.
type Sight struct {
	// User is who the process is.
	User ownership.Owner `json:"user"`
	// Now is what its clock says.
	Now time.Time `json:"now"`
	// UIDMap and GIDMap say which IDs of the machine those here are (user_namespaces(7)).
	UIDMap string `json:"uid_map"`
	GIDMap string `json:"gid_map"`
	// Features are what Processor found of the processor; nil where they are not known.
	Features []string `json:"features"`
	// Host is the file that the machine made, as it is seen here, and Made the one that was
	// made here; nil where no folder was to be looked at.
	Host *File `json:"host,omitempty"`
	Made *File `json:"made,omitempty"`
	// Denied says why there is no such file.
	Denied string `json:"denied,omitempty"`
}

// File is what a file looks like.
type File struct {
	// Owner is 0:0 where files have none.
	Owner ownership.Owner `json:"owner"`
	// Modified is when it was written, by the clock of whoever keeps it.
	Modified time.Time `json:"modified"`
}

// Look looks around, and into a folder unless that is "". The folder is opened once, and what is in it is reached
// from there, since others may exchange it meanwhile. It is returned for Remove where a file was made in it;
// otherwise nil.
func Look(folder string) (Sight, *os.Root, error) {
	sight := Sight{User: ownership.Owner{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}, Now: time.Now()}
	var err error
	if sight.UIDMap, sight.GIDMap, err = idmap.Self(); err != nil {
		return Sight{}, nil, fmt.Errorf("reading the IDs of this process: %w", err)
	}
	if cpuinfo, err := os.Open("/proc/cpuinfo"); err == nil { // not everywhere, and nothing depends on it
		sight.Features = Processor(cpuinfo)
		_ = cpuinfo.Close() // only read
	}
	if folder == "" {
		return sight, nil, nil
	}
	root, err := os.OpenRoot(folder)
	if err == nil {
		if sight.Host, err = at(root, FromHost); err == nil {
			sight.Made, err = leave(root)
		}
	}
	if err != nil {
		sight.Denied = err.Error()
	}
	if root != nil && sight.Made == nil {
		_ = root.Close() // only read
		root = nil
	}
	return sight, root, nil
}

// Remove removes the file that Look made, and closes its folder.
func Remove(root *os.Root) {
	_ = root.Remove(FromContainer) // the machine removes what stays
	_ = root.Close()
}

func leave(root *os.Root) (*File, error) {
	f, err := root.OpenFile(FromContainer, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("made by mage doctor\n") // so that its time is that of a write
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return at(root, FromContainer)
}

// Of returns what a file looks like from here; the owner is 0:0 where files have none.
func Of(info os.FileInfo) *File {
	owner, _ := ownership.Of(info)
	return &File{Owner: owner, Modified: info.ModTime()}
}

func at(root *os.Root, name string) (*File, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	return Of(info), nil
}

// Digest is the SHA-256 of a file.
func Digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Say writes what was seen as one line.
func (s Sight) Say(w io.Writer) error {
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("writing what was seen: %w", err)
	}
	return nil
}

// Hear reads a line that Say wrote.
func Hear(line []byte) (Sight, error) {
	var s Sight
	if err := json.Unmarshal(line, &s); err != nil {
		return Sight{}, fmt.Errorf("reading what the probe said, %q: %w", line, err)
	}
	return s, nil
}
