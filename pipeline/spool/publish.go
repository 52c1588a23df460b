package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

// errNoShelf is returned where a song, or something that is no folder, is where the folder of an artist or album is to be.
var errNoShelf = errors.New("no song can be below it")

// triesShelf is how often folders for a song are made or chosen that others remove, or take, meanwhile.
const triesShelf = 8

// Publish moves the finished stems of the job into output/. folders are the names that are wanted: the last one for the folder of
// the song, those before it for folders that it is in, which other songs share. The song's gets a number where its name is
// taken, also by one that other systems take for the same; the others where a song has theirs, or another file system is mounted.
// Where this user may not write to a folder, the error wraps ErrNotWritable.
//
// Track is the folder, and the record is saved with it before each try; describe is called before that. Where
// the record has one already, that is tried first, whatever folders says: a worker that was stopped may still move the stems there, and a job must
// not say that they are elsewhere.
func (j *Job) Publish(folders []string, describe func() error) error {
	if err := j.Settle(); err != nil {
		return err
	}
	if j.Track != "" {
		out, err := j.publishAs(j.Track, describe)
		if out || err != nil && !errors.Is(err, errNoShelf) {
			return j.orLost(err)
		}
	}
	shared, name := folders[:len(folders)-1], folders[len(folders)-1]
	var apart []string
	err := errNoShelf
	for tries := 0; errors.Is(err, errNoShelf) && tries < triesShelf; tries++ {
		err = j.publishIn(shared, name, apart, describe)
		if isApart(err) {
			apart = append(apart, outermost(j.Track))
		}
	}
	return j.orLost(err)
}

func (j *Job) publishIn(shared []string, name string, apart []string, describe func() error) error {
	shelf, err := j.spool.shelf(shared, apart)
	if err != nil {
		return err
	}
	names, err := j.spool.freeNames(shelf, name)
	if err == nil {
		_, err = place.FirstFree(names, func(name string) (bool, error) { return j.publishAs(path.Join(shelf, name), describe) })
	}
	return err
}

