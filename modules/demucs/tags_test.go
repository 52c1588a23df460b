//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/options"
	"github.com/im2-audio/im2/pipeline/spool"
	"github.com/im2-audio/im2/pipeline/spooltest"
	"github.com/im2-audio/im2/pipeline/tags"
)

// withCover separates a song in which the fake programs find this picture.
func withCover(t *testing.T, picture []byte) *spool.Job {
	t.Helper()
	b := newBench(t, "ffmpeg-cover", "engine")
	b.settings.ffprobe = program(t, "ffprobe-tags")
	id := b.add("song.mp3", string(picture)).ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	return b.in(job.Separated, id)
}

func aPicture(t *testing.T, kind string) []byte {
	t.Helper()
	var out bytes.Buffer
	picture := image.NewGray(image.Rect(0, 0, 3, 2))
	switch kind {
	case "png":
		spooltest.Must(t, png.Encode(&out, picture))
	case "jpeg":
		spooltest.Must(t, jpeg.Encode(&out, picture, nil))
	default:
		spooltest.Must(t, gif.Encode(&out, picture, nil))
	}
	return out.Bytes()
}

func TestTagsAndCoverAreKept(t *testing.T) {
	t.Parallel()
	for kind, name := range map[string]string{"png": job.CoverPNG, "jpeg": job.CoverJPEG} {
		picture := aPicture(t, kind)
		j := withCover(t, picture)
		if want := (tags.Tags{"title": "A Song", "artist": "Band", "track": "3"}); !maps.Equal(j.Tags, want) || j.Cover != name || len(j.Warnings) > 0 {
			t.Errorf("tags %q, cover %q, warnings %q", j.Tags, j.Cover, j.Warnings)
		}
		spooltest.WantNames(t, j.Dir(), "job.json", "progress.json", "source", job.StemsFolder)
		spooltest.WantNames(t, j.Path(job.StemsFolder), append([]string{name, job.PeaksFile}, j.Files...)...)
		spooltest.WantText(t, j.Path(job.StemsFolder, name), string(picture))
		stem, err := os.ReadFile(j.Path(job.StemsFolder, "drums.wav"))
		if err != nil || !bytes.Contains(stem, []byte("A Song (Drums)\x00")) || !bytes.Contains(stem, []byte("Band\x00")) {
			t.Errorf("the stem lacks its tags: %v", err)
		}
	}
}

// A stem of a song without tags has the name of its file.
func TestASongWithoutTags(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	id := b.add("My\nSong v1.2.mp3", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	j := b.in(job.Separated, id)
	stem, err := os.ReadFile(j.Path(job.StemsFolder, "bass.wav"))
	if err != nil || !bytes.Contains(stem, []byte("My Song v1.2 (Bass)\x00")) {
		t.Errorf("the stem lacks its title: %v", err)
	}
	if j.Tags != nil || j.Cover != "" {
		t.Errorf("tags %q, cover %q; want none of either", j.Tags, j.Cover)
	}
}

// The file of a song without its vocals has the title as its name, and the record knows it.
func TestTheInstrumentalHasTheTitleAsItsName(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.ffprobe = program(t, "ffprobe-tags")
	b.settings.options.Stems = []string{"bass"} // The song's own options win.
	j, err := b.spool.Create("watcher")
	spooltest.Must(t, err)
	j.SetName("other name.mp3")
	j.Options = options.Options{Output: options.OutputInstrumental, Format: options.WAV}
	spooltest.Put(t, j.Path(job.SourceFile), "sound")
	spooltest.Must(t, j.Move(job.Pending))
	_, err = b.turn(t.Context())
	spooltest.Must(t, err)
	got := b.in(job.Separated, j.ID)
	if files, err := got.AudioFiles(); err != nil || len(files) != 1 || files[0] != "A Song (Instrumental).wav" {
		t.Errorf("files = %q, %v", files, err)
	}
	spooltest.WantNames(t, got.Path(job.StemsFolder), job.PeaksFile, "A Song (Instrumental).wav")
}

// A picture that is none, or that no program should open, is left out, and the song is separated.
func TestCoversThatAreLeftOut(t *testing.T) {
	t.Parallel()
	large := aPicture(t, "png")
	binary.BigEndian.PutUint32(large[16:], longestSide+1)
	binary.BigEndian.PutUint32(large[29:], crc32.ChecksumIEEE(large[12:29]))
	const kind, size = "no JPEG or PNG picture", "more than 10 MB"
	for name, tt := range map[string]struct {
		picture []byte
		want    string
	}{
		"SVG":                 {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), kind},
		"page":                {[]byte("<!DOCTYPE html><script>alert(1)</script>"), kind},
		"GIF":                 {aPicture(t, "gif"), kind},
		"nothing":             {nil, kind},
		"beginning of a PNG":  {aPicture(t, "png")[:20], kind},
		"beginning of a JPEG": {aPicture(t, "jpeg")[:20], kind},
		"too many pixels":     {large, kind},
		"too many bytes":      {append(aPicture(t, "jpeg"), make([]byte, largestCover)...), size},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := withCover(t, tt.picture)
			if j.Cover != "" || len(j.Warnings) != 1 || !strings.Contains(j.Warnings[0], tt.want) || j.Tags["title"] != "A Song" {
				t.Errorf("cover %q, warnings %q, tags %q", j.Cover, j.Warnings, j.Tags)
			}
			spooltest.WantNames(t, j.Path(job.StemsFolder), append([]string{job.PeaksFile}, j.Files...)...)
		})
	}
}

