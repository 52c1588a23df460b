package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/title"
)

const (
	// settled is how old a folder's time of change must be: what happens in the same moment as a look may leave no other one.
	settled = 3 * time.Second
	// lookForMissing is how often a song that is not known is looked for.
	lookForMissing = time.Second
)

// A song is what the library knows of a folder of stems.
type song struct {
	// Key names it in addresses.
	Key string
	// Folder is its folder in output/, with slashes.
	Folder string
	// Title, Artist and Album are its tags, as far as it has some; without a title it is the folder's name.
	Title, Artist, Album string
	// Finished is when its stems were finished, Seconds how long it plays.
	Finished time.Time
	Seconds  float64
	// Problem says why its track.json could not be used; then there is nothing of that.
	Problem string

	changed time.Time
	found   string // what is searched
}

// keyOf is the key of the song in a folder of output/.
func keyOf(folder string) string {
	sum := sha256.Sum256([]byte(folder))
	return hex.EncodeToString(sum[:10])
}

// A shelf is a folder of output/ that has songs, or shelves.
type shelf struct {
	changed time.Time
	fresh   bool // it may have changed since it was read, without another time of change
	songs   map[string]*song
	shelves map[string]*shelf
}

// A library lists the songs in output/. Looking again costs a look at each folder that has songs, unless it has changed.
type library struct {
	data string

	looking sync.Mutex // held while the disk is read
	root    *shelf
	missed  time.Time // when a song was looked for last that was not known

	mu    sync.RWMutex
	songs []*song // newest first
	byKey map[string]*song
	ready bool
}

func newLibrary(data string) *library {
	return &library{data: data, root: &shelf{}, byKey: map[string]*song{}}
}

// refresh looks for what has changed.
func (l *library) refresh(ctx context.Context) error {
	l.looking.Lock()
	defer l.looking.Unlock()
	changed, err := l.look(ctx, l.root, "", 0)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if changed || !l.isReady() {
		l.publish()
	}
	return err
}

func (l *library) isReady() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.ready
}

// look brings a shelf up to date, and reports whether it has other songs now. What is gone has none.
func (l *library) look(ctx context.Context, s *shelf, folder string, depth int) (changed bool, err error) {
	at := filepath.Join(l.data, job.OutputFolder, filepath.FromSlash(folder))
	info, err := place.Local.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		changed = len(s.songs)+len(s.shelves) > 0
		*s = shelf{}
		return changed, nil
	}
	if err != nil {
		return false, err
	}
	if s.fresh || !info.ModTime().Equal(s.changed) {
		looked := time.Now()
		entries, err := place.Local.ReadDir(at)
		if err != nil {
			return false, err
		}
		if changed, err = l.sort(ctx, s, folder, depth, entries); err != nil {
			return changed, err
		}
		s.changed, s.fresh = info.ModTime(), looked.Sub(info.ModTime()) < settled
	}
	for name, one := range s.songs {
		if one.Problem == "" {
			continue
		}
		if again := l.read(path.Join(folder, name), one.changed); again.Problem != one.Problem {
			s.songs[name], changed = again, true
		}
	}
	var errs []error
	for name, sub := range s.shelves {
		if ctx.Err() != nil {
			return changed, ctx.Err()
		}
		more, err := l.look(ctx, sub, path.Join(folder, name), depth+1)
		changed, errs = changed || more, append(errs, err)
	}
	return changed, job.JoinErrors(errs...)
}

// sort puts the entries of a folder into its shelf: those with a track.json are songs, other folders are shelves.
func (l *library) sort(ctx context.Context, s *shelf, folder string, depth int, entries []fs.DirEntry) (changed bool, err error) {
	songs, shelves := map[string]*song{}, map[string]*shelf{}
	for _, e := range entries {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		name := e.Name()
		if !e.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // It is gone.
		}
		if before := s.songs[name]; before != nil && before.changed.Equal(info.ModTime()) {
			songs[name] = before
			continue
		}
		has := place.Exists(filepath.Join(l.data, job.OutputFolder, filepath.FromSlash(folder), name, job.TrackFile))
		switch {
		case has:
			songs[name], changed = l.read(path.Join(folder, name), info.ModTime()), true
		case depth+1 < job.SongDepth:
			shelves[name] = cmp.Or(s.shelves[name], &shelf{})
		}
	}
	changed = changed || len(songs) != len(s.songs) || len(shelves) != len(s.shelves)
	s.songs, s.shelves = songs, shelves
	return changed, nil
}

// read makes the song of a folder that has a track.json.
func (l *library) read(folder string, changed time.Time) *song {
	one := &song{Key: keyOf(folder), Folder: folder, changed: changed, Finished: changed}
	t, err := readTrack(l.data, folder)
	if err != nil {
		one.Problem = "track.json cannot be used: " + short(err.Error())
	} else {
		one.Title, one.Artist, one.Album = short(t.Tags.Title), short(t.Tags.Artist), short(t.Tags.Album)
		one.Seconds = t.DurationSeconds
		if !t.Finished.IsZero() {
			one.Finished = t.Finished
		}
	}
	one.Title = cmp.Or(one.Title, short(path.Base(folder)))
	one.found = title.Fold(strings.Join([]string{one.Title, one.Artist, one.Album, short(t.Source), folder}, "\n"))
	return one
}

// publish makes what was looked at what is shown.
func (l *library) publish() {
	var songs []*song
	var collect func(*shelf)
	collect = func(s *shelf) {
		for _, one := range s.songs {
			songs = append(songs, one)
		}
		for _, sub := range s.shelves {
			collect(sub)
		}
	}
	collect(l.root)
	slices.SortFunc(songs, func(a, b *song) int {
		return cmp.Or(b.Finished.Compare(a.Finished), strings.Compare(a.Folder, b.Folder))
	})
	byKey := make(map[string]*song, len(songs))
	for _, one := range songs {
		byKey[one.Key] = one
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.songs, l.byKey, l.ready = songs, byKey, true
}

// search returns the songs whose names have all words of a question, newest first. ready is false until all were read.
func (l *library) search(question string) (found []*song, ready bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	words := strings.Fields(title.Fold(question))
	if len(words) == 0 {
		return l.songs, l.ready
	}
	for _, one := range l.songs {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(one.found, word) }) {
			found = append(found, one)
		}
	}
	return found, l.ready
}

// find returns the song of a key, or nil. One that is new is looked for, unless that was done a moment ago.
func (l *library) find(ctx context.Context, key string) *song {
	for range 2 {
		l.mu.RLock()
		one := l.byKey[key]
		l.mu.RUnlock()
		if one != nil {
			return one
		}
		l.looking.Lock()
		old := time.Since(l.missed) >= lookForMissing
		if old {
			l.missed = time.Now()
		}
		l.looking.Unlock()
		if !old || len(key) != len(keyOf("")) || l.refresh(ctx) != nil {
			return nil
		}
	}
	return nil
}
