package proof

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/im2-audio/im2/pipeline/place"
)

// IDFile is the name of the file in the data folder that says which one it is. A share that is not mounted is a folder, too,
// with nothing in it.
const IDFile = "data-id"

var (
	// ErrNoID is returned for a data folder without an ID.
	ErrNoID = errors.New("there is no file " + IDFile)
	// ErrBadID is returned where something else is in the file.
	ErrBadID = errors.New("what is in the file " + IDFile + " is no ID")
)

var ids = regexp.MustCompile(`^[A-Za-z0-9-]{16,64}$`)

// ReadID returns the ID of a data folder. The error is ErrNoID where it has none; a folder that is not there has none.
func ReadID(data string) (string, error) {
	text, err := readBounded(filepath.Join(data, IDFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrNoID
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(text))
	if !ids.MatchString(id) {
		return "", ErrBadID
	}
	return id, nil
}

// MakeID returns the ID of a data folder. One that has none gets want, or a random one where that is empty. The file belongs to uid
// and gid; -1 leaves it to this process's user. It has the mode of all files there: who may write in the folder could
// exchange it, whatever its mode is.
func MakeID(data, want string, uid, gid int) (string, error) {
	id, err := ReadID(data)
	if !errors.Is(err, ErrNoID) {
		return id, err
	}
	if want == "" {
		want = rand.Text()
	}
	if !ids.MatchString(want) {
		return "", fmt.Errorf("%q is no ID: it must be 16 to 64 letters and digits", want)
	}
	err = place.For(uid, gid).PutText(filepath.Join(data, IDFile), want+"\n", data)
	if err != nil && !errors.Is(err, fs.ErrExist) { // another machine was faster
		return "", err
	}
	return ReadID(data)
}

// CheckID returns the ID of a data folder, and an error where another one is wanted; "" wants none. The error says in one line
// what it means, and what fixes it on engine.
func CheckID(data, want, engine string) (string, error) {
	id, err := ReadID(data)
	up, restart := starts(engine)
	switch {
	case want == "":
		return id, nil
	case err != nil:
		return "", fmt.Errorf(`%q: %w, and %s=%s: it is not the data folder that is meant, such as a share that is not mounted; fix: mount it, and run %q`,
			data, err, DataVariable, want, restart)
	case id != want:
		return "", fmt.Errorf(`%q: its %s is %s, and %s=%s: it is not the data folder that is meant; fix: mount the right one and run %q, or %q for this one`,
			data, IDFile, id, DataVariable, want, restart, up)
	}
	return id, nil
}
