package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/dhowden/tag"
	"github.com/dhowden/tag/mbz"
	"github.com/go-audio/wav"

	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/tags"
)

// songTags have what could mislead a program that writes or reads them.
func songTags() tags.Tags {
	const id = "f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11"
	t := tags.Tags{
		"title": `-i "A=B"; é 歌 <🎵> \0 %s`, "artist": "-metadata", "album": "@/etc/passwd", "album_artist": "Various = Artists",
		"track": "3/12", "disc": "2", "date": "1999-02-03", "genre": "Post-Rock",
	}
	for _, f := range tags.Fields[8:] {
		t[f.Name] = id
	}
	return t
}

// wantTags reads the tags of a file with a library that nothing else uses. That knows of no WAV files: of one it gets the chunk.
func wantTags(t *testing.T, name, title string) {
	t.Helper()
	file, err := os.Open(name)
	spooltest.Must(t, err)
	defer func() { _ = file.Close() }()
	in := io.ReadSeeker(file)
	if strings.HasSuffix(name, ".wav") {
		in = bytes.NewReader(chunkOf(t, file, "id3 "))
	}
	m, err := tag.ReadFrom(in)
	spooltest.Must(t, err)
	of := func(n, total int) string { return strings.TrimSuffix(fmt.Sprintf("%d/%d", n, total), "/0") }
	got := map[string]string{}
	for name, value := range m.Raw() {
		switch value := value.(type) {
		case string:
			got[strings.ToLower(name)] = value
		case *tag.Comm: // A TXXX frame.
			got[value.Description] = value.Text
		}
	}
	got["date"] = cmp.Or(got["date"], got["tdrc"])
	got["title"], got["artist"], got["album"], got["album_artist"], got["genre"] = m.Title(), m.Artist(), m.Album(), m.AlbumArtist(), m.Genre()
	got["track"], got["disc"] = of(m.Track()), of(m.Disc())
	if want := songTags().With("title", title); !maps.Equal(tags.Read(got), want) {
		t.Errorf("%s has\n%q; want\n%q", name, got, want)
	}
	known := 6
	if m.Format() == tag.VORBIS { // The library knows that of a recording by another name than Picard's.
		known = 5
	}
	if ids := mbz.Extract(m); len(ids) != known {
		t.Errorf("%s has the IDs %q; want %d", name, ids, known)
	}
}

// chunkOf returns a chunk of a WAV file.
func chunkOf(t *testing.T, file *os.File, id string) []byte {
	t.Helper()
	in := wav.NewDecoder(file)
	in.ReadInfo()
	for {
		chunk, err := in.NextChunk()
		if err != nil {
			t.Fatalf("looking for the chunk %q: %v", id, err)
		}
		if string(chunk.ID[:]) == id {
			text, err := io.ReadAll(io.LimitReader(chunk.R, int64(chunk.Size)))
			spooltest.Must(t, err)
			return text
		}
		chunk.Drain()
	}
}

// The tags of a WAV file are in two forms, and its samples are where they were.
func TestTagsOfWAVFiles(t *testing.T) {
	t.Parallel()
	for _, bits := range []string{"16", "24", "float"} {
		ask := wave(options.Options{Bits: bits, TwoStems: "vocals"})
		plain := put(t, newSong(1001), ask)
		finish(t, plain)
		job := put(t, newSong(1001), ask)
		job.Tags = songTags()
		finish(t, job)
		wantInfo(t, path(job, "vocals.wav"), songTags()["title"]+" (Vocals)")
		wantInfo(t, path(job, "no_vocals.wav"), songTags()["title"]+" (No Vocals)")
		wantTags(t, path(job, "vocals.wav"), songTags()["title"]+" (Vocals)")
		with, err := os.ReadFile(path(job, "vocals.wav"))
		spooltest.Must(t, err)
		without, err := os.ReadFile(path(plain, "vocals.wav"))
		spooltest.Must(t, err)
		if !bytes.Equal(with[8:len(without)], without[8:]) || string(with[len(without):][:4]) != "LIST" || len(with)%2 != 0 {
			t.Errorf("%s bits: more than the end of the file has changed", bits)
		}
	}
}

