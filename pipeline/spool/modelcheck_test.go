//go:build unix

package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// list returns the names in a folder.
func (m *model) list(path string) []string {
	at, err := m.disk.find(path)
	if err != nil {
		return nil
	}
	var names []string
	for name := range m.disk.now[at] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m *model) read(path string) string {
	at, err := m.disk.find(path)
	if err != nil {
		return "nothing"
	}
	return string(m.disk.nodes[at].data)
}

// rest reports whether nothing is on its way any more.
func (m *model) rest() bool {
	for _, stage := range job.Stages {
		if (stage.Working() || stage == job.Pending || stage == job.Separated) && len(m.list("/queue/"+string(stage))) > 0 {
			return false
		}
	}
	swept := []string{"/queue"}
	for _, lease := range m.list("/queue/" + job.WatcherFolder) {
		swept = append(swept, "/queue/"+job.WatcherFolder+"/"+lease)
	}
	for _, folder := range swept {
		for _, name := range m.list(folder) {
			if strings.HasPrefix(name, place.TempPrefix) { // The holder of the watcher's lease removes it.
				return false
			}
		}
	}
	for _, holder := range m.list("/queue/watcher") {
		if slices.ContainsFunc(m.list("/queue/watcher/"+holder), func(name string) bool { return strings.HasPrefix(name, place.TempPrefix) }) {
			return false // It is being renewed.
		}
	}
	return len(m.list("/input")) == 0
}

// everything lists all there is, but for the input.
func (m *model) everything() []string {
	var all []string
	var walk func(path string)
	walk = func(path string) {
		for _, name := range m.list(path) {
			all = append(all, path+"/"+name)
			walk(path + "/" + name)
		}
	}
	walk("")
	return all
}

// check returns what is wrong once all jobs rest: the invariant of the package.
func (m *model) check() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	jobs, same, results := map[string]int{}, 0, map[string]bool{}
	for _, stage := range []job.Stage{job.Done, job.Failed, job.Rejected} {
		for _, id := range m.list("/queue/" + string(stage)) {
			dir := "/queue/" + string(stage) + "/" + id
			var r job.Record
			if err := json.Unmarshal([]byte(m.read(dir+"/job.json")), &r); err != nil || r.ID != id {
				complain("%s: %w: %s", dir, err, m.read(dir+"/job.json"))
				continue
			}
			jobs[r.Name]++
			for _, path := range []string{"/output/" + r.Track, "/archive/" + r.Archived, "/rejected/" + r.Rejected, "/rejected/" + r.Rejected + ".txt"} {
				results[path] = true
			}
			if r.DuplicateOf != "" {
				same++
			}
			if m.cancelled[id] && (stage != job.Failed || r.Error != job.Cancelled) {
				complain("%s was cancelled and is %s: %s", id, stage, r.Error)
			}
			if err := m.checkJob(dir, stage, &r); err != nil {
				complain("%s: %w: %+v", dir, err, r)
			}
		}
	}
	for i := range modelSongs {
		if jobs[song(i)] != 1 {
			complain("%d jobs of %s", jobs[song(i)], song(i))
		}
	}
	if same != 1 {
		complain("%d of two equal songs were rejected as the same", same)
	}
	songs, empty := m.songs("/output", 1)
	for _, path := range empty { // A process may be killed, or its job cancelled, before it has put something there.
		if !isModelShelf(path) || m.layouts == onlyFlat {
			complain("left empty: %s", path)
		}
	}
	paths := songs
	for _, folder := range []string{"/archive", "/rejected"} {
		for _, name := range m.list(folder) {
			paths = append(paths, folder+"/"+name)
		}
	}
	for _, path := range paths {
		if !results[path] {
			complain("no job has put this there: %s", path)
		}
	}
	for _, path := range m.everything() {
		if strings.Contains(path, place.TempPrefix) || strings.Contains(path, job.WorkFolder+"/") || strings.HasSuffix(path, job.ProgressFile) {
			complain("left: %s", path)
		}
	}
	if got := len(songs) + len(m.list("/queue/failed")) + len(m.list("/queue/rejected")); got != modelSongs {
		complain("%d results, failures and rejections of %d songs", got, modelSongs)
	}
	return errors.Join(wrong...)
}

