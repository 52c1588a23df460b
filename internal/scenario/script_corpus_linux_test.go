package scenario_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// A badInput is something that people, or their programs, put where songs belong.
type badInput struct {
	// name is what it is called in input/.
	name string
	// content is what the file holds; nil where make makes it.
	content []byte
	make    func(path string) error
	// rejected is what the text beside the rejected file says, after the name; "" for what is
	// separated like any song, though it does not look like one.
	rejected string
	// root says that the file stays root's, as after a copy with sudo.
	root bool
}

// badInputs need the folder outside, which the services must neither read nor change, the folder
// linked beside it, whose song has a second name in input/, and two videos that only an encoder
// can make.
func badInputs(outside string, film, silentFilm []byte) []badInput {
	all := append(brokenFiles(), strangeSounds()...)
	all = append(all, foreignFiles()...)
	all = append(all, specialFiles(outside)...)
	return append(all,
		badInput{name: "film.mp4", content: film, root: true},
		badInput{name: "silent film.mp4", content: silentFilm, rejected: "holds no sound"})
}

// brokenFiles are songs that something happened to.
func brokenFiles() []badInput {
	const rate44 = 44100
	whole := wavOf(rate44, 2, 1, rate44)
	noise := make([]byte, 100_000)
	rand.NewChaCha8([32]byte{7}).Read(noise) //nolint:errcheck // never fails
	eightHours := wavOf(rate44, 2, 2, rate44)
	binary.LittleEndian.PutUint32(eightHours[40:], 4*rate44*3600*6) // as many as fit into 32 bits
	binary.LittleEndian.PutUint32(eightHours[4:], 4*rate44*3600*6+36)
	return []badInput{
		{name: "empty.mp3", content: []byte{}, rejected: "is empty"},
		{name: "truncated header.wav", content: whole[:30], rejected: "is not audio|could not be decoded|holds no sound"},
		{name: "header alone.wav", content: whole[:44], rejected: "holds no sound|could not be decoded"},
		{name: "zero samples.wav", content: wavOf(rate44, 2, 1, 0), rejected: "holds no sound|could not be decoded"},
		{name: "cut short.wav", content: whole[:len(whole)/2]},
		{name: "random.mp3", content: noise, rejected: "could not be decoded|holds no sound"},
		{name: "random after a tag.mp3", content: append([]byte("ID3\x04\x00\x00\x00\x00\x00\x0a0123456789"), noise...), rejected: "could not be decoded|holds no sound"},
		{name: "random flac.flac", content: append([]byte("fLaC\x00\x00\x00\x22"), noise...), rejected: "could not be decoded|holds no sound"},
		{name: "random ogg.ogg", content: append([]byte("OggS\x00\x02"), noise...), rejected: "could not be decoded|holds no sound"},
		{name: "no such codec.wav", content: withFormat(whole, 0xbeef), rejected: "could not be decoded|holds no sound"},
		{name: "claims hours.wav", content: eightHours},
		{name: "days of silence.wav", make: sparse(wavOf(8000, 1, 1, 0), 2<<30), rejected: "plays for more than 24h0m0s, and at most"},
		{name: "two gigabytes of nothing.mp3", make: sparse(nil, 2<<30), rejected: "could not be decoded|holds no sound"},
		{name: "no number.wav", content: floatWith(float32(math.NaN())), rejected: "sample 9001 of channel 2 .*is not a number"},
		{name: "infinite.wav", content: floatWith(float32(math.Inf(1))), rejected: "sample 9001 of channel 2 .*is infinite, at 204"},
		{name: "denormal.wav", content: floatWith(math.SmallestNonzeroFloat32)},
	}
}

