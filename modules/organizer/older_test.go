//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/peaks"
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

// Songs of earlier versions get their peaks.json when there is nothing else to do, one in each turn; nothing else changes.
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
	for range 3 {
		if busy, err := b.turn(t.Context()); !busy || err != nil {
			t.Errorf("turn = %v, %v; want one song measured", busy, err)
		}
	}
	var log bytes.Buffer
	b.env.Log = slog.New(slog.NewTextHandler(&log, nil))
	if busy, err := b.turn(t.Context()); busy || err != nil {
		t.Errorf("turn = %v, %v; want nothing more to do", busy, err)
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "songs=") || !strings.Contains(said, `\"damaged\": vocals.wav: it is not a WAV file`) {
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

// A song that is being measured when a job comes is put off, and one that was put in later is found after an hour.
func TestAJobIsNotKeptWaitingForAnOlderSong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := time.Now()
	b.now = func() time.Time {
		now = now.Add(lookForJobs)
		return now
	}
	song := putOlder(t, b, "older", "vocals.wav")
	id := b.add("song.mp3").ID
	if err := b.measureSong(t.Context(), song); err == nil || !strings.Contains(err.Error(), errJobWaits.Error()) {
		t.Errorf("measuring while a job waits: %v", err)
	}
	spooltest.WantNames(t, song, job.TrackFile, "vocals.wav")
	if b.measureOlder(t.Context()) || len(b.older.songs) != 1 {
		t.Errorf("put off: %v", b.older.songs)
	}
	b.held = []*spool.Job{nil} // Whose lease would end meanwhile.
	if b.measureOlder(t.Context()) || len(b.older.songs) != 1 {
		t.Errorf("put off for jobs in its hands: %v", b.older.songs)
	}
	b.held = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.measureOlder(ctx)
	spooltest.WantNames(t, song, job.TrackFile, "vocals.wav")
	for range 2 {
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
	}
	b.wantDone(id)
	spooltest.WantNames(t, song, job.PeaksFile, job.TrackFile, "vocals.wav")
	later := putOlder(t, b, "later", "vocals.wav")
	if b.measureOlder(t.Context()) {
		t.Error("output/ is looked at again at once")
	}
	now = now.Add(lookForOlder)
	if !b.measureOlder(t.Context()) {
		t.Error("output/ is not looked at again after an hour")
	}
	spooltest.WantNames(t, later, job.PeaksFile, job.TrackFile, "vocals.wav")
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
	if !b.measureOlder(t.Context()) {
		t.Error("it was not measured")
	}
	spooltest.WantNames(t, song, job.PeaksFile, job.TrackFile, "vocals.wav")
}