// songs returns what is in a folder of output/ and those below it that songs can be in: those that songs share apart, and of them
// only those that are empty.
func (m *model) songs(folder string, depth int) (songs, empty []string) {
	for _, name := range m.list(folder) {
		path := folder + "/" + name
		if depth == job.SongDepth || slices.Contains(m.list(path), job.TrackFile) {
			songs = append(songs, path)
			continue
		}
		below, emptyBelow := m.songs(path, depth+1)
		songs, empty = append(songs, below...), append(empty, emptyBelow...)
		if len(m.list(path)) == 0 {
			empty = append(empty, path)
		}
	}
	return songs, empty
}

// isModelShelf reports whether an empty path may be what an organizer makes before it moves a song there. A song may have had the
// first name.
func isModelShelf(path string) bool {
	return slices.ContainsFunc(modelShelves, func(folders []string) bool {
		for _, artist := range []string{folders[0], folders[0] + " (2)"} {
			if strings.EqualFold(path, "/output/"+artist) || strings.EqualFold(path, "/output/"+artist+"/"+folders[1]) {
				return true
			}
		}
		return false
	})
}

// checkJob checks one job that rests.
func (m *model) checkJob(dir string, stage job.Stage, r *job.Record) error {
	want, holds := []string{job.RecordFile}, map[string]string{}
	switch stage {
	case job.Done:
		holds["/archive/"+r.Archived] = content(r.Name)
		for _, stem := range modelStems() {
			holds["/output/"+r.Track+"/"+stem] = stem + " of " + content(r.Name)
		}
		if got := m.list("/output/" + r.Track); len(got) != len(modelStems())+1 {
			return fmt.Errorf("the track has %v", got)
		}
	case job.Rejected:
		holds["/rejected/"+r.Rejected] = content(r.Name)
	default:
		if r.Error == job.Cancelled {
			return m.checkCancelled(dir, r)
		}
		want = append(want, job.SourceFile)
		holds[dir+"/"+job.SourceFile] = content(r.Name)
		if r.Losses < MaxLosses {
			return fmt.Errorf("given up after %d attempts and %d lost workers", r.Attempt, r.Losses)
		}
		if r.Archived != "" { // It was given up after its source was archived, perhaps.
			return nil
		}
	}
	for path, content := range holds {
		if got := m.read(path); got != content {
			return fmt.Errorf("%s holds %q; want %q", path, got, content)
		}
	}
	if got := m.list(dir); !slices.Equal(got, want) {
		return fmt.Errorf("it holds %v; want %v", got, want)
	}
	for i, v := range r.History {
		if v.End.IsZero() != (i == len(r.History)-1) {
			return fmt.Errorf("visit %d ended at %v", i, v.End)
		}
	}
	if r.Last().Stage != stage {
		return fmt.Errorf("its record says %s", r.Last().Stage)
	}
	return nil
}

// checkCancelled checks that a cancelled job can be tried again: it has its song, or its stems, whole.
func (m *model) checkCancelled(dir string, r *job.Record) error {
	if r.Last().Stage != job.Failed || m.cancelled == nil {
		return fmt.Errorf("its record says %s", r.Last().Stage)
	}
	if got := m.read(dir + "/" + job.SourceFile); got == content(r.Name) {
		return nil
	}
	if got := m.read("/archive/" + r.Archived); got != content(r.Name) {
		return fmt.Errorf("its song is neither with it nor in the archive, which holds %q", got)
	}
	for _, stem := range modelStems() {
		if got := m.read(dir + "/" + job.StemsFolder + "/" + stem); got != stem+" of "+content(r.Name) {
			return fmt.Errorf("%s holds %q", stem, got)
		}
	}
	return nil
}