// strangeSounds are sounds that hardly anybody makes.
func strangeSounds() []badInput {
	return []badInput{
		{name: "1 Hz.wav", content: wavOf(1, 1, 3, 3)},
		{name: "384 kHz.wav", content: wavOf(384_000, 2, 4, 384_000)},
		{name: "32 channels.wav", content: wavOf(44100, 32, 5, 20_000)},
		{name: "200 channels.wav", content: wavOf(44100, 200, 5, 2000), rejected: "could not be decoded"},
		{name: "no channels.wav", content: patched(wavOf(44100, 2, 6, 1000), 22, 0, 0), rejected: "could not be decoded|holds no sound"},
		{name: "0 Hz.wav", content: patched(wavOf(44100, 2, 7, 1000), 24, 0, 0, 0, 0), rejected: "could not be decoded|holds no sound"},
		{name: "one sample.wav", content: wavOf(44100, 2, 8, 1)},
		{name: "not text.txt", content: wavOf(44100, 2, 9, 20_000)},
		{name: "bad\xff\xfename.wav", content: wavOf(44100, 2, 10, 20_000)},
		{name: strings.Repeat("n", 251) + ".wav", content: wavOf(44100, 2, 11, 20_000)},
	}
}

// foreignFiles are no sounds, whatever their names say.
func foreignFiles() []badInput {
	list := "#EXTM3U\n#EXTINF:1,x\nfile:///etc/passwd\n"
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	_, _ = z.Write(make([]byte, 50<<20)) // into memory: never fails
	_ = z.Close()
	return []badInput{
		{name: "text.wav", content: []byte("this is a text\n"), rejected: "is not audio"},
		{name: "error page.mp3", content: []byte("<!DOCTYPE html><html><body>404</body></html>"), rejected: "is not audio"},
		{name: "playlist.m3u", content: []byte(list), rejected: "is not audio"},
		{name: "stream list.mp3", content: []byte("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n"), rejected: "is not audio"},
		{name: "script.mp3", content: []byte("ffconcat version 1.0\nfile '/etc/passwd'\n"), rejected: "is not audio"},
		{name: "entities.mp3", content: []byte(`<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>`), rejected: "is not audio"},
		{name: "notes.mid", content: []byte("MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60MTrk\x00\x00\x00\x04\x00\xff\x2f\x00"), rejected: "is not audio"},
		{name: "cover.mp3", content: []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"), rejected: "is not audio"},
		{name: "program.flac", content: append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 200)...), rejected: "is not audio"},
		{name: "bomb.mp3", content: bomb.Bytes(), rejected: "is not audio"},
		{name: "encrypted.zip.mp3", content: encryptedZip(), rejected: "is not audio"},
		{name: "new\nline.mp3", content: []byte("no music\n"), rejected: "is not audio"},
		{name: "$(id > x).mp3", content: []byte("no music here\n"), rejected: "is not audio"},
		{name: "-i.mp3", content: []byte("no music at all\n"), rejected: "is not audio"},
		{name: strings.Repeat("t", 251) + ".mp3", content: []byte("a long name\n"), rejected: "is not audio"},
	}
}

// specialFiles are no plain files, or lead outside of the data folder.
func specialFiles(outside string) []badInput {
	device := func(mode uint32, number uint64) func(string) error {
		return func(path string) error { return unix.Mknod(path, mode|0o666, int(number)) }
	}
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	song, linked := filepath.Join(outside, "song.wav"), filepath.Join(outside, "..", "linked", "song.wav")
	return []badInput{
		{name: "link to passwd.mp3", make: link("/etc/passwd"), rejected: "is a symbolic link"},
		{name: "link to a song.wav", make: link(song), rejected: "is a symbolic link"},
		{name: "link up.wav", make: link("../../outside/song.wav"), rejected: "is a symbolic link"},
		{name: "link to nothing.wav", make: link("nothing"), rejected: "is a symbolic link"},
		{name: "link to itself.wav", make: link("link to itself.wav"), rejected: "is a symbolic link"},
		{name: "link to a folder.wav", make: link("/"), rejected: "is a symbolic link"},
		{name: "pipe.wav", make: func(path string) error { return unix.Mkfifo(path, 0o666) }, rejected: "is a named pipe"},
		{name: "socket.wav", make: listening, rejected: "is a socket"},
		{name: "null.wav", make: device(unix.S_IFCHR, unix.Mkdev(1, 3)), rejected: "is a device"},
		{name: "endless.wav", make: device(unix.S_IFCHR, unix.Mkdev(1, 5)), rejected: "is a device"},
		{name: "disk.wav", make: device(unix.S_IFBLK, unix.Mkdev(7, 0)), rejected: "is a device"},
		{name: "closed.wav", make: func(path string) error { return os.WriteFile(path, wavOf(44100, 2, 12, 9), 0) }, rejected: "cannot be read by the user", root: true},
		{name: "other name of a song outside.wav", make: func(path string) error { return os.Link(linked, path) }},
		{name: "album.wav", make: func(path string) error { return os.Mkdir(path, 0o755) }, rejected: "in input/ is a folder"},
	}
}

