package filestate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
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
		return fmt.Errorf("remembering what it was made from: %w", err)
	}
	if !settled {
		_ = os.Remove(w.Path)
		return nil
	}
	result, _, err := look(nil, []string{made}, began)
	if err != nil {
		return fmt.Errorf("remembering what it was made from: %w", err)
	}
	states[made], files = result[made], append(files, made)
	text, err := json.Marshal(watched{digest(env), folders, files, states})
	if err != nil {
		return fmt.Errorf("remembering what it was made from: %w", err)
	}
	return Keep(w.Path, text)
}

// Unnoted is what Changed says where nothing is remembered.
const Unnoted = "it was made just now, or nobody noted when"

// Changed says what is different now, "" where nothing is.
func (w Watch) Changed(env []string) string {
	text, err := os.ReadFile(w.Path)
	if w.Path == "" || errors.Is(err, fs.ErrNotExist) {
		return Unnoted
	}
	var was watched
	if err != nil || json.Unmarshal(text, &was) != nil {
		return "nobody knows what it was made from"
	}
	if was.Env != digest(env) {
		return "the environment that it was made in changed"
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
	for path := range is {
		if was[path] != is[path] {
			changed = append(changed, path)
		}
	}
	for path := range was {
		if _, there := is[path]; !there {
			changed = append(changed, path) // removed from its folder
		}
	}
	slices.Sort(changed)
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
		s := Of(info)
		settled = settled && s.Settled(now)
		states[path] = s.String()
	}
	return states, settled, nil
}

// digest is one number for texts, in which none of them can be read.
func digest(texts []string) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", texts)))
}
