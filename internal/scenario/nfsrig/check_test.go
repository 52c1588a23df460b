//go:build linux

package nfsrig_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// result copies the share out of the file server, as it is there, and returns where it is.
func (c *cluster) result() string {
	c.t.Helper()
	c.server.run("sh", "-c", "rm -rf /host/result && cp -a "+share+" /host/result")
	return filepath.Join(c.folder, "result")
}

// faults are what is wrong in a share in which so many songs came out. It knows nothing of the services' code.
func faults(folder string, songs int) (wrong []string) {
	found := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		in, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != user {
			found("%s belongs to UID %d", in, uid)
		}
		parts := strings.Split(in, "/")
		if parts[0] == "models" || parts[0] == "proofs" { // what services left of themselves: each removes old ones when it starts
			return fs.SkipDir
		}
		if belongs := (place{parts, e.IsDir()}).belongs(songs); !belongs {
			found("left behind: %s", in)
		}
		return nil
	})
	if err != nil {
		found("%v", err)
	}
	for n := range songs {
		wrong = append(wrong, faultsOf(folder, n)...)
	}
	if done, err := os.ReadDir(filepath.Join(folder, "queue", "done")); err != nil || len(done) != songs {
		found("%d jobs are done, of %d songs: %v", len(done), songs, err)
	}
	return wrong
}

// place is a file or folder in the share.
type place struct {
	parts  []string
	folder bool
}

// belongs reports whether it is there when so many songs were separated and nothing else was done.
func (p place) belongs(songs int) bool {
	top, depth := p.parts[0], len(p.parts)
	if strings.HasPrefix(p.parts[depth-1], ".") {
		return top == "." // the share itself
	}
	switch {
	case top == "data-id":
		return depth == 1
	case depth == 1:
		return p.folder
	case top == "output":
		in := p.parts[1:]
		if len(in) <= len(shelf) && slices.Equal(in, shelf[:len(in)]) {
			return p.folder
		}
		if len(in) > len(shelf) && slices.Equal(in[:len(shelf)], shelf) {
			in = in[len(shelf):]
		}
		return slices.Contains(names(songs), in[0]) && p.folder == (len(in) == 1)
	case top == "archive":
		return depth == 2 && slices.Contains(names(songs), strings.TrimSuffix(p.parts[1], ".wav"))
	case top != "queue":
		return false
	case depth == 2:
		return p.folder
	case p.parts[1] == "done":
		return depth == 3 && p.folder || depth == 4 && p.parts[3] == "job.json"
	default:
		return depth == 3 && p.parts[1] == "watcher" // the watcher's lease
	}
}

func names(songs int) (all []string) {
	for n := range songs {
		all = append(all, songName(n))
	}
	return all
}

// shelf is where songs without tags are with -layout=media, which one of the organizers has.
var shelf = []string{"Unknown Artist", "Unknown Album"}

// folderOf is the only folder of a song, in output/ or on the shelf.
func folderOf(folder, name string) (path string, err error) {
	for _, in := range [][]string{nil, shelf} {
		at := filepath.Join(slices.Concat([]string{folder, "output"}, in, []string{name})...)
		if _, err := os.Lstat(at); err == nil {
			if path != "" {
				return "", fmt.Errorf("%s is out twice", name)
			}
			path = at
		}
	}
	return path, nil
}

// besideStems are the files that each song has beside its stems.
var besideStems = []string{"track.json", "peaks.json"}

// faultsOf are what is wrong with the results of one song.
func faultsOf(folder string, n int) (wrong []string) {
	name := songName(n)
	if kept, err := os.ReadFile(filepath.Join(folder, "archive", name+".wav")); err != nil || !bytes.Equal(kept, song(n)) {
		wrong = append(wrong, fmt.Sprintf("archive/%s.wav is not the song: %d bytes, %v", name, len(kept), err))
	}
	out, err := folderOf(folder, name)
	if err != nil {
		return append(wrong, err.Error())
	}
	files, err := os.ReadDir(out)
	if err != nil || len(files) != len(stemNames)+len(besideStems) {
		return append(wrong, fmt.Sprintf("output/%s has %d files, %v", name, len(files), err))
	}
	for _, file := range besideStems {
		text, err := os.ReadFile(filepath.Join(out, file))
		if err != nil || !json.Valid(text) {
			wrong = append(wrong, fmt.Sprintf("output/%s/%s is not whole: %d bytes, %v", name, file, len(text), err))
		}
	}
	for i, stem := range stemNames {
		path := filepath.Join(out, stem+".wav")
		wav, err := os.ReadFile(path)
		want := float64(n+1) / 2000 * float64(i+1) / 10
		if got := loudness(wav); err != nil || math.Abs(got-want) > 2.0/(1<<15) {
			wrong = append(wrong, fmt.Sprintf("output/%s/%s.wav is as loud as %f and not %f: it is of another song, or damaged: %v", name, stem, got, want, err))
		}
	}
	return wrong
}

// loudness is the largest sample of a WAV file of 16 bits.
func loudness(wav []byte) (most float64) {
	at := bytes.Index(wav, []byte("data"))
	if at < 0 || at+8 > len(wav) {
		return -1
	}
	samples := wav[at+8:]
	samples = samples[:min(len(samples), int(binary.LittleEndian.Uint32(wav[at+4:])))] // tags are behind them
	for ; len(samples) >= 2; samples = samples[2:] {
		most = max(most, math.Abs(float64(int16(binary.LittleEndian.Uint16(samples)))/(1<<15)))
	}
	return most
}