// listening leaves a socket in the file system. It is made where its path is short enough
// (unix(7): 107 bytes).
func listening(path string) error {
	short, err := os.MkdirTemp("", "s")
	if err != nil {
		return err
	}
	defer os.RemoveAll(short) //nolint:errcheck // empty by then
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(short, "s"), Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close() //nolint:errcheck // the name stays, which is all that is wanted
	return os.Rename(filepath.Join(short, "s"), path)
}

// sparse makes a file that begins so and is as large as that, without taking room. The data of a
// WAV file reach to its end.
func sparse(begin []byte, size int64) func(string) error {
	if len(begin) >= 44 {
		binary.LittleEndian.PutUint32(begin[4:], uint32(size-8))
		binary.LittleEndian.PutUint32(begin[40:], uint32(size-44))
	}
	return func(path string) error {
		if err := os.WriteFile(path, begin, 0o644); err != nil {
			return err
		}
		return os.Truncate(path, size)
	}
}

// wavOf is a 16-bit WAV file with a quiet noise, another one for each seed.
func wavOf(rate, channels, seed, frames int) []byte {
	data := make([]byte, 0, 44+2*channels*frames)
	data = append(data, "RIFF"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(36+2*channels*frames))
	data = append(data, "WAVEfmt "...)
	for _, v := range []any{uint32(16), uint16(1), uint16(channels), uint32(rate), uint32(rate * channels * 2), uint16(2 * channels), uint16(16)} {
		data, _ = binary.Append(data, binary.LittleEndian, v) // fixed sizes: never fails
	}
	data = append(data, "data"...)
	data = binary.LittleEndian.AppendUint32(data, uint32(2*channels*frames))
	noise := rand.New(rand.NewPCG(uint64(seed), 1))
	for range channels * frames {
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(noise.IntN(8000)-4000)))
	}
	return data
}

func withFormat(wav []byte, tag uint16) []byte {
	return patched(wav, 20, byte(tag), byte(tag>>8))
}

func patched(data []byte, at int, with ...byte) []byte {
	data = bytes.Clone(data)
	copy(data[at:], with)
	return data
}

// encryptedZip is the head of an archive with one entry that is encrypted (APPNOTE.TXT 4.4.4: the
// first bit of the flags).
func encryptedZip() []byte {
	head := []byte("PK\x03\x04\x14\x00\x01\x00\x08\x00")
	head = append(head, make([]byte, 16)...)
	head = append(head, 8, 0, 0, 0)
	return append(append(head, "song.mp3"...), make([]byte, 64)...)
}

