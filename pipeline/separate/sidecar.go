package separate

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
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
	sidecar := job.Sidecar(name)
	wish := s.wish()
	if wish == nil {
		if len(name) <= job.MostEntry {
			if _, err := input.Lstat(sidecar); !errors.Is(err, fs.ErrNotExist) {
				return orTaken(err)
			}
		}
		return claim(input, temp, name)
	}
	if _, err := input.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return orTaken(err)
	}
	uid, gid := s.owner()
	err := place.WriteNewIn(input, sidecar, wish, uid, gid)
	if err != nil {
		return err
	}
	if err = place.SyncIn(input, "."); err == nil {
		err = claim(input, temp, name)
	}
	if err != nil && !same(input, temp, name) { // Else the song is there, whatever the disk says.
		_ = input.Remove(sidecar) // It is this process's own. What stays the watcher removes after a day.
	}
	return err
}

func orTaken(err error) error {
	if err == nil {
		return fs.ErrExist
	}
	return err
}
