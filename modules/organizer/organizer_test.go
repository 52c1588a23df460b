//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/layout"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/place"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/spooltest/jobtest"
	"github.com/im2-audio/im2/pipeline/tags"
)

func TestStemsAndOriginalGoWherePeopleFindThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("My Song.mp3").ID
	busy, err := b.turn(t.Context())
	if !busy || err != nil {
		t.Fatalf("turn = %v, %v", busy, err)
	}
	j := b.wantDone(id)
	if j.Track != "My Song" || j.Archived != "My Song.mp3" {
		t.Errorf("track %q, archived %q", j.Track, j.Archived)
	}
	data, err := os.ReadFile(filepath.Join(b.spool.Output(), "My Song", "track.json"))
	spooltest.Must(t, err)
	var got map[string]any
	spooltest.Must(t, json.Unmarshal(data, &got))
	for key, want := range map[string]any{
		"job": id, "track": "My Song", "source": "My Song.mp3", "sha256": digest,
		"duration_seconds": 1.5, "engine": "onnx", "model": "htdemucs",
	} {
		if got[key] != want {
			t.Errorf("track.json: %s = %v; want %v", key, got[key], want)
		}
	}
	if fmt.Sprint(got["stems"]) != "[vocals.wav drums.wav bass.wav other.wav]" || got["finished"] == nil || got["created"] == nil {
		t.Errorf("track.json = %s", data)
	}
	for _, unknown := range []string{"settings", "gain", "sum_db", "warnings", "source_rate", "tags", "cover", "name_changed_from"} {
		if got[unknown] != nil {
			t.Errorf("track.json of an earlier engine says %s: %v", unknown, got[unknown])
		}
	}
	if got["engine_version"] != 1.0 {
		t.Errorf("engine_version = %v; want 1 where the record says nothing", got["engine_version"])
	}
	if timings, ok := got["timings"].(map[string]any); !ok || timings["separated"] == nil || timings["organizing"] == nil {
		t.Errorf("timings = %v", got["timings"])
	}
	wantModes(t, filepath.Join(b.spool.Output(), "My Song"))
	if busy, err := b.turn(t.Context()); busy || err != nil {
		t.Errorf("turn without a job = %v, %v", busy, err)
	}
}

func wantModes(t *testing.T, root string) {
	t.Helper()
	spooltest.Must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		want := place.FileMode
		if d.IsDir() {
			want = place.FolderMode
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
		return nil
	}))
}

func TestSongsOfOneNameNeverOverwriteEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	spooltest.Put(t, filepath.Join(b.spool.Archive(), "song.mp3"), "someone's")
	spooltest.Must(t, os.Mkdir(filepath.Join(b.spool.Output(), "song"), place.FolderMode))
	var tracks, archived []string
	for _, name := range []string{"song.mp3", "song.mp3", "song.flac"} {
		id := b.add(name).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		j := b.wantDone(id)
		tracks, archived = append(tracks, j.Track), append(archived, j.Archived)
	}
	if got := strings.Join(tracks, "|"); got != "song (2)|song (3)|song (4)" {
		t.Errorf("tracks = %s", got)
	}
	if got := strings.Join(archived, "|"); got != "song (2).mp3|song (3).mp3|song.flac" {
		t.Errorf("archived = %s", got)
	}
	spooltest.WantText(t, filepath.Join(b.spool.Archive(), "song.mp3"), "someone's")
	spooltest.WantNames(t, filepath.Join(b.spool.Output(), "song"))
}

