//go:build linux

// Package pages_test opens the pages of the service web in a real browser, with songs that are made for the test: what
// they show at each size, what can be heard, and whether the keyboard and a screen reader are enough.
package pages_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/im2-audio/im2/pipeline/peaks"
)

const (
	rate     = 44100
	channels = 2
	// appUser is which user the service runs as if this is root: as root it refuses.
	appUser = 1000
	// patience is for a machine that is busy.
	patience = 3 * time.Minute
)

// required says that a missing program fails the tests, and may be installed.
var required = os.Getenv("IM2_REQUIRE_DOCKER") == "1"

// need returns the path of what a test cannot do without.
func need(t *testing.T, what string, path string, err error) string {
	t.Helper()
	if err == nil {
		return path
	}
	if required {
		t.Fatalf("IM2_REQUIRE_DOCKER=1 and there is no %s: %v", what, err)
	}
	t.Skipf("LEFT OUT: no %s: %v", what, err)
	return ""
}

// A song is a folder in output/ that is made for a test.
type song struct {
	name    string
	stems   []string
	seconds int
	// sounds are the frames in which all stems are not silent, from each of these on for 20 seconds.
	sounds []int
	// cover is a picture, as a PNG file; nil for none.
	cover []byte
	// title is what its file says that it is called, and its artist and album; "" for nothing.
	title string
	// wave is how loud a stem is said to be in each bin of peaks.json, from 0 to 1; nil for what is true, which takes long for hours.
	wave func(stem, bin int) float64
	// made is the content of each stem's file, and ext its extension; without, they are WAV files with sounds.
	made []byte
	ext  string
}

var stems = []string{"vocals", "drums", "bass", "other"}

// amplitude is how loud the stem i is: all have the same noise, so that who hears two of them at once can compare them.
func amplitude(i int) float64 { return 0.4 / float64(i+1) }

// noise is white, and the same for each frame and run.
func noise(frame int) float64 {
	x := uint32(frame)*2654435761 + 12345
	x ^= x >> 16
	x *= 0x45d9f3b
	x ^= x >> 16
	return float64(x)/(1<<31) - 1
}

// sound is what is heard of the stem i from a frame on, as samples and as what a file has of them.
func sound(i, from, n int) (samples []float32, block []byte) {
	for frame := from; frame < from+n; frame++ {
		x := amplitude(i) * noise(frame)
		for range channels {
			samples = append(samples, float32(x))
			block = binary.LittleEndian.AppendUint16(block, uint16(int16(x*(1<<15))))
		}
	}
	return samples, block
}

// put makes the song below data.
func (s song) put(t *testing.T, data string) {
	t.Helper()
	folder := filepath.Join(data, "output", s.name)
	must(t, os.MkdirAll(folder, 0o755))
	frames := int64(s.seconds) * rate
	var waves []peaks.Stem
	var files []string
	for i, stem := range s.stems {
		file := stem + cmp.Or(s.ext, ".wav")
		files = append(files, file)
		if s.made == nil {
			waves = append(waves, s.putWAV(t, folder, file, i))
			continue
		}
		must(t, os.WriteFile(filepath.Join(folder, file), s.made, 0o644))
		waves = append(waves, peaks.NewMeter(frames, channels).Stem(file, 1))
	}
	if s.cover != nil {
		must(t, os.WriteFile(filepath.Join(folder, "cover.png"), s.cover, 0o644))
	}
	text, err := peaks.New(frames, rate, waves).Bytes()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "peaks.json"), text, 0o644))
	track, err := json.Marshal(map[string]any{
		"job": "20261120T100000.000001Z-0000000a", "track": s.name, "source": s.name + ".mp3", "sha256": strings.Repeat("ab", 32),
		"duration_seconds": s.seconds, "engine": "onnx", "model": "htdemucs", "created": "2026-11-20T10:00:00Z", "finished": "2026-11-20T10:05:00Z",
		"stems": files, "timings": map[string]float64{"separating": 60}, "source_rate": rate, "engine_version": 2, "gain": 0.93, "sum_db": 41.5,
		"settings": map[string]any{"format": "wav", "bits": "16", "clip": "rescale", "overlap": 0.25, "shifts": 0, "model": "htdemucs", "sum": "model", "rate": "44100"},
		"tags":     map[string]string{"title": s.title, "artist": s.title, "album": s.title},
		"warnings": []string{"all stems were made quieter by 0.63 dB, so that none of them clips"},
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "track.json"), track, 0o644))
}

