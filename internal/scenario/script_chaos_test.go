package scenario_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/im2-audio/im2/pipeline/proof"
)

// cmdSongs writes short songs that are all different files: song-00.wav and so on. There are
// only so many different pieces of music in them, kind-0.wav and so on, each what the songs
// whose number leaves that remainder sound like: those must come out as the same bytes.
func cmdSongs(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 4, "songs DIR N KINDS SECONDS")
	n, kinds := number(ts, args[1]), number(ts, args[2])
	seconds, err := strconv.ParseFloat(args[3], 64)
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	drums, tones := beat(seconds), harmony(seconds)
	for kind := range kinds {
		mix := make([]float64, len(drums))
		for i := range mix {
			mix[i] = (drums[i] + tones[i]) * (1 - float64(kind)/float64(2*kinds))
		}
		path := filepath.Join(dir, fmt.Sprintf("kind-%d.wav", kind))
		ts.Check(writeWAV(path, mix))
		sound, err := os.ReadFile(path)
		ts.Check(err)
		for i := kind; i < n; i += kinds {
			ts.Check(os.WriteFile(filepath.Join(dir, songName(i)+".wav"), withNote(sound, songName(i)), 0o644))
		}
	}
}

func songName(i int) string { return fmt.Sprintf("song-%02d", i) }

// withNote is a WAV file with a text after its samples, which changes the file and not the sound.
func withNote(wav []byte, text string) []byte {
	if len(text)%2 == 1 {
		text += "\x00" // chunks begin at even places
	}
	chunk := append(binary.LittleEndian.AppendUint32([]byte("note"), uint32(len(text))), text...)
	all := append(bytes.Clone(wav), chunk...)
	binary.LittleEndian.PutUint32(all[4:], uint32(len(all)-8))
	return all
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// cmdChaos drops the songs of a folder into the project's input, one after the other, while it
// kills one container of the script's project after the other and starts each again some time
// later, until there were that many kills. One demucs worker at a time may stay dead for longer
// than a lease, so that another one has to take its work up.
func cmdChaos(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 3, "chaos SONGS INPUT KILLS")
	songs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "song-*.wav"))
	ts.Check(err)
	kills := number(ts, args[2])
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("IM2_CHAOS_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		ts.Check(err)
	}
	ts.Logf("IM2_CHAOS_SEED=%d", seed)
	c := &chaos{ts: ts, rand: rand.New(rand.NewPCG(seed, 0)), input: ts.MkAbs(args[1]), dead: make(map[string]bool)}
	for i := range kills {
		// The songs come in over two thirds of the kills, so that each service is hit at work.
		for due := min(len(songs), (i+1)*len(songs)*3/(2*kills)); c.dropped < due; c.dropped++ {
			c.drop(songs[c.dropped])
		}
		c.pause(i * len(songs) / kills)
		c.kill()
	}
	c.wait.Wait()
	if c.dropped != len(songs) {
		ts.Fatalf("%d of %d songs were put in: too few kills", c.dropped, len(songs))
	}
	if c.err != nil {
		ts.Fatalf("%v", c.err)
	}
	ts.Logf("killed %v, %d of them for longer than a lease", c.hits, c.long)
}

// chaos is what cmdChaos keeps in mind.
type chaos struct {
	ts      *testscript.TestScript
	rand    *rand.Rand
	input   string
	dropped int
	hits    []string
	long    int

	wait    sync.WaitGroup
	mu      sync.Mutex
	dead    map[string]bool // by container ID
	waiting bool            // a demucs worker is dead for long
	err     error
}

// pause lets the services work for a moment, and longer where fewer songs are out than were due:
// on a busy machine nothing would ever come out between two kills.
func (c *chaos) pause(due int) {
	time.Sleep(time.Duration(c.rand.IntN(4000)) * time.Millisecond)
	const ahead = 3 // songs that may be under way
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
		out, err := filepath.Glob(filepath.Join(c.input, "..", "output", "song-*", "track.json"))
		c.ts.Check(err)
		if len(out)+ahead >= due {
			return
		}
	}
}