// What was asked for and what came of it is told beside the files.
func TestTrackJSONTellsHowTheStemsWereMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	settings := options.Options{TwoStems: "vocals", Format: options.FLAC}.Over(options.Default())
	sum := 25.5
	said := tags.Tags{"title": "<Aux>", "artist": "Band", "musicbrainz_trackid": "f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11"}
	id := b.add("aux.mp3", func(r *job.Record) {
		r.Tags, r.Cover = said, job.CoverPNG
		r.Settings, r.Files = settings, settings.Files(options.DefaultStems)
		r.Gain, r.SumDB, r.Warnings, r.SourceRate, r.EngineVersion = 0.5, &sum, []string{"it is quiet"}, 48000, options.EngineVersion
	}).ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	j := b.wantDone(id)
	data, err := os.ReadFile(filepath.Join(b.spool.Output(), j.Track, job.TrackFile))
	spooltest.Must(t, err)
	var got struct {
		trackInfo
		Stems []string `json:"stems"`
	}
	spooltest.Must(t, json.Unmarshal(data, &got))
	if !got.Settings.Equal(settings) || strings.Join(got.Stems, " ") != "vocals.flac no_vocals.flac" || got.Gain != 0.5 || *got.SumDB != 25.5 ||
		len(got.Warnings) != 1 || !maps.Equal(got.Tags, said) || got.Cover != "cover.png" || got.SourceRate != 48000 || got.EngineVersion != 2 || got.Track != "aux_" || got.NameChangedFrom != "aux" {
		t.Errorf("track.json = %s", data)
	}
}

// Programs on the host read the files that a record names: one that names others is given up.
func TestARecordThatNamesOtherFilesIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../../.env", "track.json", ""} {
		b := newBench(t)
		id := b.add("song.mp3").ID
		j := jobtest.In(t, b.spool, job.Separated, id)
		j.Files = []string{"vocals.wav", name}
		spooltest.Must(t, j.Save())
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		failed := jobtest.In(t, b.spool, job.Failed, id)
		if !strings.Contains(failed.Error, "it is not a stem") || failed.Name != "song.mp3" {
			t.Errorf("%q: error = %q", failed.Name, failed.Error)
		}
		spooltest.WantNames(t, failed.Dir(), "job.json", job.DamagedFile, "source", "stems")
		spooltest.WantNames(t, b.spool.Output())
	}
}

// Names that are one name on macOS and Windows get folders that are two there, and names that these
// cannot have get others.
func TestNamesForOtherSystems(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var tracks []string
	for _, name := range []string{"Song.mp3", "song.mp3", "SONG", "\u00c4.wav", "A\u0308.wav", "NUL.mp3", "nul_.mp3", "Song v1.2", "Live 1999.12.flac"} {
		id := b.add(name).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		tracks = append(tracks, b.wantDone(id).Track)
	}
	if got, want := strings.Join(tracks, "|"), "Song|song (2)|SONG (3)|\u00c4|A\u0308 (2)|NUL_|nul_ (2)|Song v1.2|Live 1999.12"; got != want {
		t.Errorf("tracks = %s; want %s", got, want)
	}
}

// With the layout for media servers, songs are in folders of their artists and albums, beside those of earlier settings.
func TestSongsInFoldersOfAlbums(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	flat := b.add("Band.mp3").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	b.layout = layout.Media
	said := tags.Tags{"title": "Who?", "artist": "Band", "album": "First", "track": "3/12"}
	for i, want := range []string{
		"Band (2)/First/03 Who_", "Band (2)/First/03 Who_ (2)", "Band (2)/First/03 who_ (3)", "Unknown Artist/Unknown Album/song 3", "Unknown Artist/Unknown Album/song 3 (2)",
	} {
		id := b.add("song 3.mp3", func(r *job.Record) {
			switch {
			case i == 2:
				r.Tags = said.With("album_artist", "BAND").With("title", "who?").With("album", "FIRST")
			case i < 2:
				r.Tags = said
			}
		}).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		j := b.wantDone(id)
		var got trackInfo
		text, err := os.ReadFile(filepath.Join(b.spool.Output(), want, job.TrackFile))
		spooltest.Must(t, err)
		spooltest.Must(t, json.Unmarshal(text, &got))
		changed := map[bool]string{true: j.Tags["title"]}[i < 3]
		if j.Track != want || got.Track != want || got.NameChangedFrom != changed {
			t.Errorf("track %q, and %q from %q; want %q from %q", j.Track, got.Track, got.NameChangedFrom, want, changed)
		}
	}
	if j := b.wantDone(flat); j.Track != "Band" {
		t.Errorf("track %q", j.Track)
	}
	wantModes(t, b.spool.Output())
	spooltest.WantNames(t, b.spool.Output(), "Band", "Band (2)", "Unknown Artist")
	spooltest.WantNames(t, filepath.Join(b.spool.Output(), "Band (2)"), "First")
}

