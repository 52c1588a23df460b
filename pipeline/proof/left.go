package proof

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/im2-audio/im2/pipeline/place"
)

const (
	// Folder is the folder of the data folder that has the proofs.
	Folder = "proofs"
	suffix = ".json"
	// renewEvery is how often a running service writes its proof again, and retryEvery where that failed.
	renewEvery = time.Minute
	retryEvery = time.Second
	// mostProofs is how many are read.
	mostProofs = 1000
)

// Keep leaves the proof in the data folder and writes it again each minute, so that the file server's own clock says when the
// service was last seen. A folder in which it cannot be written is tried again: the service says what is wrong with it.
// What others left that were not seen for a day is removed. stop ends it, removes the proof and must be called.
func (p Proof) Keep(ctx context.Context, data string) (stop func()) {
	folder := filepath.Join(data, Folder)
	path := filepath.Join(folder, p.file())
	text, _ := json.MarshalIndent(p, "", "  ") // It is made of what JSON has.
	write := func() time.Duration {
		if err := place.Local.WriteDurable(path, append(text, '\n')); err == nil {
			return renewEvery
		}
		_ = place.MakeFolder(folder) // Else the next try says no again.
		return retryEvery
	}
	_ = place.MakeFolder(folder) // As above.
	place.SweepIf(folder, func(name string) bool {
		return strings.HasSuffix(name, suffix) || strings.HasPrefix(name, place.TempPrefix)
	})
	again := time.NewTimer(write())
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				again.Reset(write())
			}
		}
	}()
	return func() {
		cancel()
		<-done
		_ = place.Local.Remove(path) // Else it is one of a service that is not seen.
	}
}

// Left is a proof in the data folder.
type Left struct {
	Proof
	// File is the name of its file.
	File string
	// Unseen is how long ago it was written, by the clock of the file server alone: services write theirs each minute. Where
	// this process may not ask that clock by writing a file, it is how long before the newest proof.
	Unseen time.Duration
	// Err says why it could not be read; then there is nothing else but File.
	Err error
}

// List reads the proofs in a data folder, by file name. more is how many there are that were not read.
func List(data string) (all []Left, more int, err error) {
	all, times, more, err := list(data)
	if err != nil || len(all) == 0 {
		return nil, more, err
	}
	now, err := clock(filepath.Join(data, Folder))
	if err != nil {
		now = slices.MaxFunc(times, time.Time.Compare)
	}
	for i := range all {
		if all[i].Err == nil {
			all[i].Unseen = max(0, now.Sub(times[i]))
		}
	}
	return all, more, nil
}

// Read is List without a question to the file server's clock: Unseen is 0, and nothing is written.
func Read(data string) ([]Left, error) {
	all, _, _, err := list(data)
	return all, err
}

// list reads the proofs, and when each was written.
func list(data string) (all []Left, times []time.Time, more int, err error) {
	folder := filepath.Join(data, Folder)
	entries, err := place.Local.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, 0, nil
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("listing the proofs: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), suffix) })
	more = max(0, len(entries)-mostProofs)
	for _, e := range entries[:len(entries)-more] {
		left, at := read(folder, e.Name())
		if errors.Is(left.Err, fs.ErrNotExist) {
			continue // its service has ended
		}
		all, times = append(all, left), append(times, at)
	}
	return all, times, more, nil
}

// clock asks the file server what time it is.
func clock(folder string) (time.Time, error) {
	path := filepath.Join(folder, place.TempPrefix+rand.Text())
	if err := place.Local.WriteWhole(path, nil); err != nil {
		return time.Time{}, err
	}
	defer func() { _ = place.Local.Remove(path) }() // Else a service that starts a day later removes it.
	f, err := place.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func read(folder, name string) (left Left, at time.Time) {
	left.File = name
	f, err := place.Open(filepath.Join(folder, name))
	if err != nil {
		left.Err = err
		return left, at
	}
	defer func() { _ = f.Close() }() // It was only read.
	info, err := f.Stat()
	text, err2 := limited(f)
	left.Proof, left.Err = Proof{}, cmp.Or(err, err2)
	if left.Err == nil {
		left.Proof, left.Err = parse(text)
	}
	if left.Err == nil && left.file() != name {
		left.Proof, left.Err = Proof{}, errors.New("it is of another container than its name says")
	}
	if left.Err == nil {
		at = info.ModTime()
	}
	return left, at
}

func readBounded(path string) ([]byte, error) {
	f, err := place.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return limited(f)
}

func limited(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	if err == nil && len(text) > mostBytes {
		err = fmt.Errorf("it has more than %d bytes", mostBytes)
	}
	return text, err
}