// drop puts a song in as people do.
func (c *chaos) drop(path string) {
	text, err := os.ReadFile(path)
	c.ts.Check(err)
	c.ts.Check(os.WriteFile(filepath.Join(c.input, filepath.Base(path)), text, 0o644))
}

// kill kills one of the containers that live.
func (c *chaos) kill() {
	victims := c.alive()
	for len(victims) == 0 {
		time.Sleep(100 * time.Millisecond)
		victims = c.alive()
	}
	id := victims[c.rand.IntN(len(victims))]
	out, err := exec.Command("docker", "inspect", "--format", `{{index .Config.Labels "com.docker.compose.service"}}`, id).Output()
	c.ts.Check(err)
	service := strings.TrimSpace(string(out))
	if out, err := exec.Command("docker", "kill", "--signal=KILL", id).CombinedOutput(); err != nil {
		c.ts.Fatalf("killing %s: %v: %s", service, err, out)
	}
	c.hits = append(c.hits, service)
	c.restartLater(id, service)
}

// alive are the containers that run, and have not just been killed.
func (c *chaos) alive() []string {
	out, err := exec.Command("docker", "ps", "--quiet", "--no-trunc", "--filter",
		"label=com.docker.compose.project="+c.ts.Getenv("COMPOSE_PROJECT_NAME")).Output()
	c.ts.Check(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	var alive []string
	for _, id := range strings.Fields(string(out)) {
		if !c.dead[id] {
			alive = append(alive, id)
		}
	}
	return alive
}

// restartLater starts a container again: "docker kill" counts as a person's will, which the
// engine's restart policy respects.
func (c *chaos) restartLater(id, service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead[id] = true
	delay := time.Duration(c.rand.IntN(3000)) * time.Millisecond
	long := service == "demucs" && !c.waiting && c.rand.IntN(3) == 0
	if long {
		c.waiting = true
		c.long++
		delay += 65 * time.Second
	}
	c.wait.Go(func() {
		time.Sleep(delay)
		out, err := exec.Command("docker", "start", id).CombinedOutput()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.dead, id)
		if long {
			c.waiting = false
		}
		if err != nil {
			c.err = fmt.Errorf("starting %s again: %w: %s", service, err, out)
		}
	})
}

// cmdFinished waits until every song of a folder has come out of the project's data folder; none may be given up, however often
// its worker was killed. Then each must be there exactly once, with the same bytes as its kind
// in a run that nobody disturbed, and nothing else may be left anywhere.
func cmdFinished(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, args, 4, "finished SONGS DATA UNDISTURBED TIMEOUT")
	limit, err := time.ParseDuration(args[3])
	ts.Check(err)
	songs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "song-*.wav"))
	ts.Check(err)
	if len(songs) == 0 {
		ts.Fatalf("no songs in %s", args[0])
	}
	data := ts.MkAbs(args[1])
	for deadline := time.Now().Add(limit); !allOut(ts, data, songs); time.Sleep(time.Second) {
		if given := inStage(ts, data, "failed"); len(given) > 0 {
			_ = ts.Exec("mage", "jobs")
			ts.Fatalf("given up: %q", given)
		}
		if time.Now().After(deadline) {
			_ = ts.Exec("mage", "status")
			_ = ts.Exec("mage", "jobs")
			ts.Fatalf("after %s, not all %d songs are out", limit, len(songs))
		}
	}
	for i, song := range songs {
		checkResult(ts, data, song, ts.MkAbs(args[2]), i)
	}
	checkNothingLeft(ts, data, songs)
}