func TestALayoutThatIsNone(t *testing.T) {
	t.Setenv(layout.Setting, "plex")
	s := organizerService()
	flags := flag.NewFlagSet("organizer", flag.ContinueOnError)
	s.Flags(flags)
	want := "-layout \"plex\": it must be flat or media; set OUTPUT_LAYOUT in .env.local and run `mage up`"
	if err := s.Check(); err == nil || err.Error() != want {
		t.Errorf("Check = %v; want %s", err, want)
	}
	spooltest.Must(t, flags.Parse([]string{"-layout=media"}))
	spooltest.Must(t, s.Check())
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{
		"-rf.mp3", "a\nb.mp3", "\xff\xfe.mp3", `"'$(x)` + "`.mp3", "...", strings.Repeat("n", 251) + ".mp3", "..\\x.mp3",
	} {
		id := b.add(name).ID
		_, err := b.turn(t.Context())
		spooltest.Must(t, err)
		if j := b.wantDone(id); j.RawArchived() != name {
			t.Errorf("%q was archived as %q", name, j.RawArchived())
		}
	}
}

func TestTwoOrganizersGiveEachTrackItsOwnFolder(t *testing.T) {
	t.Parallel()
	for _, layouts := range [][2]string{{layout.Flat, layout.Flat}, {layout.Media, layout.Media}, {layout.Flat, layout.Media}} {
		t.Run(strings.Join(layouts[:], " and "), func(t *testing.T) {
			t.Parallel()
			testTwoOrganizers(t, layouts)
		})
	}
}

// testTwoOrganizers puts songs out whose artist is called as their files are.
func testTwoOrganizers(t *testing.T, layouts [2]string) {
	t.Helper()
	const songs = 30
	first := newBench(t)
	second := newBenchAs(t, first.env.Data, "you")
	first.layout, second.layout = layouts[0], layouts[1]
	ids := make([]string, 0, songs)
	for range songs {
		ids = append(ids, first.add("song.mp3", func(r *job.Record) { r.Tags = tags.Tags{"artist": "song", "album": "First", "title": "song"} }).ID)
	}
	var wg sync.WaitGroup
	for _, b := range []*bench{first, second} {
		wg.Go(func() {
			for busy := true; busy; {
				var err error
				if busy, err = b.turn(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		first.wantDone(id)
	}
}

func TestTheServiceWorksUntilItIsStopped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.add("song.mp3").ID
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error)
	go func() { done <- organizerService().Run(ctx, b.env) }()
	for ctx.Err() == nil && !place.Exists(filepath.Join(b.spool.StageFolder(job.Done), id)) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	spooltest.Must(t, <-done)
	b.wantDone(id)
}

// Songs wait for the folder of their artist alone, with what to do, and go where they were to go then.
func TestUnprivilegedAFolderOfAnArtistThatIsShut(t *testing.T) {
	t.Parallel()
	spooltest.NeedUnprivileged(t)
	b := newBench(t)
	b.layout = layout.Media
	of := func(artist string) string {
		return b.add("a.mp3", func(r *job.Record) { r.Tags = tags.Tags{"artist": artist, "album": "First", "title": "Song"} }).ID
	}
	band := filepath.Join(b.spool.Output(), "Band")
	spooltest.Must(t, os.Mkdir(band, place.FolderMode))
	spooltest.Must(t, os.Chmod(band, 0o555))
	t.Cleanup(func() { spooltest.Must(t, os.Chmod(band, place.FolderMode)) }) // Or else the test's folder could not be removed.
	held, other := of("Band"), of("Other")
	for range 2 * spool.MaxAttempts {
		if _, err := b.turn(t.Context()); !errors.Is(err, spool.ErrNotWritable) || job.IDOf(err) != held {
			t.Errorf("turn = %v", err)
		}
	}
	if j := b.wantDone(other); j.Track != "Other/First/Song" {
		t.Errorf("track = %q", j.Track)
	}
	if j := jobtest.In(t, b.spool, job.Organizing, held); j.Error != "" {
		t.Errorf("error = %q", j.Error)
	}
	spooltest.Must(t, os.Chmod(band, place.FolderMode))
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.wantDone(held); j.Track != "Band/First/Song" {
		t.Errorf("track = %q", j.Track)
	}
}