// cmdCorpus puts all bad inputs into the data folder of a project at once, and waits until each
// has come to its end: separated, or rejected with a text that says why.
func cmdCorpus(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 6, "corpus DATA OUTSIDE FILM SILENT-FILM KINDS TIMEOUT")
	data, outside := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	limit, err := time.ParseDuration(args[5])
	ts.Check(err)
	film, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	silent, err := os.ReadFile(ts.MkAbs(args[3]))
	ts.Check(err)
	inputs := append(badInputs(outside, film, silent), kindsIn(ts, ts.MkAbs(args[4]))...)
	ts.Logf("%d bad inputs", len(inputs))
	for _, in := range inputs {
		putIn(ts, in, filepath.Join(data, "input"))
	}
	open := inputs
	for deadline := time.Now().Add(limit); len(open) > 0; time.Sleep(time.Second) {
		open = stillOpen(ts, data, open)
		if len(open) > 0 && time.Now().After(deadline) {
			_ = ts.Exec("mage", "jobs")
			for _, in := range open {
				ts.Logf("%q, which should be %s", in.name, or(in.rejected, "separated"))
			}
			ts.Fatalf("after %s, %d inputs are not where they belong", limit, len(open))
		}
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return "rejected: " + text
}

// putIn makes one of them under a hidden name, so that it appears whole.
func putIn(ts *testscript.TestScript, in badInput, folder string) {
	path := filepath.Join(folder, ".coming")
	if in.make == nil {
		ts.Check(os.WriteFile(path, in.content, 0o644))
	} else {
		ts.Check(in.make(path))
	}
	if !in.root {
		uid, gid, _ := strings.Cut(ts.Getenv("IDS"), ":")
		ts.Check(os.Lchown(path, number(ts, uid), number(ts, gid)))
	}
	ts.Check(os.Rename(path, filepath.Join(folder, in.name)))
}

// stillOpen are the inputs that have not come to their end.
func stillOpen(ts *testscript.TestScript, data string, inputs []badInput) []badInput {
	texts := read(ts, filepath.Join(data, "rejected", "*.txt"))
	tracks := read(ts, filepath.Join(data, "output", "*", "track.json"))
	var open []badInput
	for _, in := range inputs {
		if !in.ended(ts, texts, tracks) {
			open = append(open, in)
		}
	}
	return open
}

func read(ts *testscript.TestScript, pattern string) (texts []string) {
	found, err := filepath.Glob(pattern)
	ts.Check(err)
	for _, path := range found {
		text, err := os.ReadFile(path)
		ts.Check(err)
		texts = append(texts, string(text))
	}
	return texts
}

// ended reports whether it is where it belongs. It fails the script when it is elsewhere.
func (in badInput) ended(ts *testscript.TestScript, texts, tracks []string) bool {
	name := strconv.Quote(in.name)
	for _, text := range texts {
		if !strings.HasPrefix(text, name) {
			continue
		}
		if in.rejected == "" || !regexp.MustCompile(in.rejected).MatchString(text) {
			ts.Fatalf("%s should be %s, and was rejected: %s", name, or(in.rejected, "separated"), text)
		}
		return true
	}
	if in.content == nil && in.rejected != "" {
		return false
	}
	for _, text := range tracks {
		var track struct {
			SHA256 string `json:"sha256"`
			Source string `json:"source"`
		}
		ts.Check(json.Unmarshal([]byte(text), &track))
		sum := sha256.Sum256(in.content)
		if track.SHA256 != hex.EncodeToString(sum[:]) && (in.content != nil || track.Source != in.name) {
			continue
		}
		if in.rejected != "" {
			ts.Fatalf("%s was separated; it should be %s", name, or(in.rejected, ""))
		}
		return true
	}
	return false
}

// cmdState writes what of a folder must not change while the services run: names, owners, modes,
// times of the last change and of the last look, and contents.
func cmdState(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 2, "state DIR FILE")
	var all strings.Builder
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var s unix.Stat_t
		if err := unix.Lstat(path, &s); err != nil {
			return err
		}
		fmt.Fprintf(&all, "%s %o %d:%d %d changed %d\n", filepath.Base(path), s.Mode, s.Uid, s.Gid, s.Size, s.Mtim.Nano())
		if s.Mode&unix.S_IFMT != unix.S_IFDIR { // this very look reads folders
			fmt.Fprintf(&all, "read %d\n", s.Atim.Nano())
		}
		return nil
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(all.String()), 0o644))
}