func allOut(ts *testscript.TestScript, data string, songs []string) bool {
	for _, song := range songs {
		if _, err := os.Stat(filepath.Join(data, "output", stemOf(song), "track.json")); err != nil {
			return false
		}
	}
	for _, stage := range []string{"incoming", "pending", "separating", "separated", "organizing"} {
		if len(inStage(ts, data, stage)) > 0 {
			return false
		}
	}
	return true
}

func stemOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".wav") }

// inStage are the names in a stage of the queue; none where there is no such stage.
func inStage(ts *testscript.TestScript, data, stage string) []string {
	entries, err := os.ReadDir(filepath.Join(data, "queue", stage))
	if !os.IsNotExist(err) {
		ts.Check(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// checkResult compares a song's stems with those of its kind, and its archived file with the song.
func checkResult(ts *testscript.TestScript, data, song, undisturbed string, i int) {
	kinds, err := filepath.Glob(filepath.Join(undisturbed, "kind-*"))
	ts.Check(err)
	kind := filepath.Join(undisturbed, fmt.Sprintf("kind-%d", i%len(kinds)))
	track := filepath.Join(data, "output", stemOf(song))
	for _, stem := range []string{"vocals.wav", "drums.wav", "bass.wav", "other.wav"} {
		same(ts, filepath.Join(track, stem), filepath.Join(kind, stem), untagged)
	}
	same(ts, filepath.Join(data, "archive", filepath.Base(song)), song, bytes.Clone)
}

// untagged is a WAV file without what says how long it is and without what is behind the samples: each song has a title of its own there.
func untagged(wav []byte) []byte {
	const riff, chunk = 12, 8
	for at := riff; at+chunk <= len(wav); {
		end := at + chunk + int(binary.LittleEndian.Uint32(wav[at+4:]))
		if string(wav[at:at+4]) == "data" && end <= len(wav) {
			return wav[chunk:end]
		}
		at = end + end%2
	}
	return nil
}

// same compares the parts of two files that count.
func same(ts *testscript.TestScript, got, want string, part func([]byte) []byte) {
	a, err := os.ReadFile(got)
	ts.Check(err)
	b, err := os.ReadFile(want)
	ts.Check(err)
	if !bytes.Equal(part(a), part(b)) || len(part(a)) == 0 {
		ts.Fatalf("%s (%d bytes) is not the same as %s (%d bytes)", got, len(a), want, len(b))
	}
}

// checkNothingLeft fails for a track that is there twice, a song that is also elsewhere, and every
// file that is none of the results.
func checkNothingLeft(ts *testscript.TestScript, data string, songs []string) {
	for _, place := range []string{"output", "archive"} {
		entries, err := os.ReadDir(filepath.Join(data, place))
		ts.Check(err)
		n := 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "song-") {
				n++
			}
		}
		if n != len(songs) {
			ts.Fatalf("%s has %d of the %d songs", place, n, len(songs))
		}
	}
	ts.Check(filepath.WalkDir(data, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		in, _ := filepath.Rel(data, path)
		if e.IsDir() && strings.Count(in, "/") > 2 && strings.HasPrefix(in, "queue/") {
			return fmt.Errorf("left behind: %s", in)
		}
		if e.IsDir() && (in == "models" || in == "output" || in == "archive") {
			if in != "models" {
				return hiddenIn(path)
			}
			return filepath.SkipDir
		}
		if in == proof.Folder { // of the services that run, and what they write meanwhile
			return filepath.SkipDir
		}
		if !e.IsDir() && in != proof.IDFile && !strings.HasPrefix(in, "output/") && !strings.HasPrefix(in, "archive/") &&
			(!strings.HasPrefix(in, "queue/done/") || e.Name() != "job.json") {
			return fmt.Errorf("left behind: %s", in)
		}
		return nil
	}))
}

// hiddenIn returns an error for a file or folder whose name begins with a dot: they are temporary.
func hiddenIn(folder string) error {
	return filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), ".") {
			err = fmt.Errorf("left behind: %s", path)
		}
		return err
	})
}
