package inputs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/renameio/v2/maybe"
)

// Watch remembers the state of files and folders that something was made from, so that it need
// not be made again to find that nothing has changed. Where nothing is remembered, or what is
// remembered cannot be believed, something has changed.
type Watch struct {
	// Path is the file that remembers; "" for none.
	Path string
	// Base is what file names in answers are relative to.
	Base string
}

// watched is the content of the file.
type watched struct {
	Env     string            `json:"env"`     // digest of the environment
	Folders []string          `json:"folders"` // all of their files count, not those further down
	Files   []string          `json:"files"`   // also such that were not there
	States  map[string]string `json:"states"`  // by path; "" for what was not there
}

// Record remembers the states of what something was made from, and of made, the result; the
// making began at that time. What was changed since, or just before, may not be what was read:
// then nothing is remembered.
func (w Watch) Record(began time.Time, env, folders, files []string, made string) error {
	states, settled, err := look(folders, files, began)
	if err != nil {
		return fmt.Errorf("remembering what was compiled: %w", err)
	}
	if !settled {
		_ = os.Remove(w.Path)
		return nil
	}
	result, _, err := look(nil, []string{made}, began)
	if err != nil {
		return fmt.Errorf("remembering what was compiled: %w", err)
	}
	states[made], files = result[made], append(files, made)
	text, err := json.Marshal(watched{digestOf([]byte(fmt.Sprintf("%q", env))), folders, files, states})
	if err != nil {
		return fmt.Errorf("remembering what was compiled: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(w.Path), 0o700); err != nil {
		return fmt.Errorf("remembering what was compiled: %w", err)
	}
	return maybe.WriteFile(w.Path, text, 0o600)
}

// Changed says what is different now, "" where nothing is.
func (w Watch) Changed(env []string) string {
	text, err := os.ReadFile(w.Path)
	if w.Path == "" || errors.Is(err, fs.ErrNotExist) {
		return "not compiled yet, or just now"
	}
	var was watched
	if err != nil || json.Unmarshal(text, &was) != nil {
		return "nobody knows what it was compiled from"
	}
	if was.Env != digestOf([]byte(fmt.Sprintf("%q", env))) {
		return "the environment of the Go compiler changed"
	}
	states, _, err := look(was.Folders, was.Files, time.Now())
	if err != nil {
		return err.Error()
	}
	return w.difference(was.States, states)
}

// difference names the first file that differs and counts the others.
func (w Watch) difference(was, is map[string]string) string {
	var changed []string
	for _, path := range names(was, is) {
		if was[path] != is[path] {
			changed = append(changed, path)
		}
	}
	if len(changed) == 0 {
		return ""
	}
	name := changed[0]
	if rel, err := filepath.Rel(w.Base, name); err == nil && filepath.IsLocal(rel) {
		name = filepath.ToSlash(rel)
	}
	if len(changed) > 1 {
		return fmt.Sprintf("%s changed (+%d more)", name, len(changed)-1)
	}
	return name + " changed"
}

// look returns the states of files and of what is in folders. settled says that all of them
// can be believed at a later look.
func look(folders, files []string, now time.Time) (states map[string]string, settled bool, err error) {
	states, settled = make(map[string]string), true
	files = slices.Clone(files)
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, false, err
		}
		for _, e := range entries {
			if !e.IsDir() {
				files = append(files, filepath.Join(folder, e.Name()))
			}
		}
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			states[path] = ""
			continue
		}
		if err != nil {
			return nil, false, err
		}
		s := stateOf(info)
		settled = settled && s.settled(now)
		states[path] = s.String()
	}
	return states, settled, nil
}

// String is the state without the digest of the content.
func (s state) String() string {
	return fmt.Sprint(s.size, " ", s.mtime, " ", s.ctime, " ", strconv.FormatUint(s.inode, 10), " ", s.mode)
}