// Tags of more bytes than are read are left out, and the song is separated.
func TestTagsThatAreTooLong(t *testing.T) {
	t.Parallel()
	b := newBench(t, "ffmpeg", "engine")
	b.settings.ffprobe = program(t, "ffprobe-long-tags")
	id := b.add("song.mp3", "sound").ID
	_, err := b.turn(t.Context())
	spooltest.Must(t, err)
	if j := b.in(job.Separated, id); j.Tags != nil || len(j.Warnings) != 1 || !strings.Contains(j.Warnings[0], "tags are too long") {
		t.Errorf("tags %q, warnings %q", j.Tags, j.Warnings)
	}
}

// The picture on the front is the cover, wherever it is among the others; a film is none.
func TestWhichPictureIsTheCover(t *testing.T) {
	t.Parallel()
	stream := func(index int, codec, comment string, attached int) probedStream {
		s := probedStream{Index: index, Type: "video", Codec: codec, Tags: map[string]string{"comment": comment}}
		s.Flags.Cover = attached
		return s
	}
	for want, streams := range map[int][]probedStream{
		noCover: {stream(1, "mpeg4", "", 0), stream(2, "gif", "Cover (front)", 1), stream(3, "mjpeg", "", 0)},
		2:       {stream(1, "mpeg4", "", 0), stream(2, "png", "", 1), stream(3, "mjpeg", "Artist", 1)},
		3:       {stream(1, "png", "Cover (back)", 1), stream(3, "mjpeg", "Cover (front)", 1), stream(4, "png", "Cover (front)", 1)},
	} {
		if got := (&probed{Streams: streams}).cover(); got != want {
			t.Errorf("cover = %d; want %d", got, want)
		}
	}
}

// The real programs find tags and cover in files of these kinds.
func TestFfmpegReadsTagsAndCovers(t *testing.T) {
	t.Parallel()
	ffmpeg := realFFmpeg(t)
	front := writeTemp(t, "front.jpg", aPicture(t, "jpeg"))
	const id = "f1b0a5a2-57a4-4d4c-8f1b-8a1f1e6f4a11"
	want := tags.Tags{"title": "Söng = 1", "artist": "Band", "album": "Album", "album_artist": "All", "track": "3/12", "disc": "1/2", "date": "1999", "genre": "Rock"}
	for name, args := range map[string][]string{
		"a.mp3":  {"-i", front, "-map", "0:a", "-map", "1:v", "-c:v", "copy"},
		"a.flac": {"-i", front, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic"},
		"a.m4a":  {"-i", front, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic"},
		"a.ogg":  {"-c:a", "libvorbis"},
		"a.opus": {"-c:a", "libopus"},
		"a.mka":  {"-c:a", "flac"},
		"a.wma":  {"-c:a", "wmav2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := append([]string{"-f", "lavfi", "-i", "sine=duration=0.2:sample_rate=44100"}, args...)
			for name, text := range want {
				all = append(all, "-metadata", name+"="+text)
			}
			all = append(all, "-metadata", "MUSICBRAINZ_ALBUMID="+id)
			b := newBench(t, "ffmpeg", "engine")
			b.real(ffmpeg)
			data, err := os.ReadFile(sound(t, name, all...))
			spooltest.Must(t, err)
			added := b.add(name, string(data)).ID
			_, err = b.turn(t.Context())
			spooltest.Must(t, err)
			j := b.in(job.Separated, added)
			for name, text := range want {
				if j.Tags[name] != text && name != "album_artist" && name != "disc" { // WMA and Matroska have no such fields everywhere.
					t.Errorf("%s = %q; want %q", name, j.Tags[name], text)
				}
			}
			if hasCover := strings.Contains(strings.Join(args, " "), "1:v"); hasCover != (j.Cover == job.CoverJPEG) {
				t.Errorf("cover = %q, warnings %q", j.Cover, j.Warnings)
			} else if hasCover {
				spooltest.WantText(t, j.Path(job.StemsFolder, j.Cover), string(aPicture(t, "jpeg")))
			}
		})
	}
}
