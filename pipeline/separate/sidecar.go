package separate

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/im2-audio/im2/pipeline/options"
)

// wish is what the sidecar of the song says; nil when nothing is asked for.
func (s *separation) wish() []byte {
	if s.Options.Equal(options.Options{}) {
		return nil
	}
	data, _ := json.Marshal(s.Options) // It was checked, so that there is no number that JSON has not.
	return append(data, '\n')
}

// claimWith is claim, with what is asked for in the song's sidecar before the song has its name. A name
// whose sidecar is there is taken, whether its song is or not: the watcher would take one song with
// what was asked for with another.
func (s *separation) claimWith(input *os.Root, temp, name string) error {
	sidecar := options.Sidecar(name)
	wish := s.wish()
	if wish == nil {
		if len(name) <= options.MostEntry {
			if _, err := input.Lstat(sidecar); !errors.Is(err, fs.ErrNotExist) {
				return orTaken(err)
			}
		}
		return claim(input, temp, name)
	}
	if _, err := input.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return orTaken(err)
	}
	if err := s.writeSidecar(input, sidecar, wish); err != nil {
		return err
	}
	err := claim(input, temp, name)
	if err != nil && !same(input, temp, name) { // Else the song is there, whatever the disk says.
		_ = input.Remove(sidecar) // It is this process's own. What stays the watcher removes after a day.
	}
	return err
}

// orTaken is the error of a name at which something is.
func orTaken(err error) error {
	if err == nil {
		return fs.ErrExist
	}
	return err
}

// writeSidecar makes the file whole, and sees it and its name onto the disk. It leaves none that is not.
func (s *separation) writeSidecar(input *os.Root, name string, data []byte) error {
	f, err := input.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = s.finish(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncFolder(input)
	}
	if err != nil {
		_ = input.Remove(name)
	}
	return err
}