// putWAV makes the file of the stem i, and returns what is drawn of it. What is silent takes no room on the disk.
func (s song) putWAV(t *testing.T, folder, file string, i int) peaks.Stem {
	t.Helper()
	frames := int64(s.seconds) * rate
	meter := peaks.NewMeter(frames, channels)
	out, err := os.Create(filepath.Join(folder, file))
	must(t, err)
	header := wavHeader(frames)
	_, err = out.Write(header)
	must(t, err)
	must(t, out.Truncate(int64(len(header))+frames*channels*2))
	at := 0
	for _, from := range s.sounds {
		if s.wave == nil {
			meter.Add(make([]float32, (from-at)*channels))
		}
		samples, block := sound(i, from, min(20*rate, int(frames)-from))
		if s.wave == nil {
			meter.Add(samples)
		}
		_, err = out.WriteAt(block, int64(len(header)+from*channels*2))
		must(t, err)
		at = from + len(samples)/channels
	}
	must(t, out.Close())
	wave := meter.Stem(file, 1)
	for bin := range wave.Max {
		if s.wave != nil {
			wave.Max[bin] = int(s.wave(i, bin) * peaks.Full)
			wave.Min[bin] = -wave.Max[bin] * 9 / 10
		}
	}
	return wave
}

func wavHeader(frames int64) []byte {
	size := uint32(frames * channels * 2)
	h := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, size+36)...)
	h = append(h, "WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00"...)
	h = binary.LittleEndian.AppendUint32(h, rate)
	h = binary.LittleEndian.AppendUint32(h, rate*channels*2)
	h = append(h, "\x04\x00\x10\x00data"...)
	return binary.LittleEndian.AppendUint32(h, size)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is the service, compiled once.
var program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "im2-pages-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "web")
	out, err := exec.Command("go", "build", "-o", path, "./modules/web").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compiling the service: %w\n%s", err, out)
	}
	return path, nil
})

// A site is the service with a data folder of its own.
type site struct {
	data, url string
}

// newSite starts the service on songs.
func newSite(t *testing.T, songs ...song) site {
	t.Helper()
	return siteWith(t, nil, songs...)
}

// uploads are the flags of a service with which songs can be put in.
var uploads = []string{"-upload=on"}

// siteWith is newSite with further flags.
func siteWith(t *testing.T, flags []string, songs ...song) site {
	t.Helper()
	path, err := program()
	must(t, err)
	base := t.TempDir()
	must(t, os.Chmod(filepath.Dir(base), 0o755)) // so that another user may read what is in it
	data := filepath.Join(base, "data")
	for _, folder := range []string{"input", "output", "archive", "rejected", "queue/incoming", "queue/pending", "queue/separating", "queue/separated", "queue/organizing", "queue/done", "queue/rejected", "queue/failed"} {
		must(t, os.MkdirAll(filepath.Join(data, folder), 0o755))
	}
	for _, s := range songs {
		s.put(t, data)
	}
	health := filepath.Join(base, "health")
	must(t, os.Mkdir(health, 0o777))
	must(t, os.Chmod(health, 0o777))
	said := new(lockedBuffer)
	cmd := exec.CommandContext(t.Context(), path, append([]string{"-data", data, "-listen", "127.0.0.1:0", "-health-file", filepath.Join(health, "web")}, flags...)...)
	cmd.Env = append(os.Environ(), "IM2_PROOF=off")
	cmd.Stderr = said
	if os.Geteuid() == 0 {
		must(t, os.Chown(filepath.Join(data, "input"), appUser, appUser))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: appUser, Gid: appUser}}
	}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the service said:\n%s", said)
		}
	})
	address := regexp.MustCompile(`msg="serving pages" address=(\S+)`)
	var url string
	waitFor(t, "the service", func() bool {
		if m := address.FindStringSubmatch(said.String()); m != nil {
			url = "http://" + m[1]
		}
		return url != ""
	})
	return site{data, url}
}

// song returns the address of a song's page, which the library links.
func (s site) song(t *testing.T, name string) string {
	t.Helper()
	link := regexp.MustCompile(`href="(/songs?/[^"/]+)"`)
	var found string
	waitFor(t, "the page of "+name, func() bool {
		m := link.FindStringSubmatch(s.get(t, "/library?q="+name))
		if m != nil {
			found = s.url + m[1]
		}
		return m != nil
	})
	return found
}

func (s site) get(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close() //nolint:errcheck // it was only read
	var text bytes.Buffer
	_, err = text.ReadFrom(answer.Body)
	must(t, err)
	return text.String()
}

func waitFor(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
