//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/peaks"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
)

// putOlder makes a song in output/ as an earlier version left it: each stem is a WAV file of two frames, whose first sample
// tells it apart.
func putOlder(t *testing.T, b *bench, folder string, stems ...string) string {
	t.Helper()
	at := filepath.Join(b.spool.Output(), folder)
	spooltest.Must(t, os.MkdirAll(at, 0o755))
	text, err := json.Marshal(map[string]any{"stems": stems})
	spooltest.Must(t, err)
	spooltest.Put(t, filepath.Join(at, job.TrackFile), string(text))
	for i, stem := range stems {
		wav := "RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data\x08\x00\x00\x00"
		samples := binary.LittleEndian.AppendUint16(nil, uint16((i+1)*0x1000))
		spooltest.Put(t, filepath.Join(at, stem), wav+string(samples)+"\x00\x00\x00\x00\x00\x00")
	}
	return at
}

// putLong makes a song whose vocals take so many reads, and gives the organizer a clock by which each of them takes a turn.
func putLong(t *testing.T, b *bench, folder string, reads int) string {
	t.Helper()
	now := time.Now()
	b.now = func() time.Time {
		now = now.Add(lookForJobs)
		return now
	}
	song := putOlder(t, b, folder, "vocals.wav")
	const block = 8192
	path := filepath.Join(song, "vocals.wav")
	wav, err := os.ReadFile(path)
	spooltest.Must(t, err)
	binary.LittleEndian.PutUint32(wav[40:], uint32(reads*block*4))
	spooltest.Put(t, path, string(wav))
	spooltest.Must(t, os.Truncate(path, int64(44+reads*block*4)))
	spooltest.Put(t, filepath.Join(song, job.TrackFile), fmt.Sprintf(`{"stems": ["vocals.wav"], "duration_seconds": %d}`, reads*block/44100))
	return song
}

// Songs of earlier versions get their peaks.json when there is nothing else to do; nothing else changes.
func TestOlderSongsGetTheirPeaks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	flat := putOlder(t, b, "a song", "vocals.wav", "drums.wav")
	deep := putOlder(t, b, "artist/album/01 song", "vocals.wav")
	putOlder(t, b, "ogg", "vocals.ogg")
	small := putOlder(t, b, "small", "vocals.flac", "drums.mp3")
	for file, of := range map[string]string{"vocals.flac": "tagged.flac", "drums.mp3": "tagged.mp3"} {
		sound, err := os.ReadFile(filepath.Join("../../pipeline/peaks/measure/testdata", of))
		spooltest.Must(t, err)
		spooltest.Put(t, filepath.Join(small, file), string(sound))
	}
	measured := putOlder(t, b, "measured", "vocals.wav")
	spooltest.Put(t, filepath.Join(measured, job.PeaksFile), "as it is")
	damaged := putOlder(t, b, "damaged", "vocals.wav")
	spooltest.Put(t, filepath.Join(damaged, "vocals.wav"), "no sound")
	hostile := putOlder(t, b, "hostile", "../a song/vocals.wav")
	linked := putOlder(t, b, "linked", "vocals.wav")
	spooltest.Must(t, os.Remove(filepath.Join(linked, "vocals.wav")))
	spooltest.Must(t, os.Symlink(filepath.Join(flat, "vocals.wav"), filepath.Join(linked, "vocals.wav")))
	spooltest.Must(t, os.Symlink(measured, filepath.Join(b.spool.Output(), "link")))
	id := b.add("song.mp3").ID
	if busy, err := b.turn(t.Context()); !busy || err != nil {
		t.Fatalf("turn = %v, %v", busy, err)
	}
	b.wantDone(id) // A job comes first.
	var log bytes.Buffer
	b.env.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for busy := true; busy; {
		var err error
		busy, err = b.turn(t.Context())
		spooltest.Must(t, err)
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "songs=3") || !strings.Contains(said, `\"damaged\": vocals.wav: it is not a WAV file`) {
		t.Errorf("log = %s", said)
	}
	want := peaks.New(2, 44100, []peaks.Stem{{File: "vocals.wav", Min: []int{0, 0}, Max: []int{16, 0}}, {File: "drums.wav", Min: []int{0, 0}, Max: []int{32, 0}}})
	text, err := want.Bytes()
	spooltest.Must(t, err)
	spooltest.WantText(t, filepath.Join(flat, job.PeaksFile), string(text))
	spooltest.WantNames(t, flat, "drums.wav", job.PeaksFile, job.TrackFile, "vocals.wav")
	spooltest.WantNames(t, deep, job.PeaksFile, job.TrackFile, "vocals.wav")
	spooltest.WantText(t, filepath.Join(measured, job.PeaksFile), "as it is")
	for _, song := range []string{damaged, linked} {
		spooltest.WantNames(t, song, job.TrackFile, "vocals.wav")
	}
	spooltest.WantNames(t, hostile, job.TrackFile)
	spooltest.WantNames(t, filepath.Join(b.spool.Output(), "ogg"), job.TrackFile, "vocals.ogg")
	var got peaks.Peaks
	text, err = os.ReadFile(filepath.Join(small, job.PeaksFile))
	spooltest.Must(t, err)
	spooltest.Must(t, json.Unmarshal(text, &got))
	if len(got.Stems) != 2 || got.Stems[0].File != "vocals.flac" || got.Stems[1].File != "drums.mp3" || got.Bins != peaks.MostBins || got.DurationSeconds != 12345.0/44100 {
		t.Errorf("of FLAC and MP3 files: %d stems, %d bins, %v s", len(got.Stems), got.Bins, got.DurationSeconds)
	}
}