// wantInfo reads the tags of a WAV file with a library that nothing else uses, and its samples.
func wantInfo(t *testing.T, name, title string) {
	t.Helper()
	file, err := os.Open(name)
	spooltest.Must(t, err)
	defer func() { _ = file.Close() }()
	in := wav.NewDecoder(file)
	in.ReadMetadata()
	m, want := in.Metadata, songTags()
	if m == nil || in.Err() != nil || m.Title != title || m.Artist != want["artist"] || m.Product != want["album"] || m.CreationDate != want["date"] || m.Genre != want["genre"] {
		t.Errorf("%s has %+v, %v", name, m, in.Err())
	}
	_, err = file.Seek(0, io.SeekStart)
	spooltest.Must(t, err)
	in = wav.NewDecoder(file)
	spooltest.Must(t, in.FwdToPCM())
	if got, want := in.PCMLen(), int64(1001*channels*int(in.BitDepth)/8); got != want {
		t.Errorf("%s has %d bytes of samples; want %d", name, got, want)
	}
}

// The bytes of the chunk, put together by hand: each text ends in a zero, and has an even length.
func TestInfoChunk(t *testing.T) {
	t.Parallel()
	got := string(infoChunk(tags.Tags{"title": "ab", "artist": "abc", "disc": "1"}))
	if want := "LIST" + le(4, 4+8+4+8+4) + "INFO" + "INAM" + le(4, 4) + "ab\x00\x00" + "IART" + le(4, 4) + "abc\x00"; got != want {
		t.Errorf("% x; want\n% x", got, want)
	}
	if got := infoChunk(tags.Tags{"disc": "1"}); got != nil {
		t.Errorf("% x for nothing", got)
	}
}

// The same of the other one, of which an odd length is filled up.
func TestID3Chunk(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	got := string(id3Chunk(tags.Tags{"title": "é", "musicbrainz_workid": long}))
	const name = "MusicBrainz Work Id\x00"
	body := "TIT2\x00\x00\x00\x03\x00\x00\x03é" + "TXXX\x00\x00\x01\x5d\x00\x00\x03" + name + long
	if want := "id3 " + le(4, uint64(10+len(body))) + "ID3\x04\x00\x00\x00\x00\x01\x74" + body; got != want {
		t.Errorf("% x; want\n% x", got, want)
	}
	if got := id3Chunk(tags.Tags{"disc": "12"}); len(got) != 8+10+10+3+1 || got[len(got)-1] != 0 || got[4] != 10+10+3 {
		t.Errorf("% x", got)
	}
	if got := tagChunks(nil); got != nil {
		t.Errorf("% x for nothing", got)
	}
}

// What is written into files of each kind is what another library and ffprobe read there, byte for byte the same each time. The
// length of an MP3 file is still right behind the tag.
func TestFfmpegWritesTags(t *testing.T) {
	t.Parallel()
	for _, format := range []string{options.FLAC, options.MP3, options.WAV} {
		var before []byte
		for range 2 {
			job := withFFmpeg(t, put(t, newSong(5*1152+46), wave(options.Options{Format: format, Stems: []string{"bass"}})))
			job.Tags = songTags()
			name := path(job, finish(t, job).Files[0])
			now, err := os.ReadFile(name)
			spooltest.Must(t, err)
			if before != nil && !bytes.Equal(before, now) {
				t.Errorf("%s: other bytes at the second time", format)
			}
			before = now
			if got := len(decoded(t, name)) / channels; got != 5*1152+46 {
				t.Errorf("%s: %d frames", format, got)
			}
			wantTags(t, name, songTags()["title"]+" (Bass)")
			wantProbed(t, name)
		}
	}
}

// wantProbed reads the tags of a file as the worker does.
func wantProbed(t *testing.T, name string) {
	t.Helper()
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		spooltest.LeaveOut(t, "reading tags with ffprobe: %v; install ffmpeg", err)
	}
	out, err := exec.CommandContext(t.Context(), probe, "-v", "error", "-of", "json", "-show_entries", "format_tags="+strings.Join(tags.Said(), ","), name).Output()
	spooltest.Must(t, err)
	var said struct {
		Format struct{ Tags map[string]string }
	}
	spooltest.Must(t, json.Unmarshal(out, &said))
	if got, want := tags.Read(said.Format.Tags), songTags().With("title", songTags()["title"]+" (Bass)"); !maps.Equal(got, want) {
		t.Errorf("%s has\n%q; want\n%q", name, got, want)
	}
}