// publishAs moves the stems to the folder track of output/, and reports false where something else is there.
func (j *Job) publishAs(track string, describe func() error) (out bool, err error) {
	d, shelf := j.disk(), path.Dir(track)
	stems, to := j.Path(job.StemsFolder), j.spool.outputPath(track)
	if err := j.spool.checkShelf(shelf); err != nil {
		return false, err
	}
	if taken, err := d.Has(to); taken || err != nil {
		return false, notWritable(err)
	}
	j.Track = track
	if err := describe(); err != nil {
		return false, err
	}
	if err := j.Save(); err != nil {
		return false, err
	}
	var made []string
	for range triesShelf {
		if err = j.spool.makeShelf(shelf, &made); err == nil {
			err = d.RenameNew(stems, to)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if there, hasErr := d.Has(stems); !there || hasErr != nil {
			break
		} // Else somebody removed a folder of the shelf, since it was empty.
	}
	if err == nil {
		return true, errors.Join(notWritable(d.SyncFolder(filepath.Dir(to))), d.SyncFolder(filepath.Dir(stems)))
	}
	for _, folder := range slices.Backward(made) {
		_ = d.Remove(folder) // Others may have put something there.
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	err = fmt.Errorf("moving the stems to %q: %w", to, place.Explain(notWritable(err)))
	if top := outermost(track); isApart(err) && top != track && !slices.Contains(made, j.spool.outputPath(top)) {
		err = fmt.Errorf("%w: %w", errNoShelf, err) // What was just made is where output/ is.
	}
	return false, err
}

// isApart reports whether an error is that of another file system, perhaps a read-only one, in the place of a folder in output/.
// Where all of the data folder is read-only, a record cannot be saved, either.
func isApart(err error) bool { return errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EROFS) }

// outermost is the folder of output/ that a track is in, or the track itself.
func outermost(track string) string {
	first, _, _ := strings.Cut(track, "/")
	return first
}

// notWritable makes of an error that this user may not do something in output/ one that holds the job until that is changed: the
// folders of artists may have been made by others, such as a media server.
func notWritable(err error) error {
	if errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrNotWritable) {
		return fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	return err
}

// outputPath is the path of a folder in output/ with slashes; "." is output/ itself.
func (s *Spool) outputPath(folder string) string {
	return filepath.Join(s.Output(), filepath.FromSlash(folder))
}

// shelf returns the folder of output/, with slashes, for songs in folders of these names, and makes none. A folder is used that is
// there already, if other systems take its name for the one that is wanted, and it is none of apart.
func (s *Spool) shelf(folders, apart []string) (string, error) {
	at := "."
	for _, folder := range folders {
		there, err := s.namesIn(at)
		if err != nil {
			return "", err
		}
		found := ""
		_, err = place.FirstFree(place.FolderNames(folder, title.LongestFolder), func(name string) (bool, error) {
			same := there[title.Fold(name)]
			if slices.Contains(same, name) {
				same = []string{name}
			}
			for _, other := range same {
				found = path.Join(at, other)
				if slices.Contains(apart, found) {
					continue
				}
				if err := s.checkShelf(found); !errors.Is(err, errNoShelf) {
					return err == nil, err
				}
			}
			found = path.Join(at, name)
			return len(same) == 0, nil
		})
		if err != nil {
			return "", err
		}
		at = found
	}
	return at, nil
}

// namesIn returns what is in a folder of output/, by what title.Fold makes of the names. A folder that is missing has nothing.
func (s *Spool) namesIn(folder string) (map[string][]string, error) {
	entries, err := s.disk.ReadDir(s.outputPath(folder))
	if ignore(err, fs.ErrNotExist) != nil {
		return nil, notWritable(err)
	}
	names := make(map[string][]string, len(entries))
	for _, e := range entries {
		fold := title.Fold(e.Name())
		names[fold] = append(names[fold], e.Name())
	}
	return names, nil
}

// freeNames numbers the name of a song's folder in a folder of output/, without the names that a system which does not tell
// capital from small letters takes for one that is there: output/ is shared with such. Whether a name
// is free on this one is seen when it is taken.
func (s *Spool) freeNames(shelf, name string) (place.Naming, error) {
	taken, err := s.namesIn(shelf)
	if err != nil {
		return nil, err
	}
	numbered := place.FolderNames(name, title.LongestFolder)
	return func(n int) string {
		for i := 1; ; i++ {
			if name := numbered(i); len(taken[title.Fold(name)]) == 0 {
				if n--; n == 0 {
					return name
				}
			}
		}
	}, nil
}

// checkShelf returns errNoShelf where no song can be below a folder of output/: part of it is a song, or no folder. What is missing
// can be made.
func (s *Spool) checkShelf(shelf string) error {
	if shelf == "." {
		return nil
	}
	if err := s.checkShelf(path.Dir(shelf)); err != nil {
		return err
	}
	at := s.outputPath(shelf)
	info, err := s.disk.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	song := err == nil && !info.IsDir()
	if err == nil && !song {
		song, err = s.disk.Has(filepath.Join(at, job.TrackFile))
	}
	if err == nil && song {
		err = errNoShelf
	}
	if err != nil {
		return fmt.Errorf("putting a song below %q: %w", at, notWritable(err))
	}
	return nil
}

// makeShelf makes what is missing of a folder of output/ and puts it on the disk. made gets what was made, in that order.
//
// Only then it looks for songs: where a rename can replace an empty folder (see package place), a song may have come to be what
// was a folder of an artist. One with a folder in it is replaced by nothing.
func (s *Spool) makeShelf(shelf string, made *[]string) error {
	if shelf == "." {
		return nil
	}
	if err := s.makeFolders(shelf, made); err != nil {
		return err
	}
	return s.checkShelf(shelf)
}

func (s *Spool) makeFolders(shelf string, made *[]string) error {
	parent, at := path.Dir(shelf), s.outputPath(shelf)
	if parent != "." {
		if err := s.makeFolders(parent, made); err != nil {
			return err
		}
	}
	err := s.disk.Mkdir(at)
	if err == nil {
		*made = append(*made, at)
	}
	if ignore(err, fs.ErrExist) != nil {
		return err
	}
	// Also where it was there: whoever made it may have been killed before it did this.
	return s.disk.SyncFolder(s.outputPath(parent))
}