// A track.json that is forged costs no time and no memory.
func TestOlderSongsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	twice := putOlder(t, b, "twice", "vocals.wav", "vocals.wav")
	var names []string
	for i := range 17 {
		names = append(names, options.InstrumentalName(strconv.Itoa(i))+".wav")
	}
	many := putOlder(t, b, "many", names...)
	short := putOlder(t, b, "short", "vocals.wav")
	spooltest.Put(t, filepath.Join(short, job.TrackFile), `{"stems": ["vocals.wav"], "duration_seconds": 215.4}`)
	for b.measureOlder(t.Context()) {
	}
	for _, song := range []string{twice, many, short} {
		if place.Exists(filepath.Join(song, job.PeaksFile)) {
			t.Errorf("%s is measured", filepath.Base(song))
		}
	}
}

// A song that is being measured when a job comes is put off, and one that was put in later is found after an hour.
func TestAJobIsNotKeptWaitingForAnOlderSong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	song := putLong(t, b, "older", 20)
	for range 5 {
		if busy, err := b.turn(t.Context()); !busy || err != nil {
			t.Fatalf("turn = %v, %v; want a song that takes longer", busy, err)
		}
	}
	id := b.add("song.mp3").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	b.wantDone(id)
	spooltest.WantNames(t, song, job.TrackFile, "vocals.wav")
	b.held = []*spool.Job{nil} // Whose lease would end meanwhile.
	ctx, cancel := context.WithCancel(t.Context())
	if b.measureOlder(ctx) {
		t.Error("measured with jobs in its hands")
	}
	b.held = nil
	cancel()
	if b.measureOlder(ctx) {
		t.Error("measured after the end")
	}
	for b.measureOlder(t.Context()) {
	}
	spooltest.WantNames(t, song, job.PeaksFile, job.TrackFile, "vocals.wav")
	later := putOlder(t, b, "later", "vocals.wav")
	if b.measureOlder(t.Context()) || place.Exists(filepath.Join(later, job.PeaksFile)) {
		t.Error("output/ is looked at again at once")
	}
	in, now := time.Duration(0), b.now
	b.now = func() time.Time { return now().Add(in) }
	in = lookForOlder
	for b.measureOlder(t.Context()) {
	}
	spooltest.WantNames(t, later, job.PeaksFile, job.TrackFile, "vocals.wav")
}

// Jobs that come all the time keep no song from being measured to its end, and it is read once.
func TestAnOlderSongIsMeasuredBetweenJobs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const reads = 50
	songs := []string{putLong(t, b, "a long", reads), putOlder(t, b, "short", "vocals.wav")}
	b.add("song.mp3")
	turns := 1
	for b.measureOlder(t.Context()) {
		turns++
	}
	for _, song := range songs {
		spooltest.WantNames(t, song, job.PeaksFile, job.TrackFile, "vocals.wav")
	}
	if turns < reads || turns > reads+30 {
		t.Errorf("%d turns for %d reads", turns, reads)
	}
}

// A song that takes without end is given up, and others are measured.
func TestAnOlderSongThatTakesTooLong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var log bytes.Buffer
	b.env.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	long, short := putLong(t, b, "a long", mostTurns+10), putOlder(t, b, "short", "vocals.wav")
	for b.measureOlder(t.Context()) {
	}
	spooltest.WantNames(t, long, job.TrackFile, "vocals.wav")
	spooltest.WantNames(t, short, job.PeaksFile, job.TrackFile, "vocals.wav")
	if !strings.Contains(log.String(), errTooSlow.Error()) {
		t.Errorf("log = %s", &log)
	}
}

// What a kill left of a peaks.json is gone with the next one.
func TestAHalfPeaksFileIsNotLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	song := putOlder(t, b, "song", "vocals.wav")
	half := filepath.Join(song, ".tmp-12345")
	spooltest.Put(t, half, "{")
	old := time.Now().Add(-48 * time.Hour)
	spooltest.Must(t, os.Chtimes(half, old, old))
	for b.measureOlder(t.Context()) {
	}
	spooltest.WantNames(t, song, job.PeaksFile, job.TrackFile, "vocals.wav")
}
